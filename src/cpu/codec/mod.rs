//! The codec in vector code: what [`crate::codec`] says of one value, for slices of 128 lanes.
//!
//! Nothing here rounds with the scalar codec; the two meet in what they are given, the words of a [`QuantOp`], and in the
//! bits they must both give. Where the scalar code counts codes in whole numbers, this one compares values: grids are
//! rounded by f32 additions, steps and blocks without powers of two between f32 products, dither in f64, roots of two by
//! their thresholds, and posits by the bits of the f32.
//!
//! A run holds +0 and magnitudes of at least 2^-48, so no value is subnormal.

mod block;
mod dither;
pub mod fused;
mod gap;
mod grid;
mod law;
mod logarithmic;
mod posit;
mod power;
mod scaled;
mod usual;

use multiversion::multiversion;

use super::lanes::{LANES, SLICE, flush48, word_of, words};
use crate::codec::{INFINITY, MAGNITUDE};
use crate::format::{Direction, QuantOp, class};
use crate::random::threefry4x32;
use crate::site::Counts;

/// A random word for each lane of a slice.
type Words = [[u32; LANES]; SLICE / LANES];

/// What became of an element.
struct Element {
    bits: u32,
    /// What is counted of it: the sum over a slice of 128 has eight bits for each of the three.
    counted: u32,
}

/// One of a kind in [`Element::counted`].
const ONE_SATURATED: u32 = 1;
const ONE_UNDERFLOWED: u32 = 1 << 8;
const ONE_NAN: u32 = 1 << 16;

impl Element {
    /// `bits` unless what happened leaves no number. Selections and no branches: see [`each`].
    #[inline(always)]
    fn new(bits: u32, saturated: bool, underflowed: bool, nan: bool) -> Element {
        let mark = |happened: bool, mark: u32| if happened { mark } else { 0 };
        let counted = mark(saturated, ONE_SATURATED) | mark(underflowed, ONE_UNDERFLOWED) | mark(nan, ONE_NAN);
        Element { bits: if nan { 0 } else { bits }, counted }
    }

    /// The `magnitude` that a format with the largest magnitude `max` rounded something to; `is_lost`: what lies beyond the
    /// largest is no number.
    #[inline(always)]
    fn limited(magnitude: u32, sign: u32, max: u32, is_lost: bool, underflowed: bool) -> Element {
        let over = magnitude > max;
        let kept = if over { max } else { magnitude };
        // A block's scale can take its elements beyond f32.
        let nan = (over & is_lost) | (kept >= INFINITY);
        Element::new(if kept == 0 { 0 } else { sign | kept }, over & !is_lost, underflowed, nan)
    }
}

/// Applies `op` to a vector padded with zeros to whole slices; elements from `len` on come out as +0. A shared draw is that of
/// coordinate 0.
#[inline(always)]
pub fn apply_vector(op: &QuantOp, values: &mut [f32], len: usize, key: [u32; 4], second: u32, counts: &mut Counts) {
    apply_slices(op, values, len, key, second, counts, |_, _| ());
}

/// [`apply_vector`], where `each` gets the number of every slice and the lane groups of it that hold an element, once
/// they are rounded.
#[inline(always)]
pub fn apply_slices(
    op: &QuantOp,
    values: &mut [f32],
    len: usize,
    key: [u32; 4],
    second: u32,
    counts: &mut Counts,
    mut each: impl FnMut(usize, &[f32]),
) {
    let whole = block::whole(op, &mut values[..len], counts);
    let shared = if op.one_draw != 0 { threefry4x32(key, [0, second, op.purpose, 0])[0] } else { 0 };
    let draws = op.draws() && op.one_draw == 0;
    let mut drawn = [[shared; LANES]; 4];
    for (slice, lanes) in values.chunks_mut(SLICE).enumerate().take(len.div_ceil(SLICE)) {
        if draws {
            drawn = words(key, slice, second, op.purpose);
        }
        let used = (len - slice * SLICE).min(SLICE);
        let (lanes, padding) = lanes.split_at_mut(used.next_multiple_of(LANES));
        round_slice(op, lanes, used, whole, &drawn, counts);
        // Zeros round to zeros but for the random part of a law.
        lanes[used..].fill(0.0);
        padding.fill(0.0);
        each(slice, lanes);
    }
    // Whole slices of padding.
    values[len.next_multiple_of(SLICE)..].fill(0.0);
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
    match op.kind {
        class::NONE => values.iter_mut().for_each(|value| *value = flush48(*value)),
        _ => round_samples(op, values, coordinate, key, first, counts),
    }
}

#[multiversion(targets("x86_64+avx512f+avx512bw+avx512cd+avx512dq+avx512vl+avx2+fma+bmi2", "x86_64+avx2+fma+bmi2"))]
fn round_samples(op: &QuantOp, values: &mut [f32], coordinate: u32, key: [u32; 4], first: u32, counts: &mut Counts) {
    let whole = block::whole(op, values, counts);
    for (slice, chunk) in values.chunks_mut(SLICE).enumerate() {
        let (mut words, mut lanes) = ([[0; LANES]; 4], [0.0; SLICE]);
        if op.draws() {
            let from = first.wrapping_add((slice * SLICE) as u32);
            for (l, word) in words.as_flattened_mut().iter_mut().enumerate().take(chunk.len()) {
                let sample = if op.one_draw != 0 { first } else { from.wrapping_add(l as u32) };
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
    // A copy that nothing else can point to: what the loops read of it stays in registers.
    let op = &op.clone();
    let dithers = op.rounding == Direction::Dither as u32;
    match op.kind {
        class::NONE => lanes.iter_mut().for_each(|value| *value = flush48(*value)),
        class::ADDITIVE => law::additive(op, lanes, words),
        class::RELATIVE => law::relative(op, lanes, words),
        class::SCALAR | class::STEP if dithers => dither::lanes(op, lanes, words, counts),
        class::BLOCK => grid::block_lanes(op, lanes, (used, whole), words, counts),
        class::STEP => scaled::step_lanes(op, lanes, words, counts),
        class::TWO_LEVEL | class::ABSMAX => scaled::block_lanes(op, lanes, (used, whole), words, counts),
        class::EXPONENT => power::lanes(op, &mut lanes[..used], counts),
        class::LOGARITHMIC => logarithmic::lanes(op, lanes, words, counts),
        class::POSIT => posit::lanes(op, lanes, words, counts),
        _ => grid::lanes(op, lanes, words, counts),
    }
}

/// One loop over the lanes, each with its word and what `$own` makes of its number; what became of them is counted, and the floor
/// applied. The compiler turns it into vector code where `$round` has neither branches nor `&&`, and where it does not know the
/// number of lanes: a loop over an array it unrolls first, and then loses in what it unrolled. A macro, because it calls long
/// closures instead of inlining them.
macro_rules! each {
    ($op:expr, $lanes:expr, $words:expr, $own:expr, $counts:expr, |$value:ident, $word:pat_param, $of_own:pat_param| $round:expr) => {{
        let (op, lanes): (&$crate::format::QuantOp, &mut [f32]) = ($op, $lanes);
        // Results go to memory of its own, where no look-up's tables can lie.
        let (mut rounded, mut counted) = ([0.0; $crate::cpu::lanes::SLICE], 0);
        for l in 0..lanes.len().min($crate::cpu::lanes::SLICE) {
            let ($value, $word, $of_own) = (lanes[l], $words.as_flattened()[l], ($own)(l));
            let element: $crate::cpu::codec::Element = $round;
            let bits = if element.bits == 0 { 0 } else { element.bits.wrapping_add_signed(-(op.unit << 23)) };
            rounded[l] = $crate::cpu::lanes::flush48(f32::from_bits(bits));
            counted += element.counted;
        }
        lanes.copy_from_slice(&rounded[..lanes.len()]);
        *$counts += $crate::cpu::codec::counts_of(counted);
    }};
}
use each;

/// What the elements of a slice were counted as.
#[inline(always)]
fn counts_of(counted: u32) -> Counts {
    let times = |mark: u32| u64::from((counted / mark) & 0xff);
    Counts { saturated: times(ONE_SATURATED), underflowed: times(ONE_UNDERFLOWED), nan: times(ONE_NAN) }
}

/// What lanes have that need nothing of their own.
const ALIKE: fn(usize) = |_| ();

/// The largest magnitude, as bits; a NaN's is larger than any number's.
#[inline(always)]
fn largest_of(values: &[f32]) -> u32 {
    values.iter().fold(0, |largest, value| largest.max(value.to_bits() & MAGNITUDE))
}
