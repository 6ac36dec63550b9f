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

/// The largest magnitude of each block, for each of its lanes; `whole` where the vector is one. No infinity or
/// NaN is left.
#[inline(always)]
pub(super) fn largest(op: &QuantOp, lanes: &mut [f32], used: usize, whole: u32, counts: &mut Counts) -> [u32; SLICE] {
    // Sizes that the compiler knows become a few vectors each.
    match op.block {
        WHOLE => [whole; SLICE],
        16 => of_size::<16>(op, lanes, used, counts),
        32 => of_size::<32>(op, lanes, used, counts),
        size => {
            let mut largest = [0; SLICE];
            let blocks = lanes.chunks_mut(size as usize).zip(largest.chunks_mut(size as usize));
            for (index, (values, largest)) in blocks.enumerate() {
                let own = used.saturating_sub(index * size as usize).min(size as usize);
                largest.fill(settled(op, values, own, counts));
            }
            largest
        }
    }
}

#[inline(always)]
fn of_size<const SIZE: usize>(op: &QuantOp, lanes: &mut [f32], used: usize, counts: &mut Counts) -> [u32; SLICE] {
    let mut largest = [0; SLICE];
    let blocks = lanes.as_chunks_mut::<SIZE>().0.iter_mut().zip(largest.as_chunks_mut::<SIZE>().0);
    for (index, (values, largest)) in blocks.enumerate() {
        // Of values that the compiler knows nothing of: it would vectorise across blocks, by gathers.
        let values = black_box(values);
        *largest = [largest_of(values); SIZE];
        if largest[0] >= INFINITY {
            *largest = [settled(op, values, used.saturating_sub(index * SIZE).min(SIZE), counts); SIZE];
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

/// How the largest magnitude of a block chooses its power of two.
pub(super) struct Scale {
    emax: i32,
    /// Its carry out of the fraction is one more octave.
    addend: u32,
    /// 1 where a tie takes the even byte.
    even: i32,
}

impl Scale {
    #[inline(always)]
    pub fn new(op: &QuantOp) -> Scale {
        Scale { emax: op.emax, addend: op.scale_add, even: i32::from(op.has(policy::EVEN_SCALE)) }
    }

    /// The exponent of the scale. No block's largest magnitude is subnormal, and the scale of zeros does not matter, if only it
    /// leaves the largest magnitude of the format a number.
    #[inline(always)]
    pub fn of(&self, largest: u32) -> i32 {
        // Where A is halfway between two scales whether the smaller one's byte is odd decides.
        let odd = ((largest >> 23) as i32 - self.emax) & self.even;
        let exponent = (largest.wrapping_add(self.addend + odd as u32) >> 23) as i32 - 127 - self.emax;
        if largest == 0 { 0 } else { exponent.clamp(-127, 127) }
    }
}

/// Exponents of the scales of the lanes.
#[inline(always)]
pub(super) fn scales(op: &QuantOp, lanes: &mut [f32], used: usize, whole: u32, counts: &mut Counts) -> [i32; SLICE] {
    let (largest, own) = (largest(op, lanes, used, whole, counts), Scale::new(op));
    let mut scales = [0; SLICE];
    for (scale, largest) in scales.iter_mut().zip(&largest) {
        *scale = own.of(*largest);
    }
    scales
}
