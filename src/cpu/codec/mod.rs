//! The codec in vector code: what [`crate::codec`] says of one value, for slices of 128 lanes.
//!
//! Nothing here calls the scalar codec; the two meet in what they are given, the words of a [`QuantOp`], and in the bits
//! they must both give. Where the scalar code counts codes, this one compares values: a grid is rounded through the
//! exponent and an addition, steps and blocks with scales through f32 products, dither in f64, and whatever has a list of
//! numbers by its thresholds.
//!
//! A run holds +0 and magnitudes of at least 2^-48, so no value is subnormal.

mod block;
mod dither;
mod grid;
mod law;
mod list;
mod power;
mod scaled;

use multiversion::multiversion;

use super::lanes::{LANES, SLICE, flush48, word_of, words};
use crate::codec::{INFINITY, MAGNITUDE};
use crate::format::{Direction, QuantOp, class};
use crate::random::threefry4x32;
use crate::site::Counts;

/// Lanes of a vector that is rounded at once.
type Row = [f32; LANES];
/// A random word for each lane of a slice.
type Words = [[u32; LANES]; 4];

/// What became of an element: its bits, and 1 for each of the things that are counted.
struct Element {
    bits: u32,
    saturated: u32,
    underflowed: u32,
    nan: u32,
}

impl Element {
    /// A rounded magnitude of a format whose largest is `max`; `is_lost`: what lies beyond that is no number.
    #[inline(always)]
    fn limited(magnitude: u32, sign: u32, max: u32, is_lost: bool) -> Element {
        let over = magnitude > max;
        let kept = if over { max } else { magnitude };
        // A block's scale can take its elements beyond f32.
        let nan = over && is_lost || kept >= INFINITY;
        let bits = if kept == 0 || nan { 0 } else { sign | kept };
        Element { bits, saturated: u32::from(over && !is_lost), underflowed: 0, nan: u32::from(nan) }
    }
}

/// Applies `op` to a vector padded to whole slices; elements from `len` on come out as +0. A shared draw is that of
/// coordinate 0.
#[inline(always)]
pub fn apply_vector(op: &QuantOp, values: &mut [f32], len: usize, key: [u32; 4], second: u32, counts: &mut Counts) {
    values[len..].fill(0.0);
    let whole = block::whole(op, &mut values[..len], counts);
    let shared = if op.shared != 0 { threefry4x32(key, [0, second, op.purpose, 0])[0] } else { 0 };
    let draws = op.draws() && op.shared == 0;
    for (slice, lanes) in values.chunks_mut(SLICE).enumerate().take(len.div_ceil(SLICE)) {
        let words = if draws { words(key, slice, second, op.purpose) } else { [[shared; LANES]; 4] };
        let used = (len - slice * SLICE).min(SLICE);
        round_slice(op, &mut lanes[..used.next_multiple_of(LANES)], used, whole, &words, counts);
    }
    values[len..].fill(0.0);
}

/// Applies `op` to one value per sample, samples `first ..`, each with the word of its `coordinate`; blocks run along
/// the samples. A shared draw is that of the first sample.
#[inline(always)]
pub fn apply_samples(
    op: &QuantOp,
    values: &mut [f32],
    coordinate: u32,
    key: [u32; 4],
    first: u32,
    counts: &mut Counts,
) {
    if op.class == class::NONE {
        values.iter_mut().for_each(|value| *value = flush48(*value));
        return;
    }
    let whole = block::whole(op, values, counts);
    for (slice, chunk) in values.chunks_mut(SLICE).enumerate() {
        let (mut words, mut lanes) = ([[0; LANES]; 4], [0.0; SLICE]);
        if op.draws() {
            let from = first.wrapping_add((slice * SLICE) as u32);
            for (l, word) in words.as_flattened_mut().iter_mut().enumerate().take(chunk.len()) {
                let sample = if op.shared != 0 { first } else { from.wrapping_add(l as u32) };
                *word = word_of(key, coordinate, sample, op.purpose);
            }
        }
        let used = chunk.len();
        lanes[..used].copy_from_slice(chunk);
        round_slice(op, &mut lanes[..used.next_multiple_of(LANES)], used, whole, &words, counts);
        chunk.copy_from_slice(&lanes[..used]);
    }
}

/// Applies `op` to at most 128 lanes, of which `used` hold an element and the others +0. `whole` is the largest magnitude
/// of a vector that is one block. Compiled once for each instruction set.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512cd+avx512dq+avx512vl+avx2+fma+bmi2", "x86_64+avx2+fma+bmi2"))]
fn round_slice(op: &QuantOp, lanes: &mut [f32], used: usize, whole: u32, words: &Words, counts: &mut Counts) {
    let rows = lanes.as_chunks_mut::<LANES>().0;
    let dithers = op.rounding == Direction::Dither as u32;
    match op.class {
        class::NONE => rows.as_flattened_mut().iter_mut().for_each(|value| *value = flush48(*value)),
        class::ADDITIVE => law::additive(op, rows, words),
        class::RELATIVE => law::relative(op, rows, words),
        class::SCALAR | class::STEP if dithers => dither::rows(op, rows, words, counts),
        class::SCALAR => grid::rows(op, rows, words, counts),
        class::BLOCK => grid::block_rows(op, rows, (used, whole), words, counts),
        class::STEP => scaled::step_rows(op, rows, words, counts),
        class::TWO_LEVEL => scaled::block_rows(op, rows, (used, whole), words, counts),
        class::EXPONENT => power::rows(op, &mut rows.as_flattened_mut()[..used], counts),
        _ => list::rows(op, rows, words, counts),
    }
}

/// One loop over the lanes of a row, which the compiler turns into vector code; what became of them is counted, and the
/// floor applied.
#[inline(always)]
fn each(
    op: &QuantOp,
    row: &mut Row,
    words: &[u32; LANES],
    counts: &mut Counts,
    round: impl Fn(usize, f32, u32) -> Element,
) {
    let (mut saturated, mut underflowed, mut nan) = (0, 0, 0);
    for (l, (value, word)) in row.iter_mut().zip(words).enumerate() {
        let element = round(l, *value, *word);
        let bits = if element.bits == 0 { 0 } else { element.bits.wrapping_add_signed(-(op.unit << 23)) };
        *value = flush48(f32::from_bits(bits));
        saturated += element.saturated;
        underflowed += element.underflowed;
        nan += element.nan;
    }
    counts.saturated += u64::from(saturated);
    counts.underflowed += u64::from(underflowed);
    counts.nan += u64::from(nan);
}

/// The largest magnitude, as bits; a NaN's is larger than any number's.
#[inline(always)]
fn largest_of(values: &[f32]) -> u32 {
    values.iter().fold(0, |largest, value| largest.max(value.to_bits() & MAGNITUDE))
}
