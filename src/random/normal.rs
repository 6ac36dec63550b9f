//! Standard normal draws in integer arithmetic, one word each. Twin of `shaders/normal.wgsl`.
//!
//! Bit 31 of the word is the sign. The low 31 bits u are a two-sided tail probability u / 2^31,
//! and |z| is its quantile, interpolated linearly in a table of 32 segments per octave of
//! u + 32: the further out, the finer the segments, down to one value of u in each. Every segment
//! keeps its exact mean. The largest |z| is 6.38; moments up to the 8th are those of a normal to
//! better than 1e-6, and all odd ones vanish exactly.

pub use super::normal_table::TABLE;

/// The bits of a word that are its tail probability; the other one is the sign.
pub(crate) const TAIL_BITS: u32 = 0x7fff_ffff;
/// log2 of the number of segments per octave.
pub(crate) const SEGMENT_BITS: u32 = 5;
pub(crate) const SLOPE_BITS: u32 = 14;
/// The unit of [`normal_units`], 2^-19.
pub(crate) const UNIT: f32 = 1.0 / 524_288.0;

/// u + 32 with its leading one shifted to bit 31, and the number of places it moved.
#[inline(always)]
fn normalized(word: u32) -> (u32, u32) {
    let v = (word & TAIL_BITS) + (1 << SEGMENT_BITS);
    let zeros = v.leading_zeros();
    (v << zeros, zeros)
}

/// Index in [`TABLE`] of the segment of a word, at most 832.
#[inline(always)]
pub fn normal_index(word: u32) -> u32 {
    let (n, zeros) = normalized(word);
    let octave = 31 - SEGMENT_BITS - zeros;
    (octave << SEGMENT_BITS) + ((n << 1) >> (32 - SEGMENT_BITS))
}

/// The draw of a word in units of 2^-19; magnitude below 2^22, so it is exact in f32.
#[inline(always)]
pub fn normal_units(word: u32) -> i32 {
    // The mask changes nothing; it spares the bounds check.
    let entry = TABLE[(normal_index(word) & 1023) as usize];
    let base = entry >> SLOPE_BITS;
    let slope = entry & ((1 << SLOPE_BITS) - 1);
    let (n, _) = normalized(word);
    let fraction = (n >> (15 - SEGMENT_BITS)) & 0xffff;
    let magnitude = ((base << (SEGMENT_BITS - 1)) - ((slope * fraction + 0x8000) >> 16)) as i32;
    let sign = (word as i32) >> 31;
    (magnitude ^ sign) - sign
}

/// The draw of a word, exactly [`normal_units`] times 2^-19; a zero is +0 whatever the sign bit.
#[inline(always)]
pub fn normal(word: u32) -> f32 {
    normal_units(word) as f32 * UNIT
}
