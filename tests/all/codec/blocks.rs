//! Shared scales: their exponents by definition, their elements by the list of their values.

use std::cmp::Ordering;

use roundlaw::codec::{NAN, Rounded, SATURATED, block_scale, stored_scale};
use roundlaw::format::{Element, Layout, Nan, QuantOp, Quantizer, ScaleMode, Sharing, WHOLE};
use roundlaw::reference::quantize::{Job, Quantized, operation};
use strum::VariantArray as _;

use super::list::{magnitudes, rounded};
use super::{quantizer, value};

const MX: [(&str, i32, u32); 6] = [
    ("mxfp8", 8, 3),
    ("mxfp8-e5m2", 15, 2),
    ("mxfp6-e3m2", 4, 2),
    ("mxfp6-e2m3", 2, 3),
    ("mxfp4", 2, 1),
    ("mxint8", 0, 6),
];

pub fn shared(name: &str, size: u32, mode: ScaleMode) -> Quantizer {
    Quantizer { sharing: Some(Sharing { size, mode }), ..quantizer(name) }
}

pub fn run(quantizer: &Quantizer, input: &[f32]) -> Quantized {
    let bits: Vec<u32> = input.iter().map(|x| x.to_bits()).collect();
    let op = operation(quantizer, false, &bits);
    Job { op, input: &bits, columns: bits.len(), words: Default::default() }.run()
}

fn values(done: &Quantized) -> Vec<f32> {
    done.elements.iter().map(|element| value(*element)).collect()
}

#[test]
fn scale_modes_choose_the_exponent_that_their_definition_says() {
    let fractions: Vec<u32> = (0..1u32 << 12)
        .map(|k| k << 11)
        .chain([0x3f_ffff, 0x60_0001, 0x7f_ffff, 0x40_0001, 0x7e_0001, 1, 0xf_ffff, 0x10_0001, 0x27_ffff, 0x28_0001])
        .collect();
    // Normal numbers, and subnormal ones as multiples of 2^-149.
    let normal = [-126, -40, -3, 0, 1, 17, 127]
        .into_iter()
        .flat_map(|e| fractions.iter().map(move |fraction| (((e + 127) as u32) << 23) | fraction).collect::<Vec<_>>());
    let inputs: Vec<u32> = normal.chain(fractions.iter().map(|fraction| fraction | 1)).collect();
    for (name, emax, mantissa) in MX {
        for &mode in ScaleMode::VARIANTS.iter().filter(|mode| **mode != ScaleMode::Absmax) {
            let op = QuantOp::of(&shared(name, 32, mode));
            let max = f64::from(f32::from_bits(op.max_bits));
            for &largest in &inputs {
                let a = f64::from(f32::from_bits(largest));
                let exponent = libm::ilogb(a);
                let wanted = match mode {
                    ScaleMode::Floor => exponent - emax,
                    ScaleMode::Ceil => exponent + i32::from(a > 2f64.powi(exponent)) - emax,
                    // The smallest s for which a / 2^s does not exceed the largest element.
                    ScaleMode::Rceil => (exponent - emax - 1..).find(|s| libm::ldexp(a, -s) <= max).unwrap(),
                    ScaleMode::Absmax => unreachable!("no power of two"),
                    // The whole number s with 2^s nearest a/max; of two the one whose byte is even.
                    ScaleMode::Nearest => {
                        let below = (exponent - emax - 2..).find(|s| 2.0 * max * libm::ldexp(1.0, *s) > a).unwrap();
                        match (2.0 * a).total_cmp(&(3.0 * max * libm::ldexp(1.0, below))) {
                            Ordering::Less => below,
                            Ordering::Equal if (below + 127) % 2 == 0 => below,
                            _ => below + 1,
                        }
                    }
                    ScaleMode::Even => {
                        let grid = libm::ldexp(1.0, exponent - mantissa as i32);
                        let rounded = (a / grid + 0.5).floor() * grid;
                        exponent + i32::from(rounded >= libm::ldexp(1.0, exponent + 1)) - emax
                    }
                };
                let wanted = wanted.clamp(-127, 127);
                assert_eq!(block_scale(largest, &op), wanted, "{name} {}: {a:e}", mode.name());
                assert_eq!(stored_scale(largest, &op), (wanted + 127) as u32);
            }
        }
    }
}

#[test]
fn elements_are_rounded_to_their_list_times_the_scale() {
    let numbers = |k: u32| {
        let word = k.wrapping_mul(2_654_435_761);
        (word as i32 as f32 / 2f32.powi(31)) * 2f32.powi((word % 9) as i32 - 4)
    };
    for (name, emax, _) in MX {
        let quantizer = quantizer(name);
        let Layout::Block { element, .. } = quantizer.layout else { panic!() };
        let scale = if let Element::Integer { unit, .. } = element { libm::ldexp(1.0, unit) } else { 1.0 };
        let list = magnitudes(&Quantizer { layout: element.layout(), scale, ..quantizer });
        for size in [8, 16, 32, 64, WHOLE] {
            let input: Vec<f32> = (0..200).map(numbers).collect();
            let done = run(&shared(name, size, ScaleMode::Floor), &input);
            let size = (size as usize).min(input.len());
            for (block, input) in input.chunks(size).enumerate() {
                let largest = input.iter().fold(0f32, |a, x| a.max(x.abs()));
                let exponent = libm::ilogb(largest.into()) - emax;
                assert_eq!(done.scales[block] as i32, exponent + 127);
                for (k, x) in input.iter().enumerate() {
                    let (index, _) = rounded(
                        &list,
                        libm::ldexp(f64::from(x.abs()), -exponent),
                        *x < 0.0,
                        quantizer.rounding.direction,
                    );
                    let wanted = libm::ldexp(list.0[index].0, exponent).copysign((*x).into());
                    assert_eq!(f64::from(value(done.elements[block * size + k])), wanted + 0.0, "{name}: {x:e}");
                }
            }
        }
    }
}

#[test]
fn known_blocks() {
    // 957 lies between 896 and 1024 = 2 * 512: the scale of floor holds at most 448 * 2.
    assert_eq!(values(&run(&quantizer("mxfp8"), &[957.0, 1.0])), [896.0, 1.0]);
    assert_eq!(values(&run(&shared("mxfp8", 32, ScaleMode::Rceil), &[957.0, 1.0])), [960.0, 1.0]);
    let huge = run(&quantizer("mxfp4"), &[f32::MAX, -1.0]);
    assert_eq!((huge.scales[0], values(&huge)[0]), (0xfc, 6.0 * 2f32.powi(125)));
    let zeros = run(&quantizer("mxfp4"), &[0.0, -0.0]);
    assert_eq!((zeros.scales[0], values(&zeros)[1].to_bits()), (0, 0x8000_0000));
    // The scale 2^-127 is a subnormal f32, and so are its elements.
    let tiny = run(&quantizer("mxfp8"), &[f32::from_bits(3), f32::from_bits(0x0001_0000)]);
    assert_eq!((tiny.scales[0], values(&tiny)[1].to_bits()), (0, 0x0001_0000));
    // Rounding to 2 saturates in the symmetric MXINT8.
    assert_eq!(values(&run(&quantizer("mxint8"), &[1.999, 0.01])), [127.0 / 64.0, 1.0 / 64.0]);
    // The largest f32 calls for 2^128, and gets the largest scale there is.
    let limited = run(&shared("mxint8", 32, ScaleMode::Ceil), &[f32::MAX]);
    assert_eq!((limited.scales[0], limited.elements[0].flags), (0xfe, SATURATED));
    assert_eq!(values(&limited), [127.0 / 64.0 * 2f32.powi(127)]);
    // 2^120 times the element 256 is beyond f32.
    let lost = run(&shared("mxfp8", 32, ScaleMode::Ceil), &[f32::MAX]);
    let infinite = Rounded { bits: f32::INFINITY.to_bits(), code: 0x78, flags: NAN };
    assert_eq!((lost.scales[0], lost.elements[0]), (120 + 127, infinite));
    assert_eq!(values(&run(&quantizer("bfp4"), &[1.0, 0.3, -0.9])), [1.0, 0.25, -1.0]);
}

#[test]
fn one_nan_or_infinity_spoils_the_block_or_is_clamped() {
    for name in ["mxfp4", "mxfp8", "mxint8", "nvfp4", "bfp8"] {
        for special in [f32::NAN, f32::NEG_INFINITY] {
            let input: Vec<f32> = (0..64).map(|k| if k == 40 { special } else { 1.0 }).collect();
            let quantizer =
                Quantizer { sharing: Some(Sharing { size: 32, mode: ScaleMode::Floor }), ..quantizer(name) };
            let done = run(&quantizer, &input);
            let nan = if name == "nvfp4" { 0x7f } else { 0xff };
            assert_ne!(done.scales[0], nan, "{name}");
            assert_eq!(done.scales[1], nan, "{name}");
            assert!(done.elements[32..].iter().all(|e| value(*e).is_nan() && e.flags == NAN), "{name}");
            assert!(done.elements[..32].iter().all(|e| (value(*e) - 1.0).abs() < 0.2), "{name}");
            let clamped = run(&Quantizer { nan: Nan::Satfinite, ..quantizer }, &input);
            assert_ne!(clamped.scales[1], nan, "{name}");
            let (scale, largest) = (clamped.scales[1], value(clamped.elements[40]));
            assert_eq!(largest < 0.0, special.is_sign_negative(), "{name}: {largest:e}");
            match name {
                // The tensor's scale is that of its largest finite magnitude, 1.
                "nvfp4" => assert_eq!((scale, largest.abs()), (0x7e, 2688.0 * (1.0 / 2688.0))),
                _ => assert!(largest.abs() > 1e38, "{name}: {largest:e}"),
            }
            assert_eq!(clamped.elements[40].flags & NAN, 0, "{name}");
        }
    }
}

/// What a scale takes beyond f32, to 2^128, becomes the largest multiple that f32 holds.
#[test]
fn satfinite_is_finite_in_every_mode() {
    let top = 2f32.powi(127);
    // The format, its mode, its input in units of 2^127, what becomes of it, its code and the exponent of the scale.
    for (name, mode, input, must, code, scale) in [
        ("mxfp4", ScaleMode::Rceil, 1.9, 1.5, 5, 126),
        ("mxfp4", ScaleMode::Ceil, 1.9, 1.5, 5, 126),
        ("mxfp4", ScaleMode::Even, 1.9, 1.5, 5, 126),
        ("mxfp4", ScaleMode::Floor, 1.9, 1.5, 7, 125),
        ("mxfp8", ScaleMode::Rceil, 1.99, 1.875, 0x77, 120),
        ("mxfp8", ScaleMode::Ceil, 1.99, 1.875, 0x77, 120),
        ("mxint8", ScaleMode::Ceil, 1.999, 1.984_375, 127, 127),
        ("int8", ScaleMode::Rceil, 1.999, 1.96875, 63, 122),
        ("int4", ScaleMode::Rceil, 1.9, 1.5, 3, 126),
    ] {
        let satfinite = Quantizer { nan: Nan::Satfinite, ..shared(name, 32, mode) };
        for x in [input * top, -input * top, f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let done = run(&satfinite, &[x, 1.0]);
            let (place, sign) = (format!("{name} {mode:?} {x:e}"), if x < 0.0 { -1.0 } else { 1.0 });
            assert_eq!(done.scales[0], (scale + 127) as u32, "{place}");
            assert_eq!(value(done.elements[0]), sign * must * top, "{place}");
            assert_eq!(done.elements[0].flags, SATURATED, "{place}");
            let bits = 1u32 << QuantOp::of(&satfinite).width;
            let negative = if name.contains("int") { bits - code } else { (bits / 2) | code };
            assert_eq!(done.elements[0].code, if x < 0.0 { negative } else { code }, "{place}");
        }
    }
    // The scale of this block, 2.13, goes up to 2.25, and six times that leaves f32.
    let nvfp4 = Quantizer { tensor_scale: 2.66e37, nan: Nan::Satfinite, ..quantizer("nvfp4") };
    let input = [f32::NEG_INFINITY.to_bits(), 1.0f32.to_bits()];
    let done = Job { op: QuantOp::of(&nvfp4), input: &input, columns: 2, words: Default::default() }.run();
    let must = -4.0 * 2.25 * 2.66e37f32;
    assert_eq!((value(done.elements[0]), done.elements[0].code, done.elements[0].flags), (must, 0xe, SATURATED));
}

#[test]
fn absmax_takes_the_smallest_power_of_two_that_clips_nothing() {
    for (bits, full) in [(8, false), (8, true), (4, false), (2, false), (16, false)] {
        let base = quantizer(&format!("int{bits}"));
        let sharing = Some(Sharing { size: WHOLE, mode: ScaleMode::Rceil });
        let quantizer = Quantizer { layout: Layout::Integer { bits, full }, sharing, ..base };
        let largest_code = f64::from((1u32 << (bits - 1)) - 1);
        for a in [1.0f32, 0.99, 126.9, 127.0, 127.5, 1e-20, 3e30] {
            let done = run(&quantizer, &[0.3 * a, -a, 0.0]);
            let step = libm::ldexp(1.0, done.scales[0] as i32 - 127);
            assert!(
                f64::from(a) <= largest_code * step && f64::from(a) > largest_code * step / 2.0,
                "int{bits}: {a:e}"
            );
            assert!(done.elements.iter().all(|element| element.flags & 1 == 0));
            let q = (0.3 * f64::from(a) / step).abs();
            assert!((f64::from(value(done.elements[0])) / step - q).abs() <= 0.5);
        }
    }
}
