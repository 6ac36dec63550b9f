//! The codec against slow oracles that know nothing of it: lists of every value of a format, exact f64 arithmetic,
//! and the `half` crate.

use roundlaw::codec::{apply, block_scale, round_value};
use roundlaw::config::Config;
use roundlaw::format::{Direction, FORMATS, Format, Layout, Op, Rounding, ScaleMode, Sharing, Spec, WHOLE, format};
use roundlaw::row::Site;

fn op_of(format: &'static Format, scale: f64, rounding: Rounding, sharing: Option<Sharing>) -> Op {
    let spec = Spec::Format { format, scale, rounding, overflow: format.overflow, sharing };
    Op::new(Some(&spec), Site::Feature, (16, 8))
}

fn rounding(direction: Direction) -> Rounding {
    Rounding { direction, ..Rounding::NEAREST_EVEN }
}

/// Every magnitude of a small format, ascending, from the definition of its layout.
fn magnitudes(layout: &Layout, step: f64) -> Vec<f64> {
    match *layout {
        Layout::Float { mantissa, bias, max } => {
            let value = |e: i32, m: u32| {
                let fraction = f64::from(m) / f64::from(1u32 << mantissa);
                f64::from(u8::from(e > 0)) * 2f64.powi(e.max(1) - bias) + fraction * 2f64.powi(e.max(1) - bias)
            };
            let codes = (0..64).flat_map(|e| (0..1u32 << mantissa).map(move |m| (e, m)));
            codes.map(|(e, m)| value(e, m)).take_while(|v| *v <= f64::from(max)).collect()
        }
        Layout::Integer { bits } => (0..1u32 << (bits - 1)).map(|q| f64::from(q) * step).collect(),
        _ => unreachable!("a block has no values of its own"),
    }
}

/// What the format makes of `x`, by looking for its neighbours in the list.
fn expected(values: &[f64], x: f64, direction: Direction) -> f64 {
    let (magnitude, negative) = (x.abs(), x < 0.0);
    // One step behind the end decides whether a value still rounds to the largest one; all larger ones saturate.
    let last = values.len() - 1;
    let mut list = values.to_vec();
    list.push(2.0 * values[last] - values[last - 1]);
    let above = list.partition_point(|v| *v < magnitude).min(list.len() - 1);
    let rounded = if magnitude >= list[above] {
        above
    } else {
        let (low, high) = (above - 1, above);
        let (below, over) = (magnitude - list[low], list[high] - magnitude);
        match direction {
            Direction::NearestEven if below == over => low + low % 2,
            Direction::NearestAway if below == over => high,
            Direction::NearestEven | Direction::NearestAway => {
                if below < over {
                    low
                } else {
                    high
                }
            }
            Direction::Up => {
                if negative {
                    low
                } else {
                    high
                }
            }
            Direction::Down => {
                if negative {
                    high
                } else {
                    low
                }
            }
            Direction::TowardZero => low,
            Direction::Stochastic => unreachable!("has its own test"),
        }
    };
    let value = list[rounded.min(last)];
    if negative && value != 0.0 { -value } else { value }
}

/// Values on, halfway between, and one f32 beside the values of a list and the points halfway; and beyond its end.
fn telling_inputs(values: &[f64]) -> Vec<f32> {
    let mut inputs = Vec::new();
    let last = values[values.len() - 1];
    let ends = [last * 1.01, last * 1.5, last * 100.0, 3e38];
    let halfway = values.windows(2).map(|pair| 0.5 * (pair[0] + pair[1]));
    for point in values.iter().copied().chain(halfway).chain(ends) {
        let bits = (point as f32).to_bits();
        assert_eq!(
            f64::from(f32::from_bits(bits)),
            if ends.contains(&point) { f64::from(point as f32) } else { point }
        );
        for near in [bits.saturating_sub(1), bits, bits + 1] {
            inputs.extend([f32::from_bits(near), -f32::from_bits(near)]);
        }
    }
    inputs
}

fn rounded(x: f32, op: &Op, word: u32) -> f64 {
    f64::from(f32::from_bits(round_value(x.to_bits(), op, 0, word).0))
}

#[test]
fn every_small_format_rounds_as_its_list_of_values_says() {
    let small = |format: &&Format| {
        matches!(format.layout, Layout::Float { mantissa: 0..=3, .. } | Layout::Integer { bits: 2..=8 })
    };
    let mut formats = 0;
    for format in FORMATS.iter().filter(small) {
        formats += 1;
        let step = 0.0625;
        let scale = if matches!(format.layout, Layout::Integer { .. }) { step } else { 1.0 };
        let values = magnitudes(&format.layout, step);
        for direction in Direction::ALL.into_iter().filter(|d| *d != Direction::Stochastic) {
            let op = op_of(format, scale, rounding(direction), None);
            for x in telling_inputs(&values) {
                let (found, wanted) = (rounded(x, &op, 0), expected(&values, f64::from(x), direction));
                assert_eq!(found, wanted, "{} {}: {x:e}", format.name, direction.name());
            }
        }
    }
    assert_eq!(formats, 11);
}

#[test]
fn known_ties_and_limits() {
    let one = |name: &str, x: f32| rounded(x, &op_of(format(name).unwrap(), 1.0, Rounding::NEAREST_EVEN, None), 0);
    for (name, x, wanted) in [
        ("e4m3", 464.0, 448.0),
        ("e4m3", 1000.0, 448.0),
        ("e5m2", 61440.0, 57344.0),
        ("e2m1", 5.0, 4.0),
        ("e2m1", 2.5, 2.0),
        ("e2m1", 0.25, 0.0),
        ("e2m1", 0.75, 1.0),
        ("e3m2", 29.0, 28.0),
        ("e2m3", 7.75, 7.5),
        ("tf32", 1.000_488_3, 1.0),
        ("bf16", 1.003_906_3, 1.0),
        ("f16", 65519.0, 65504.0),
    ] {
        assert_eq!(one(name, x), wanted, "{name} {x}");
    }
}

/// Bits spread over all floats, the ones near every power of two and every tie among them.
fn strided() -> impl Iterator<Item = u32> {
    (0..1u32 << 20).map(|i| i.wrapping_mul(4099)).chain(
        (0..1u32 << 16).flat_map(|i| [i << 16, (i << 16) | 0x8000, (i << 16) | 0x7fff, i << 13, (i << 13) | 0x1000]),
    )
}

#[test]
fn half_precision_agrees_with_the_half_crate() {
    let bf16 = op_of(format("bf16").unwrap(), 1.0, Rounding::NEAREST_EVEN, None);
    let f16 = op_of(format("f16").unwrap(), 1.0, Rounding::NEAREST_EVEN, None);
    for bits in strided() {
        let x = f32::from_bits(bits);
        // A run stores no value below 2^-48.
        if !x.is_finite() || x.abs() < f32::MIN_POSITIVE {
            continue;
        }
        for (op, other) in [(&bf16, half::bf16::from_f32(x).to_f32()), (&f16, half::f16::from_f32(x).to_f32())] {
            let (found, flags) = round_value(bits, op, 0, 0);
            match other.is_finite() {
                // The sweep stores every zero as +0.
                true if other == 0.0 => assert_eq!(found, 0, "{bits:08x}"),
                true => assert_eq!(found, other.to_bits(), "{bits:08x}"),
                false => assert_eq!((found, flags), (0, roundlaw::codec::NAN), "{bits:08x}"),
            }
        }
    }
}

#[test]
fn stochastic_rounding_goes_up_as_often_as_its_random_bits_say() {
    for name in ["e4m3", "e2m1", "e5m2"] {
        let format = format(name).unwrap();
        let values = magnitudes(&format.layout, 1.0);
        for zero_mean in [false, true] {
            let rounding = Rounding { direction: Direction::Stochastic, bits: 8, zero_mean };
            let op = op_of(format, 1.0, rounding, None);
            for pair in values.windows(2).step_by(3) {
                for part in [0.0, 1.0 / 1024.0, 1.0 / 512.0, 0.1, 0.25, 0.4987, 0.5, 0.7512, 0.998, 1.0 - 1.0 / 1024.0]
                {
                    let x = (pair[0] + part * (pair[1] - pair[0])) as f32;
                    let nu = (f64::from(x) - pair[0]) / (pair[1] - pair[0]);
                    if !(0.0..1.0).contains(&nu) {
                        continue;
                    }
                    let up = (0..256u32).filter(|r| rounded(x, &op, r << 24 | 0x5a_5a5a) == pair[1]).count();
                    // P3109: A rounds up where floor(nu 2^8) + R >= 2^8, B where floor(nu 2^9) + 2 R + 1 >= 2^9.
                    let wanted = (0..256u32)
                        .filter(|r| match zero_mean {
                            false => (nu * 256.0).floor() + f64::from(*r) >= 256.0,
                            true => (nu * 512.0).floor() + f64::from(2 * r + 1) >= 512.0,
                        })
                        .count();
                    assert_eq!(up, wanted, "{name}, zero mean {zero_mean}: {x:e}");
                }
            }
        }
    }
}

#[test]
fn thirty_two_random_bits_decide_to_the_last_one() {
    // 1 + 2^-23 is 2^-20 of the way from 1 to 1.125 in e4m3: up for the 2^12 largest words.
    let op = op_of(format("e4m3").unwrap(), 1.0, rounding(Direction::Stochastic), None);
    let x = f32::from_bits(0x3f80_0001);
    assert_eq!(rounded(x, &op, u32::MAX - 4095), 1.125);
    assert_eq!(rounded(x, &op, u32::MAX - 4096), 1.0);
}

#[test]
fn scale_modes_choose_the_exponent_that_their_definition_says() {
    for (name, emax) in
        [("mxfp8", 8), ("mxfp8-e5m2", 15), ("mxfp6-e3m2", 4), ("mxfp6-e2m3", 2), ("mxfp4", 2), ("mxint8", 0)]
    {
        let format = format(name).unwrap();
        for mode in ScaleMode::ALL {
            let op = op_of(format, 1.0, Rounding::NEAREST_EVEN, Some(Sharing { size: 32, mode }));
            let max = f64::from(f32::from_bits(op.max_bits));
            let mantissa = match format.layout {
                Layout::Block { element: Layout::Float { mantissa, .. }, .. } => *mantissa,
                _ => 6,
            };
            for exponent in [-40, -3, 0, 1, 17] {
                for fraction in
                    (0..1u32 << 12).map(|k| k << 11).chain([0x3f_ffff, 0x60_0001, 0x7f_ffff, 0x40_0001, 0x7e_0001, 1])
                {
                    let largest = ((exponent + 127) as u32) << 23 | fraction;
                    let a = f64::from(f32::from_bits(largest));
                    let wanted = match mode {
                        ScaleMode::Floor => a.log2().floor().min(f64::from(exponent)) as i32 - emax,
                        ScaleMode::Ceil => exponent + i32::from(fraction > 0) - emax,
                        // The smallest s for which a / 2^s does not exceed the largest element.
                        ScaleMode::Rceil => (exponent - emax - 1..).find(|s| a * 2f64.powi(-s) <= max).unwrap(),
                        ScaleMode::Even => {
                            let grid = 2f64.powi(exponent - mantissa as i32);
                            let rounded = (a / grid + 0.5).floor() * grid;
                            exponent + i32::from(rounded >= 2f64.powi(exponent + 1)) - emax
                        }
                    };
                    assert_eq!(block_scale(largest, &op), wanted, "{name} {}: {a:e}", mode.name());
                }
            }
        }
    }
}

#[test]
fn elements_of_a_block_share_a_scale_and_no_others_do() {
    // The largest magnitude stands last; 100 elements end with a shorter block.
    let values: Vec<f32> = (0..100).map(|i| 1.01f32.powi(i * i / 10) * if i % 3 == 0 { -1.0 } else { 1.0 }).collect();
    for size in [8, 16, 32, 64, WHOLE] {
        let op = op_of(
            format("mxfp8").unwrap(),
            1.0,
            rounding(Direction::NearestEven),
            Some(Sharing { size, mode: ScaleMode::Floor }),
        );
        let mut found = values.clone();
        apply(&op, &mut found, |_| 0);
        for (k, value) in values.iter().enumerate() {
            let first = if size == WHOLE { 0 } else { k / size as usize * size as usize };
            let end = first.saturating_add(size as usize).min(100);
            let scale = block_scale(values[end - 1].abs().to_bits(), &op);
            assert_eq!(found[k].to_bits(), round_value(value.to_bits(), &op, scale, 0).0, "{size}: element {k}");
        }
    }
}

#[test]
fn laws_of_rounding() {
    use proptest::prelude::*;
    let formats: Vec<&'static Format> =
        FORMATS.iter().filter(|f| !matches!(f.layout, Layout::Identity | Layout::Block { .. })).collect();
    proptest!(ProptestConfig::with_cases(20_000), |(index in 0..formats.len(), direction in 0..5usize, a in -1e3f32..1e3, b in -1e3f32..1e3)| {
        let format = formats[index];
        let direction = [Direction::NearestEven, Direction::NearestAway, Direction::TowardZero, Direction::Up, Direction::Down][direction];
        let op = op_of(format, 0.125, rounding(direction), None);
        let round = |x: f32| rounded(x, &op, 0);
        // Idempotent and monotone; odd, with up and down changing places.
        prop_assert_eq!(round(round(a) as f32), round(a));
        prop_assert!(a > b || round(a) <= round(b));
        let mirrored = match direction { Direction::Up => Direction::Down, Direction::Down => Direction::Up, same => same };
        let mirror = op_of(format, 0.125, rounding(mirrored), None);
        prop_assert_eq!(rounded(-a, &mirror, 0), -round(a) + 0.0);
    });
}

#[test]
fn a_recipe_names_every_option() {
    let site = |text: &str| {
        let text = format!(
            "[problem]\ndim = 4\nspectrum = {{ kind = \"power\", exponent = 1 }}\n[train]\nmodel = 2\nsamples = 4\n\
             [[recipe]]\nname = \"r\"\nfeature = {{ {text} }}\n[sweep]\nseeds = 1\n"
        );
        Config::parse(&text, &[]).map(|config| config.recipes[0].sites[Site::Feature as usize].unwrap())
    };
    let spec = site(
        "format = \"mxfp4\", block = 16, scale_mode = \"rceil\", rounding = \"stochastic\", bits = 8, variant = \"b\"",
    )
    .unwrap();
    assert_eq!(spec.canonical(), "mxfp4 block=16 scale_mode=rceil");
    assert_eq!(spec.rounding().unwrap(), "stochastic bits=8 variant=b");
    assert_eq!(site("format = \"bfp8\", block = \"vector\"").unwrap().canonical(), "bfp8 block=vector");
    assert_eq!(site("format = \"int5\", step = 0.5, rounding = \"up\"").unwrap().rounding().unwrap(), "up");
    for (text, parts) in [
        ("format = \"mxfp4\", block = 48", ["block", "8, 16, 32, 64, \"vector\""]),
        ("format = \"mxfp4\", block = \"tensor\"", ["block", "8, 16, 32, 64, \"vector\""]),
        ("format = \"mxfp4\", scale_mode = \"round\"", ["scale_mode", "floor, rceil, even, ceil"]),
        ("format = \"e4m3\", block = 16", ["block", "no known key"]),
        ("format = \"e4m3\", bits = 8", ["bits", "stochastic"]),
        ("format = \"e4m3\", rounding = \"stochastic\", bits = 12", ["bits", "8, 16, 32"]),
        ("format = \"e4m3\", rounding = \"stochastic\", variant = \"c\"", ["variant", "a, b"]),
    ] {
        let error = site(text).unwrap_err().to_string();
        assert!(parts.iter().all(|part| error.contains(part)), "{text}: {error}");
    }
}
