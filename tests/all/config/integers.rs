//! Integer formats: steps, ranges, and dither.

use roundlaw::codec::quantize;

use super::recipe::{INTEGER_KEYS, KINDS, quantizer_of, values_refused};
use super::*;

/// Bits of every integer format.
pub const INTEGERS: std::ops::RangeInclusive<u32> = 2..=16;

#[test]
fn integers_have_a_step_and_nothing_of_a_float() {
    for bits in INTEGERS {
        let with = |options: &str| format!("{{ format = \"int{bits}\"{options} }}");
        let number = "a number from 2^-48 to 2^48, best a power of two as 0.03125, or \"absmax\", \"absmax-f32\"";
        values_refused(
            "weight",
            &[
                (&format!("\"int{bits}\""), &["weight.step", "missing", "a number", "power of two", "absmax"]),
                (&with(", scale = 2"), &["weight.step", "missing", "power of two"]),
                (&with(", step = 0.5, scale = 2"), &["weight.scale", &INTEGER_KEYS]),
                (&with(", step = 0.5, overflow = \"ieee\""), &["weight.overflow", &INTEGER_KEYS]),
                (&with(", step = 0.5, block = 16"), &["weight.block", &INTEGER_KEYS]),
                (&with(", step = \"absmax\", block = 16"), &["weight.block", &INTEGER_KEYS]),
                (&with(", step = \"absmax\", scale_mode = \"floor\""), &["weight.scale_mode", &INTEGER_KEYS]),
                (&with(", step = 0"), &["weight.step = 0", number]),
                (&with(", step = -2.0"), &["weight.step = -2.0", number]),
                (&with(", step = inf"), &["weight.step = inf", number]),
                (&with(", step = nan"), &["weight.step = nan", number]),
                (&with(", step = 1e-15"), &["weight.step", number]),
                (&with(", step = 562949953421312"), &["weight.step = 562949953421312", number]),
                (&with(", step = \"0.5\""), &["weight.step = \"0.5\"", number]),
                (&with(", step = \"AbsMax\""), &["weight.step = \"AbsMax\"", number]),
                (&with(", step = 0.5, range = \"asymmetric\""), &["weight.range = \"asymmetric\"", "symmetric, full"]),
                (&with(", step = 0.5, range = true"), &["weight.range = true", "symmetric, full"]),
            ],
        );
        for exponent in [-48, 0, 48] {
            let step = 2f64.powi(exponent);
            let quantizer = quantizer_of(&with(&format!(", step = {step:?}")));
            assert_eq!((quantizer.scale, quantizer.is_power_of_two()), (step, true));
            assert_eq!(Spec::Format(quantizer).canonical(), format!("int{bits} step={step}"));
        }
    }
}

#[test]
fn a_step_that_is_no_power_of_two_multiplies_by_its_reciprocal() {
    for step in [0.1, 0.3, 3.0, 1e-10, 1.0 + f64::EPSILON] {
        let quantizer = quantizer_of(&format!("{{ format = \"int8\", step = {step:?} }}"));
        assert_eq!((quantizer.scale, quantizer.is_power_of_two()), (step, false));
        assert_eq!(Spec::Format(quantizer).canonical(), format!("int8 step={step} times=reciprocal"));
        let (op, factor) = (QuantOp::of(&quantizer), 1.0 / step as f32);
        // Beside ties, where dividing by the step would round some the other way.
        for x in (1..126u32)
            .flat_map(|k| (0..5).map(move |d| f32::from_bits(((k as f32 + 0.5) * step as f32).to_bits() + d - 2)))
        {
            let level = (x * factor).round_ties_even();
            let found = quantize(&op, x.to_bits(), 0, 0);
            assert_eq!((found.code, f32::from_bits(found.bits)), (level as u32, level * step as f32), "{x:e}");
        }
    }
}

#[test]
fn an_integer_may_take_its_step_from_the_largest_magnitude_and_use_its_last_code() {
    for bits in INTEGERS {
        let with = |options: &str| quantizer_of(&format!("{{ format = \"int{bits}\", {options} }}"));
        let absmax = with("step = \"absmax\"");
        assert_eq!(absmax.sharing, Some(Sharing { size: WHOLE, mode: ScaleMode::Rceil }));
        assert_eq!(Spec::Format(absmax).canonical(), format!("int{bits} step=absmax"));
        let single = with("step = \"absmax-f32\"");
        assert_eq!(single.sharing, Some(Sharing { size: WHOLE, mode: ScaleMode::Absmax }));
        assert_eq!(Spec::Format(single).canonical(), format!("int{bits} step=absmax-f32"));
        let full = with("step = 0.5, range = \"full\"");
        assert_eq!(full.layout, Layout::Integer { bits, full: true });
        assert_eq!(Spec::Format(full).canonical(), format!("int{bits} step=0.5 range=full"));
        let op = QuantOp::of(&full);
        let extreme = |x: f32| f32::from_bits(quantize(&op, x.to_bits(), 0, 0).bits);
        let half = 2f32.powi(bits as i32 - 1);
        assert_eq!((extreme(-1e30), extreme(1e30)), (-0.5 * half, 0.5 * (half - 1.0)), "int{bits}");
        assert_eq!(with("step = 0.5, range = \"symmetric\""), with("step = 0.5"));
        let both = with("step = \"absmax\", range = \"full\"");
        assert_eq!(Spec::Format(both).canonical(), format!("int{bits} step=absmax range=full"));
    }
}

#[test]
fn unsigned_integers_have_a_zero_point() {
    for bits in [2, 3, 4, 8, 16] {
        let largest = (1u32 << bits) - 1;
        let with = |options: &str| format!("{{ format = \"uint{bits}\", step = 0.5{options} }}");
        for zero_point in [0, 1, largest] {
            let quantizer = quantizer_of(&with(&format!(", zero_point = {zero_point}")));
            assert_eq!(quantizer.layout, Layout::Unsigned { bits, zero_point });
            let told = if zero_point == 0 { String::new() } else { format!(" zero_point={zero_point}") };
            assert_eq!(Spec::Format(quantizer).canonical(), format!("uint{bits} step=0.5{told}"));
            let range = Spec::Format(quantizer).range().unwrap();
            assert!(range.fixed && range.max > 0.0 && range.max <= 0.5 * f64::from(largest));
        }
        let (over, allowed) = (format!("weight.zero_point = {}", largest + 1), format!("from 0 to {largest}"));
        values_refused(
            "weight",
            &[
                (&with(&format!(", zero_point = {}", largest + 1)), &[&over, &allowed]),
                (&with(", zero_point = -1"), &["weight.zero_point = -1", &allowed]),
                (&with(", zero_point = 0.5"), &["weight.zero_point = 0.5", &allowed]),
                (&with(", range = \"full\""), &["weight.range", "format, rounding, bits, variant, step, zero_point"]),
                (
                    &format!("{{ format = \"uint{bits}\", step = \"absmax\" }}"),
                    &["weight.step = \"absmax\"", "a number"],
                ),
                (&format!("{{ format = \"uint{bits}\" }}"), &["weight.step", "missing", "a number"]),
            ],
        );
    }
    // 16 bits and a half leave no room for 8 random ones.
    let dither = "{ format = \"uint16\", step = 0.5, rounding = \"dither\" }";
    values_refused("weight", &[(dither, &["weight.rounding = \"dither\"", "no room for 8 random ones"])]);
    let bits = "{ format = \"uint8\", step = 0.5, rounding = \"dither\", bits = 16 }";
    values_refused("weight", &[(bits, &["weight.bits = 16", "at most 15"])]);
    values_refused(
        "weight",
        &[("{ format = \"int8\", step = 1, zero_point = 3 }", &["weight.zero_point", &INTEGER_KEYS])],
    );
}

#[test]
fn dither_is_for_integers_with_a_fixed_step() {
    for bits in INTEGERS {
        for (range, wider) in [("symmetric", 0), ("full", 1)] {
            for random in [8, 16, 32] {
                let value = |step: &str| {
                    format!(
                        "{{ format = \"int{bits}\", step = {step}, range = \"{range}\", rounding = \"dither\", bits = {random} }}"
                    )
                };
                // The code, the random bits and the half behind them make at most 24 bits.
                let most = 24 - bits - wider;
                if random > most {
                    let (key, bound) = match most {
                        ..8 => ("weight.rounding".to_string(), "no room for 8 random ones".to_string()),
                        _ => (
                            format!("weight.bits = {random}"),
                            format!("at most {most}, so that a dithered value is exact"),
                        ),
                    };
                    values_refused("weight", &[(&value("0.5"), &[&key, &bound])]);
                    continue;
                }
                for step in ["0.5", "0.3"] {
                    let quantizer = quantizer_of(&value(step));
                    assert_eq!(
                        quantizer.rounding,
                        Rounding { direction: Direction::Dither, bits: random, zero_mean: false }
                    );
                    let drawn = if random == 8 { "dither".into() } else { format!("dither bits={random}") };
                    assert_eq!(Spec::Format(quantizer).rounding(), Some(drawn));
                }
                if range == "symmetric" {
                    let op = QuantOp::of(&quantizer_of(&value("0.5")));
                    assert_eq!((op.significand, op.significand <= 24), (bits - 1 + random + 1, true));
                }
            }
        }
    }
    let plain = "{ format = \"int8\", step = 0.5, rounding = \"dither\" }";
    assert_eq!(quantizer_of(plain).rounding, Rounding::new(Direction::Dither));
    let variant = "{ format = \"int8\", step = 0.5, rounding = \"dither\", variant = \"b\" }";
    values_refused("weight", &[(variant, &["weight.variant = \"b\"", "rounding = \"stochastic\""])]);
    for kind in KINDS.iter().filter(|kind| !kind.contains("step = 0")) {
        let value = format!("{{ {kind}, rounding = \"dither\" }}");
        values_refused("weight", &[(&value, &["weight.rounding = \"dither\"", "integers with a fixed step"])]);
    }
}
