//! The exact risk of a weight vector, in f64 loops of fixed order: the same bits for every adapter and for replay.

use super::cholesky::cholesky;
use super::gram::Gram;
use crate::error::Result;
use crate::problem::{Eigenvalues, Problem, TailVariance, sketch_norm};
use crate::watch::Watch;

/// Exact risks of one weight vector, in the units of y^2.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Risk {
    /// Above the least risk of this sketch and model size: `E (<z, v> - <z, v*>)^2` over clean features z.
    pub excess: f64,
    /// excess + approximation: all of the risk but the noise of the labels.
    pub reducible: f64,
    /// That of the best weights v*, above the noise of the labels.
    pub approximation: f64,
    /// b^T Sigma^-1 b with Sigma = E z z^T and b = E z y: what the best weights explain of E y^2.
    pub signal: f64,
    /// b^T v: what v has in common with the labels.
    pub overlap: f64,
}

/// Exact risk of any weights of one cohort, for every nested model size.
///
/// With Gram = G H G^T + tau I = L L^T (tau: the closed tail) and y = L^-1 G H w*:
/// signal(M) = sum_{j<M} y_j^2, approximation(M) = w*^T H w* + tau_y - signal(M), overlap(v) = <L^T v / sqrt M, y> and
/// excess(v) = |L^T v / sqrt M - y|^2, without the cancellation of the direct form.
pub struct Evaluator {
    /// Row j holds L_jk for k <= j at stride `model`; for sketch `none` its diagonal alone.
    pub(super) factor: Vec<f64>,
    pub(super) y: Vec<f64>,
    pub(super) model: usize,
    total: f64,
    /// Root of [`sketch_norm`] by M; `None` without a sketch.
    norm: Option<f64>,
}

impl Evaluator {
    /// `target` holds w*, `gram` the sums of the clean G, `None` for sketch `none`; the tail as [`crate::problem::tail`]
    /// gives it.
    pub fn new(
        problem: &Problem,
        tail: TailVariance,
        eigenvalues: &Eigenvalues,
        target: &[f64],
        gram: Option<Gram>,
        watch: &Watch,
    ) -> Result<Evaluator> {
        let mut total = 0.0;
        for (lambda, w) in eigenvalues.lambda.iter().zip(target) {
            total += lambda * w * w;
        }
        total += tail.label;
        let Some(Gram { lower: mut factor, b: mut y }) = gram else {
            let factor: Vec<f64> = eigenvalues.lambda.iter().map(|l| l.sqrt()).collect();
            let y = factor.iter().zip(target).map(|(l, w)| l * w).collect();
            return Ok(Evaluator { model: factor.len(), factor, y, total, norm: None });
        };
        let (size, model) = (y.len(), y.len() as u32);
        if tail.features > 0.0 {
            // The tail has variance tau/M in a feature that is the sketch's over the root of the norm.
            let unscaled = tail.features * sketch_norm(problem, model) / f64::from(model);
            (0..size).for_each(|j| factor[j * size + j] += unscaled);
        }
        cholesky(&mut factor, &mut y, size, watch)?;
        let norm = Some(sketch_norm(problem, model) / f64::from(model));
        Ok(Evaluator { factor, y, model: size, total, norm })
    }

    /// Risk of the weights `v` of model size `v.len()`.
    pub fn risk(&self, v: &[f64]) -> Risk {
        let m = v.len();
        let (mut excess, mut signal, mut overlap) = (0.0, 0.0, 0.0);
        let Some(norm) = self.norm else {
            for ((l, y), v) in self.factor.iter().zip(&self.y).zip(v) {
                let difference = l * v - y;
                excess += difference * difference;
                signal += y * y;
                overlap += y * (l * v);
            }
            return Risk { excess, reducible: excess, approximation: 0.0, signal, overlap };
        };
        let mut projected = vec![0.0; m];
        for (j, v) in v.iter().enumerate() {
            let row = &self.factor[j * self.model..j * self.model + j + 1];
            for (sum, l) in projected.iter_mut().zip(row) {
                *sum += l * v;
            }
        }
        let root = (m as f64 * norm).sqrt();
        for (sum, y) in projected.iter().zip(&self.y) {
            let seen = sum / root;
            let difference = seen - y;
            excess += difference * difference;
            signal += y * y;
            overlap += y * seen;
        }
        let approximation = (self.total - signal).max(0.0);
        Risk { excess, reducible: excess + approximation, approximation, signal, overlap }
    }

    /// The approximation of every model size from 1 on.
    pub(super) fn approximations(&self) -> impl Iterator<Item = f64> {
        let mut signal = 0.0;
        self.y.iter().map(move |y| {
            signal += y * y;
            (self.total - signal).max(0.0)
        })
    }

    /// The minimiser v* for model size `m`: sqrt(M) L^-T y.
    pub fn optimum(&self, m: usize) -> Vec<f64> {
        let Some(norm) = self.norm else {
            return self.factor.iter().zip(&self.y).map(|(l, y)| if *l == 0.0 { 0.0 } else { y / l }).collect();
        };
        let mut v = vec![0.0; m];
        for j in (0..m).rev() {
            let pivot = self.factor[j * self.model + j];
            let known: f64 = (j + 1..m).map(|k| self.factor[k * self.model + j] * v[k]).sum();
            v[j] = if pivot == 0.0 { 0.0 } else { (self.y[j] - known) / pivot };
        }
        v.iter().map(|v| v * (m as f64 * norm).sqrt()).collect()
    }
}
