//! Powers of two without a zero or a sign. They stand at no site of a run; `verify` compares them.

use super::super::lanes::flush48;
use crate::codec::bits::{FRACTION, INFINITY, LARGEST, MAGNITUDE, SIGN, SMALLEST_POWER};
use crate::format::{Direction, QuantOp, policy};
use crate::site::Counts;

/// Rounds up where the fraction, and else the whole number behind the exponent, is carried away. Values that a run may
/// hold: none is subnormal.
#[inline(always)]
pub(super) fn lanes(op: &QuantOp, lanes: &mut [f32], counts: &mut Counts) {
    let up = op.rounding == Direction::Up as u32;
    let largest = LARGEST & !FRACTION;
    for value in lanes {
        let bits = value.to_bits();
        let magnitude = bits & MAGNITUDE;
        let power = (bits + if up { FRACTION } else { 0 }) & !FRACTION;
        let beyond = magnitude == INFINITY || power > largest && magnitude < INFINITY;
        let is_lost = op.has(policy::OVERFLOWS) && (up || magnitude == INFINITY);
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
