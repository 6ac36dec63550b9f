//! Float and fixed grids, alone or with the powers of two of blocks.

use super::block::{Lanes, scales};
use super::{Element, Row, Words, each};
use crate::codec::bits::{FRACTION, IMPLICIT, INFINITY, MAGNITUDE, SIGN};
use crate::cpu::lanes::LANES;
use crate::format::{Direction, QuantOp, policy};
use crate::site::Counts;

pub(super) const NEAREST_EVEN: u32 = Direction::NearestEven as u32;
pub(super) const NEAREST_AWAY: u32 = Direction::NearestAway as u32;
pub(super) const TOWARD_ZERO: u32 = Direction::TowardZero as u32;
pub(super) const UP: u32 = Direction::Up as u32;
pub(super) const DOWN: u32 = Direction::Down as u32;
pub(super) const STOCHASTIC: u32 = Direction::Stochastic as u32;

/// Calls `$loop::<DIRECTION, RARER>($arguments)` for the direction of `$op`, and for whether it has one of the rarer
/// policies: a choice inside the loop would keep it from becoming vector code.
macro_rules! for_direction {
    ($op:expr, $loop:ident, $($argument:expr),*) => {
        match ($op.rounding, $crate::cpu::codec::grid::is_rarer($op)) {
            ($crate::cpu::codec::grid::NEAREST_EVEN, false) => $loop::<{ NEAREST_EVEN }, false>($($argument),*),
            ($crate::cpu::codec::grid::NEAREST_EVEN, true) => $loop::<{ NEAREST_EVEN }, true>($($argument),*),
            (NEAREST_AWAY, false) => $loop::<{ NEAREST_AWAY }, false>($($argument),*),
            (NEAREST_AWAY, true) => $loop::<{ NEAREST_AWAY }, true>($($argument),*),
            (UP, false) => $loop::<{ UP }, false>($($argument),*),
            (UP, true) => $loop::<{ UP }, true>($($argument),*),
            (DOWN, false) => $loop::<{ DOWN }, false>($($argument),*),
            (DOWN, true) => $loop::<{ DOWN }, true>($($argument),*),
            (STOCHASTIC, false) => $loop::<{ STOCHASTIC }, false>($($argument),*),
            (STOCHASTIC, true) => $loop::<{ STOCHASTIC }, true>($($argument),*),
            (_, false) => $loop::<{ TOWARD_ZERO }, false>($($argument),*),
            (_, true) => $loop::<{ TOWARD_ZERO }, true>($($argument),*),
        }
    };
}
pub(super) use for_direction;

/// What few recipes ask for, and every loop without it is spared.
#[inline(always)]
pub(super) fn is_rarer(op: &QuantOp) -> bool {
    op.has(policy::ABRUPT | policy::SATFINITE) || op.min_code != op.max_code || op.mantissa == 0
}

/// Elements that share nothing.
#[inline(always)]
pub(super) fn rows(op: &QuantOp, rows: &mut [Row], words: &Words, counts: &mut Counts) {
    for_direction!(op, plain, op, rows, words, counts)
}

/// Elements of blocks that share a power of two. `used` exist, and `whole` is the largest magnitude of a vector that is one
/// block.
#[inline(always)]
pub(super) fn block_rows(
    op: &QuantOp,
    rows: &mut [Row],
    (used, whole): (usize, u32),
    words: &Words,
    counts: &mut Counts,
) {
    let scales = &scales(op, rows, used, whole, counts);
    match op.block as usize >= LANES {
        true => for_direction!(op, wide, op, rows, scales, words, counts),
        false => for_direction!(op, narrow, op, rows, scales, words, counts),
    }
}

#[inline(always)]
fn plain<const DIRECTION: u32, const RARER: bool>(op: &QuantOp, rows: &mut [Row], words: &Words, counts: &mut Counts) {
    for (row, words) in rows.iter_mut().zip(words) {
        each(op, row, words, counts, |_, value, word| round::<DIRECTION, RARER>(op, value, 0, word));
    }
}

/// Blocks of 32 or more: what depends on the scale leaves the loop.
#[inline(always)]
fn wide<const DIRECTION: u32, const RARER: bool>(
    op: &QuantOp,
    rows: &mut [Row],
    scales: &Lanes<i32>,
    words: &Words,
    counts: &mut Counts,
) {
    for ((row, words), scales) in rows.iter_mut().zip(words).zip(scales) {
        let scale = scales[0];
        each(op, row, words, counts, |_, value, word| round::<DIRECTION, RARER>(op, value, scale, word));
    }
}

#[inline(always)]
fn narrow<const DIRECTION: u32, const RARER: bool>(
    op: &QuantOp,
    rows: &mut [Row],
    scales: &Lanes<i32>,
    words: &Words,
    counts: &mut Counts,
) {
    for ((row, words), scales) in rows.iter_mut().zip(words).zip(scales) {
        each(op, row, words, counts, |l, value, word| round::<DIRECTION, RARER>(op, value, scales[l], word));
    }
}

/// One element, scaled by 2^scale.
#[inline(always)]
pub(super) fn round<const DIRECTION: u32, const RARER: bool>(
    op: &QuantOp,
    value: f32,
    scale: i32,
    word: u32,
) -> Element {
    let bits = value.to_bits();
    let (magnitude, sign) = (bits & MAGNITUDE, bits & SIGN);
    let (exponent, mantissa) = ((magnitude >> 23) as i32, op.mantissa as i32);
    let significand = magnitude & FRACTION | IMPLICIT;
    // Of 2^exponent below a step: the places that are rounded away.
    let fine = op.lsb_min + scale + 150 - exponent;
    let (mut shift, mut odd) = (fine.max(23 - mantissa).max(0), 0);
    if RARER {
        let coarse = op.has(policy::ABRUPT) && fine > 23 - mantissa;
        // The smallest normal number is the only step below itself.
        shift = if coarse { fine + mantissa } else { shift };
        // Without mantissa bits the number of octaves is the code.
        odd = if mantissa == 0 && !coarse { ((shift - fine) & 1) as u32 } else { 0 };
    }
    let q = round_whole::<DIRECTION>(significand, shift as u32, sign != 0, odd, op, word);
    // q <= 2^24 converts exactly; the exponent is added in integers.
    let units = (q as i32 as f32).to_bits().wrapping_add_signed((exponent - 150 + shift) << 23);
    let rounded = if q == 0 || magnitude == 0 { 0 } else { units };
    let mut max = op.max_bits;
    if RARER {
        // The one more code of two's complement is a power of two.
        let most = (op.max_bits & !FRACTION) + IMPLICIT;
        max = if sign != 0 && op.min_code != op.max_code { most } else { max };
    }
    let max = max.wrapping_add_signed(scale << 23);
    // Directions toward zero stop at the largest value, but an infinity does not.
    let stops = match DIRECTION {
        TOWARD_ZERO => magnitude < INFINITY,
        UP => sign != 0 && magnitude < INFINITY,
        DOWN => sign == 0 && magnitude < INFINITY,
        _ => false,
    };
    let not_a_number = magnitude > INFINITY;
    let saturates = RARER && op.has(policy::SATFINITE) && not_a_number;
    let is_lost = not_a_number || !stops && op.has(policy::OVERFLOWS);
    let element = Element::limited(
        rounded,
        if saturates { 0 } else { sign },
        if saturates { op.max_bits } else { max },
        is_lost && !saturates,
    );
    let underflowed = u32::from(rounded == 0 && magnitude != 0);
    Element { underflowed, ..element }
}

/// `significand` / 2^shift as a whole number; `odd` is added where an even one is asked for.
#[inline(always)]
fn round_whole<const DIRECTION: u32>(
    significand: u32,
    shift: u32,
    negative: bool,
    odd: u32,
    op: &QuantOp,
    word: u32,
) -> u32 {
    let half = shift.min(25);
    let (places, kept) = (shift.min(31), significand >> shift.min(31));
    let inexact = u32::from(kept << places != significand);
    match DIRECTION {
        NEAREST_EVEN => {
            let below = (1u32 << half >> 1).saturating_sub(1) + (((significand >> half) + odd) & u32::from(half > 0));
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
