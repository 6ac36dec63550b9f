//! Stochastic rounding by somebody else, whose random words nobody knows: every result must be one of two, and how often
//! it is the one or the other is judged by statistics.
//!
//! Of independent draws X with mean 0, magnitudes of at most 1 and variances that sum to V, a sum of more than
//! t = L/3 + sqrt(L^2/9 + 2 V L) in magnitude has a probability of at most 2 exp(-L) (Bernstein's inequality; Boucheron,
//! Lugosi and Massart, Concentration Inequalities, 2013, 2.8). With L = ln(2 T / alpha) of T tests, all of a right codec
//! pass together with a probability of 1 - alpha or more, whatever the data and however few.

use rayon::prelude::*;

use super::FIRST;
use super::case::{Agreement, Case, Found, Stored};
use super::parts::{Between, between};
use crate::codec::{SIGN, stored};
use crate::format::{QuantOp, policy};

/// How often a right codec fails any of the tests, at most.
pub const FALSE_ALARMS: f64 = 1e-6;
/// Ranges of probabilities that have tests of their own.
const RANGES: usize = 8;
/// Rows, and multiples of them, at whose distance elements are compared.
const ROWS: [usize; 3] = [1, 2, 3];

/// What was found.
#[derive(Clone, Debug)]
pub struct RandomComparison {
    pub elements: usize,
    /// Elements that lie between two values, so that chance decides.
    pub drawn: usize,
    /// Elements that are neither of their two values, or not the one that they must be.
    pub different: usize,
    pub first: Vec<Neither>,
    pub tests: Vec<Test>,
}

/// An element that is none of what it may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Neither {
    pub element: usize,
    /// The f32 nearest it, as bits.
    pub input: u32,
    pub theirs: Stored,
    /// The two that it may be, or twice the one.
    pub allowed: [Stored; 2],
}

/// A sum over draws that has the mean 0.
#[derive(Clone, Debug)]
pub struct Test {
    pub name: String,
    pub draws: usize,
    pub sum: f64,
    /// What chance makes of it at most.
    pub limit: f64,
}

impl Test {
    /// Whether the sum is more than chance makes of it.
    pub fn is_caught(&self) -> bool {
        self.sum.abs() > self.limit
    }
}

/// Whether an element went to the value farther from zero, less its probability: of mean 0.
#[derive(Clone, Copy, Default)]
struct Draw {
    error: f64,
    probability: f64,
    is_negative: bool,
    /// It is none of what it may be, and no draw.
    is_neither: bool,
}

impl Draw {
    fn variance(self) -> f64 {
        self.probability * (1.0 - self.probability)
    }
}

/// Judges what a codec stored, and what it stored for the same values when it was called `again`, with at most
/// `false_alarms` of a right codec.
pub fn judge(case: &Case, again: Option<&Found>, false_alarms: f64) -> RandomComparison {
    let ours = case.ours();
    let calls: Vec<(&Found, Vec<Draw>)> = std::iter::once(&case.found)
        .chain(again)
        .map(|found| {
            let draw = |k: usize| drawn(case, k, case.stored_in(found, k), ours(k));
            (found, (0..case.inputs.len()).into_par_iter().map(draw).collect())
        })
        .collect();
    let mut sums = Vec::new();
    for (call, (_, draws)) in calls.iter().enumerate() {
        let of_call = |name: &str| if call == 0 { name.to_string() } else { format!("{name}, of the second call") };
        let all = of_elements(draws).into_iter().chain(along(draws, case.row()));
        sums.extend(all.map(|sum| Sum { name: of_call(&sum.name), ..sum }));
    }
    if let [(_, first), (_, second)] = calls.as_slice() {
        let mut sum = Sum::new("independence of two calls");
        first.iter().zip(second).for_each(|(a, b)| sum.add_product(*a, *b));
        sums.push(sum);
    }
    let level = (2.0 * sums.len() as f64 / false_alarms).ln();
    let neither = calls.iter().flat_map(|(found, draws)| {
        (0..draws.len()).filter(|k| draws[*k].is_neither).map(|element| Neither {
            element,
            input: case.nearest(element),
            theirs: case.stored_in(found, element),
            allowed: allowed(case, element, ours(element)).1,
        })
    });
    RandomComparison {
        elements: case.inputs.len(),
        drawn: calls[0].1.iter().filter(|draw| draw.variance() > 0.0).count(),
        different: calls.iter().map(|(_, draws)| draws.iter().filter(|draw| draw.is_neither).count()).sum(),
        first: neither.take(FIRST).collect(),
        tests: sums.into_iter().map(|sum| sum.test(level)).collect(),
    }
}

/// The two that an element may be, with what is known of them; or twice the one that it must be.
fn allowed(case: &Case, element: usize, ours: Stored) -> (Option<Between>, [Stored; 2]) {
    match between(&case.op, case.inputs[element], ours.scale) {
        None => (None, [ours; 2]),
        Some(around) => {
            let with = |code: u32| Stored { code, value: stored(&case.op, code, ours.scale), ..ours };
            (Some(around), [around.below, around.above].map(with))
        }
    }
}

fn drawn(case: &Case, element: usize, theirs: Stored, ours: Stored) -> Draw {
    let (around, allowed) = allowed(case, element, ours);
    let [is_below, is_above] = allowed.map(|one| case.compared(theirs, one) != Agreement::Different);
    match around.and_then(|around| around.fraction) {
        _ if !is_below && !is_above => Draw { is_neither: true, ..Draw::default() },
        // What has one value, whatever is drawn, is no draw; nor is what has an unknown chance.
        Some(fraction) if is_below != is_above => {
            let probability = probability(&case.op, fraction);
            let error = f64::from(u8::from(is_above)) - probability;
            Draw { error, probability, is_negative: case.inputs[element] & SIGN != 0, is_neither: false }
        }
        _ => Draw::default(),
    }
}

/// How many of the random words round a fraction up (IEEE P3109, StochasticA and B).
fn probability(op: &QuantOp, fraction: f64) -> f64 {
    let words = libm::ldexp(1.0, 32 - op.random_shift as i32);
    match op.has(policy::ZERO_MEAN) {
        true => (((fraction * 2.0 * words).floor() + 1.0) / 2.0).floor() / words,
        false => (fraction * words).floor() / words,
    }
}

/// A sum and its variance.
struct Sum {
    name: String,
    draws: usize,
    sum: f64,
    variance: f64,
}

impl Sum {
    fn new(name: impl Into<String>) -> Sum {
        Sum { name: name.into(), draws: 0, sum: 0.0, variance: 0.0 }
    }

    /// Adds an error by a weight of at most 1.
    fn add(&mut self, draw: Draw, weight: f64) {
        self.draws += usize::from(draw.variance() > 0.0);
        self.sum += weight * draw.error;
        self.variance += weight * weight * draw.variance();
    }

    /// Adds the product of two errors that no other product of the sum has.
    fn add_product(&mut self, a: Draw, b: Draw) {
        self.draws += usize::from(a.variance() * b.variance() > 0.0);
        self.sum += a.error * b.error;
        self.variance += a.variance() * b.variance();
    }

    fn test(self, level: f64) -> Test {
        let third = level / 3.0;
        let limit = third + (third * third + 2.0 * self.variance * level).sqrt();
        Test { name: self.name, draws: self.draws, sum: self.sum, limit }
    }
}

/// Sums over elements: of the errors, of what their squares exceed their variances by, and of the errors of those with
/// similar probabilities.
fn of_elements(draws: &[Draw]) -> Vec<Sum> {
    let mut away = Sum::new("bias away from zero");
    let mut upward = Sum::new("bias upward");
    let mut variance = Sum::new("variance");
    let mut ranges: Vec<Sum> = (0..RANGES)
        .map(|k| {
            let edge = |k: usize| k as f64 / RANGES as f64;
            Sum::new(format!("probability from {} to {}", edge(k), edge(k + 1)))
        })
        .collect();
    for draw in draws {
        away.add(*draw, 1.0);
        upward.add(*draw, if draw.is_negative { -1.0 } else { 1.0 });
        // (u - p)^2 - p (1 - p) = (1 - 2 p) (u - p) for u of 0 and 1.
        variance.add(*draw, 1.0 - 2.0 * draw.probability);
        ranges[((draw.probability * RANGES as f64) as usize).min(RANGES - 1)].add(*draw, 1.0);
    }
    [away, upward, variance].into_iter().chain(ranges).collect()
}

/// Products of elements at powers of two as distance, and at some rows'. No element is in two products of a sum, so that
/// these are independent too.
fn along(draws: &[Draw], row: usize) -> Vec<Sum> {
    let powers = (0..usize::BITS).map(|k| 1 << k).take_while(|distance| 2 * distance <= draws.len());
    let powers = powers.map(|distance| (distance, format!("independence {distance} elements apart")));
    let rows = ROWS.into_iter().map(|count| (count * row, format!("independence {count} rows apart")));
    let rows = rows.filter(|(distance, _)| *distance > 0 && 2 * distance <= draws.len());
    let mut sums = Vec::new();
    for (distance, name) in powers.chain(rows) {
        for first in [0, distance] {
            let mut sum = Sum::new(name.clone());
            for group in draws.get(first..).unwrap_or_default().chunks(2 * distance) {
                let (near, far) = group.split_at(distance.min(group.len()));
                near.iter().zip(far).for_each(|(a, b)| sum.add_product(*a, *b));
            }
            sums.push(sum);
        }
    }
    sums
}
