//! Thirty-two lanes at a time: random words and the operations of f32 in a form the compiler turns into vector code.
//!
//! Everything here is `inline(always)`: the kernels that call it are compiled once per instruction set.

use std::hint::black_box;

use crate::codec::FLOOR;
use crate::random::threefry4x32;

/// Lanes of a dot product, elements of an MX block, and coordinates that share a word index.
pub const LANES: usize = 32;
/// Coordinates that one set of 32 counters serves.
pub const SLICE: usize = 4 * LANES;

/// Words of coordinates `SLICE * slice ..`: row j, lane l belongs to coordinate SLICE slice + 32 j + l.
#[inline(always)]
pub fn words(key: [u32; 4], slice: usize, second: u32, purpose: u32) -> [[u32; LANES]; 4] {
    words_of_pass(key, slice, second, purpose, 0)
}

/// [`words`] of another pass.
#[inline(always)]
pub fn words_of_pass(key: [u32; 4], slice: usize, second: u32, purpose: u32, pass: u32) -> [[u32; LANES]; 4] {
    // Four arrays, not one of four rows: those the compiler fills with scatters.
    let (mut a, mut b, mut c, mut d) = ([0; LANES], [0; LANES], [0; LANES], [0; LANES]);
    for l in 0..LANES {
        [a[l], b[l], c[l], d[l]] = threefry4x32(key, [(slice * LANES + l) as u32, second, purpose, pass]);
    }
    [a, b, c, d]
}

/// Word of one coordinate.
#[inline(always)]
pub fn word_of(key: [u32; 4], coordinate: u32, second: u32, purpose: u32) -> u32 {
    let (slice, within) = (coordinate / SLICE as u32, coordinate % SLICE as u32);
    let words = threefry4x32(key, [slice * LANES as u32 + within % LANES as u32, second, purpose, 0]);
    words[within as usize / LANES]
}

#[inline(always)]
pub fn flush48(value: f32) -> f32 {
    // By floats: whole numbers would take a single value out of its vector register and back.
    if value.abs() < f32::from_bits(FLOOR) { 0.0 } else { value }
}

/// `significand` bits kept, nearest-even.
#[inline(always)]
pub fn round_significand(value: f32, significand: u32) -> f32 {
    let (bits, shift) = (value.to_bits(), 24 - significand);
    let half = (1u32 << shift >> 1).saturating_sub(1) + ((bits >> shift) & u32::from(shift > 0));
    f32::from_bits((bits.wrapping_add(half) >> shift) << shift)
}

/// The component of `rest` on `significand` bits; `rest` keeps the exact remainder.
#[inline(always)]
pub fn component(rest: &mut f32, significand: u32) -> f32 {
    let component = flush48(round_significand(*rest, significand));
    *rest -= component;
    component
}

/// Sum of 32 lanes by halving.
#[inline(always)]
pub fn tree(lanes: [f32; LANES]) -> f32 {
    let lanes: [f32; 16] = halved(lanes);
    let lanes: [f32; 8] = halved(lanes);
    let lanes: [f32; 4] = halved(lanes);
    let lanes: [f32; 2] = halved(lanes);
    lanes[0] + lanes[1]
}

/// Sums of the lanes of both halves.
///
/// By way of memory: the compiler chooses vectors from the end of a tree upwards, so that lanes which came from registers
/// would be summed in pairs from the first product on.
#[inline(always)]
fn halved<const N: usize, const HALF: usize>(lanes: [f32; N]) -> [f32; HALF] {
    let lanes = black_box(lanes);
    let mut sums = [0.0; HALF];
    for l in 0..HALF {
        sums[l] = lanes[l] + lanes[l + HALF];
    }
    sums
}
