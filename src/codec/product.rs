//! Products and reciprocals of f32, rounded to nearest-even, subnormals kept. Twin of shaders/product.wgsl, which has them
//! in whole numbers: a CPU's floats can be relied on, a GPU's cannot.

use super::{INFINITY, LARGEST, MAGNITUDE};

/// fl(a b) for b >= 0; zeros, infinities and NaNs a stay as they are.
pub(super) fn multiply(a: u32, b: u32) -> u32 {
    match a & MAGNITUDE {
        0 | INFINITY.. => a,
        _ => (f32::from_bits(a) * f32::from_bits(b)).to_bits(),
    }
}

/// fl(1/a), at most the largest f32, and 0 for 0.
pub(super) fn inverse(a: u32) -> u32 {
    if a == 0 { 0 } else { (1.0 / f32::from_bits(a)).to_bits().min(LARGEST) }
}
