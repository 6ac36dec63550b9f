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

/// SGD from zero weights on fresh batches, in expectation: O(M) per update.
///
/// With the moments A = E[v v^T] and X = E[b v^T] of the weights, Y, C and F of [`Moments`] and H = E[q' q^T],
/// A+ = A + gamma (X - H A + transpose) + gamma^2 [T1 / B + (1 - 1/B) T2], T1 being the second moment of the gradient of
/// one sample and T2 = E b b^T - X H - H X^T + H A H that of two of a batch, each with the noise of label, activation and
/// gradient. E[v] = G b, where G+ = G + gamma (I - H G). All of these are diagonal, or read on the diagonal alone.
#[derive(Clone, Debug)]
pub struct Recursion<'a> {
    basis: &'a Basis,
    moments: Moments,
    noise: UpdateNoise,
    batch: f64,
    /// Sum of the eigenvalues.
    trace: f64,
    state: State,
    /// Diagonals of E[s s^T], E[s v^T] and sum of G over the updates, s = v_0 + .. + v_{t-1}; empty where nothing is
    /// averaged.
    sum: Vec<f64>,
    cross: Vec<f64>,
    mean_sum: Vec<f64>,
    updates: u64,
    step: Step,
}

/// Diagonals of the moments of v, and sums of them.
#[derive(Clone, Debug)]
struct State {
    /// A and G.
    square: Vec<f64>,
    mean: Vec<f64>,
    sums: Sums,
}

/// Over all directions: of X, of A, and of A weighted by the eigenvalues s.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    mixed: f64,
    square: f64,
    weighted: f64,
}

/// The update of one step size: A_i+ = keep_i A_i + mix_i X_i + add_i + every + weighted s_i, the last two following from
/// [`Sums`].
#[derive(Clone, Debug)]
struct Step {
    gamma: f64,
    keep: Vec<f64>,
    mix: Vec<f64>,
    add: Vec<f64>,
    /// 1 - gamma h_i.
    contract: Vec<f64>,
}

/// Iterates in expectation, as [`Recursion`] and [`super::dense::Recursion`] follow them.
pub trait Iterates {
    /// One update with step `gamma`, on the mean over the batch.
    fn update(&mut self, gamma: f64);
    /// Expected risks of the last iterate.
    fn last(&self) -> Expected;
    /// The same of the mean of v_0 .. v_{t-1}; of no updates v_0.
    fn average(&self) -> Expected;
}

impl Recursion<'_> {
    /// Before the first update, under laws whose method is [`super::laws::Method::Diagonal`]; `average` where the mean of
    /// the iterates is wanted. [`Error::Input`] for empty batches.
    pub fn new<'a>(basis: &'a Basis, laws: &Laws, batch: u32, average: bool) -> Result<Recursion<'a>> {
        if batch == 0 {
            return Err(Error::Input("a batch of 0 samples: allowed are 1 or more".into()));
        }
        let zeros = vec![0.0; basis.eigenvalues.len()];
        let kept = if average { zeros.clone() } else { Vec::new() };
        let [keep, mix, add, contract] = [(); 4].map(|()| zeros.clone());
        let mut recursion = Recursion {
            basis,
            moments: Moments::new(basis, laws),
            noise: laws.noise(),
            batch: batch.into(),
            trace: basis.eigenvalues.iter().sum(),
            state: State { square: zeros.clone(), mean: zeros, sums: Sums::default() },
            sum: kept.clone(),
            cross: kept.clone(),
            mean_sum: kept,
            updates: 0,
            step: Step { gamma: 0.0, keep, mix, add, contract },
        };
        recursion.prepare(0.0);
        Ok(recursion)
    }

    /// The sum takes v_t in before v_t moves.
    fn take_in(&mut self) {
        let gamma = self.step.gamma;
        let State { square, mean, .. } = &self.state;
        for i in 0..self.sum.len() {
            self.sum[i] += 2.0 * self.cross[i] + square[i];
            self.mean_sum[i] += mean[i];
            self.cross[i] =
                (self.cross[i] + square[i]) * self.step.contract[i] + gamma * self.mean_sum[i] * self.basis.signal[i];
        }
    }

    fn prepare(&mut self, gamma: f64) {
        let UpdateNoise { label, activation, gradient, parameter, weight } = &self.noise;
        let (one, two) = (1.0 / self.batch, 1.0 - 1.0 / self.batch);
        let (own, shared) = (1.0 + gradient.relative, 1.0 + gradient.shared);
        let step = &mut self.step;
        for i in 0..step.keep.len() {
            let (h, bb, taken) = (self.moments.cross[i], self.basis.signal[i], self.moments.gradient[i]);
            let square = one * own * (1.0 + activation.relative) * self.moments.own_square[i]
                + two * shared * (1.0 + activation.shared) * h * h;
            let mixed = -2.0 * (one * own * self.moments.own_mixed[i] + two * shared * h);
            let plain = own * (1.0 + label.relative) * self.moments.label[i]
                + (own * (label.additive + activation.additive) + gradient.additive) * taken;
            let constant = one * plain + two * shared * (1.0 + label.shared) * bb + parameter.additive * square;
            let stored = 1.0 + weight.relative;
            step.keep[i] = stored * (1.0 - 2.0 * gamma * h + gamma * gamma * (1.0 + parameter.relative) * square);
            step.mix[i] = stored * (2.0 * gamma + gamma * gamma * mixed);
            step.add[i] = stored * gamma * gamma * constant;
            step.contract[i] = 1.0 - gamma * h;
        }
        step.gamma = gamma;
    }

    /// Of the moments of a sum of `count` iterates.
    fn judge(&self, square: &[f64], mean: &[f64], count: f64) -> Expected {
        let (mut clean, mut read, mut mixed) = (0.0, 0.0, 0.0);
        for (i, s) in self.basis.eigenvalues.iter().enumerate() {
            let square = square[i] / (count * count);
            clean += (s + self.basis.tail) * square;
            read += self.moments.read[i] * square;
            mixed += self.basis.signal[i] * mean[i] / count;
        }
        let approximation = self.basis.approximation();
        Expected {
            excess: clean - 2.0 * mixed + self.basis.explained(),
            quantized_test: read - 2.0 * mixed + self.basis.energy - approximation,
        }
    }
}

impl Iterates for Recursion<'_> {
    fn update(&mut self, gamma: f64) {
        if gamma != self.step.gamma {
            self.prepare(gamma);
        }
        self.take_in();
        let UpdateNoise { activation, gradient, parameter, weight, .. } = &self.noise;
        let Sums { mixed, square, weighted } = self.state.sums;
        // Of v as it is read.
        let (s, m) = (self.trace, self.basis.eigenvalues.len() as f64);
        let square = (1.0 + parameter.relative) * square + parameter.additive * m;
        let weighted = (1.0 + parameter.relative) * weighted + parameter.additive * s;
        let kick = (1.0 + weight.relative) * gamma * gamma * (1.0 + gradient.relative) / self.batch;
        let [plain, of_s] = [0, 1].map(|p| {
            let f = self.moments.square[p];
            let read = f[0] * square + f[1] * weighted;
            kick * ((1.0 + activation.relative) * read - 2.0 * self.moments.mixed[p] * mixed)
        });
        self.state.sums = advance(
            &mut self.state,
            &self.step,
            &self.basis.eigenvalues,
            &self.basis.signal,
            [plain + weight.additive, of_s],
        );
        self.updates += 1;
    }

    fn last(&self) -> Expected {
        self.judge(&self.state.square, &self.state.mean, 1.0)
    }

    fn average(&self) -> Expected {
        match self.updates {
            0 => self.last(),
            t => self.judge(&self.sum, &self.mean_sum, t as f64),
        }
    }
}

/// Moves A and G, and sums what came of them.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx2+fma", "x86_64+avx2+fma"))]
fn advance(state: &mut State, step: &Step, s: &[f64], signal: &[f64], [plain, of_s]: [f64; 2]) -> Sums {
    let (mut mixed, mut square, mut weighted) = ([0.0; LANES], [0.0; LANES], [0.0; LANES]);
    let n = s.len();
    let (a, g) = (&mut state.square[..n], &mut state.mean[..n]);
    let (keep, mix, add, contract) = (&step.keep[..n], &step.mix[..n], &step.add[..n], &step.contract[..n]);
    let mut element = |i: usize, l: usize| {
        let x = signal[i] * g[i];
        a[i] = keep[i] * a[i] + mix[i] * x + (add[i] + plain + of_s * s[i]);
        g[i] = contract[i] * g[i] + step.gamma;
        mixed[l] += signal[i] * g[i];
        square[l] += a[i];
        weighted[l] += s[i] * a[i];
    };
    let whole = n / LANES * LANES;
    for start in (0..whole).step_by(LANES) {
        (0..LANES).for_each(|l| element(start + l, l));
    }
    (whole..n).for_each(|i| element(i, i - whole));
    Sums { mixed: mixed.iter().sum(), square: square.iter().sum(), weighted: weighted.iter().sum() }
}
