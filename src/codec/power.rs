//! Powers of two, neither zero nor sign: code c stands for 2^(c - 127). Twin of shaders/power.wgsl.

use super::bits::{IMPLICIT, INFINITY, MAGNITUDE, SIGN, SMALLEST_POWER, pack, unpack};
use super::special::{beyond, overflowed};
use super::{Coded, NAN, SATURATED};
use crate::format::QuantOp;
use crate::format::direction::{NEAREST_AWAY, NEAREST_EVEN, UP};

/// The bits of a code.
#[inline(always)]
pub(super) fn decoded(code: u32) -> u32 {
    pack(1, code as i32 - 127)
}

/// The code of a value that is not NaN. Of what is negative there is no power of two.
#[inline(always)]
pub(super) fn encoded(op: &QuantOp, bits: u32) -> Coded {
    let magnitude = bits & MAGNITUDE;
    if bits > SIGN {
        return Coded { code: 0, sign: 0, flags: NAN };
    }
    if magnitude == INFINITY {
        return beyond(op, 0);
    }
    if magnitude < SMALLEST_POWER {
        return Coded { code: 0, sign: 0, flags: SATURATED };
    }
    let (significand, exponent) = unpack(magnitude);
    let below = (exponent + 150) as u32;
    let halfway = IMPLICIT + (IMPLICIT >> 1);
    let up = match op.rounding {
        UP => significand > IMPLICIT,
        NEAREST_EVEN => significand + (below & 1) > halfway,
        NEAREST_AWAY => significand >= halfway,
        _ => false,
    };
    let code = below + u32::from(up);
    if code > op.max_code { overflowed(op, 0) } else { Coded { code, sign: 0, flags: 0 } }
}
