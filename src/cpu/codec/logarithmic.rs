//! Grids of the roots of two, by look-ups.
//!
//! The f32 line is cut into cells, 32 in an octave, of both signs. An octave has at most [`MAX_BASE_FACTOR`] numbers, the
//! nearest of them 2^(1/16) apart, more than the widest cell: a cell holds at most one threshold, the magnitude from which on
//! a value is rounded to the next number. So look-ups and a comparison round a value, without a search or a branch.

use std::cell::RefCell;
use std::rc::Rc;

use super::gap::{Random, wide};
use super::{ALIKE, Element, Words, each};
use crate::codec::bits::{INFINITY, MAGNITUDE, SIGN};
use crate::cpu::lanes::SLICE;
use crate::format::direction::{DOWN, NEAREST_AWAY, NEAREST_EVEN, STOCHASTIC, TOWARD_ZERO, UP};
use crate::format::{QuantOp, policy};
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
    /// The largest magnitude.
    max: u32,
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
        let numbers: Vec<u32> = (0..=op.max_code + 1).map(|code| number(op, code)).collect();
        let (last, max) = (numbers.len() - 1, number(op, op.max_code));
        let number = |code: usize| numbers[code.min(last)];
        let mut list = List { threshold: cells(), low: cells(), high: cells(), next: cells(), max };
        for sign in [0, SIGN] {
            let thresholds = thresholds(op, sign, &numbers);
            let mut k = 0;
            for start in (0..=MAGNITUDE).step_by(1 << WITHIN) {
                let cell = ((sign | start) >> WITHIN) as usize;
                let below = |end: u32| move |threshold: &&u32| **threshold < end;
                k += thresholds[k..].iter().take_while(below(start + 1)).count();
                let within = thresholds.get(k).filter(below(start + (1 << WITHIN)));
                list.threshold[cell] = within.copied().unwrap_or(u32::MAX);
                (list.low[cell], list.high[cell], list.next[cell]) = (number(k), number(k + 1), number(k + 2));
            }
        }
        list
    }
}

/// From which magnitude on each number but the first is that of a value, as bits.
fn thresholds(op: &QuantOp, sign: u32, numbers: &[u32]) -> Vec<u32> {
    let away = op.rounding == UP && sign == 0 || op.rounding == DOWN && sign != 0;
    let threshold = |(code, pair): (usize, &[u32])| match op.rounding {
        NEAREST_EVEN => halfway(pair[0], pair[1], code % 2 == 1),
        NEAREST_AWAY => halfway(pair[0], pair[1], true),
        UP | DOWN if away => pair[0] + 1,
        _ => pair[1],
    };
    numbers.windows(2).enumerate().map(threshold).collect()
}

/// The magnitude 2^((c - b)/n) of a code c, as bits, and 0 of 0; from libm and not from the table of roots that the scalar
/// codec reads. Behind the largest code it is the number from which on a value is beyond.
fn number(op: &QuantOp, code: u32) -> u32 {
    if code == 0 {
        return 0;
    }
    let octaves = f64::from(code as i32 - op.lsb_min) / f64::from(op.mantissa);
    let octave = octaves.floor();
    (libm::exp2(octaves - octave) as f32).to_bits().wrapping_add_signed((octave as i32) << 23)
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
    each!(op, lanes, words, ALIKE, counts, |value, _, ()| {
        let cell = (value.to_bits() >> WITHIN) as usize;
        let (threshold, low, high) = (list.threshold[cell], list.low[cell], list.high[cell]);
        let reached = value.to_bits() & MAGNITUDE >= threshold;
        chosen(op, list.max, value, if reached { high } else { low })
    });
}

#[inline(always)]
fn randomly(op: &QuantOp, list: &List, lanes: &mut [f32], words: &Words, counts: &mut Counts) {
    let random = Random::new(op);
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
        let goes_up = random.reaches(lanes[l].abs(), low[l], high[l], words.as_flattened()[l]);
        rounded[l] = if goes_up { high[l].to_bits() } else { low[l].to_bits() };
    }
    each!(op, lanes, words, |l: usize| rounded[l], counts, |value, _, rounded| chosen(op, list.max, value, rounded));
}

/// A magnitude of the list as the policies have it.
#[inline(always)]
fn chosen(op: &QuantOp, max: u32, value: f32, rounded: u32) -> Element {
    let (magnitude, sign) = (value.to_bits() & MAGNITUDE, value.to_bits() & SIGN);
    let stops = match op.rounding {
        TOWARD_ZERO => true,
        UP => sign != 0,
        DOWN => sign == 0,
        _ => false,
    };
    let not_a_number = magnitude > INFINITY;
    let saturates = op.has(policy::SATFINITE) & not_a_number;
    let is_lost = !saturates & (not_a_number | (!(stops & (magnitude < INFINITY)) & op.has(policy::OVERFLOWS)));
    Element::limited(rounded, if saturates { 0 } else { sign }, max, is_lost, (rounded == 0) & (magnitude != 0))
}

#[cfg(test)]
mod tests {
    use strum::VariantArray as _;

    use super::*;
    use crate::codec::{apply_one, tally};
    use crate::format::{Direction, Layout, MAX_BASE_FACTOR, Nan, Overflow, Quantizer, Rounding, format};

    /// Ties, numbers, thresholds and their neighbours of both signs, infinities, NaN, and what lies anywhere.
    fn inputs(op: &QuantOp) -> Vec<u32> {
        let numbers: Vec<u32> = (0..=op.max_code + 1).map(|code| number(op, code)).collect();
        let halfway = numbers.windows(2).map(|pair| halfway(pair[0], pair[1], true));
        let near = |bits: u32| [bits.saturating_sub(1), bits, bits + 1, bits + 2];
        let told = numbers.iter().copied().chain(halfway).flat_map(near);
        let anywhere = (0..2000u32).map(|k| k.wrapping_mul(2_654_435_761) & MAGNITUDE);
        // A run holds no magnitudes below its floor.
        let held = told.chain(anywhere).filter(|bits| *bits == 0 || *bits >= crate::codec::FLOOR);
        held.chain([INFINITY, INFINITY + 1]).flat_map(|bits| [bits, if bits == 0 { 0 } else { bits | SIGN }]).collect()
    }

    /// Values and counters of every input, in vector code and by the scalar codec.
    fn assert_same(quantizer: &Quantizer) {
        let op = QuantOp::of(quantizer);
        for (index, inputs) in inputs(&op).chunks(SLICE).enumerate() {
            let mut words: Words = Default::default();
            for (l, word) in words.as_flattened_mut().iter_mut().enumerate() {
                *word = ((index * SLICE + l) as u32).wrapping_mul(0x9e37_79b9);
            }
            let (mut wanted, mut tallied) = (Vec::new(), Counts::default());
            for (bits, word) in inputs.iter().zip(words.as_flattened()) {
                let (bits, flags) = apply_one(&op, *bits, 0, *word);
                tallied += tally(flags);
                wanted.push(bits);
            }
            let (mut values, mut counts) =
                (inputs.iter().map(|bits| f32::from_bits(*bits)).collect::<Vec<_>>(), Counts::default());
            lanes(&op, &mut values, &words, &mut counts);
            for ((value, wanted), input) in values.iter().zip(&wanted).zip(inputs) {
                assert_eq!(value.to_bits(), *wanted, "{quantizer:?} of {input:#010x}");
            }
            assert_eq!(counts, tallied, "{quantizer:?}");
        }
    }

    #[test]
    fn every_base_factor_rounds_as_the_scalar_codec_does() {
        let log8 = Quantizer::new(format("log8").expect("a row of the table"));
        let random = |zero_mean: bool| Rounding { zero_mean, ..Rounding::new(Direction::Stochastic) };
        let fixed = Direction::VARIANTS.iter().filter(|direction| !direction.is_random());
        let roundings: Vec<Rounding> =
            fixed.map(|direction| Rounding::new(*direction)).chain([false, true].map(random)).collect();
        for base_factor in 1..=MAX_BASE_FACTOR {
            // Around 1, and so that the number behind the largest is 2^128.
            for bias in [64, 128 - 128 * base_factor as i32] {
                let layout = Layout::Logarithmic { bits: 8, base_factor, bias };
                for rounding in &roundings {
                    for (overflow, nan) in [(Overflow::Saturate, Nan::Propagate), (Overflow::Ieee, Nan::Satfinite)] {
                        assert_same(&Quantizer { layout, rounding: *rounding, overflow, nan, ..log8 });
                    }
                }
            }
        }
    }
}
