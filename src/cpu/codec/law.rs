//! Idealised noise laws.

use super::Words;
use crate::codec::SIGN;
use crate::cpu::lanes::{flush48, round_significand};
use crate::format::{Law, QuantOp};
use crate::random::normal::normal;

/// u + e n for each lane.
#[inline(always)]
pub(super) fn additive(op: &QuantOp, lanes: &mut [f32], words: &Words) {
    let noise = f32::from_bits(op.factor);
    for (value, word) in lanes.iter_mut().zip(words.as_flattened()) {
        *value = flush48(round_significand(*value + noise * deviate(op, *word), op.significand));
    }
}

/// u (1 + e n) for each lane.
#[inline(always)]
pub(super) fn relative(op: &QuantOp, lanes: &mut [f32], words: &Words) {
    let noise = f32::from_bits(op.factor);
    for (value, word) in lanes.iter_mut().zip(words.as_flattened()) {
        *value = flush48(round_significand(*value * (1.0 + noise * deviate(op, *word)), op.significand));
    }
}

/// The deviate of mean 0 and variance 1 that a word gives under the law of `op`.
#[inline(always)]
fn deviate(op: &QuantOp, word: u32) -> f32 {
    match op.rounding == Law::TwoPoint as u32 {
        true => f32::from_bits(1f32.to_bits() | word & SIGN),
        false => normal(word),
    }
}
