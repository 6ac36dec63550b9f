//! Grids without rarer policies, which nearly all recipes ask for: a few f32 operations an element, and no branch.
//!
//! Added to a power of two whose last place is the element's step, a magnitude is rounded to a multiple of that step, ties
//! to even, and taking the power away again is exact. The other directions follow from what that leaves.

use super::{Element, Words, largest_of};
use crate::codec::{INFINITY, MAGNITUDE};
use crate::cpu::lanes::{SLICE, flush48};
use crate::format::direction::{DOWN, NEAREST_AWAY, NEAREST_EVEN, STOCHASTIC, TOWARD_ZERO, UP};
use crate::format::{QuantOp, policy};
use crate::site::Counts;

/// The exponent field of the largest magnitude for which that power of two is a number whatever the step.
const LARGEST_EXPONENT: i32 = 254 - 23;
/// Places by which magnitudes are shifted down where a format has larger ones.
const DOWN_BY: i32 = 24;
/// Places between a power of two and its last one.
const PLACES: i32 = 23 << 23;
/// The least power whose last place is a normal number; only zeros have a step below it.
const LEAST_PLACE: i32 = PLACES + (1 << 23);

/// What all elements share.
pub struct Grid {
    /// What lies between the exponent fields of a normal magnitude and of the power of two that is added to it, in place.
    normal: i32,
    /// That power's exponent field where the smallest step is the element's.
    least: i32,
    largest: u32,
    /// The power of two that magnitudes are multiplied with.
    factor: f32,
    /// Places of a random word that are not read, and 1 where half a unit joins the rest.
    random_shift: u32,
    half: u32,
    is_lost: bool,
}

/// What became of a magnitude.
pub struct Rounded {
    pub magnitude: f32,
    pub over: bool,
    /// It is no number, or beyond the largest where that is none.
    pub lost: bool,
}

impl Grid {
    /// For scales with exponents of at most `most`; and the places by which results come out shifted down.
    #[inline(always)]
    pub fn new(op: &QuantOp, most: i32) -> (Grid, i32) {
        let down = if (op.max_bits >> 23) as i32 + most < LARGEST_EXPONENT { 0 } else { DOWN_BY };
        let grid = Grid {
            normal: (23 - op.mantissa) << 23,
            least: op.lsb_min + 150 - down,
            largest: op.max_bits.wrapping_add_signed(-(down << 23)),
            factor: f32::from_bits(((127 - down) << 23) as u32),
            random_shift: op.random_shift,
            half: u32::from(op.has(policy::ZERO_MEAN)),
            is_lost: op.has(policy::OVERFLOWS),
        };
        (grid, down)
    }

    /// Rounds a value scaled by 2^scale.
    #[inline(always)]
    pub fn round<const DIRECTION: u32>(&self, value: f32, scale: i32, word: u32) -> Rounded {
        let (negative, nan) = (value.to_bits() > MAGNITUDE, value.to_bits() & MAGNITUDE > INFINITY);
        let magnitude = value.abs() * self.factor;
        let normal = ((magnitude.to_bits() & INFINITY) as i32).min(LARGEST_EXPONENT << 23) + self.normal;
        let rounded = self.to::<DIRECTION>(magnitude, negative, normal.max(self.least(scale)), word);
        let largest = self.largest(scale);
        let over = (rounded > largest) & (rounded != 0.0);
        let stops = stops::<DIRECTION>(negative, magnitude < f32::INFINITY);
        Rounded { magnitude: if over { largest } else { rounded }, over, lost: nan | (over & self.is_lost & !stops) }
    }

    /// A magnitude rounded to multiples of the last place of the power in `place`.
    #[inline(always)]
    fn to<const DIRECTION: u32>(&self, magnitude: f32, negative: bool, place: i32, word: u32) -> f32 {
        let power = f32::from_bits(place as u32);
        let even = (magnitude + power) - power;
        if DIRECTION == NEAREST_EVEN {
            return even;
        }
        let step = f32::from_bits((place - PLACES) as u32);
        let below = if even > magnitude { even - step } else { even };
        let rest = magnitude - below; // exact
        let up = match DIRECTION {
            NEAREST_AWAY => rest + rest >= step,
            UP => !negative & (rest > 0.0),
            DOWN => negative & (rest > 0.0),
            STOCHASTIC => self.reaches(rest, place, word),
            _ => false,
        };
        if up { below + step } else { below }
    }

    /// The place of the power that is added to a normal magnitude.
    #[inline(always)]
    pub fn normal(&self, value: f32) -> i32 {
        ((value.to_bits() & INFINITY) as i32).wrapping_add(self.normal)
    }

    /// The least power that is added at a scale. Of zeros the scale may be any.
    #[inline(always)]
    pub fn least(&self, scale: i32) -> i32 {
        ((self.least + scale) << 23).max(LEAST_PLACE)
    }

    #[inline(always)]
    pub fn largest(&self, scale: i32) -> f32 {
        f32::from_bits(self.largest.wrapping_add_signed(scale << 23))
    }

    /// The same with what is counted of it.
    #[inline(always)]
    pub fn element<const DIRECTION: u32>(&self, value: f32, word: u32) -> Element {
        let Rounded { magnitude, over, lost } = self.round::<DIRECTION>(value, 0, word);
        let zero = magnitude == 0.0;
        let bits = if zero { 0 } else { magnitude.to_bits() | (value.to_bits() & !MAGNITUDE) };
        Element::new(bits, over & !lost, zero & (value != 0.0), lost)
    }

    /// Whether a fraction f of a step, which is `rest`, and n random bits R have f 2^n >= 2^n - R, or
    /// f 2^(n+1) >= 2 (2^n - R) - 1 where half a unit joins the random bits. The right side, of up to 33 bits, is cut in
    /// two so that f32 holds all: where f 2^n is less than the upper part the difference is negative, else it is a
    /// multiple of the last bit of f 2^n and not larger.
    #[inline(always)]
    fn reaches(&self, rest: f32, place: i32, word: u32) -> bool {
        let missing = !word >> self.random_shift; // 2^n - R - 1
        let cut = 16 - self.half;
        let (upper, lower) = (missing >> cut, ((missing & ((1 << cut) - 1)) << self.half) + 1);
        // 2^n steps, or 2^(n+1).
        let places = (127 + 150 + 32 - self.random_shift + self.half) << 23;
        let fraction = rest * f32::from_bits(places.wrapping_sub(place as u32));
        fraction - upper as i32 as f32 * 65536.0 >= lower as i32 as f32
    }
}

/// A value rounded to multiples of the last place of the power in `place`: with the sign on the power, which leaves a zero
/// without one.
#[inline(always)]
pub fn nearest_even(value: f32, place: i32) -> f32 {
    let power = f32::from_bits(place as u32 | value.to_bits() & !MAGNITUDE);
    (value + power) - power
}

/// Whether what lies beyond the largest value stops there: directions toward zero do, but not from an infinity.
#[inline(always)]
fn stops<const DIRECTION: u32>(negative: bool, finite: bool) -> bool {
    match DIRECTION {
        TOWARD_ZERO => finite,
        UP => negative & finite,
        DOWN => !negative & finite,
        _ => false,
    }
}

/// Calls `$each` for the direction of an op.
macro_rules! for_direction {
    ($op:expr, $each:ident $(<$more:literal>)?, $($argument:expr),*) => {
        match $op.rounding {
            NEAREST_EVEN => $each::<{ NEAREST_EVEN } $(, $more)?>($($argument),*),
            NEAREST_AWAY => $each::<{ NEAREST_AWAY } $(, $more)?>($($argument),*),
            UP => $each::<{ UP } $(, $more)?>($($argument),*),
            DOWN => $each::<{ DOWN } $(, $more)?>($($argument),*),
            STOCHASTIC => $each::<{ STOCHASTIC } $(, $more)?>($($argument),*),
            _ => $each::<{ TOWARD_ZERO } $(, $more)?>($($argument),*),
        }
    };
}
pub(super) use for_direction;

/// Elements that share nothing.
#[inline(always)]
pub fn lanes(op: &QuantOp, lanes: &mut [f32], words: &Words, counts: &mut Counts) {
    for_direction!(op, plain, op, lanes, words, counts)
}

/// Elements of blocks, each with the exponent of its scale.
#[inline(always)]
pub fn block_lanes(op: &QuantOp, lanes: &mut [f32], scales: &[i32; SLICE], words: &Words, counts: &mut Counts) {
    let (grid, down) = &Grid::new(op, scales.iter().fold(0, |most, scale| most.max(*scale)));
    match down {
        0 => for_direction!(op, blocks, grid, scales, lanes, words, counts),
        _ => for_direction!(op, scaled, op, (grid, *down), scales, lanes, words, counts),
    }
}

#[inline(always)]
fn plain<const DIRECTION: u32>(op: &QuantOp, lanes: &mut [f32], words: &Words, counts: &mut Counts) {
    let (grid, down) = Grid::new(op, 0);
    // No result is moved by a unit, or as small as the floor.
    let settled = op.unit == down && op.lsb_min - op.unit >= -48;
    if settled && down == 0 && largest_of(lanes) <= grid.largest {
        let least = grid.least(0);
        return within::<DIRECTION, false>(&grid, |_| least, |_| f32::INFINITY, lanes, words, counts);
    }
    match settled {
        true => each::<DIRECTION, true>(&grid, 0, lanes, |_| 0, words, counts),
        false => each::<DIRECTION, false>(&grid, op.unit - down, lanes, |_| 0, words, counts),
    }
}

#[inline(always)]
fn blocks<const DIRECTION: u32>(
    grid: &Grid,
    scales: &[i32; SLICE],
    lanes: &mut [f32],
    words: &Words,
    counts: &mut Counts,
) {
    within::<DIRECTION, true>(grid, |l| grid.least(scales[l]), |l| grid.largest(scales[l]), lanes, words, counts);
}

#[inline(always)]
fn scaled<const DIRECTION: u32>(
    op: &QuantOp,
    (grid, down): (&Grid, i32),
    scales: &[i32; SLICE],
    lanes: &mut [f32],
    words: &Words,
    counts: &mut Counts,
) {
    each::<DIRECTION, false>(grid, op.unit - down, lanes, |l| scales[l], words, counts);
}

/// [`each`] for numbers that need not be shifted down, which nearly all are. They are no larger than the format's
/// largest number, or of `BLOCKS`, whose scales let them exceed it and fall below the floor.
#[inline(always)]
fn within<const DIRECTION: u32, const BLOCKS: bool>(
    grid: &Grid,
    least: impl Fn(usize) -> i32,
    largest: impl Fn(usize) -> f32,
    lanes: &mut [f32],
    words: &Words,
    counts: &mut Counts,
) {
    let (mut saturated, mut underflowed, mut nans) = (0_u32, 0_u32, 0_u32);
    for l in 0..lanes.len().min(SLICE) {
        let (value, largest) = (lanes[l], largest(l));
        let sign = value.to_bits() & !MAGNITUDE;
        let place = grid.normal(value).max(least(l));
        let rounded = match DIRECTION {
            NEAREST_EVEN => nearest_even(value, place),
            _ => {
                let magnitude = grid.to::<DIRECTION>(value.abs(), sign != 0, place, words.as_flattened()[l]);
                f32::from_bits(if magnitude == 0.0 { 0 } else { magnitude.to_bits() | sign })
            }
        };
        underflowed += u32::from((rounded == 0.0) & (value != 0.0));
        lanes[l] = rounded;
        if BLOCKS {
            let over = rounded.abs() > largest;
            let lost = over & grid.is_lost & !stops::<DIRECTION>(sign != 0, true);
            let limited = if over { f32::from_bits(largest.to_bits() | sign) } else { rounded };
            lanes[l] = flush48(if lost { 0.0 } else { limited });
            saturated += u32::from(over & !lost);
            nans += u32::from(lost);
        }
    }
    *counts += Counts { saturated: saturated.into(), underflowed: underflowed.into(), nan: nans.into() };
}

#[inline(always)]
fn each<const DIRECTION: u32, const SETTLED: bool>(
    grid: &Grid,
    unit: i32,
    lanes: &mut [f32],
    scale: impl Fn(usize) -> i32,
    words: &Words,
    counts: &mut Counts,
) {
    let (mut saturated, mut underflowed, mut nans) = (0_u32, 0_u32, 0_u32);
    // By numbers that are known to stay below SLICE: a check of one would leave no vector code.
    for l in 0..lanes.len().min(SLICE) {
        let value = lanes[l];
        let Rounded { magnitude, over, lost } = grid.round::<DIRECTION>(value, scale(l), words.as_flattened()[l]);
        let zero = magnitude == 0.0;
        let bits = magnitude.to_bits() | (value.to_bits() & !MAGNITUDE);
        let moved = if SETTLED { bits } else { bits.wrapping_add_signed(-(unit << 23)) };
        // A block's scale can take its elements beyond f32.
        let lost = lost | (!SETTLED & !zero & (moved & MAGNITUDE >= INFINITY));
        let kept = f32::from_bits(if zero | lost { 0 } else { moved });
        lanes[l] = if SETTLED { kept } else { flush48(kept) };
        saturated += u32::from(over & !lost);
        underflowed += u32::from(zero & (value != 0.0));
        nans += u32::from(lost);
    }
    *counts += Counts { saturated: saturated.into(), underflowed: underflowed.into(), nan: nans.into() };
}
