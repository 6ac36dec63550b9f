//! Posits with two exponent bits (Posit Standard 2022): behind the sign a regime, a run of equal bits that another one
//! ends, says the exponent's multiple of 4; what it leaves of the code has the exponent's rest, then the fraction. Twin of
//! shaders/posit.wgsl.

use super::bits::{FRACTION, IMPLICIT, INFINITY, MAGNITUDE, SIGN, unpack};
use super::gap::goes_up;
use super::special::{beyond, limit};
use super::{Coded, SATURATED, UNDERFLOWED};
use crate::format::QuantOp;
use crate::format::direction::NEAREST_EVEN;

/// The bits of a code's magnitude.
#[inline(always)]
pub(super) fn decoded(code: u32, op: &QuantOp) -> u32 {
    if code == 0 {
        return 0;
    }
    let word = code << (33 - op.width);
    let ones = word >> 31 != 0;
    let run = (if ones { !word } else { word }).leading_zeros();
    let regime = if ones { run as i32 - 1 } else { -(run as i32) };
    // Behind the run and the bit that ends it; bits that the code has no room for are 0.
    let tail = (word << run) << 1;
    (((4 * regime + 127) as u32) << 23) + (tail >> 7)
}

/// The code of a value that is not NaN. The standard defines the rounding to nearest, which goes by codes: halfway between
/// two of them lies the code of one bit more. It makes no number zero. The other directions go by the line of numbers.
#[inline(always)]
pub(super) fn encoded(op: &QuantOp, bits: u32, word: u32) -> Coded {
    let (magnitude, sign) = (bits & MAGNITUDE, bits & SIGN);
    if magnitude == INFINITY {
        return beyond(op, sign);
    }
    if magnitude == 0 {
        return Coded { code: 0, sign: 0, flags: 0 };
    }
    let (significand, exponent) = unpack(magnitude);
    let (octave, outermost) = (exponent + 23, 4 * (op.width as i32 - 2));
    if octave >= outermost {
        let is_largest = octave == outermost && significand == IMPLICIT;
        return Coded { code: limit(op, sign), sign, flags: if is_largest { 0 } else { SATURATED } };
    }
    let is_least = octave < -outermost;
    let regime = if is_least { 0 } else { octave >> 2 };
    // Bits of the run and of the one that ends it, and places behind them, of which the tail has 25.
    let (field, length) = if regime >= 0 { ((4 << regime) - 2, regime + 2) } else { (1, 1 - regime) };
    let places = op.width - 1 - length as u32;
    let tail = (((octave & 3) as u32) << 23) | (significand & FRACTION);
    let cut = 25 - places;
    let rest = tail & ((1 << cut) - 1);
    let code = if is_least { 0 } else { (field << places) + (tail >> cut) };
    if op.rounding == NEAREST_EVEN {
        let up = is_least || rest + (code & 1) > 1 << (cut - 1);
        return Coded { code: code + u32::from(up), sign, flags: if is_least { SATURATED } else { 0 } };
    }
    // Where bits of the exponent are cut, the numbers around are powers of two, 4 or 2 octaves apart.
    let lost = (octave & 3) & (3 >> places.min(2));
    let (distance, gap, down) = match places {
        _ if is_least => (significand, IMPLICIT, (-outermost - octave) as u32),
        0 | 1 => ((significand << lost) - IMPLICIT, ((1 << (4 >> places)) - 1) << 23, 0),
        _ => (rest, 1 << cut, 0),
    };
    let up = goes_up(op, sign, distance, gap, down, code, word);
    let flags = match up {
        _ if !is_least => 0,
        0 => UNDERFLOWED,
        _ => SATURATED,
    };
    Coded { code: code + up, sign, flags }
}
