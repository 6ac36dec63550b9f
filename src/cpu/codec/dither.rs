//! Subtractive dither of integers, in f64.

use super::{ALIKE, Element, Words, each};
use crate::codec::bits::{INFINITY, MAGNITUDE, SIGN};
use crate::format::{QuantOp, class, policy};
use crate::site::Counts;

/// Whole numbers floor(y + u) of steps, less u - 1/2: y is |x| in steps and u = (2 R + 1)/2^(n+1) of n random bits R.
///
/// f64 holds all of it exactly. y has 24 bits and matters up to 2^24, where every code saturates; the last bit of u is
/// 2^-(n+1) >= 2^-17. Where y is 2^-17 or more its last bit is 2^-40, and y + u has at most 64 - 17 bits. Where it is less,
/// y + u < 1: u leaves 2^-17 of room and y at least 2^-41 of that, which is far above the last bit of a number below 1.
#[inline(always)]
pub(super) fn lanes(op: &QuantOp, lanes: &mut [f32], words: &Words, counts: &mut Counts) {
    let is_step = op.kind == class::STEP;
    let (before, behind) = match is_step {
        true => (f32::from_bits(op.factor), f32::from_bits(op.step)),
        false => (1.0, 1.0),
    };
    let (steps, step) = (power_of_two(-op.lsb_min), power_of_two(op.lsb_min));
    let unit = power_of_two(-(33 - op.random_shift as i32));
    let limits = [f64::from(op.max_code), f64::from(op.min_code)];
    let (overflows, satfinite) = (op.has(policy::OVERFLOWS), op.has(policy::SATFINITE));
    each!(op, lanes, words, ALIKE, counts, |value, word, ()| {
        let inner = value * before;
        let (bits, magnitude) = (inner.to_bits(), inner.to_bits() & MAGNITUDE);
        let sign = if magnitude > INFINITY { 0 } else { bits & SIGN };
        let u = (2.0 * f64::from(word >> op.random_shift) + 1.0) * unit;
        let q = (f64::from(f32::from_bits(magnitude)) * steps + u).floor();
        let limit = if sign != 0 { limits[1] } else { limits[0] };
        let over = (q > limit) | (magnitude > INFINITY);
        let is_lost = over & if magnitude > INFINITY { !satfinite } else { overflows };
        let part = if over { limit } else { q + 0.5 - u };
        let part = (part * step) as f32 * behind;
        let out = if part == 0.0 { 0 } else { part.to_bits() ^ sign };
        Element::new(out, over & !is_lost, is_step & !over & (part == 0.0) & (value != 0.0), is_lost)
    });
}

/// 2^exponent for the exponents of an f32 and their double.
#[inline(always)]
fn power_of_two(exponent: i32) -> f64 {
    f64::from_bits(((exponent + 1023) as u64) << 52)
}
