//! Float and fixed grids, alone or with the powers of two of blocks; the loops of those with a rarer policy.

use super::block::scales;
use super::usual::{self, for_direction};
use super::{ALIKE, Element, ONE_SATURATED, Words, each};
use crate::codec::bits::{FRACTION, INFINITY, LARGEST, MAGNITUDE, SIGN};
use crate::cpu::lanes::SLICE;
use crate::format::direction::{DOWN, NEAREST_AWAY, NEAREST_EVEN, STOCHASTIC, TOWARD_ZERO, UP};
use crate::format::{QuantOp, policy};
use crate::site::Counts;

/// What few recipes ask for, and [`usual`] does not know.
#[inline(always)]
pub(super) fn is_rarer(op: &QuantOp) -> bool {
    op.has(policy::ABRUPT | policy::SATFINITE) || op.min_code != op.max_code || op.mantissa == 0
}

/// Elements that share nothing.
#[inline(always)]
pub(super) fn lanes(op: &QuantOp, lanes: &mut [f32], words: &Words, counts: &mut Counts) {
    match is_rarer(op) {
        true => for_direction!(op, plain, op, lanes, words, counts),
        false => usual::lanes(op, lanes, words, counts),
    }
}

/// Elements of blocks that share a power of two. `used` exist, and `whole` is the largest magnitude of a vector that is one
/// block.
#[inline(always)]
pub(super) fn block_lanes(
    op: &QuantOp,
    lanes: &mut [f32],
    (used, whole): (usize, u32),
    words: &Words,
    counts: &mut Counts,
) {
    let scales = &scales(op, lanes, used, whole, counts);
    match is_rarer(op) {
        true => for_direction!(op, scaled, op, lanes, scales, words, counts),
        false => usual::block_lanes(op, lanes, scales, words, counts),
    }
}

#[inline(always)]
fn plain<const DIRECTION: u32>(op: &QuantOp, lanes: &mut [f32], words: &Words, counts: &mut Counts) {
    each!(op, lanes, words, ALIKE, counts, |value, word, _| round::<DIRECTION>(op, value, 0, word));
}

#[inline(always)]
fn scaled<const DIRECTION: u32>(
    op: &QuantOp,
    lanes: &mut [f32],
    scales: &[i32; SLICE],
    words: &Words,
    counts: &mut Counts,
) {
    each!(op, lanes, words, |l: usize| scales[l], counts, |value, word, scale| round::<DIRECTION>(
        op, value, scale, word
    ));
}

/// One element, scaled by 2^scale: rounded as a number y of steps below 2^24.
#[inline(always)]
pub(super) fn round<const DIRECTION: u32>(op: &QuantOp, value: f32, scale: i32, word: u32) -> Element {
    let bits = value.to_bits();
    let (magnitude, sign) = (bits & MAGNITUDE, bits & SIGN);
    let (exponent, mantissa) = ((magnitude >> 23) as i32, op.mantissa);
    // Places of the significand below the smallest step, and those that are rounded away.
    let fine = op.lsb_min + scale + 150 - exponent;
    let coarse = op.has(policy::ABRUPT) & (fine > 23 - mantissa);
    // The smallest normal number is the only step below itself.
    let shift = if coarse { fine + mantissa } else { fine.max(23 - mantissa).max(0) };
    // Without mantissa bits the number of octaves is the code.
    let odd = !coarse & ((shift - fine) & 1 != 0);
    // The significand with the exponent that makes it a number of steps; what is 2^-126 of one or less is all the same.
    let y = f32::from_bits(magnitude & FRACTION | ((150 - shift.min(149)) as u32) << 23);
    let q = whole::<DIRECTION>(op, y, sign != 0, odd, word);
    let units = q.to_bits().wrapping_add_signed((exponent - 150 + shift) << 23);
    let rounded = if (q == 0.0) | (magnitude == 0) { 0 } else { units };
    // Integers may reach less or more far below zero.
    let most = (op.min_code as f32).to_bits().wrapping_add_signed(op.lsb_min << 23);
    let most = if op.min_code == 0 { 0 } else { most };
    let max = if (sign != 0) & (op.min_code != op.max_code) { most } else { op.max_bits };
    let max = if max == 0 { 0 } else { max.wrapping_add_signed(scale << 23) };
    // The largest multiple of a step that f32 holds, where a block's largest value is beyond it.
    let step = (op.lsb_min + scale - 104).max(23 - mantissa).clamp(0, 31);
    let most = LARGEST >> step << step;
    let leaves = op.has(policy::SATFINITE) & (rounded > most) & (rounded <= max);
    let rounded = if leaves { most } else { rounded };
    // Directions toward zero stop at the largest value, but an infinity does not.
    let stops = match DIRECTION {
        TOWARD_ZERO => magnitude < INFINITY,
        UP => (sign != 0) & (magnitude < INFINITY),
        DOWN => (sign == 0) & (magnitude < INFINITY),
        _ => false,
    };
    let not_a_number = magnitude > INFINITY;
    let saturates = op.has(policy::SATFINITE) & not_a_number;
    let is_lost = !saturates & (not_a_number | (!stops & op.has(policy::OVERFLOWS)));
    let (sign, max) = if saturates { (0, op.max_bits) } else { (sign, max) };
    let element = Element::limited(rounded, sign, max, is_lost, (rounded == 0) & (magnitude != 0));
    Element { counted: element.counted + if leaves { ONE_SATURATED } else { 0 }, ..element }
}

/// y as a whole number. Only whole numbers below 2^23 come to be: floats have at most 22 mantissa bits, and integers at most 16
/// bits, so what is 2^23 or more saturates whatever becomes of it here.
#[inline(always)]
fn whole<const DIRECTION: u32>(op: &QuantOp, y: f32, negative: bool, odd: bool, word: u32) -> f32 {
    // Behind 2^23 there is no place for a fraction: the sum is rounded to a whole number, ties to even.
    const NO_FRACTION: f32 = 8_388_608.0;
    let even = (y + NO_FRACTION) - NO_FRACTION;
    let below = if even > y { even - 1.0 } else { even };
    let fraction = y - below; // exact
    let up = match DIRECTION {
        NEAREST_EVEN => {
            // Without mantissa bits a tie goes from 0 or 1 to the number that makes the code even.
            let tie = (op.mantissa == 0) & (fraction == 0.5);
            let leaves = if odd { 0.0 } else { 1.0 };
            (tie & (below == leaves)) | (!tie & (even > below))
        }
        NEAREST_AWAY => fraction >= 0.5,
        UP => !negative & (fraction > 0.0),
        DOWN => negative & (fraction > 0.0),
        STOCHASTIC => reaches(op, fraction, word),
        _ => false,
    };
    below + if up { 1.0 } else { 0.0 }
}

/// Whether a fraction f of n random bits R has f 2^n >= 2^n - R, or f 2^(n+1) >= 2 (2^n - R) - 1 where half a unit joins the
/// random bits. The right side, of up to 33 bits, is cut in two so that f32 holds all: where f 2^n is less than the upper part
/// the difference is negative, else it is a multiple of the last bit of f 2^n and not larger.
#[inline(always)]
fn reaches(op: &QuantOp, fraction: f32, word: u32) -> bool {
    let missing = !word >> op.random_shift; // 2^n - R - 1
    let half = u32::from(op.has(policy::ZERO_MEAN));
    let cut = 16 - half;
    let (upper, lower) = (missing >> cut, ((missing & ((1 << cut) - 1)) << half) + 1);
    let places = f32::from_bits((127 + 32 - op.random_shift + half) << 23);
    fraction * places - upper as i32 as f32 * 65536.0 >= lower as i32 as f32
}
