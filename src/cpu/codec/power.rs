//! Powers of two without a zero or a sign. They stand at no site of a run; `verify` compares them.

use super::super::lanes::flush48;
use crate::codec::bits::{FRACTION, INFINITY, LARGEST, MAGNITUDE, SIGN, SMALLEST_POWER};
use crate::format::direction::{DOWN, NEAREST_AWAY, NEAREST_EVEN, TOWARD_ZERO, UP};
use crate::format::{QuantOp, policy};
use crate::site::Counts;

/// Half of a power of two, in the fraction of the one below.
const HALF: u32 = 1 << 22;

/// What is added to the bits carries into the exponent where it is rounded up. Values that a run may hold: none is
/// subnormal.
#[inline(always)]
pub(super) fn lanes(op: &QuantOp, lanes: &mut [f32], counts: &mut Counts) {
    let stops = op.rounding == DOWN || op.rounding == TOWARD_ZERO;
    let largest = LARGEST & !FRACTION;
    for value in lanes {
        let bits = value.to_bits();
        let magnitude = bits & MAGNITUDE;
        let addend = match op.rounding {
            UP => FRACTION,
            NEAREST_EVEN => HALF - 1 + (magnitude >> 23 & 1),
            NEAREST_AWAY => HALF,
            _ => 0,
        };
        let power = (bits + addend) & !FRACTION;
        let beyond = magnitude == INFINITY || power > largest && magnitude < INFINITY;
        let is_lost = op.has(policy::OVERFLOWS) && (!stops || magnitude == INFINITY);
        let not_a_number = magnitude > INFINITY && !op.has(policy::SATFINITE);
        let negative = bits > SIGN && magnitude <= INFINITY;
        let nan = not_a_number || negative || beyond && is_lost;
        let saturated = !nan && (magnitude >= INFINITY || beyond || magnitude < SMALLEST_POWER);
        let rounded = if magnitude < SMALLEST_POWER { SMALLEST_POWER } else { power.min(largest) };
        *value = flush48(f32::from_bits(if nan { 0 } else { rounded }));
        counts.saturated += u64::from(saturated);
        counts.nan += u64::from(nan);
    }
}
