//! What is not a number, what lies beyond the largest one, and the signs of codes. Twin of shaders/special.wgsl.

use super::bits::{INFINITY, LARGEST, MAGNITUDE, QUIET, SIGN, SMALLEST_NORMAL};
use super::{Coded, INFINITE, NAN, Rounded, SATURATED, decoded};
use crate::format::direction::{DOWN, TOWARD_ZERO, UP};
use crate::format::{NO_CODE, QuantOp, Specials, policy};

const IEEE: u32 = Specials::Ieee as u32;
const NAN_CODE: u32 = Specials::Nan as u32;
const FNUZ: u32 = Specials::Fnuz as u32;

/// Subnormals and, in blocks, NaN and infinities, as the policy reads them.
#[inline(always)]
pub(super) fn admitted(op: &QuantOp, bits: u32) -> u32 {
    let magnitude = bits & MAGNITUDE;
    match magnitude {
        0..SMALLEST_NORMAL if op.has(policy::FLUSHES) => bits & SIGN,
        INFINITY if op.shares() && op.has(policy::SATFINITE) => bits & SIGN | LARGEST,
        INFINITY.. if op.shares() && op.has(policy::SATFINITE) => LARGEST,
        _ => bits,
    }
}

/// The code of a NaN: it stays one, or becomes the largest value.
#[inline(always)]
pub(super) fn encoded_nan(op: &QuantOp, sign: u32) -> Coded {
    if op.has(policy::SATFINITE) { saturated(op, 0) } else { Coded { code: 0, sign, flags: NAN } }
}

/// The largest code of that sign.
#[inline(always)]
pub(super) fn limit(op: &QuantOp, sign: u32) -> u32 {
    if sign != 0 { op.min_code } else { op.max_code }
}

/// A code with its sign.
#[inline(always)]
pub(super) fn signed(op: &QuantOp, sign: u32, code: u32) -> u32 {
    let top = 1 << (op.width - 1);
    let zero = if op.has(policy::OFFSET) { op.min_code } else { 0 };
    match (sign != 0, op.has(policy::INTEGER)) {
        (true, _) if op.has(policy::OWN_SIGN) || code == 0 && op.has(policy::ONE_ZERO) => zero + code,
        (false, _) => zero + code,
        (true, false) => top | code,
        (true, true) => zero.wrapping_sub(code) & (top | (top - 1)),
    }
}

/// The largest value of that sign.
#[inline(always)]
pub(super) fn saturated(op: &QuantOp, sign: u32) -> Coded {
    Coded { code: limit(op, sign), sign, flags: SATURATED }
}

/// The float before `largest`, which is the largest of its format.
#[inline(always)]
pub(super) fn second_largest(op: &QuantOp, largest: Rounded) -> Rounded {
    let sign = largest.bits & SIGN;
    let code = limit(op, sign) - 1;
    Rounded { bits: sign | decoded(code, op, 0), code: signed(op, sign, code), flags: largest.flags | SATURATED }
}

/// What lies beyond the largest value.
#[inline(always)]
pub(super) fn beyond(op: &QuantOp, sign: u32) -> Coded {
    match op.specials {
        _ if !op.has(policy::OVERFLOWS) => saturated(op, sign),
        IEEE => Coded { code: op.max_code + 1, sign, flags: NAN | INFINITE },
        _ => Coded { code: 0, sign, flags: NAN },
    }
}

/// A finite value that rounds beyond the largest one. Directions toward zero stop at it (IEEE 754-2019, 7.4).
#[inline(always)]
pub(super) fn overflowed(op: &QuantOp, sign: u32) -> Coded {
    let stops = match op.rounding {
        TOWARD_ZERO => true,
        UP => sign != 0,
        DOWN => sign == 0,
        _ => false,
    };
    if stops { saturated(op, sign) } else { beyond(op, sign) }
}

/// A quiet NaN, in formats with several NaNs the one whose first mantissa bit is set; where zero has no sign, in place of -0.
#[inline(always)]
pub(super) fn not_a_number(op: &QuantOp, sign: u32) -> Rounded {
    let code = match op.specials {
        IEEE if op.mantissa > 0 => signed(op, sign, op.max_code + 1 + (1 << (op.mantissa - 1))),
        NAN_CODE => signed(op, sign, op.max_code + 1),
        FNUZ => 1 << (op.width - 1),
        _ => NO_CODE,
    };
    Rounded { bits: sign | QUIET, code, flags: NAN }
}
