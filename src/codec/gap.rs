//! Values in the gap between two numbers of a list: which of the two they become. Twin of shaders/gap.wgsl.

use crate::format::direction::{DOWN, NEAREST_AWAY, NEAREST_EVEN, STOCHASTIC, UP};
use crate::format::{QuantOp, policy};

/// 1 where a value rounds up that lies `distance` / 2^down of the `gap` above `code`.
pub(super) fn goes_up(op: &QuantOp, sign: u32, distance: u32, gap: u32, down: u32, code: u32, word: u32) -> u32 {
    // Twice the distance stays below 2^25 where `down` is not 0, so seven places decide every comparison.
    let (double, scaled) = (2 * distance, gap << down.min(7));
    u32::from(match op.rounding {
        NEAREST_EVEN => double > scaled || double == scaled && code % 2 == 1,
        NEAREST_AWAY => double >= scaled,
        UP => sign == 0 && distance > 0,
        DOWN => sign != 0 && distance > 0,
        STOCHASTIC => reaches(op, distance, gap, down, word),
        _ => false, // toward zero
    })
}

/// Whether floor(f 2^n) + R >= 2^n for f = distance / (2^down gap), or floor(f 2^(n+1)) + 2 R + 1 >= 2^(n+1) where the
/// rounding is zero-mean: multiplied out, since whole numbers leave nothing to be rounded.
fn reaches(op: &QuantOp, distance: u32, gap: u32, down: u32, word: u32) -> bool {
    let n = 32 - op.random_shift;
    let missing = u64::from(!word >> op.random_shift); // 2^n - 1 - R
    let zero_mean = op.has(policy::ZERO_MEAN);
    let (places, units) = if zero_mean { (n + 1, 2 * missing + 1) } else { (n, missing + 1) };
    (u64::from(distance) << places) >> down.min(63) >= u64::from(gap) * units
}
