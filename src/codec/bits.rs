//! f32 bit patterns taken apart and put together. Twin of shaders/bits.wgsl.

pub use crate::format::binary32::*;

/// A magnitude as significand 2^exponent, the significand of 24 bits; 0 for zero.
#[inline(always)]
pub(super) fn unpack(magnitude: u32) -> (u32, i32) {
    match magnitude {
        0 => (0, -149),
        1..SMALLEST_NORMAL => {
            let up = magnitude.leading_zeros() - 8;
            (magnitude << up, -149 - up as i32)
        }
        _ => (magnitude & FRACTION | IMPLICIT, (magnitude >> 23) as i32 - 150),
    }
}

/// The bits of q 2^exponent, which f32 holds or which is too large for it: then infinity.
#[inline(always)]
pub(super) fn pack(q: u32, exponent: i32) -> u32 {
    if q == 0 {
        return 0;
    }
    let top = 31 - q.leading_zeros() as i32;
    let field = exponent + top + 127;
    match field {
        ..=0 => q << (exponent + 149),
        1..=254 => ((field as u32) << 23) | (((q << (31 - top)) >> 8) & FRACTION),
        _ => INFINITY,
    }
}
