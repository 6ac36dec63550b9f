//! What a site of a run does to values: formats and laws, the floor, and the counters. Twin of shaders/site.wgsl.

use super::bits::{INFINITY, MAGNITUDE, ONE, SIGN};
use super::{NAN, SATURATED, UNDERFLOWED, quantize};
use crate::format::{Law, QuantOp, class};
use crate::random::normal::normal;
use crate::site::Counts;

/// Bits of 2^-48: smaller operands become +0, so that every product and sum of a run is a normal f32.
pub const FLOOR: u32 = 0x2780_0000;
/// Bits of 2^40: a weight this large means the run has diverged.
pub const DIVERGED: u32 = 0x5380_0000;

/// +0 for magnitudes below 2^-48, else the value.
pub fn flush48(bits: u32) -> u32 {
    if bits & MAGNITUDE < FLOOR { 0 } else { bits }
}

/// Rounds to `p` significant bits, nearest-even (1 <= p <= 24). A carry walks into the exponent.
pub fn round_significand(bits: u32, p: u32) -> u32 {
    let shift = 24 - p;
    if shift == 0 {
        return bits;
    }
    let half = (1 << (shift - 1)) - 1 + ((bits >> shift) & 1);
    ((bits + half) >> shift) << shift
}

/// The component of `rest` on `bits` significant bits; `rest` keeps the exact remainder.
pub fn component(rest: &mut f32, bits: u32) -> f32 {
    let component = f32::from_bits(flush48(round_significand(rest.to_bits(), bits)));
    *rest -= component;
    component
}

/// The deviate of mean 0 and variance 1 that a word gives under the law of `op`.
pub fn deviate(op: &QuantOp, word: u32) -> f32 {
    match op.rounding == Law::TwoPoint as u32 {
        true => f32::from_bits(ONE | word & SIGN),
        false => normal(word),
    }
}

/// Applies `op` to a vector in place: element k draws `word(k)`, or every element `word(0)` where the draw is shared;
/// blocks run along the vector, the last may be shorter. Every result is stored with the floor of 2^-48 and zeros
/// as +0.
pub fn apply(op: &QuantOp, values: &mut [f32], word: impl Fn(usize) -> u32) -> Counts {
    let mut counts = Counts::default();
    let block = if op.shares() { op.block as usize } else { values.len().max(1) };
    for (index, chunk) in values.chunks_mut(block).enumerate() {
        let largest = chunk.iter().map(|v| v.to_bits() & MAGNITUDE).max().unwrap_or(0);
        for (k, value) in chunk.iter_mut().enumerate() {
            let place = if op.one_draw != 0 { 0 } else { index * block + k };
            let word = if op.draws() { word(place) } else { 0 };
            let (bits, flags) = apply_one(op, value.to_bits(), largest, word);
            *value = f32::from_bits(bits);
            counts += tally(flags);
        }
    }
    counts
}

/// One element of [`apply`] and its flags; `largest` is the largest magnitude of its block, as bits.
pub fn apply_one(op: &QuantOp, bits: u32, largest: u32, word: u32) -> (u32, u32) {
    let value = f32::from_bits(bits);
    let scaled = || f32::from_bits(op.factor) * deviate(op, word);
    match op.kind {
        class::NONE => (flush48(bits), 0),
        class::ADDITIVE => (flush48(round_significand((value + scaled()).to_bits(), op.significand)), 0),
        class::RELATIVE => (flush48(round_significand((value * (1.0 + scaled())).to_bits(), op.significand)), 0),
        _ => {
            let rounded = quantize(op, bits, largest, word);
            // What is not a number is counted and becomes +0: the run ends before anything reads it.
            if rounded.bits & MAGNITUDE >= INFINITY {
                return (0, rounded.flags);
            }
            let units = if rounded.bits & MAGNITUDE == 0 { 0 } else { op.unit << 23 };
            (flush48(rounded.bits.wrapping_add_signed(-units)), rounded.flags)
        }
    }
}

/// The flags of one element as counts.
pub fn tally(flags: u32) -> Counts {
    Counts {
        saturated: u64::from(flags & SATURATED != 0),
        underflowed: u64::from(flags & UNDERFLOWED != 0),
        nan: u64::from(flags & NAN != 0),
    }
}
