//! An element of a block whose scale is given, and the two codes around it.

use std::cmp::Ordering;

use crate::codec::bits::{ONE, SMALLEST_NORMAL};
use crate::codec::{INFINITY, MAGNITUDE, SIGN, decoded, quantize, stored};
use crate::format::{Direction, QuantOp, class, policy};

/// A value that a codec meets.
#[derive(Clone, Copy, Debug)]
pub struct Element {
    /// f32 bits.
    pub bits: u32,
    /// What is stored of its block's scale.
    pub scale: u32,
    /// The code that it must get.
    pub code: u32,
}

pub fn is_nan(bits: u32) -> bool {
    bits & MAGNITUDE > INFINITY
}

/// The element's own grid, without any scale.
fn grid(op: &QuantOp) -> QuantOp {
    match op.kind {
        class::BLOCK | class::TWO_LEVEL | class::ABSMAX | class::STEP => QuantOp { kind: class::SCALAR, ..*op },
        _ => *op,
    }
}

/// The number that a stored scale stands for.
pub fn scale_value(op: &QuantOp, scale: u32) -> f64 {
    let one = quantize(&grid(op), ONE, 0, 0).code;
    f32::from_bits(stored(&QuantOp { step: ONE, ..*op }, one, scale)).into()
}

/// What of a value is rounded to the element's grid: scales are taken off as the codec does it.
pub fn unscaled(op: &QuantOp, bits: u32, scale: u32) -> f64 {
    let value = f32::from_bits(bits);
    match op.kind {
        class::BLOCK => f64::from(value) / scale_value(op, scale),
        class::STEP => (value * f32::from_bits(op.factor)).into(),
        class::TWO_LEVEL | class::ABSMAX => {
            let scale = scale_value(op, scale) as f32 * f32::from_bits(op.step);
            let inverse = if scale == 0.0 { 0.0 } else { (1.0 / scale).min(f32::MAX) };
            (value * inverse).into()
        }
        _ => value.into(),
    }
}

/// The same as f32 bits. What is smaller than every normal f32 lies below each step of a grid that shares a scale, and
/// is there one such number.
fn unscaled_bits(op: &QuantOp, bits: u32, scale: u32) -> u32 {
    let value = unscaled(op, bits, scale);
    let is_tiny = value != 0.0 && value.abs() < f64::from(f32::MIN_POSITIVE);
    match op.kind {
        class::BLOCK if is_tiny => bits & SIGN | SMALLEST_NORMAL,
        _ => (value as f32).to_bits(),
    }
}

/// The code of a value in a block with that scale, whatever the other elements are.
pub fn code_at(op: &QuantOp, bits: u32, scale: u32) -> u32 {
    let is_flushed = op.has(policy::FLUSHES) && bits & MAGNITUDE < SMALLEST_NORMAL;
    let bits = if is_flushed { bits & SIGN } else { bits };
    match op.shares() && is_nan(stored(op, 0, scale)) {
        true => 0,
        false => quantize(&grid(op), unscaled_bits(op, bits, scale), 0, 0).code,
    }
}

/// The codes on both sides of a value, and where between them it is.
#[derive(Clone, Copy, Debug)]
pub struct Between {
    /// The one nearer zero; the value's own, if the format has it.
    pub below: u32,
    pub above: u32,
    /// From 0 at `below` to 1 at `above`. `None` where the one above is no finite number.
    pub fraction: Option<f64>,
    /// On which side it is of the point where the nearest code changes, which between two posits is not the middle.
    pub half: Option<Ordering>,
}

/// The codes around a value that is a number, in a block whose scale is one.
pub fn between(op: &QuantOp, bits: u32, scale: u32) -> Option<Between> {
    let inner = unscaled_bits(op, bits, scale);
    if inner & MAGNITUDE >= INFINITY || op.shares() && is_nan(stored(op, 0, scale)) {
        return None;
    }
    let grid = grid(op);
    let away = if bits & SIGN == 0 { Direction::Up } else { Direction::Down };
    let toward = |direction: Direction| {
        let code = quantize(&QuantOp { rounding: direction as u32, ..grid }, inner, 0, 0).code;
        (code, f64::from(f32::from_bits(stored(&grid, code, 0))).abs())
    };
    let ((below, low), (above, high)) = (toward(Direction::TowardZero), toward(away));
    let fraction = match high - low {
        0.0 => Some(0.0),
        gap => Some((unscaled(op, bits, scale).abs() - low) / gap).filter(|_| gap.is_finite()),
    };
    let half = match op.kind {
        class::POSIT if below != above => Some(beside_halfway(op, inner & MAGNITUDE)),
        _ => fraction.and_then(|fraction| fraction.partial_cmp(&0.5)),
    };
    Some(Between { below, above, fraction, half })
}

/// Halfway between two posits lies the code of one bit more; no number is nearer 0 than another one.
fn beside_halfway(op: &QuantOp, magnitude: u32) -> Ordering {
    let toward_zero = QuantOp { rounding: Direction::TowardZero as u32, ..*op };
    match quantize(&toward_zero, magnitude, 0, 0).code {
        0 => Ordering::Greater,
        code => magnitude.cmp(&decoded(2 * code + 1, &QuantOp { width: op.width + 1, ..*op }, 0)),
    }
}
