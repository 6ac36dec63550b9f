//! Float and fixed grids: the rounding of whole numbers of steps. Twin of shaders/grid.wgsl.

use super::bits::{MAGNITUDE, SIGN, pack, unpack};
use super::special::{limit, overflowed, signed};
use super::{Coded, Rounded, UNDERFLOWED};
use crate::format::direction::{DITHER, DOWN, NEAREST_AWAY, NEAREST_EVEN, STOCHASTIC, UP};
use crate::format::{QuantOp, policy};

/// The code of a finite value, scaled by 2^scale.
#[inline(always)]
pub(super) fn encoded(op: &QuantOp, bits: u32, scale: i32, word: u32) -> Coded {
    let (magnitude, sign) = (bits & MAGNITUDE, bits & SIGN);
    if magnitude == 0 && op.rounding != DITHER {
        return Coded { code: 0, sign, flags: 0 };
    }
    let (significand, exponent) = unpack(magnitude);
    // value = significand 2^exponent; q counts steps of 2^(exponent + shift).
    let fine = op.lsb_min + scale - exponent;
    let coarse = op.has(policy::ABRUPT) && fine > 23 - op.mantissa;
    let shift = match coarse {
        true => fine + op.mantissa,
        false => fine.max(23 - op.mantissa).max(0),
    };
    let steps = if coarse { 0 } else { (exponent + shift - scale - op.lsb_min) as u32 };
    // Without mantissa bits codes that are even have steps that are.
    let odd = if op.mantissa == 0 { steps & 1 } else { 0 };
    let q = round_whole(significand, shift as u32, sign != 0, odd, op, word);
    let code = if coarse { q << op.mantissa } else { (steps << op.mantissa) + q };
    if code > limit(op, sign) {
        return overflowed(op, sign);
    }
    Coded { code, sign, flags: if code == 0 && op.rounding != DITHER { UNDERFLOWED } else { 0 } }
}

/// The value of a code without sign, scaled by 2^scale, as bits.
#[inline(always)]
pub(super) fn decoded(code: u32, op: &QuantOp, scale: i32) -> u32 {
    let field = code >> op.mantissa;
    // The codes of a fixed grid are whole numbers.
    if field == 0 || op.mantissa == 23 {
        return pack(code, op.lsb_min + scale);
    }
    let significand = code & ((1 << op.mantissa) - 1) | 1 << op.mantissa;
    pack(significand, op.lsb_min + scale + field as i32 - 1)
}

/// `significand` / 2^shift as a whole number, by the direction of `op`; `odd` is added where it asks for an even one.
#[inline(always)]
fn round_whole(significand: u32, shift: u32, negative: bool, odd: u32, op: &QuantOp, word: u32) -> u32 {
    if shift == 0 {
        return significand;
    }
    let half = shift.min(25); // beyond, half a step exceeds every significand
    let kept = significand >> shift.min(31);
    let inexact = u32::from(kept << shift.min(31) != significand);
    match op.rounding {
        NEAREST_EVEN => (significand + (1 << (half - 1)) - 1 + (((significand >> half) + odd) & 1)) >> half,
        NEAREST_AWAY => (significand + (1 << (half - 1))) >> half,
        UP => kept + if negative { 0 } else { inexact },
        DOWN => kept + if negative { inexact } else { 0 },
        STOCHASTIC | DITHER => kept + stochastic_carry(significand, shift, op, word),
        _ => kept,
    }
}

/// Whether the discarded fraction and the random bits add up to one. The fraction is cut to as many bits as are
/// random; the zero-mean variant adds the first bit that was cut.
#[inline(always)]
fn stochastic_carry(significand: u32, shift: u32, op: &QuantOp, word: u32) -> u32 {
    // The fraction's first 32 bits, and the one behind them.
    let (fraction, behind) = match shift {
        1..=31 => (significand << (32 - shift), 0),
        32 => (significand, 0),
        33..=56 => (significand >> (shift - 32), (significand >> (shift - 33)) & 1),
        _ => (0, 0),
    };
    let mask = u32::MAX << op.random_shift;
    let first_cut = match op.random_shift {
        0 => behind,
        cut => ((fraction >> (cut - 1)) & 1) << cut,
    };
    let (sum, carry) = (fraction & mask).overflowing_add(word & mask);
    let (_, late) = sum.overflowing_add(if op.has(policy::ZERO_MEAN) { first_cut } else { 0 });
    u32::from(carry | late)
}

/// The value of a fixed grid's code without the random part that was added to it: of n random bits R, it was
/// (2 R + 1) / 2^(n + 1) - 1/2 steps.
#[inline(always)]
pub(super) fn without_dither(op: &QuantOp, sign: u32, code: u32, scale: i32, word: u32) -> Rounded {
    let (bits, random) = (32 - op.random_shift, word >> op.random_shift);
    let parts = (code << (bits + 1)) as i32 + (1 << bits) - (2 * random + 1) as i32;
    let turned = if parts < 0 { sign ^ SIGN } else { sign };
    let magnitude = pack(parts.unsigned_abs(), op.lsb_min + scale - bits as i32 - 1);
    Rounded { bits: turned | magnitude, code: signed(op, sign, code), flags: 0 }
}
