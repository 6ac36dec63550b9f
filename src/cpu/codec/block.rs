//! Blocks: their largest magnitudes, and the powers of two that follow from them.

use std::hint::black_box;

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

/// What `of` makes of the largest magnitude of each block, for each of its lanes; `whole` is that of a vector that is one
/// block. No infinity or NaN is left.
#[inline(always)]
pub(super) fn by_block<A: Copy + Default, B: Copy + Default>(
    op: &QuantOp,
    lanes: &mut [f32],
    (used, whole): (usize, u32),
    counts: &mut Counts,
    mut of: impl FnMut(u32) -> (A, B),
) -> ([A; SLICE], [B; SLICE]) {
    let (mut a, mut b) = ([A::default(); SLICE], [B::default(); SLICE]);
    let mut settled = |index: usize, values: &mut [f32]| {
        let (first, size) = (index * op.block as usize, values.len());
        // Of values that the compiler knows nothing of: it would vectorise across blocks, by gathers.
        let mut largest = largest_of(black_box(&*values));
        if largest >= INFINITY {
            largest = settled(op, values, used.saturating_sub(first).min(size), counts);
        }
        let own = of(largest);
        a[first..][..size].fill(own.0);
        b[first..][..size].fill(own.1);
    };
    // Sizes that the compiler knows become a few vectors each.
    match op.block {
        WHOLE => {
            let own = of(whole);
            (a, b) = ([own.0; SLICE], [own.1; SLICE]);
        }
        16 => lanes.as_chunks_mut::<16>().0.iter_mut().enumerate().for_each(|(index, values)| settled(index, values)),
        32 => lanes.as_chunks_mut::<32>().0.iter_mut().enumerate().for_each(|(index, values)| settled(index, values)),
        size => lanes.chunks_mut(size as usize).enumerate().for_each(|(index, values)| settled(index, values)),
    }
    (a, b)
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

/// The exponent of the scale of a block. No largest magnitude is subnormal, and the scale of zeros does not matter.
#[inline(always)]
pub(super) fn scale(op: &QuantOp, largest: u32) -> i32 {
    // The addend's carry out of the fraction is one more octave.
    let exponent = (((largest + op.scale_add) >> 23) as i32 - 127 - op.emax).clamp(-127, 127);
    if largest == 0 { 0 } else { exponent }
}
