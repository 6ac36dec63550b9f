//! Random roundings between two numbers that follow one another, in f64.

use crate::format::{QuantOp, policy};

/// What all elements of an operation share.
pub struct Random {
    shift: u32,
    /// 1, or 2 where half a unit joins the random bits.
    twice: f64,
    /// `twice` 2^n for n random bits.
    places: f64,
}

impl Random {
    #[inline(always)]
    pub fn new(op: &QuantOp) -> Random {
        let (shift, twice) = (op.random_shift, if op.has(policy::ZERO_MEAN) { 2.0 } else { 1.0 });
        Random { shift, twice, places: twice * f64::from_bits(u64::from(1023 + 32 - shift) << 52) }
    }

    /// Whether a magnitude goes up to `high`: its distance d from `low` is at least the part `missing` / `places` of the
    /// gap. Of n random bits R 2^n - R are missing of 2^n, or 2 (2^n - R) - 1 of 2^(n+1).
    ///
    /// All is exact in f64. Numbers of 24 bits that follow one another are at most a factor of 2 apart, or one of them is
    /// 0, or their gap has few bits: it has at most 24, 13 in its `upper` part and 11 behind. `missing` has at most 33, so
    /// both of its products are exact. Where d `places` is less than the first of them, the sign of the difference is right.
    /// Else the difference is at most d `places`, and a multiple of the last bit of either: at most 46 bits.
    #[inline(always)]
    pub fn reaches(&self, magnitude: f32, low: f32, high: f32, word: u32) -> bool {
        let missing = self.twice * f64::from(!word >> self.shift) + 1.0;
        let (distance, gap) = (wide(magnitude) - wide(low), wide(high) - wide(low));
        let upper = f64::from_bits(gap.to_bits() >> 40 << 40);
        distance * self.places - missing * upper >= missing * (gap - upper)
    }
}

/// The number, infinity as 2^128: what is halfway below it is one.
#[inline(always)]
pub fn wide(number: f32) -> f64 {
    const BEYOND: f64 = 2.0 * (1u128 << 127) as f64;
    f64::from(number).min(BEYOND)
}
