//! Thirty-two lanes at a time: random words, normals and the codec in a form the compiler turns into vector code.
//!
//! Everything here is `inline(always)`: the kernels that call it are compiled once per instruction set.

use crate::codec::{self, FLOOR, block_scale};
use crate::format::{Direction, Law, QuantOp, class, policy};
use crate::random::normal::normal;
use crate::random::threefry4x32;
use crate::site::Counts;

/// Lanes of a dot product, elements of an MX block, and coordinates that share a word index.
pub const LANES: usize = 32;
/// Coordinates that one set of 32 counters serves.
pub const SLICE: usize = 4 * LANES;

const INFINITY: u32 = 0x7f80_0000;

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
fn word_of(key: [u32; 4], coordinate: u32, second: u32, purpose: u32) -> u32 {
    let (slice, within) = (coordinate / SLICE as u32, coordinate % SLICE as u32);
    let words = threefry4x32(key, [slice * LANES as u32 + within % LANES as u32, second, purpose, 0]);
    words[within as usize / LANES]
}

#[inline(always)]
pub fn flush48(value: f32) -> f32 {
    let bits = value.to_bits();
    f32::from_bits(if bits & 0x7fff_ffff < FLOOR { 0 } else { bits })
}

/// `significand` bits kept, nearest-even.
#[inline(always)]
pub fn round_significand(value: f32, significand: u32) -> f32 {
    let (bits, shift) = (value.to_bits(), 24 - significand);
    let half = (1u32 << shift >> 1).saturating_sub(1) + ((bits >> shift) & u32::from(shift > 0));
    f32::from_bits((bits.wrapping_add(half) >> shift) << shift)
}

/// One element of a fixed or floating grid: (value, saturated, underflowed, nan).
#[inline(always)]
fn round_value<const DIRECTION: u32>(value: f32, op: &QuantOp, scale: i32, word: u32) -> (f32, u32, u32, u32) {
    let max = op.max_bits.wrapping_add_signed(scale << 23);
    let bits = value.to_bits();
    let (magnitude, sign) = (bits & 0x7fff_ffff, bits & 0x8000_0000);
    let exponent = (magnitude >> 23) as i32;
    let significand = (magnitude & 0x7f_ffff) | 0x80_0000;
    let shift = (23 - op.mantissa as i32).max(op.lsb_min + scale + 150 - exponent).max(0) as u32;
    let q = round_whole::<DIRECTION>(significand, shift, sign != 0, op, word);
    // q <= 2^24 converts exactly; the exponent is added in integers.
    let units = (q as i32 as f32).to_bits().wrapping_add_signed((exponent - 150 + shift as i32) << 23);
    let rounded = if q == 0 || magnitude == 0 { 0 } else { units };
    let over = rounded > max;
    // Directions toward zero stop at the largest value, but an infinity does not.
    let stops = match DIRECTION {
        TOWARD_ZERO => magnitude < INFINITY,
        UP => sign != 0 && magnitude < INFINITY,
        DOWN => sign == 0 && magnitude < INFINITY,
        _ => false,
    };
    let nan = magnitude > INFINITY || over && !stops && op.has(policy::OVERFLOWS);
    let kept = if over { max } else { rounded };
    // A block's scale can take its elements beyond f32.
    let lost = nan || kept >= INFINITY;
    let out = if kept == 0 || lost { 0 } else { sign | kept };
    (f32::from_bits(out), u32::from(over && !nan), u32::from(kept == 0 && magnitude != 0), u32::from(lost))
}

/// `significand` / 2^shift as a whole number.
#[inline(always)]
fn round_whole<const DIRECTION: u32>(significand: u32, shift: u32, negative: bool, op: &QuantOp, word: u32) -> u32 {
    let half = shift.min(25);
    let (places, kept) = (shift.min(31), significand >> shift.min(31));
    let inexact = u32::from(kept << places != significand);
    match DIRECTION {
        NEAREST_EVEN => {
            let below = (1u32 << half >> 1).saturating_sub(1) + ((significand >> half) & u32::from(half > 0));
            (significand + below) >> half
        }
        NEAREST_AWAY => (significand + (1u32 << half >> 1)) >> half,
        UP => kept + if negative { 0 } else { inexact },
        DOWN => kept + if negative { inexact } else { 0 },
        STOCHASTIC => {
            // 33 bits behind the point of q: as many as are random meet them, and the next one where it is asked for.
            let fixed = (u64::from(significand) << 33) >> shift.min(63);
            let cut = op.random_shift + 1;
            let next = (fixed >> (cut - 1)) & u64::from(op.has(policy::ZERO_MEAN));
            let sum = (fixed >> cut) + u64::from(word >> op.random_shift) + next;
            (sum >> (33 - cut)) as u32
        }
        _ => kept,
    }
}

const NEAREST_EVEN: u32 = Direction::NearestEven as u32;
const NEAREST_AWAY: u32 = Direction::NearestAway as u32;
const TOWARD_ZERO: u32 = Direction::TowardZero as u32;
const UP: u32 = Direction::Up as u32;
const DOWN: u32 = Direction::Down as u32;
const STOCHASTIC: u32 = Direction::Stochastic as u32;

/// The deviate of mean 0 and variance 1 that a word gives under the law of `op`.
#[inline(always)]
fn deviate(op: &QuantOp, word: u32) -> f32 {
    match op.rounding == Law::TwoPoint as u32 {
        true => f32::from_bits(0x3f80_0000 | word & 0x8000_0000),
        false => normal(word),
    }
}

/// Applies `op` to 32 elements, of which `used` exist: several blocks, or within one of scale exponent `wide`. `words`
/// is not read by rounding to nearest.
#[inline(always)]
fn apply(op: &QuantOp, values: &mut [f32; LANES], used: usize, wide: i32, words: &[u32; LANES], counts: &mut Counts) {
    match op.class {
        class::SCALAR => round_in_direction(op, values, |_| 0, words, counts),
        // One scale for all keeps what depends on it out of the loop.
        class::BLOCK if is_wide(op) => round_in_direction(op, values, |_| wide, words, counts),
        class::BLOCK => {
            let size = op.block as usize;
            let mut scales = [0; LANES];
            for (block, (values, scales)) in values.chunks_mut(size).zip(scales.chunks_mut(size)).enumerate() {
                scales.fill(scale_of(op, values, used.saturating_sub(block * size).min(size), counts));
            }
            round_in_direction(op, values, |l| scales[l], words, counts);
        }
        class::ADDITIVE => {
            let noise = f32::from_bits(op.factor);
            for (value, word) in values.iter_mut().zip(words) {
                *value = flush48(round_significand(*value + noise * deviate(op, *word), op.significand));
            }
        }
        class::RELATIVE => {
            let noise = f32::from_bits(op.factor);
            for (value, word) in values.iter_mut().zip(words) {
                *value = flush48(round_significand(*value * (1.0 + noise * deviate(op, *word)), op.significand));
            }
        }
        _ => {
            for value in values.iter_mut() {
                *value = flush48(*value);
            }
        }
    }
}

/// Whether the loops of this file know the operation: laws, and grids without the rarer options.
#[inline(always)]
pub fn is_vectorized(op: &QuantOp) -> bool {
    let rarer = op.has(policy::ABRUPT | policy::SATFINITE) || op.min_code != op.max_code || op.mantissa == 0;
    match op.class {
        class::SCALAR | class::BLOCK => !rarer && op.rounding != Direction::Dither as u32,
        _ => op.is_grid(),
    }
}

/// Blocks of whole lane groups: 32 elements or more.
#[inline(always)]
fn is_wide(op: &QuantOp) -> bool {
    op.class == class::BLOCK && op.block as usize >= LANES
}

/// Exponent of the scale of the wide block that starts at `start`, `earlier` where none does. `len` values exist.
#[inline(always)]
fn wide_scale(op: &QuantOp, values: &mut [f32], start: usize, len: usize, earlier: i32, counts: &mut Counts) -> i32 {
    let size = op.block as usize;
    if !is_wide(op) || !start.is_multiple_of(size) {
        return earlier;
    }
    let end = start.saturating_add(size).min(len);
    if start < end { scale_of(op, &mut values[start..end], end - start, counts) } else { 0 }
}

/// Exponent of a block's scale. A block with an infinity or a NaN becomes zeros, whose scale does not matter, and its
/// `used` elements count.
#[inline(always)]
fn scale_of(op: &QuantOp, values: &mut [f32], used: usize, counts: &mut Counts) -> i32 {
    let mut largest = 0;
    for value in values.iter() {
        largest = largest.max(value.to_bits() & 0x7fff_ffff);
    }
    if largest < INFINITY {
        return block_scale(largest, op);
    }
    values.fill(0.0);
    counts.nan += used as u64;
    0
}

/// One loop for each direction: a choice inside would keep it from becoming vector code.
#[inline(always)]
fn round_in_direction(
    op: &QuantOp,
    values: &mut [f32; LANES],
    scale: impl Fn(usize) -> i32,
    words: &[u32; LANES],
    counts: &mut Counts,
) {
    match op.rounding {
        NEAREST_EVEN => round_lanes::<NEAREST_EVEN>(op, values, scale, words, counts),
        NEAREST_AWAY => round_lanes::<NEAREST_AWAY>(op, values, scale, words, counts),
        UP => round_lanes::<UP>(op, values, scale, words, counts),
        DOWN => round_lanes::<DOWN>(op, values, scale, words, counts),
        STOCHASTIC => round_lanes::<STOCHASTIC>(op, values, scale, words, counts),
        _ => round_lanes::<TOWARD_ZERO>(op, values, scale, words, counts),
    }
}

#[inline(always)]
fn round_lanes<const DIRECTION: u32>(
    op: &QuantOp,
    values: &mut [f32; LANES],
    scale: impl Fn(usize) -> i32,
    words: &[u32; LANES],
    counts: &mut Counts,
) {
    let (mut saturated, mut underflowed, mut nan) = (0, 0, 0);
    for (l, (value, word)) in values.iter_mut().zip(words).enumerate() {
        let (rounded, over, under, not) = round_value::<DIRECTION>(*value, op, scale(l), *word);
        let bits = rounded.to_bits();
        let units = if bits == 0 { 0 } else { bits.wrapping_add_signed(-(op.unit << 23)) };
        *value = flush48(f32::from_bits(units));
        saturated += over;
        underflowed += under;
        nan += not;
    }
    counts.saturated += u64::from(saturated);
    counts.underflowed += u64::from(underflowed);
    counts.nan += u64::from(nan);
}

/// Applies `op` to a vector padded to whole slices; elements from `len` on come out as +0. A shared draw is that of
/// coordinate 0.
#[inline(always)]
pub fn apply_vector(op: &QuantOp, values: &mut [f32], len: usize, key: [u32; 4], second: u32, counts: &mut Counts) {
    if !is_vectorized(op) {
        *counts += codec::apply(op, &mut values[..len], |k| word_of(key, k as u32, second, op.purpose));
        values[len..].fill(0.0);
        return;
    }
    let shared = if op.shared != 0 { threefry4x32(key, [0, second, op.purpose, 0])[0] } else { 0 };
    let draws = op.draws() && op.shared == 0;
    let mut wide = 0;
    for slice in 0..values.len() / SLICE {
        let words = if draws { words(key, slice, second, op.purpose) } else { [[shared; LANES]; 4] };
        for (k, words) in words.iter().enumerate() {
            let start = slice * SLICE + k * LANES;
            wide = wide_scale(op, values, start, len, wide, counts);
            let row = values[start..].first_chunk_mut().expect("vectors are padded to whole slices");
            apply(op, row, len.saturating_sub(start).min(LANES), wide, words, counts);
        }
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
    if !is_vectorized(op) {
        let word = |k: usize| word_of(key, coordinate, first.wrapping_add(k as u32), op.purpose);
        *counts += codec::apply(op, values, word);
        return;
    }
    let (len, mut wide) = (values.len(), 0);
    for start in (0..len).step_by(LANES) {
        wide = wide_scale(op, values, start, len, wide, counts);
        let chunk = &mut values[start..len.min(start + LANES)];
        let mut words = [0; LANES];
        if op.draws() {
            let from = first.wrapping_add(start as u32);
            for (l, word) in words.iter_mut().enumerate() {
                let sample = if op.shared != 0 { first } else { from.wrapping_add(l as u32) };
                *word = word_of(key, coordinate, sample, op.purpose);
            }
        }
        let mut lanes = [0.0; LANES];
        lanes[..chunk.len()].copy_from_slice(chunk);
        apply(op, &mut lanes, chunk.len(), wide, &words, counts);
        chunk.copy_from_slice(&lanes[..chunk.len()]);
    }
}

/// Sum of 32 lanes by halving.
#[inline(always)]
pub fn tree(mut lanes: [f32; LANES]) -> f32 {
    let mut half = LANES / 2;
    while half > 0 {
        for l in 0..half {
            lanes[l] += lanes[l + half];
        }
        half /= 2;
    }
    lanes[0]
}
