//! The exact risk of weights by its definition, sum_i lambda_i ((S^T v)_i - w*_i)^2: what the rows' factor form must
//! agree with up to rounding.

use super::optima::Optima;
use super::truth::Truth;
use crate::error::Result;
use crate::problem::{Problem, Sketch, TailVariance};
use crate::watch::Watch;

/// Rounding errors of the sums, relative to the largest terms in them: both forms may be off by this much.
pub const ROUNDING: f64 = 1.0 / (1u64 << 42) as f64;
/// Relative difference that two right values may have beside that of [`ROUNDING`].
const RELATIVE: f64 = 1e-9;

/// A value of the definition, and how far a right one may be from it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounded {
    pub value: f64,
    /// Part of it that rounding may move, absolute.
    pub rounding: f64,
}

impl Bounded {
    /// Whether the value is the same but for rounding.
    pub fn agrees(&self, found: f64) -> bool {
        // Not a number agrees with nothing.
        (found - self.value).abs() <= RELATIVE * self.value.abs() + self.rounding
    }

    /// The difference of two values, which is as far off as both may be.
    pub fn less(self, other: Bounded) -> Bounded {
        let relative = RELATIVE * (self.value.abs() + other.value.abs());
        Bounded { value: self.value - other.value, rounding: self.rounding + other.rounding + relative }
    }
}

/// The risks of one weight vector, see [`crate::risk::Risk`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Risk {
    pub excess: Bounded,
    pub reducible: Bounded,
    pub approximation: Bounded,
    pub signal: Bounded,
    pub overlap: Bounded,
}

/// Sums over the coordinates for many weight vectors under one draw of the sketch, which comes a few columns at a time.
pub struct Sums<'a> {
    problem: &'a Problem,
    tail: TailVariance,
    lambda: &'a [f64],
    target: &'a [f64],
    /// Each with its sums so far.
    weights: Vec<(&'a [f64], Sum)>,
    /// Upper triangle of G H G^T, and G H w*; empty without a sketch.
    gram: Vec<f64>,
    b: Vec<f64>,
}

/// Of one weight vector.
#[derive(Clone, Copy, Default)]
struct Sum {
    reducible: f64,
    overlap: f64,
}

impl<'a> Sums<'a> {
    /// `rows` is the largest model size of the draw, 0 without a sketch; `target` is that of the truth.
    pub fn new(
        problem: &'a Problem,
        tail: TailVariance,
        truth: &'a Truth,
        target: &'a [f64],
        rows: usize,
        weights: &[&'a [f64]],
    ) -> Sums<'a> {
        let weights = weights.iter().map(|&v| (v, Sum::default())).collect();
        let (gram, b) = (vec![0.0; rows * rows], vec![0.0; rows]);
        Sums { problem, tail, lambda: &truth.lambda, target, weights, gram, b }
    }

    /// Columns of the clean sketch from number `first` on: row-major, all rows of the draw, `width` columns.
    pub fn add(&mut self, first: usize, width: usize, columns: &[f32], watch: &Watch) -> Result<()> {
        let g: Vec<f64> = columns.iter().map(|&g| g.into()).collect();
        let (lambda, target) = (&self.lambda[first..][..width], &self.target[first..][..width]);
        for (v, sum) in &mut self.weights {
            watch.ask()?;
            let root = norm(self.problem, v.len()).sqrt();
            let mut seen = vec![0.0; width];
            for (v, g) in v.iter().zip(g.chunks(width)) {
                seen.iter_mut().zip(g).for_each(|(seen, g)| *seen += v * g);
            }
            for ((seen, w), lambda) in seen.iter().zip(target).zip(lambda) {
                let seen = seen / root;
                sum.reducible += lambda * (seen - w) * (seen - w);
                sum.overlap += lambda * seen * w;
            }
        }
        let size = self.b.len();
        for (j, row) in g.chunks(width).enumerate() {
            watch.ask()?;
            let weighted: Vec<f64> = row.iter().zip(lambda).map(|(g, lambda)| g * lambda).collect();
            self.b[j] += dot(&weighted, target);
            for (sum, other) in self.gram[j * size + j..(j + 1) * size].iter_mut().zip(g.chunks(width).skip(j)) {
                *sum += dot(&weighted, other);
            }
        }
        Ok(())
    }

    /// The risk of every weight vector, once all columns are added.
    pub fn risks(mut self, watch: &Watch) -> Result<Vec<Risk>> {
        let energy = self.energy();
        let size = self.b.len();
        // The tail has variance tau/M in a feature that is the sketch's over the root of the norm.
        let tail = self.tail.features * norm(self.problem, size) / size as f64;
        (0..size).for_each(|j| self.gram[j * size + j] += tail);
        let optima = Optima::new(self.gram, self.b, energy, watch)?;
        let mut best = Vec::new();
        let mut risk = |v: &[f64], sum: &Sum| {
            let m = v.len();
            let known = best.iter().find(|(size, _)| *size == m).map(|(_, best)| *best);
            let best = known.unwrap_or_else(|| {
                best.push((m, Best::new(&optima, m)));
                best[best.len() - 1].1
            });
            let root = norm(self.problem, m).sqrt();
            let own: Vec<f64> = v.iter().map(|v| v / root).collect();
            let tail = self.tail.features / m as f64 * dot(v, v) + self.tail.label;
            best.risk(sum.reducible + tail, sum.overlap, optima.lengths(&own), energy)
        };
        Ok(self.weights.iter().map(|(v, sum)| risk(v, sum)).collect())
    }

    /// The same without a sketch: S is the identity, and the best weights are w*.
    pub fn unsketched(&self) -> Vec<Risk> {
        let energy = self.energy();
        let risk = |v: &[f64]| {
            let (mut reducible, mut overlap, mut explained) = (0.0, 0.0, 0.0);
            for ((v, w), lambda) in v.iter().zip(self.target).zip(self.lambda) {
                reducible += lambda * (v - w) * (v - w);
                overlap += lambda * v * w;
                explained += lambda * v * v;
            }
            let best = Best { signal: energy, approximation: 0.0, length: 0.0 };
            best.risk(reducible, overlap, (f64::sqrt(explained), 0.0), energy)
        };
        self.weights.iter().map(|(v, _)| risk(v)).collect()
    }

    /// w*^T H w*, with what a closed tail adds.
    fn energy(&self) -> f64 {
        let squares: Vec<f64> = self.target.iter().map(|w| w * w).collect();
        dot(self.lambda, &squares) + self.tail.label
    }
}

/// What one model size can reach.
#[derive(Clone, Copy)]
struct Best {
    signal: f64,
    approximation: f64,
    /// Length of the best weights, as [`Optima::lengths`] has it.
    length: f64,
}

impl Best {
    fn new(optima: &Optima, m: usize) -> Best {
        let length = optima.lengths(&optima.weights(m)).0;
        Best { signal: optima.signal(m), approximation: optima.approximation(m), length }
    }

    /// `length` of the weights, and of what they have in directions that were dropped.
    fn risk(&self, reducible: f64, overlap: f64, (length, dropped): (f64, f64), energy: f64) -> Risk {
        let largest = energy.sqrt() + self.length;
        // The factor form leaves out what a dropped direction, up to 2^-22 of its feature, shares with the label.
        let left_out = libm::ldexp(1.0, -21) * dropped * energy.sqrt();
        let fixed = ROUNDING * largest * largest;
        let moved = ROUNDING * (largest + length) * (largest + length) + left_out;
        let bounded = |value: f64, rounding: f64| Bounded { value, rounding };
        Risk {
            excess: bounded(reducible - self.approximation, moved),
            reducible: bounded(reducible, moved),
            approximation: bounded(self.approximation, fixed),
            signal: bounded(self.signal, fixed),
            overlap: bounded(overlap, moved),
        }
    }
}

/// The features of model size `m` are the sketch's over the root of this.
pub(super) fn norm(problem: &Problem, m: usize) -> f64 {
    match &problem.sketch {
        Sketch::Gaussian { .. } => m as f64,
        Sketch::None => 1.0,
        Sketch::File(input) => m as f64 / input.shape[0] as f64,
    }
}

/// In eight lanes, which a compiler turns into vectors.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let (a, b) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    let mut lanes = [0.0; 8];
    for (a, b) in a.0.iter().zip(b.0) {
        for l in 0..8 {
            lanes[l] += a[l] * b[l];
        }
    }
    let rest: f64 = a.1.iter().zip(b.1).map(|(a, b)| a * b).sum();
    lanes.iter().sum::<f64>() + rest
}
