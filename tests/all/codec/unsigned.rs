//! Unsigned integers with a zero point: clamp(round(x / step) + zero point), as ONNX and PyTorch define it.

use roundlaw::codec::{SATURATED, UNDERFLOWED, quantize, stored};
use roundlaw::format::{Direction, Layout, QuantOp, Quantizer, Rounding};
use strum::VariantArray as _;

use super::{one, quantizer, value};

/// Widths and zero points: of few codes all points, of many the ends, the middle and its neighbours.
fn points() -> Vec<(u32, u32)> {
    let few = [2, 3, 4].into_iter().flat_map(|bits| (0..1 << bits).map(move |z| (bits, z)));
    let many = [8, 16].into_iter().flat_map(|bits| {
        let middle = 1 << (bits - 1);
        [0, 1, 77, middle - 1, middle, middle + 1, 2 * middle - 2, 2 * middle - 1].map(|z| (bits, z))
    });
    few.chain(many).collect()
}

fn unsigned(bits: u32, zero_point: u32, scale: f64, rounding: Rounding) -> Quantizer {
    let layout = Layout::Unsigned { bits, zero_point };
    Quantizer { layout, scale, rounding, ..quantizer(&format!("uint{bits}")) }
}

/// Numbers of quarter steps around both ends and zero, and their neighbours.
fn inputs(bits: u32, zero_point: u32, step: f32) -> Vec<f32> {
    let (below, above) = (-i64::from(zero_point), (1 << bits) - 1 - i64::from(zero_point));
    let around = |at: i64| (4 * at - 14..=4 * at + 14).map(|k| k as f32 * 0.25);
    let steps = [below, 0, above].into_iter().flat_map(around);
    let near = steps.flat_map(|q| [(q * step).next_down(), q * step, (q * step).next_up()]);
    near.chain([1e30, -1e30, 1e-40, -0.0]).collect()
}

/// The quotient as a whole number.
fn whole(quotient: f64, direction: Direction) -> f64 {
    match direction {
        Direction::NearestEven => quotient.round_ties_even(),
        Direction::NearestAway => quotient.round(),
        Direction::TowardZero => quotient.trunc(),
        Direction::Up => quotient.ceil(),
        Direction::Down => quotient.floor(),
        other => unreachable!("{other:?} has its own test"),
    }
}

#[test]
fn the_quotient_is_rounded_then_the_zero_point_added_and_the_code_clamped() {
    for (bits, z) in points() {
        for step in [0.0625f32, 0.3] {
            for &direction in Direction::VARIANTS.iter().filter(|direction| !direction.is_random()) {
                let quantizer = unsigned(bits, z, step.into(), Rounding::new(direction));
                for x in inputs(bits, z, step) {
                    let quotient = if step == 0.0625 { f64::from(x) / 0.0625 } else { f64::from(x * (1.0 / step)) };
                    let sum = whole(quotient, direction) + f64::from(z);
                    let code = sum.clamp(0.0, f64::from((1u32 << bits) - 1));
                    let found = one(&quantizer, x);
                    let place = || format!("uint{bits} less {z}, step {step}, {direction:?} of {x:e}");
                    assert_eq!(f64::from(found.code), code, "{}", place());
                    let steps = (code - f64::from(z)) as f32;
                    assert_eq!(value(found).to_bits(), (steps * step).to_bits(), "{}", place());
                    let flags = match () {
                        _ if sum != code => SATURATED,
                        _ if steps == 0.0 && x != 0.0 => UNDERFLOWED,
                        _ => 0,
                    };
                    assert_eq!(found.flags, flags, "{}", place());
                    assert_eq!(stored(&QuantOp::of(&quantizer), found.code, 0), found.bits, "{}", place());
                }
            }
        }
    }
}

/// Where a wide signed integer does not clip, the codes are its own, moved; and so with every random word.
#[test]
fn random_roundings_are_those_of_signed_integers() {
    for (bits, z) in points().into_iter().filter(|(bits, _)| *bits <= 8) {
        for scale in [0.0625, 0.3] {
            for (direction, random) in [(Direction::Stochastic, 32), (Direction::Stochastic, 8), (Direction::Dither, 8)]
            {
                let rounding = Rounding { bits: random, ..Rounding::new(direction) };
                let own = QuantOp::of(&unsigned(bits, z, scale, rounding));
                let signed = QuantOp::of(&Quantizer { scale, rounding, ..quantizer("int12") });
                for (k, x) in inputs(bits, z, scale as f32).into_iter().enumerate().filter(|(_, x)| x.abs() < 80.0) {
                    let word = (k as u32).wrapping_mul(0x9e37_79b9);
                    let (found, wide) = (quantize(&own, x.to_bits(), 0, word), quantize(&signed, x.to_bits(), 0, word));
                    let steps = (wide.code as i32) << 20 >> 20;
                    let code = (steps + z as i32).clamp(0, (1 << bits) - 1);
                    let place = || format!("uint{bits} less {z}, step {scale}, {rounding:?} of {x:e}, word {word:#x}");
                    assert_eq!(found.code, code as u32, "{}", place());
                    let is_clipped = code != steps + z as i32;
                    assert_eq!(found.flags & SATURATED != 0, is_clipped, "{}", place());
                    assert!(is_clipped || (found.bits, found.flags) == (wide.bits, wide.flags), "{}", place());
                }
            }
        }
    }
}

#[test]
fn an_odd_zero_point_does_not_move_ties() {
    // ONNX and PyTorch round 2.5 to 2 and add 1; added before, 3.5 would become 4.
    let rounding = Rounding::NEAREST_EVEN;
    assert_eq!(one(&unsigned(8, 1, 1.0, rounding), 2.5).code, 3);
    // The largest code alone is 0 with a zero point of 255; what is clipped at zero is saturated, not underflowed.
    let negative = unsigned(8, 255, 1.0, rounding);
    assert_eq!((value(one(&negative, 7.0)).to_bits(), one(&negative, 7.0).flags), (0, SATURATED));
    let positive = unsigned(8, 0, 1.0, rounding);
    assert_eq!((value(one(&positive, -7.0)).to_bits(), one(&positive, -7.0).flags), (0, SATURATED));
    assert_eq!((value(one(&positive, -0.25)).to_bits(), one(&positive, -0.25).flags), (0, UNDERFLOWED));
}
