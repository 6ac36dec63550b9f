//! The exact expected risk of one-pass SGD on one sketch and one target, in f64, on M numbers.
//!
//! Gaussian inputs make the sketched problem a well-specified regression: with z = S x, Sigma = S H S^T, b = S H w* and
//! v* = Sigma^-1 b, the label is y = <v*, z> + xi, xi independent of z with variance sigma^2 + A, A being the
//! approximation error. Only first and second moments of the weights enter the expected risk, and they follow a linear
//! recursion, with the noise of a law at any site. Where that noise treats all directions alike, or without a sketch
//! each coordinate by itself, it runs on the diagonals in the eigenbasis of Sigma.

use multiversion::multiversion;

use super::basis::Basis;
use super::diagonal::Moments;
use super::laws::{Laws, UpdateNoise};
use super::matched::Scales;
use crate::error::{Error, Result};

/// Sums are of so many lanes, which a compiler may keep in vectors.
const LANES: usize = 8;

/// Expected risks of one state, in squared units of y.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Expected {
    /// (v - v*)^T Sigma (v - v*).
    pub excess: f64,
    /// E (y - <q, v>)^2 - sigma^2 - A on features q as activations read them.
    pub quantized_test: f64,
}

impl Expected {
    /// What grew beyond f64 is infinite, whatever its sums came to; an excess below 0 is their rounding.
    pub(super) fn new(excess: f64, quantized_test: f64) -> Expected {
        let [excess, quantized_test] =
            [excess, quantized_test].map(|risk| if risk.is_nan() { f64::INFINITY } else { risk });
        Expected { excess: excess.max(0.0), quantized_test }
    }
}

/// SGD from zero weights on fresh batches, in expectation: O(M) per update.
///
/// With the moments A = E[v v^T] and X = E[b v^T] of the weights, Y, C and F of [`Moments`] and H = E[q' q^T],
/// A+ = A + gamma (X - H A + transpose) + gamma^2 [T1 / B + (1 - 1/B) T2], T1 being the second moment of the gradient
/// of one sample and T2 = E b b^T - X H - H X^T + H A H that of two of a batch, each with the noise of label,
/// activation and gradient. The mean of v is G b, where G+ = G + gamma (I - H G). All of these are diagonal, or read on
/// the diagonal alone.
#[derive(Clone, Debug)]
pub struct Recursion<'a> {
    basis: &'a Basis,
    moments: Moments,
    noise: UpdateNoise,
    scales: Scales,
    batch: f64,
    /// Sum of the eigenvalues.
    trace: f64,
    blocks: Vec<Block>,
    sums: Sums,
    /// By block, where the mean of the iterates is wanted.
    averages: Option<Vec<Average>>,
    /// Iterates in the averages.
    averaged: u64,
    /// E[q q^T] of the features of a test, and what they are times those of gain 1.
    test: (Vec<f64>, f64),
    /// The step size that the blocks are prepared for.
    gamma: f64,
}

/// So many directions: diagonals of A and G, and the update of one step size, A_i+ = keep_i A_i + mix_i X_i + add_i +
/// inside_i (every + weighted s_i), where X_i = signal_i G_i and the last two follow from [`Sums`].
#[derive(Clone, Copy, Debug, Default)]
struct Block {
    square: [f64; LANES],
    mean: [f64; LANES],
    keep: [f64; LANES],
    mix: [f64; LANES],
    add: [f64; LANES],
    /// 1 - gamma h_i.
    contract: [f64; LANES],
    eigenvalue: [f64; LANES],
    signal: [f64; LANES],
    /// 1, or 0 beyond M.
    inside: [f64; LANES],
}

/// Diagonals of E[s s^T], E[s v^T] and sum of G over the updates, s = v_0 + .. + v_{t-1}.
#[derive(Clone, Copy, Debug, Default)]
struct Average {
    sum: [f64; LANES],
    cross: [f64; LANES],
    mean: [f64; LANES],
}

/// Over all directions: of X, of A, and of A weighted by the eigenvalues s.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    mixed: f64,
    square: f64,
    weighted: f64,
}

/// Iterates in expectation, as [`Recursion`] and [`super::dense::Recursion`] follow them.
pub trait Iterates {
    /// One update with step `gamma`, on the mean over the batch.
    fn update(&mut self, gamma: f64);
    /// Expected risks of the last iterate.
    fn last(&self) -> Expected;
    /// The same of the mean of v_0 .. v_{t-1}; of no updates v_0. `None` where no average was asked for.
    fn average(&self) -> Option<Expected>;
}

/// Iterates under laws that change; what their weights are carries over.
pub trait Phases: Iterates + Clone {
    /// Of one phase.
    type Laws: Copy;
    /// The updates from here on are under these.
    fn change(&mut self, laws: Self::Laws);
    /// The same iterates, judged on test features under these.
    fn tested(self, laws: Self::Laws) -> Self;
    /// The average is that of the iterates from here on.
    fn begin_average(&mut self);
}

impl Recursion<'_> {
    /// Before the first update, under laws whose method is [`super::laws::Method::Diagonal`]; `average` where the mean
    /// of the iterates is wanted. [`Error::Input`] for empty batches.
    pub fn new<'a>(basis: &'a Basis, laws: &Laws, batch: u32, average: bool) -> Result<Recursion<'a>> {
        if batch == 0 {
            return Err(Error::Input("a batch of 0 samples: allowed are 1 or more".into()));
        }
        let mut blocks = vec![Block::default(); basis.eigenvalues.len().div_ceil(LANES)];
        for (i, (s, signal)) in basis.eigenvalues.iter().zip(&basis.signal).enumerate() {
            let (block, l) = (&mut blocks[i / LANES], i % LANES);
            (block.eigenvalue[l], block.signal[l], block.inside[l]) = (*s, *signal, 1.0);
        }
        let averages = average.then(|| vec![Average::default(); blocks.len()]);
        let moments = Moments::new(basis, laws);
        let mut recursion = Recursion {
            basis,
            test: (moments.read.clone(), laws.scales.features),
            moments,
            noise: laws.noise(),
            scales: laws.scales,
            batch: batch.into(),
            trace: basis.eigenvalues.iter().sum(),
            blocks,
            sums: Sums::default(),
            averages,
            averaged: 0,
            gamma: 0.0,
        };
        recursion.prepare(0.0);
        Ok(recursion)
    }

    fn prepare(&mut self, gamma: f64) {
        let UpdateNoise { label, activation, gradient, parameter, weight } = &self.noise;
        let (one, two) = (1.0 / self.batch, 1.0 - 1.0 / self.batch);
        let (own, shared) = (1.0 + gradient.relative, 1.0 + gradient.shared);
        for i in 0..self.basis.eigenvalues.len() {
            let (block, l) = (&mut self.blocks[i / LANES], i % LANES);
            let (h, bb, taken) = (self.moments.cross[i], self.basis.signal[i], self.moments.gradient[i]);
            let square = one * own * (1.0 + activation.relative) * self.moments.own_square[i]
                + two * shared * (1.0 + activation.shared) * h * h;
            let mixed = -2.0 * (one * own * self.moments.own_mixed[i] + two * shared * h);
            let plain = own * (1.0 + label.relative) * self.moments.label[i]
                + (own * (label.additive + activation.additive) + gradient.additive) * taken;
            let constant = one * plain + two * shared * (1.0 + label.shared) * bb + parameter.additive * square;
            let stored = 1.0 + weight.relative;
            block.keep[l] = stored * (1.0 - 2.0 * gamma * h + gamma * gamma * (1.0 + parameter.relative) * square);
            block.mix[l] = stored * (2.0 * gamma + gamma * gamma * mixed);
            block.add[l] = stored * gamma * gamma * constant;
            block.contract[l] = 1.0 - gamma * h;
        }
        self.gamma = gamma;
    }

    /// Of the moments of a sum of `count` iterates: diagonals of its square and of its mean. In each direction the
    /// excess is h Var v_i + h (E v_i - v*_i)^2: near the optimum tr(Sigma A) - 2 tr X + b^T Sigma^-1 b would cancel.
    fn judge(&self, count: f64, of: impl Fn(usize) -> (f64, f64)) -> Expected {
        let (read, features) = (&self.test.0, self.test.1);
        let (mut excess, mut noise, count) = (0.0, 0.0, count / self.scales.weights);
        for (i, h) in self.basis.curvatures().enumerate() {
            let (square, mean) = of(i);
            let (square, mean, signal) = (square / (count * count), mean / count, self.basis.signal[i]);
            if signal > 0.0 {
                let variance = square - signal * mean * mean;
                // Only rounding is below 0; NaN stays.
                let variance = if variance < 0.0 { 0.0 } else { variance };
                excess += h * variance + signal / h * (h * mean - 1.0).powi(2);
            } else {
                excess += h * square;
            }
            noise += (features * features * read[i] - h) * square - 2.0 * (features - 1.0) * signal * mean;
        }
        Expected::new(excess, excess + noise)
    }
}

impl Iterates for Recursion<'_> {
    fn update(&mut self, gamma: f64) {
        let gamma = self.scales.step * gamma;
        if gamma != self.gamma {
            self.prepare(gamma);
        }
        if let Some(averages) = &mut self.averages {
            take_in(averages, &self.blocks, gamma);
        }
        let UpdateNoise { activation, gradient, parameter, weight, .. } = &self.noise;
        let Sums { mixed, square, weighted } = self.sums;
        // Of v as it is read.
        let square = (1.0 + parameter.relative) * square + parameter.additive * self.basis.eigenvalues.len() as f64;
        let weighted = (1.0 + parameter.relative) * weighted + parameter.additive * self.trace;
        let kick = (1.0 + weight.relative) * gamma * gamma * (1.0 + gradient.relative) / self.batch;
        let [plain, of_s] = [0, 1].map(|p| {
            let f = self.moments.square[p];
            let read = f[0] * square + f[1] * weighted;
            kick * ((1.0 + activation.relative) * read - 2.0 * self.moments.mixed[p] * mixed)
        });
        self.sums = advance(&mut self.blocks, gamma, [plain + weight.additive, of_s]);
        self.averaged += 1;
    }

    fn last(&self) -> Expected {
        self.judge(1.0, |i| (self.blocks[i / LANES].square[i % LANES], self.blocks[i / LANES].mean[i % LANES]))
    }

    fn average(&self) -> Option<Expected> {
        let averages = self.averages.as_ref()?;
        Some(match self.averaged {
            0 => self.last(),
            t => self.judge(t as f64, |i| {
                let Average { sum, mean, .. } = &averages[i / LANES];
                (sum[i % LANES], mean[i % LANES])
            }),
        })
    }
}

impl Phases for Recursion<'_> {
    type Laws = Laws;

    fn change(&mut self, laws: Laws) {
        // The moments are of v over `weights`.
        let ratio = self.scales.weights / laws.scales.weights;
        let times = |values: &mut [f64; LANES], by: f64| values.iter_mut().for_each(|value| *value *= by);
        for block in &mut self.blocks {
            times(&mut block.square, ratio * ratio);
            times(&mut block.mean, ratio);
        }
        for average in self.averages.iter_mut().flatten() {
            times(&mut average.sum, ratio * ratio);
            times(&mut average.cross, ratio * ratio);
            times(&mut average.mean, ratio);
        }
        let Sums { mixed, square, weighted } = &mut self.sums;
        (*mixed, *square, *weighted) = (*mixed * ratio, *square * ratio * ratio, *weighted * ratio * ratio);
        (self.moments, self.noise, self.scales) = (Moments::new(self.basis, &laws), laws.noise(), laws.scales);
        self.prepare(self.gamma);
    }

    fn tested(self, laws: Laws) -> Self {
        Recursion { test: (Moments::new(self.basis, &laws).read, laws.scales.features), ..self }
    }

    fn begin_average(&mut self) {
        self.averages = Some(vec![Average::default(); self.blocks.len()]);
        self.averaged = 0;
    }
}

/// Moves A and G, and sums what came of them.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx2+fma", "x86_64+avx2+fma"))]
fn advance(blocks: &mut [Block], gamma: f64, [plain, of_s]: [f64; 2]) -> Sums {
    let (mut mixed, mut square, mut weighted) = ([0.0; LANES], [0.0; LANES], [0.0; LANES]);
    for block in blocks {
        for l in 0..LANES {
            let x = block.signal[l] * block.mean[l];
            let every = block.inside[l] * (plain + of_s * block.eigenvalue[l]);
            block.square[l] = block.keep[l] * block.square[l] + block.mix[l] * x + (block.add[l] + every);
            block.mean[l] = block.contract[l] * block.mean[l] + gamma;
            mixed[l] += block.signal[l] * block.mean[l];
            square[l] += block.square[l];
            weighted[l] += block.eigenvalue[l] * block.square[l];
        }
    }
    Sums { mixed: mixed.iter().sum(), square: square.iter().sum(), weighted: weighted.iter().sum() }
}

/// The sums take v_t in before v_t moves.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx2+fma", "x86_64+avx2+fma"))]
fn take_in(averages: &mut [Average], blocks: &[Block], gamma: f64) {
    for (average, block) in averages.iter_mut().zip(blocks) {
        for l in 0..LANES {
            average.sum[l] += 2.0 * average.cross[l] + block.square[l];
            average.mean[l] += block.mean[l];
            let moved = (average.cross[l] + block.square[l]) * block.contract[l];
            average.cross[l] = moved + gamma * average.mean[l] * block.signal[l];
        }
    }
}
