//! Blocks: their largest magnitudes, and the powers of two that follow from them.

use super::largest_of;
use crate::codec::bits::{INFINITY, LARGEST, MAGNITUDE, SIGN};
use crate::cpu::lanes::SLICE;
use crate::format::{QuantOp, WHOLE, policy};
use crate::site::Counts;

/// The largest magnitude of a vector that is one block, as bits. With an infinity or a NaN in it, it becomes zeros, and its
/// elements count.
#[inline(always)]
pub(super) fn whole(op: &QuantOp, values: &mut [f32], counts: &mut Counts) -> u32 {
    if !op.shares() || op.block != WHOLE {
        return 0;
    }
    let used = values.len();
    settled(op, values, used, counts)
}

/// The largest magnitude of each block, for each of its lanes; `whole` where the vector is one.
#[inline(always)]
pub(super) fn largest(op: &QuantOp, lanes: &mut [f32], used: usize, whole: u32, counts: &mut Counts) -> [u32; SLICE] {
    let mut largest = [whole; SLICE];
    if op.block != WHOLE {
        let size = op.block as usize;
        let blocks = lanes.chunks_mut(size).zip(largest.chunks_mut(size));
        for (index, (values, largest)) in blocks.enumerate() {
            largest.fill(settled(op, values, used.saturating_sub(index * size).min(size), counts));
        }
    }
    largest
}

/// The largest magnitude of a block of which `used` elements exist, after the policy has spoken.
#[inline(always)]
fn settled(op: &QuantOp, values: &mut [f32], used: usize, counts: &mut Counts) -> u32 {
    let largest = largest_of(values);
    if largest < INFINITY {
        return largest;
    }
    if op.has(policy::SATFINITE) {
        for value in values.iter_mut() {
            let bits = value.to_bits();
            let sign = if bits & MAGNITUDE == INFINITY { bits & SIGN } else { 0 };
            *value = if value.is_finite() { *value } else { f32::from_bits(sign | LARGEST) };
        }
        return LARGEST;
    }
    values.fill(0.0);
    counts.nan += used as u64;
    0
}

/// Exponents of the scales of the lanes.
#[inline(always)]
pub(super) fn scales(op: &QuantOp, lanes: &mut [f32], used: usize, whole: u32, counts: &mut Counts) -> [i32; SLICE] {
    let largest = largest(op, lanes, used, whole, counts);
    let mut scales = [0; SLICE];
    for (scale, largest) in scales.iter_mut().zip(&largest) {
        // The addend's carry out of the fraction is one more octave. No block's largest magnitude is subnormal, and the scale
        // of zeros does not matter.
        *scale = (((largest + op.scale_add) >> 23) as i32 - 127 - op.emax).clamp(-127, 127);
    }
    scales
}
