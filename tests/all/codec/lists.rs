//! Small formats against the list of their values.

use roundlaw::codec::{NO_CODE, SATURATED, UNDERFLOWED};
use roundlaw::format::{Direction, FORMATS, Float, Layout, Overflow, Quantizer, Rounding, Specials};
use strum::VariantArray as _;

use super::list::{magnitudes, rounded, telling_inputs};
use super::{FIXED, one, quantizer, value};

/// Rows of the table with at most 2048 magnitudes, and others that differ in what a list can tell.
fn small() -> Vec<Quantizer> {
    let fits = |layout: Layout| match layout {
        Layout::Float(float) => float.exponent + float.mantissa <= 11,
        Layout::Integer { bits, .. } | Layout::Logarithmic { bits, .. } => bits <= 12,
        _ => false,
    };
    let mut all: Vec<Quantizer> = FORMATS.iter().map(Quantizer::new).filter(|q| fits(q.layout)).collect();
    all.extend(["e3m4", "e4m0", "e5m3", "e2m5", "e1m5", "e6m4", "e8m2"].map(quantizer));
    all.iter_mut().filter(|q| matches!(q.layout, Layout::Integer { .. })).for_each(|q| q.scale = 0.0625);
    let floats: Vec<(Quantizer, Float)> = all
        .iter()
        .filter_map(|q| if let Layout::Float(float) = q.layout { Some((*q, float)) } else { None })
        .filter(|(_, float)| float.exponent < 8)
        .collect();
    for (base, float) in floats {
        for &specials in Specials::VARIANTS {
            for (bias, gradual) in [(float.bias, false), (float.bias + 3, true), (float.bias - 2, false)] {
                let layout = Layout::Float(Float { bias, gradual, specials, ..float });
                if specials != Specials::Ieee || float.exponent > 1 {
                    all.push(Quantizer { layout, ..base });
                }
            }
        }
        all.push(Quantizer { scale: 0.125, ..base });
    }
    let log = quantizer("log8");
    for (base_factor, bias) in [(1, 60), (3, 50), (5, 64), (7, 90), (16, 100)] {
        all.push(Quantizer { layout: Layout::Logarithmic { bits: 8, base_factor, bias }, scale: 4.0, ..log });
    }
    all
}

#[test]
fn every_small_format_rounds_as_its_list_of_values_says() {
    for base in small() {
        let list = magnitudes(&base);
        for direction in FIXED {
            for &overflow in Overflow::VARIANTS {
                let quantizer = Quantizer { rounding: Rounding::new(direction), overflow, ..base };
                telling_inputs(&list.0).into_iter().for_each(|x| assert_as_listed(&quantizer, &list, x));
            }
        }
    }
}

/// Value, code and flags of one input.
pub fn assert_as_listed(quantizer: &Quantizer, list: &(Vec<(f64, u32)>, f64), x: f32) {
    let found = one(quantizer, x);
    let negative = x.is_sign_negative();
    let (index, beyond) = rounded(list, f64::from(x.abs()), negative, quantizer.rounding.direction);
    let place = || format!("{} {:?} {:?}: {x:e}", quantizer.format.name, quantizer.layout, quantizer.rounding);
    // Directions toward zero stop at the largest value.
    let stops = match quantizer.rounding.direction {
        Direction::TowardZero => true,
        Direction::Up => negative,
        Direction::Down => !negative,
        _ => false,
    };
    if beyond && !stops && quantizer.overflow == Overflow::Ieee {
        let special = match quantizer.layout {
            Layout::Float(Float { specials, .. }) => specials,
            _ => Specials::None,
        };
        match special {
            Specials::Ieee => {
                assert_eq!(value(found), if negative { f32::NEG_INFINITY } else { f32::INFINITY }, "{}", place())
            }
            _ => assert!(value(found).is_nan(), "{}", place()),
        }
        assert_eq!(found.code == NO_CODE, special == Specials::None, "{}", place());
        assert!(special != Specials::Fnuz || found.code == 1 << (quantizer.layout.width() - 1), "{}", place());
        return;
    }
    let (magnitude, code) = list.0[index];
    let integer = matches!(quantizer.layout, Layout::Integer { .. });
    let one_zero = integer || matches!(quantizer.layout, Layout::Float(Float { specials: Specials::Fnuz, .. }));
    let negative = negative && !(one_zero && code == 0);
    let signed = if negative { -magnitude } else { magnitude };
    assert_eq!(
        value(found).to_bits(),
        (signed as f32).to_bits(),
        "{}: {:e}, must be {signed:e}",
        place(),
        value(found)
    );
    let width = quantizer.layout.width();
    let expected = match (negative, integer) {
        (false, _) => code,
        (true, false) => code | 1 << (width - 1),
        (true, true) => code.wrapping_neg() & ((1 << width) - 1),
    };
    assert_eq!(found.code, expected, "{}", place());
    let flags = if beyond {
        SATURATED
    } else if code == 0 && x != 0.0 {
        UNDERFLOWED
    } else {
        0
    };
    assert_eq!(found.flags, flags, "{}", place());
}

#[test]
fn full_range_integers_have_one_more_negative_code() {
    for bits in 2..=16 {
        let base = quantizer(&format!("int{bits}"));
        let full = Quantizer { layout: Layout::Integer { bits, full: true }, scale: 0.5, ..base };
        let least = -f64::from(1u32 << (bits - 1)) * 0.5;
        for (x, wanted) in [(least, least), (2.0 * least, least), (least - 0.2, least), (-least, -least - 0.5)] {
            assert_eq!(f64::from(value(one(&full, x as f32))), wanted, "int{bits} of {x}");
            let symmetric = Quantizer { scale: 0.5, ..base };
            assert_eq!(f64::from(value(one(&symmetric, x as f32))).abs(), -least - 0.5, "int{bits} of {x}");
        }
        assert_eq!(one(&full, least as f32).code, 1 << (bits - 1));
    }
}

#[test]
fn a_reciprocal_step_is_two_f32_products_around_a_whole_number() {
    for step in [0.1f32, 0.3, 1e-3, 7.0, 1.0 / 3.0] {
        let int8 = Quantizer { scale: step.into(), ..quantizer("int8") };
        for k in 0..40_000 {
            let x = (k as f32 - 20_000.0) * step * 0.013;
            let q = (x * (1.0 / step)).round_ties_even().clamp(-127.0, 127.0);
            let found = one(&int8, x);
            assert_eq!(value(found), q * step, "{x:e} in steps of {step}");
            assert_eq!(found.code, q as i32 as u32 & 0xff);
        }
    }
}

/// All 2^32 inputs of three formats against the list: two minutes each on two cores.
/// `cargo test --release --test all -- --ignored every_f32`.
#[test]
#[ignore = "takes minutes"]
fn every_f32_is_rounded_as_the_list_says() {
    use rayon::prelude::*;
    for name in ["e4m3", "e5m2", "e2m1"] {
        let quantizer = quantizer(name);
        let list = magnitudes(&quantizer);
        (0..1u32 << 16).into_par_iter().for_each(|chunk| all_of(&quantizer, &list, chunk, 1));
    }
}

#[test]
fn a_stride_of_all_f32_is_rounded_as_the_list_says() {
    for name in ["e4m3", "e5m2", "e2m1"] {
        let quantizer = quantizer(name);
        let list = magnitudes(&quantizer);
        (0..1u32 << 16).for_each(|chunk| all_of(&quantizer, &list, chunk, 4099));
    }
}

/// Inputs of one chunk of 65,536.
fn all_of(quantizer: &Quantizer, list: &(Vec<(f64, u32)>, f64), chunk: u32, stride: usize) {
    for low in (0..1u32 << 16).step_by(stride) {
        let x = f32::from_bits(chunk << 16 | (low + chunk) & 0xffff);
        if x.is_finite() {
            assert_as_listed(quantizer, list, x);
        } else if x.is_nan() {
            assert!(value(one(quantizer, x)).is_nan());
        } else {
            assert_eq!(f64::from(value(one(quantizer, x)).abs()), list.0[list.0.len() - 1].0);
        }
    }
}

#[test]
fn ties_are_to_the_even_code_even_between_octaves() {
    // 1.9375 is halfway between 1.875, whose code is odd, and 2 of the next octave.
    assert_eq!(value(one(&quantizer("e4m3"), 1.9375)), 2.0);
    assert_eq!(value(one(&super::with_direction("e4m3", Direction::TowardZero), 1.9375)), 1.875);
}
