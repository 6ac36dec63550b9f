//! Ties, limits, special values and policies, by hand.

use roundlaw::codec::{NAN, NO_CODE, Rounded, SATURATED, UNDERFLOWED, quantize};
use roundlaw::format::{
    Direction, FORMATS, Float, Format, Layout, Nan, Overflow, QuantOp, Quantizer, Specials, Subnormals, format,
};
use strum::VariantArray as _;

use super::{one, quantizer, value, with_direction};

#[test]
fn known_ties_and_limits() {
    for (name, x, wanted, code) in [
        ("e4m3", 464.0, 448.0, 0x7e),
        ("e4m3", 464.000_03, 448.0, 0x7e),
        ("e4m3", 1000.0, 448.0, 0x7e),
        ("e4m3", f32::INFINITY, 448.0, 0x7e),
        ("e5m2", 61440.0, 57344.0, 0x7b),
        ("e2m1", 5.0, 4.0, 6),
        ("e2m1", 2.5, 2.0, 4),
        ("e2m1", 0.25, 0.0, 0),
        ("e2m1", 0.75, 1.0, 2),
        ("e2m1", f32::from_bits(0x3e7f_ffff), 0.0, 0),
        ("e3m2", 29.0, 28.0, 0x1f),
        ("e2m3", 7.75, 7.5, 0x1f),
        ("tf32", 1.000_488_3, 1.0, 0x1fc00),
        ("bf16", 1.003_906_3, 1.0, 0x3f80),
        ("f16", 65519.0, 65504.0, 0x7bff),
        ("f16", 65520.0, f32::INFINITY, 0x7c00),
        ("bf16", f32::MAX, f32::INFINITY, 0x7f80),
        ("bf16", -0.0, -0.0, 0x8000),
        ("int8", -0.4, 0.0, 0),
        ("int8", -1.0, -1.0, 0xff),
        ("e8m22", f32::from_bits(1), f32::from_bits(0), 0),
        ("e8m22", f32::from_bits(3), f32::from_bits(4), 2),
    ] {
        let found = one(&quantizer(name), x);
        assert_eq!((value(found).to_bits(), found.code), (f32::to_bits(wanted), code), "{name} of {x:e}");
    }
}

#[test]
fn beyond_the_largest_value_lies_what_the_policy_says() {
    let of = |name: &str, overflow: Overflow, x: f32| one(&Quantizer { overflow, ..quantizer(name) }, x);
    // A tie between 57344, whose code is odd, and 65536.
    let tie = of("e5m2", Overflow::Saturate, 61440.0);
    assert_eq!(tie, Rounded { bits: 57344f32.to_bits(), code: 0x7b, flags: SATURATED });
    assert_eq!(of("e5m2", Overflow::Ieee, -61441.0).code, 0xfc);
    assert_eq!(value(of("e5m2", Overflow::Ieee, -61441.0)), f32::NEG_INFINITY);
    assert_eq!(of("e4m3", Overflow::Ieee, 465.0).code, 0x7f);
    assert_eq!(of("e4m3", Overflow::Ieee, -465.0).code, 0xff);
    assert!(value(of("e4m3", Overflow::Ieee, 465.0)).is_nan());
    assert_eq!(of("e2m1", Overflow::Ieee, 8.0).code, NO_CODE);
    assert_eq!(of("e4m3", Overflow::Saturate, f32::INFINITY).flags, SATURATED);
    assert_eq!(of("e4m3", Overflow::Ieee, f32::INFINITY).flags, NAN);
}

#[test]
fn nan_stays_nan_or_becomes_the_largest_value() {
    for (name, code) in [
        ("e4m3", 0x7f),
        ("e5m2", 0x7e),
        ("f16", 0x7e00),
        ("bf16", 0x7fc0),
        ("e2m1", NO_CODE),
        ("int8", NO_CODE),
        ("log8", NO_CODE),
    ] {
        let found = one(&quantizer(name), f32::from_bits(0x7f80_0001));
        assert_eq!((found.bits, found.code, found.flags), (0x7fc0_0000, code, NAN), "{name}");
        let satfinite = Quantizer { nan: Nan::Satfinite, ..quantizer(name) };
        let largest = one(&satfinite, f32::NAN);
        assert_eq!(largest.flags, SATURATED, "{name}");
        assert_eq!(largest.bits, one(&satfinite, -f32::NAN).bits);
        let saturating = Quantizer { overflow: Overflow::Saturate, ..quantizer(name) };
        assert_eq!(largest.bits, one(&saturating, f32::MAX).bits, "{name}");
    }
}

#[test]
fn subnormal_inputs_are_honoured_or_flushed() {
    let tiny = f32::from_bits(0x0060_0000);
    let bf16 = quantizer("bf16");
    assert_eq!(value(one(&bf16, tiny)), tiny);
    let flushing = Quantizer { subnormals: Subnormals::Flush, ..bf16 };
    assert_eq!(one(&flushing, -tiny), Rounded { bits: 0x8000_0000, code: 0x8000, flags: 0 });
    assert_eq!(value(one(&flushing, f32::MIN_POSITIVE)), f32::MIN_POSITIVE);
}

#[test]
fn without_gradual_underflow_zero_and_the_smallest_normal_number_are_neighbours() {
    let Layout::Float(float) = quantizer("e4m3").layout else { panic!() };
    let abrupt = |direction| Quantizer {
        layout: Layout::Float(Float { gradual: false, ..float }),
        ..with_direction("e4m3", direction)
    };
    let least = 0.015625;
    for (direction, x, wanted) in [
        (Direction::NearestEven, least / 2.0, 0.0),
        (Direction::NearestEven, least / 2.0 + 1e-6, least),
        (Direction::NearestAway, least / 2.0, least),
        (Direction::TowardZero, least * 0.99, 0.0),
        (Direction::Up, 1e-30, least),
        (Direction::Down, -1e-30, -least),
    ] {
        assert_eq!(value(one(&abrupt(direction), x)), wanted, "{} of {x}", direction.name());
    }
}

#[test]
fn powers_of_two_have_no_zero_and_no_sign() {
    for (direction, x, code) in [
        (Direction::Down, 1.0, 127),
        (Direction::Down, 1.99, 127),
        (Direction::Up, 1.01, 128),
        (Direction::Up, 1.0, 127),
        (Direction::Down, f32::MAX, 254),
        (Direction::Up, f32::MAX, 254),
        (Direction::Down, 0.0, 0),
        (Direction::Up, f32::from_bits(1), 0),
        (Direction::Up, f32::from_bits(0x0040_0001), 1),
        (Direction::Down, f32::from_bits(0x007f_ffff), 0),
        (Direction::Down, -1.0, 255),
        (Direction::Down, f32::NAN, 255),
        (Direction::Down, f32::INFINITY, 254),
        // Halfway between 2 and 4 is 3: 2 has the even code, and between 1 and 2 so has 2.
        (Direction::NearestEven, 3.0, 128),
        (Direction::NearestAway, 3.0, 129),
        (Direction::NearestEven, 3.000_000_2, 129),
        (Direction::NearestAway, 2.999_999_8, 128),
        (Direction::NearestEven, 1.5, 128),
        (Direction::NearestEven, 1.499_999_9, 127),
        (Direction::NearestAway, 1.5, 128),
        // 1.25, 1.5 and 1.625 times 2^-127, and what is smaller.
        (Direction::NearestEven, f32::from_bits(0x0050_0000), 0),
        (Direction::NearestEven, f32::from_bits(0x0060_0000), 0),
        (Direction::NearestAway, f32::from_bits(0x0060_0000), 1),
        (Direction::NearestEven, f32::from_bits(0x0068_0000), 1),
        (Direction::NearestAway, f32::from_bits(0x0030_0000), 0),
        (Direction::NearestEven, 1.5 * 2f32.powi(127), 254),
        (Direction::NearestAway, f32::MAX, 254),
        (Direction::NearestEven, -2.0, 255),
    ] {
        let found = one(&with_direction("e8m0", direction), x);
        assert_eq!(found.code, code, "{} of {x:e}", direction.name());
        let power = 2f64.powi(code as i32 - 127);
        assert!(code == 255 && value(found).is_nan() || f64::from(value(found)) == power, "{x:e}");
    }
}

/// Every code of every format with at most 16 bits stands for a value that has this code.
#[test]
fn every_code_is_its_own_value() {
    let mut codes = 0;
    let all: Vec<&'static Format> = FORMATS
        .iter()
        .chain((1..=8).flat_map(|e| (0..=9).filter_map(move |m| format(&format!("e{e}m{m}")))))
        .filter(|format| format.name != "e1m0")
        .collect();
    for format in all {
        for &specials in Specials::VARIANTS {
            let mut quantizer = Quantizer::new(format);
            match &mut quantizer.layout {
                Layout::Float(float) if float.exponent < 8 && (1 << float.mantissa > 1 || float.exponent > 1) => {
                    float.specials = specials
                }
                Layout::Float(_) | Layout::Integer { .. } | Layout::Logarithmic { .. } | Layout::Coded(_) => {}
                _ => continue,
            }
            let op = QuantOp::of(&quantizer);
            for code in (0..=op.max_code).step_by(if op.max_code > 1 << 16 { 1021 } else { 1 }) {
                let bits = roundlaw::codec::decoded(code, &op, 0);
                assert_eq!(quantize(&op, bits, 0, 0), Rounded { bits, code, flags: 0 }, "{} {code:#x}", format.name);
                codes += 1;
            }
        }
    }
    println!("{codes} codes");
}

#[test]
fn a_site_of_a_run_keeps_neither_signs_of_zero_nor_what_is_no_number() {
    let quantizer = Quantizer { overflow: Overflow::Ieee, ..quantizer("e5m2") };
    let op = QuantOp::of(&quantizer);
    let mut values = [-0.0, 1e-30, -1e6, f32::NAN, 1.0, -1e-6];
    let counts = roundlaw::codec::apply(&op, &mut values, |_| 0);
    assert_eq!(values.map(f32::to_bits), [0.0, 0.0, 0.0, 0.0, 1.0f32, 0.0].map(f32::to_bits));
    assert_eq!((counts.nan, counts.underflowed, counts.saturated), (2, 2, 0));
    // Beyond the largest value and no number; below half of the smallest one, on either side.
    assert_eq!(one(&quantizer, -1e6).flags, NAN);
    assert_eq!(one(&quantizer, 1e-30).flags, UNDERFLOWED);
}
