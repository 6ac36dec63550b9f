//! What stored codes and scales stand for: the way back from [`super::quantize`].

use super::bits::{INFINITY, MAGNITUDE, ONE, QUIET, SIGN};
use super::product::multiply;
use super::scale::scale_value;
use super::{NO_CODE, decoded};
use crate::format::{QuantOp, Specials, class, policy};

/// The byte of a shared E8M0 scale that is NaN.
const NAN_SCALE: u32 = 0xff;

/// The value of a code with its sign, as f32 bits; `scale` is the stored scale of its block, where elements share one. Products
/// are f32's, as in the codec. Subtractive dither alone cannot be undone: it asks for the random word too.
pub fn stored(op: &QuantOp, code: u32, scale: u32) -> u32 {
    if op.kind == class::NONE || code == NO_CODE {
        return code;
    }
    // In place of -0.
    if op.specials == Specials::Fnuz as u32 && code == 1 << (op.width - 1) {
        return QUIET;
    }
    let (code, sign) = taken_apart(op, code);
    match (op.kind, scale) {
        (class::BLOCK, NAN_SCALE) => QUIET,
        (class::TWO_LEVEL, _) if scale > op.scale_add => QUIET,
        (class::BLOCK, _) => sign | decoded(code, op, scale as i32 - 127),
        (class::TWO_LEVEL, _) => multiply(multiply(sign | decoded(code, op, 0), scale_value(scale, op)), op.step),
        (class::ABSMAX, _) if scale & MAGNITUDE > INFINITY => QUIET,
        (class::ABSMAX, _) => multiply(sign | decoded(code, op, 0), scale),
        (class::STEP, _) => multiply(sign | decoded(code, op, 0), op.step),
        _ => sign | special(op, code).unwrap_or_else(|| decoded(code, op, 0)),
    }
}

/// What is stored of the shared scale 1.
pub fn scale_of_one(op: &QuantOp) -> u32 {
    match op.kind {
        // Behind three mantissa bits stands the exponent, of which 1 is that of the smallest step but for them.
        class::TWO_LEVEL => ((-2 - op.emax) as u32) << 3,
        class::ABSMAX => ONE,
        _ => 127,
    }
}

/// A code without its sign, and the sign bit of f32.
fn taken_apart(op: &QuantOp, code: u32) -> (u32, u32) {
    let top = 1 << (op.width - 1);
    if op.has(policy::OFFSET) {
        return (code.abs_diff(op.min_code), if code < op.min_code { SIGN } else { 0 });
    }
    let sign = if code & top != 0 { SIGN } else { 0 };
    match sign {
        _ if op.has(policy::OWN_SIGN) => (code, 0),
        SIGN if op.has(policy::INTEGER) => (code.wrapping_neg() & (top | (top - 1)), SIGN),
        _ => (code & (top - 1), sign),
    }
}

/// Infinity or NaN, where that is what a code without sign stands for.
fn special(op: &QuantOp, code: u32) -> Option<u32> {
    const IEEE: u32 = Specials::Ieee as u32;
    const NAN: u32 = Specials::Nan as u32;
    match op.specials {
        IEEE if code == op.max_code + 1 => Some(INFINITY),
        IEEE | NAN if code > op.max_code => Some(QUIET),
        _ => None,
    }
}
