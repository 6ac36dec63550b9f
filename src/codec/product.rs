//! Products and reciprocals of f32, rounded to nearest-even, subnormals kept. Twin of shaders/product.wgsl, which has them
//! in whole numbers: a CPU's floats can be relied on, a GPU's cannot.

use super::bits::{INFINITY, LARGEST, MAGNITUDE};
use super::{NAN, Rounded, SATURATED, UNDERFLOWED};

/// fl(a b) for b >= 0; zeros, infinities and NaNs a stay as they are.
#[inline(always)]
pub(super) fn multiply(a: u32, b: u32) -> u32 {
    match a & MAGNITUDE {
        0 | INFINITY.. => a,
        _ => (f32::from_bits(a) * f32::from_bits(b)).to_bits(),
    }
}

/// fl(1/a), at most the largest f32, and 0 for 0.
#[inline(always)]
pub(super) fn inverse(a: u32) -> u32 {
    if a == 0 { 0 } else { (1.0 / f32::from_bits(a)).to_bits().min(LARGEST) }
}

/// A rounded value times the scales that were taken off `bits` before.
#[inline(always)]
pub(super) fn rescaled(rounded: Rounded, bits: u32, block: u32, step: u32) -> Rounded {
    let value = multiply(multiply(rounded.bits, block), step);
    // What is clipped at zero is not lost below the step.
    let lost = rounded.bits & MAGNITUDE == 0 && bits & MAGNITUDE != 0 && rounded.flags & SATURATED == 0;
    let lost = if lost { UNDERFLOWED } else { 0 };
    let huge = if value & MAGNITUDE >= INFINITY { NAN } else { 0 };
    Rounded { bits: value, flags: rounded.flags | lost | huge, ..rounded }
}
