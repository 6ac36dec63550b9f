//! Formats that are a list of numbers: roots of two, and every class without vector code of its own.
//!
//! For each direction that is not random, a list of thresholds says from which magnitude on a number is that of the next
//! entry, so that rounding is a comparison with each: no search, no branch, no gather.

use std::cell::RefCell;
use std::rc::Rc;

use super::grid::{DOWN, NEAREST_AWAY, NEAREST_EVEN, STOCHASTIC, TOWARD_ZERO, UP};
use super::{Element, Row, Words, each};
use crate::codec::bits::{INFINITY, MAGNITUDE, SIGN};
use crate::codec::decoded;
use crate::cpu::lanes::LANES;
use crate::format::{QuantOp, class, policy};
use crate::site::Counts;

/// The most bits of a code: what is compared with every threshold is not asked of longer lists.
const WIDEST: u32 = 8;
/// Lists that a thread remembers.
const REMEMBERED: usize = 16;

/// From `threshold` on the magnitude is `step` larger, and the one above it `next` larger, all as bits.
#[derive(Clone, Copy, PartialEq)]
struct Entry {
    threshold: i32,
    step: u32,
    next: u32,
}

/// The magnitudes of one sign.
#[derive(PartialEq)]
struct Side {
    entries: Vec<Entry>,
    /// The smallest magnitude above 0, and the largest, as bits.
    first: u32,
    max: u32,
}

/// A format in one direction.
struct List {
    sides: [Side; 2],
    /// Both sides are the same.
    symmetric: bool,
}

thread_local! {
    static LISTS: RefCell<Vec<(QuantOp, Rc<List>)>> = const { RefCell::new(Vec::new()) };
}

/// The list of an operation, which a thread makes once.
fn list_of(op: &QuantOp) -> Rc<List> {
    let key = QuantOp { purpose: 0, ..*op };
    LISTS.with_borrow_mut(|lists| match lists.iter().find(|(known, _)| *known == key) {
        Some((_, list)) => list.clone(),
        None => {
            let list = Rc::new(List::new(op));
            if lists.len() == REMEMBERED {
                lists.remove(0);
            }
            lists.push((key, list.clone()));
            list
        }
    })
}

impl List {
    fn new(op: &QuantOp) -> List {
        assert!(op.width <= WIDEST, "a list has codes of at most {WIDEST} bits");
        let sides = [0, SIGN].map(|sign| Side::new(op, sign));
        let symmetric = sides[0] == sides[1];
        List { sides, symmetric }
    }
}

impl Side {
    fn new(op: &QuantOp, sign: u32) -> Side {
        let numbers = numbers(op, sign);
        let away = op.rounding == UP && sign == 0 || op.rounding == DOWN && sign != 0;
        let own = op.has(policy::OWN_SIGN);
        let last = numbers.len() - 1;
        let entries = (1..=last).map(|k| {
            let (low, high, odd) = (numbers[k - 1].0, numbers[k].0, numbers[k - 1].1 % 2 == 1);
            let threshold = match op.rounding {
                // What lies behind the last number of a list is beyond it.
                _ if own && k == last => high,
                NEAREST_EVEN => halfway(low, high, odd),
                NEAREST_AWAY => halfway(low, high, true),
                UP | DOWN if away => low + 1,
                _ => high,
            };
            let next = numbers.get(k + 1).map_or(high, |(next, _)| *next);
            Entry { threshold: threshold as i32, step: high - low, next: next - high }
        });
        Side { entries: entries.collect(), first: numbers[1].0, max: numbers[last - 1].0 }
    }
}

/// The magnitudes of a sign ascending from 0, as bits, with their codes; and behind them what is beyond.
fn numbers(op: &QuantOp, sign: u32) -> Vec<(u32, u32)> {
    if op.class == class::LOGARITHMIC {
        // 2^((c - b)/n), from libm and not from the table of roots that the scalar codec reads.
        let power = |code: u32| {
            let octaves = f64::from(code as i32 - op.lsb_min) / f64::from(op.mantissa);
            let octave = octaves.floor();
            let root = (libm::exp2(octaves - octave) as f32).to_bits();
            (root.wrapping_add_signed((octave as i32) << 23), code)
        };
        return std::iter::once((0, 0)).chain((1..=op.max_code + 1).map(power)).collect();
    }
    let codes = (0..1 << op.width).map(|code| (decoded(code, op, 0), code));
    let mut numbers: Vec<(u32, u32)> = codes
        .filter(|(bits, _)| bits & MAGNITUDE < INFINITY && (bits & SIGN == sign || bits & MAGNITUDE == 0))
        .collect();
    numbers.iter_mut().for_each(|(bits, _)| *bits &= MAGNITUDE);
    numbers.sort_unstable();
    numbers.dedup_by_key(|(bits, _)| *bits);
    let beyond = numbers.last().map_or(0, |(bits, _)| bits + 1);
    numbers.push((beyond, 0));
    numbers
}

/// The value of bits, those of infinity as 2^128: what is halfway below it is a number.
#[inline(always)]
fn wide(bits: u32) -> f64 {
    if bits == 0 { 0.0 } else { f64::from_bits((u64::from(bits) << 29) + (896 << 52)) }
}

/// The smallest magnitude above the middle of two, or from it on where it goes `up`.
fn halfway(low: u32, high: u32, up: bool) -> u32 {
    let middle = (wide(low) + wide(high)) / 2.0;
    let is_above = |bits: &u32| wide(*bits) > middle || up && wide(*bits) == middle;
    // Bits are in the order of their values.
    let (mut below, mut above) = (low, high);
    while above - below > 1 {
        let between = below + (above - below) / 2;
        if is_above(&between) { above = between } else { below = between }
    }
    above
}

/// Rounds by the thresholds, or between two numbers by the random words.
#[inline(always)]
pub(super) fn rows(op: &QuantOp, rows: &mut [Row], words: &Words, counts: &mut Counts) {
    let list = list_of(op);
    let shift = op.random_shift;
    // 2^n, and 2^(n+1) where half a unit joins the random bits: then those missing of it are 2 (2^n - R) - 1, not 2^n - R.
    let twice = if op.has(policy::ZERO_MEAN) { 2.0 } else { 1.0 };
    let places = twice * f64::from_bits(u64::from(1023 + 32 - shift) << 52);
    for (row, words) in rows.iter_mut().zip(words) {
        let found = list.find(row);
        each(op, row, words, counts, |l, value, word| {
            let (low, step) = (found.low[l], found.next[l]);
            let missing = twice * f64::from(!word >> shift) + 1.0;
            let magnitude = value.to_bits() & MAGNITUDE;
            let goes_up = op.rounding == STOCHASTIC && reaches(magnitude, low, low + step, places, missing);
            chosen(op, &list.sides, value, if goes_up { low + step } else { low })
        });
    }
}

/// Whether the distance d of a magnitude from `low` is at least the part `missing` / `places` of the gap to `high`.
///
/// All is exact in f64. Numbers of 24 bits that follow one another in a list are less than 2^9 apart, or one of them is 0:
/// the gap has at most 33 bits, 13 in its `upper` part and 20 behind. `missing` has at most 33, so both of its products are
/// exact. Where d `places` is less than the first of them, the sign of the difference is right. Else the difference is at
/// most d `places`, and a multiple of the last bit of either: at most 46 bits.
#[inline(always)]
fn reaches(magnitude: u32, low: u32, high: u32, places: f64, missing: f64) -> bool {
    let (distance, gap) = (wide(magnitude) - wide(low), wide(high) - wide(low));
    let upper = f64::from_bits(gap.to_bits() >> 40 << 40);
    distance * places - missing * upper >= missing * (gap - upper)
}

/// A magnitude of the list as the policies have it.
#[inline(always)]
fn chosen(op: &QuantOp, sides: &[Side; 2], value: f32, rounded: u32) -> Element {
    let (magnitude, sign) = (value.to_bits() & MAGNITUDE, value.to_bits() & SIGN);
    let max = if sign != 0 { sides[1].max } else { sides[0].max };
    let stops = match op.rounding {
        TOWARD_ZERO => true,
        UP => sign != 0,
        DOWN => sign == 0,
        _ => false,
    };
    let not_a_number = magnitude > INFINITY;
    let saturates = op.has(policy::SATFINITE) && not_a_number;
    let is_lost = not_a_number || !(stops && magnitude < INFINITY) && op.has(policy::OVERFLOWS);
    let (sign, max) = if saturates { (0, sides[0].max) } else { (sign, max) };
    let underflowed = u32::from(rounded == 0 && magnitude != 0);
    Element { underflowed, ..Element::limited(rounded, sign, max, is_lost && !saturates) }
}

/// Of each lane the number that its magnitude has by the thresholds, and by how much the one above it is larger.
struct Found {
    low: [u32; LANES],
    next: [u32; LANES],
}

impl List {
    /// Compares a row with every threshold.
    #[inline(always)]
    fn find(&self, row: &Row) -> Found {
        let first = |value: f32| self.sides[usize::from(value.is_sign_negative())].first;
        let mut found = Found { low: [0; LANES], next: row.map(first) };
        if self.symmetric {
            self.sides[0].add(&row.map(|value| (value.to_bits() & MAGNITUDE) as i32), &mut found);
            return found;
        }
        for (side, sign) in self.sides.iter().zip([0, SIGN]) {
            // A lane of the other sign has the magnitude 0, which is below every threshold.
            let own =
                |value: f32| if value.to_bits() & SIGN == sign { (value.to_bits() & MAGNITUDE) as i32 } else { 0 };
            side.add(&row.map(own), &mut found);
        }
        found
    }
}

impl Side {
    #[inline(always)]
    fn add(&self, keys: &[i32; LANES], found: &mut Found) {
        for entry in &self.entries {
            for l in 0..LANES {
                let reached = keys[l] >= entry.threshold;
                found.low[l] = found.low[l].wrapping_add(if reached { entry.step } else { 0 });
                found.next[l] =
                    found.next[l].wrapping_add(if reached { entry.next.wrapping_sub(entry.step) } else { 0 });
            }
        }
    }
}
