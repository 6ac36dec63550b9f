//! Grids between f32 products: steps that are no power of two, and two-level blocks. A value is multiplied, rounded to a
//! grid, and multiplied back.

use super::block::{Lanes, largest};
use super::grid::{DOWN, NEAREST_AWAY, NEAREST_EVEN, STOCHASTIC, TOWARD_ZERO, UP, for_direction, round};
use super::{Element, Row, Words, each};
use crate::codec::bits::{INFINITY, MAGNITUDE};
use crate::cpu::lanes::{LANES, SLICE};
use crate::format::QuantOp;
use crate::site::Counts;

/// What the lanes are multiplied with: before the grid, and behind it by the scale of the block and then by that of all.
struct Factors {
    before: Lanes<f32>,
    block: Lanes<f32>,
    all: f32,
}

/// x fl(1/d) to whole numbers of steps d.
#[inline(always)]
pub(super) fn step_rows(op: &QuantOp, rows: &mut [Row], words: &Words, counts: &mut Counts) {
    let before = [[f32::from_bits(op.factor); LANES]; SLICE / LANES];
    let factors = Factors { before, block: [[1.0; LANES]; SLICE / LANES], all: f32::from_bits(op.step) };
    for_direction!(op, multiplied, op, rows, &factors, words, counts)
}

/// `used` elements exist, and `whole` is the largest magnitude of a vector that is one block.
#[inline(always)]
pub(super) fn block_rows(
    op: &QuantOp,
    rows: &mut [Row],
    (used, whole): (usize, u32),
    words: &Words,
    counts: &mut Counts,
) {
    let largest = largest(op, rows, used, whole, counts);
    let (mut before, mut block) = ([[0.0; LANES]; SLICE / LANES], [[0.0; LANES]; SLICE / LANES]);
    let (to_scale, g) = (f32::from_bits(op.factor), f32::from_bits(op.step));
    for l in 0..SLICE {
        let (row, lane) = (l / LANES, l % LANES);
        let c = nearest_e4m3(f32::from_bits(largest[row][lane]) * to_scale);
        let inverse = (1.0 / (c * g)).min(f32::MAX);
        block[row][lane] = c;
        before[row][lane] = if c * g == 0.0 { 0.0 } else { inverse };
    }
    for_direction!(op, multiplied, op, rows, &Factors { before, block, all: g }, words, counts)
}

/// The E4M3 number nearest x >= 0, at most 448. Adding 1.5 2^23 steps leaves no bit below a step, and takes the even
/// multiple of a tie; between 8 and 16 steps that is the even code, as below 8 steps of the smallest normal number.
#[inline(always)]
fn nearest_e4m3(x: f32) -> f32 {
    let x = x.min(448.0);
    // 2^(E - 3), at least 2^-9.
    let step = ((x.to_bits() & INFINITY).max(121 << 23)) - (3 << 23);
    let magic = f32::from_bits(step + (23 << 23)) * 1.5;
    (x + magic) - magic
}

#[inline(always)]
fn multiplied<const DIRECTION: u32, const RARER: bool>(
    op: &QuantOp,
    rows: &mut [Row],
    factors: &Factors,
    words: &Words,
    counts: &mut Counts,
) {
    for (((row, words), before), block) in rows.iter_mut().zip(words).zip(&factors.before).zip(&factors.block) {
        each(op, row, words, counts, |l, value, word| {
            let element = round::<DIRECTION, RARER>(op, value * before[l], 0, word);
            let scaled = f32::from_bits(element.bits) * block[l] * factors.all;
            let bits = scaled.to_bits();
            let is_lost = element.nan != 0 || bits & MAGNITUDE >= INFINITY;
            let underflowed = element.bits == 0 && element.nan == 0 && value != 0.0;
            Element {
                bits: if is_lost { 0 } else { bits },
                saturated: element.saturated,
                underflowed: u32::from(underflowed),
                nan: u32::from(is_lost),
            }
        });
    }
}
