//! Formats that are a list of numbers: roots of two, and every class without vector code of its own.
//!
//! The f32 line is cut into cells, 32 in an octave, of both signs. Numbers are so far apart that a cell holds at most one
//! threshold, the magnitude from which on a value is rounded to the next number: look-ups and a comparison round a value,
//! without a search or a branch.

use std::cell::RefCell;
use std::rc::Rc;

use super::{ALIKE, Element, Words, each};
use crate::codec::bits::{INFINITY, MAGNITUDE, SIGN};
use crate::codec::decoded;
use crate::cpu::lanes::SLICE;
use crate::format::direction::{DOWN, NEAREST_AWAY, NEAREST_EVEN, STOCHASTIC, TOWARD_ZERO, UP};
use crate::format::{QuantOp, class, policy};
use crate::site::Counts;

/// Bits of an f32 that do not choose the cell.
const WITHIN: u32 = 18;
const CELLS: usize = 1 << (32 - WITHIN);
/// Lists that a thread remembers.
const REMEMBERED: usize = 16;

/// A format in one direction, cell by cell.
struct List {
    /// The magnitude from which on a value is `high` and not `low`; of random roundings, the number `high` itself.
    threshold: Box<[u32; CELLS]>,
    low: Box<[u32; CELLS]>,
    high: Box<[u32; CELLS]>,
    /// What follows `high`.
    next: Box<[u32; CELLS]>,
    /// The largest magnitude of each sign.
    max: [u32; 2],
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

/// Zeros for every cell.
fn cells() -> Box<[u32; CELLS]> {
    vec![0; CELLS].into_boxed_slice().try_into().expect("so many were asked for")
}

impl List {
    fn new(op: &QuantOp) -> List {
        let mut list = List { threshold: cells(), low: cells(), high: cells(), next: cells(), max: [0; 2] };
        for sign in [0, SIGN] {
            let numbers = numbers(op, sign);
            let thresholds = thresholds(op, sign, &numbers);
            let far = numbers.windows(2).any(|pair| pair[0].0 > 0 && pair[1].0 - pair[0].0 > 9 << 23);
            assert!(!far, "numbers so far from one another need vector code of their own");
            let number = |k: usize| numbers[k.min(numbers.len() - 1)].0;
            list.max[usize::from(sign != 0)] = number(numbers.len() - 2);
            let mut k = 0;
            for start in (0..=MAGNITUDE).step_by(1 << WITHIN) {
                let cell = ((sign | start) >> WITHIN) as usize;
                let below = |end: u32| move |threshold: &&u32| **threshold < end;
                k += thresholds[k..].iter().take_while(below(start + 1)).count();
                let within = thresholds[k..].iter().take_while(below(start + (1 << WITHIN))).count();
                assert!(within <= 1, "numbers so near to one another need vector code of their own");
                list.threshold[cell] = if within == 1 { thresholds[k] } else { u32::MAX };
                (list.low[cell], list.high[cell], list.next[cell]) = (number(k), number(k + 1), number(k + 2));
            }
        }
        list
    }
}

/// From which magnitude on each number but the first is that of a value, as bits.
fn thresholds(op: &QuantOp, sign: u32, numbers: &[(u32, u32)]) -> Vec<u32> {
    let away = op.rounding == UP && sign == 0 || op.rounding == DOWN && sign != 0;
    let last = numbers.len() - 1;
    let threshold = |k: usize| {
        let (low, high, odd) = (numbers[k - 1].0, numbers[k].0, numbers[k - 1].1 % 2 == 1);
        match op.rounding {
            // What lies behind the last number of a list is beyond it.
            _ if op.has(policy::OWN_SIGN) && k == last => high,
            NEAREST_EVEN => halfway(low, high, odd),
            NEAREST_AWAY => halfway(low, high, true),
            UP | DOWN if away => low + 1,
            _ => high,
        }
    };
    (1..=last).map(threshold).collect()
}

/// The magnitudes of a sign ascending from 0, as bits, with their codes; and behind them what is beyond.
fn numbers(op: &QuantOp, sign: u32) -> Vec<(u32, u32)> {
    if op.kind == class::LOGARITHMIC {
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

/// The number, infinity as 2^128: what is halfway below it is one.
#[inline(always)]
fn wide(number: f32) -> f64 {
    const BEYOND: f64 = 2.0 * (1u128 << 127) as f64;
    f64::from(number).min(BEYOND)
}

/// The smallest magnitude above the middle of two, or from it on where it goes `up`.
fn halfway(low: u32, high: u32, up: bool) -> u32 {
    let value = |bits: u32| wide(f32::from_bits(bits));
    let middle = (value(low) + value(high)) / 2.0;
    let is_above = |bits: u32| value(bits) > middle || up && value(bits) == middle;
    // Bits are in the order of their values.
    let (mut below, mut above) = (low, high);
    while above - below > 1 {
        let between = below + (above - below) / 2;
        if is_above(between) { above = between } else { below = between }
    }
    above
}

/// Rounds by the thresholds, or between two numbers by the random words.
#[inline(always)]
pub(super) fn lanes(op: &QuantOp, lanes: &mut [f32], words: &Words, counts: &mut Counts) {
    let list = &*list_of(op);
    match op.rounding {
        STOCHASTIC => randomly(op, list, lanes, words, counts),
        _ => by_thresholds(op, list, lanes, words, counts),
    }
}

#[inline(always)]
fn by_thresholds(op: &QuantOp, list: &List, lanes: &mut [f32], words: &Words, counts: &mut Counts) {
    each(op, lanes, words, &ALIKE, counts, |value, _, ()| {
        let cell = (value.to_bits() >> WITHIN) as usize;
        let (threshold, low, high) = (list.threshold[cell], list.low[cell], list.high[cell]);
        let reached = value.to_bits() & MAGNITUDE >= threshold;
        chosen(op, list.max, value, if reached { high } else { low })
    });
}

#[inline(always)]
fn randomly(op: &QuantOp, list: &List, lanes: &mut [f32], words: &Words, counts: &mut Counts) {
    let shift = op.random_shift;
    // Of n random bits R 2^n - R are missing of 2^n, and where half a unit joins them 2 (2^n - R) - 1 of 2^(n+1).
    let twice = if op.has(policy::ZERO_MEAN) { 2.0 } else { 1.0 };
    let places = twice * f64::from_bits(u64::from(1023 + 32 - shift) << 52);
    let (mut low, mut high) = ([0.0; SLICE], [0.0; SLICE]);
    for l in 0..lanes.len().min(SLICE) {
        let cell = (lanes[l].to_bits() >> WITHIN) as usize;
        let reached = lanes[l].to_bits() & MAGNITUDE >= list.threshold[cell];
        let numbers = (list.low[cell], list.high[cell], list.next[cell]);
        low[l] = f32::from_bits(if reached { numbers.1 } else { numbers.0 });
        high[l] = f32::from_bits(if reached { numbers.2 } else { numbers.1 });
    }
    let mut rounded = [0; SLICE];
    for l in 0..lanes.len().min(SLICE) {
        let missing = twice * f64::from(!words.as_flattened()[l] >> shift) + 1.0;
        let goes_up = reaches(lanes[l].abs(), low[l], high[l], places, missing);
        rounded[l] = if goes_up { high[l].to_bits() } else { low[l].to_bits() };
    }
    each(op, lanes, words, &rounded, counts, |value, _, rounded| chosen(op, list.max, value, rounded));
}

/// Whether the distance d of a magnitude from `low` is at least the part `missing` / `places` of the gap to `high`.
///
/// All is exact in f64. Numbers of 24 bits that follow one another in a list are less than 2^9 apart, or one of them is 0:
/// the gap has at most 33 bits, 13 in its `upper` part and 20 behind. `missing` has at most 33, so both of its products are
/// exact. Where d `places` is less than the first of them, the sign of the difference is right. Else the difference is at
/// most d `places`, and a multiple of the last bit of either: at most 46 bits.
#[inline(always)]
fn reaches(magnitude: f32, low: f32, high: f32, places: f64, missing: f64) -> bool {
    let (distance, gap) = (wide(magnitude) - wide(low), wide(high) - wide(low));
    let upper = f64::from_bits(gap.to_bits() >> 40 << 40);
    distance * places - missing * upper >= missing * (gap - upper)
}

/// A magnitude of the list as the policies have it.
#[inline(always)]
fn chosen(op: &QuantOp, max: [u32; 2], value: f32, rounded: u32) -> Element {
    let (magnitude, sign) = (value.to_bits() & MAGNITUDE, value.to_bits() & SIGN);
    let own = if sign != 0 { max[1] } else { max[0] };
    let stops = match op.rounding {
        TOWARD_ZERO => true,
        UP => sign != 0,
        DOWN => sign == 0,
        _ => false,
    };
    let not_a_number = magnitude > INFINITY;
    let saturates = op.has(policy::SATFINITE) & not_a_number;
    let is_lost = !saturates & (not_a_number | (!(stops & (magnitude < INFINITY)) & op.has(policy::OVERFLOWS)));
    let (sign, max) = if saturates { (0, max[0]) } else { (sign, own) };
    Element::limited(rounded, sign, max, is_lost, (rounded == 0) & (magnitude != 0))
}
