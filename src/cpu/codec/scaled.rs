//! Grids between f32 products: steps that are no power of two, two-level blocks, and those whose scale is an f32. A value is multiplied, rounded to a
//! grid, and multiplied back.

use super::block::largest;
use super::grid::{self, is_rarer};
use super::usual::{Grid, for_direction};
use super::{Element, ONE_NAN, ONE_SATURATED, Words, each};
use crate::codec::bits::{INFINITY, MAGNITUDE};
use crate::cpu::lanes::SLICE;
use crate::format::direction::{DOWN, NEAREST_AWAY, NEAREST_EVEN, STOCHASTIC, TOWARD_ZERO, UP};
use crate::format::{QuantOp, class, policy};
use crate::site::Counts;

/// x fl(1/d) to whole numbers of steps d.
#[inline(always)]
pub(super) fn step_lanes(op: &QuantOp, lanes: &mut [f32], words: &Words, counts: &mut Counts) {
    between(op, lanes, &[f32::from_bits(op.factor); SLICE], &[1.0; SLICE], words, counts);
}

/// `used` elements exist, and `whole` is the largest magnitude of a vector that is one block.
#[inline(always)]
pub(super) fn block_lanes(
    op: &QuantOp,
    lanes: &mut [f32],
    (used, whole): (usize, u32),
    words: &Words,
    counts: &mut Counts,
) {
    let (to_scale, g) = (f32::from_bits(op.factor), f32::from_bits(op.step));
    let largest = largest(op, lanes, used, whole, counts);
    let (mut before, mut behind) = ([0.0; SLICE], [0.0; SLICE]);
    for ((before, behind), largest) in before.iter_mut().zip(&mut behind).zip(largest) {
        let own = f32::from_bits(largest) * to_scale;
        *behind = if op.kind == class::ABSMAX { own } else { nearest_scale(op, own) };
        let scale = *behind * g;
        *before = if scale == 0.0 { 0.0 } else { (1.0 / scale).min(f32::MAX) };
    }
    between(op, lanes, &before, &behind, words, counts);
}

/// The scale nearest x >= 0, of three mantissa bits. Adding 1.5 2^23 steps leaves no bit below a step, and takes the even
/// multiple of a tie; between 8 and 16 steps that is the even code, as below 8 steps of the smallest normal number.
#[inline(always)]
fn nearest_scale(op: &QuantOp, x: f32) -> f32 {
    let least = ((op.emax + 3 + 127) << 23) as u32; // the smallest normal number
    let x = x.min(f32::from_bits(least - (1 << 23) + (op.scale_add << 20)));
    // 2^(E - 3), at least the smallest step.
    let step = ((x.to_bits() & INFINITY).max(least)) - (3 << 23);
    let magic = f32::from_bits(step + (23 << 23)) * 1.5;
    (x + magic) - magic
}

/// `before` is what each lane is multiplied with before the grid, `behind` the scale of its block.
#[inline(always)]
fn between(
    op: &QuantOp,
    lanes: &mut [f32],
    before: &[f32; SLICE],
    behind: &[f32; SLICE],
    words: &Words,
    counts: &mut Counts,
) {
    match is_rarer(op) {
        true => for_direction!(op, multiplied<true>, op, lanes, before, behind, words, counts),
        false => for_direction!(op, multiplied<false>, op, lanes, before, behind, words, counts),
    }
}

#[inline(always)]
fn multiplied<const DIRECTION: u32, const RARER: bool>(
    op: &QuantOp,
    lanes: &mut [f32],
    before: &[f32; SLICE],
    behind: &[f32; SLICE],
    words: &Words,
    counts: &mut Counts,
) {
    let step = f32::from_bits(op.step);
    // Between the largest value and the one before: a float's significand is behind its exponent, an integer's step fixed.
    let last_step = match op.has(policy::INTEGER) {
        true => f32::from_bits(((op.lsb_min + 127) << 23) as u32),
        false => f32::from_bits((op.max_bits & INFINITY) - ((op.mantissa as u32) << 23)),
    };
    // No usual one has magnitudes that would be shifted down.
    let (grid, _) = Grid::new(op, 0);
    each!(op, lanes, words, |l: usize| (before[l], behind[l]), counts, |value, word, (before, block)| {
        let inner = value * before;
        let element = match RARER {
            true => grid::round::<DIRECTION>(op, inner, 0, word),
            false => grid.element::<DIRECTION>(inner, word),
        };
        let product = |bits: u32| (f32::from_bits(bits) * block * step).to_bits();
        let (mut bits, mut leaves) = (product(element.bits), false);
        if RARER {
            // Only the largest element of a block can leave f32, and the next one does not.
            leaves = op.has(policy::SATFINITE) & (bits & MAGNITUDE == INFINITY);
            let largest = f32::from_bits(element.bits);
            let next = product((largest - last_step.copysign(largest)).to_bits());
            bits = if leaves { next } else { bits };
        }
        let nan = (element.counted >= ONE_NAN) | (bits & MAGNITUDE >= INFINITY);
        let saturated = (element.counted & ONE_SATURATED != 0) | leaves;
        let underflowed = (element.bits == 0) & (element.counted < ONE_NAN) & (value != 0.0) & !saturated;
        Element::new(bits, saturated, underflowed, nan)
    });
}
