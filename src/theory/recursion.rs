//! The exact expected risk of full precision one-pass SGD on one sketch and one target, in f64.
//!
//! Gaussian inputs make the sketched problem a well-specified regression: with z = S x, Sigma = S H S^T, b = S H w* and
//! v* = Sigma^-1 b, the label is y = <v*, z> + xi, xi independent of z with variance sigma^2 + A, A being the
//! approximation error. Only first and second moments of the weights enter the expected risk, and they follow a linear
//! recursion. In the eigenbasis of Sigma it runs on M numbers.

use faer::{Mat, Side};

use crate::error::{Error, Result};
use crate::risk::Moments;

/// A sketched problem in the eigenbasis of Sigma: all that the recursion depends on.
#[derive(Clone, Debug, PartialEq)]
pub struct Eigenbasis {
    /// h_i of Sigma, M of them, ascending.
    pub eigenvalues: Vec<f64>,
    /// v* in that basis; 0 in directions that Sigma does not see (M > D), which count as learnt.
    pub optimum: Vec<f64>,
    /// A, the part of the energy that no weights explain.
    pub approximation: f64,
    /// Variance of the label noise: sigma^2, not sigma.
    pub noise: f64,
}

impl Eigenbasis {
    /// O(M^3). [`Error::Input`] for moments whose lengths do not fit together or that are not finite.
    pub fn new(moments: &Moments) -> Result<Eigenbasis> {
        let Moments { sigma, b, energy, noise } = moments;
        let m = b.len();
        if m == 0 || sigma.len() != m * m {
            let entries = sigma.len();
            return Err(Error::Input(format!(
                "Sigma has {entries} entries and b {m}: allowed are M^2 and M of them, M at least 1"
            )));
        }
        if !sigma.iter().chain(b).chain([energy, noise]).all(|value| value.is_finite()) {
            return Err(Error::Input("Sigma, b, the energy and the noise must be finite".into()));
        }
        let matrix = Mat::from_fn(m, m, |i, j| sigma[i * m + j]);
        let eigen = matrix
            .self_adjoint_eigen(Side::Lower)
            .map_err(|e| Error::Other(format!("the eigenvalues of Sigma were not found: {e:?}")))?;
        let eigenvalues: Vec<f64> = (0..m).map(|i| eigen.S().column_vector()[i].max(0.0)).collect();
        // Eigenvalues that are rounding dust carry no energy; dividing by them would invent some.
        let dust = eigenvalues.iter().copied().fold(0.0, f64::max) * f64::EPSILON * m as f64;
        let coordinate = |i: usize| -> f64 { (0..m).map(|j| eigen.U()[(j, i)] * b[j]).sum() };
        let optimum: Vec<f64> =
            (0..m).map(|i| if eigenvalues[i] > dust { coordinate(i) / eigenvalues[i] } else { 0.0 }).collect();
        let explained: f64 = eigenvalues.iter().zip(&optimum).map(|(h, v)| h * v * v).sum();
        Ok(Eigenbasis { eigenvalues, optimum, approximation: (energy - explained).max(0.0), noise: *noise })
    }
}

/// SGD from zero weights on fresh batches, in expectation: O(M) per update.
///
/// The error d = v - v* obeys d+ = d - gamma/B sum z (<z, d> - xi), so its second moment C obeys
/// C+ = C - gamma (Sigma C + C Sigma) + gamma^2 [(Sigma r + 2 Sigma C Sigma) / B + (1 - 1/B) Sigma C Sigma],
/// r = sigma^2 + A + tr(Sigma C). Where Sigma is diagonal each term maps entry (i, i) of C to entry (i, i), and r and the
/// risk read only the diagonal: off-diagonal entries never come back. The same holds for the moments of the running
/// sum s of the errors, E[s+ d+^T] = (E[s d^T] + C) (I - gamma Sigma).
#[derive(Clone, Debug)]
pub struct Recursion<'a> {
    basis: &'a Eigenbasis,
    batch: f64,
    /// Diagonal of C = E[d d^T].
    error: Vec<f64>,
    /// Diagonals of E[s s^T] and of E[s d^T], s = d_0 + .. + d_{t-1}.
    sum: Vec<f64>,
    cross: Vec<f64>,
    updates: u64,
}

impl Recursion<'_> {
    /// Before the first update. [`Error::Input`] for empty batches.
    pub fn new(basis: &Eigenbasis, batch: u32) -> Result<Recursion<'_>> {
        if batch == 0 {
            return Err(Error::Input("a batch of 0 samples: allowed are 1 or more".into()));
        }
        let zeros = vec![0.0; basis.optimum.len()];
        let error = basis.optimum.iter().map(|v| v * v).collect();
        Ok(Recursion { basis, batch: batch.into(), error, sum: zeros.clone(), cross: zeros, updates: 0 })
    }

    /// One update with step `gamma`, on the mean over the batch.
    pub fn update(&mut self, gamma: f64) {
        let residual = self.basis.noise + self.basis.approximation + self.last();
        let kick = gamma * gamma / self.batch * residual;
        // 1 - 1/B of the squared mean, and the Gaussian fourth moment's 2/B.
        let square = 1.0 + 1.0 / self.batch;
        let moments = self.sum.iter_mut().zip(&mut self.cross).zip(&mut self.error);
        for (((sum, cross), error), &h) in moments.zip(&self.basis.eigenvalues) {
            let step = gamma * h;
            *sum += 2.0 * *cross + *error;
            *cross = (*cross + *error) * (1.0 - step);
            *error = *error * (1.0 - 2.0 * step + square * step * step) + kick * h;
        }
        self.updates += 1;
    }

    /// Expected excess risk (v - v*)^T Sigma (v - v*) of the last iterate.
    pub fn last(&self) -> f64 {
        self.weighted(&self.error)
    }

    /// The same of the mean of v_0 .. v_{t-1}; of no updates v_0.
    pub fn average(&self) -> f64 {
        match self.updates {
            0 => self.last(),
            t => self.weighted(&self.sum) / (t as f64 * t as f64),
        }
    }

    fn weighted(&self, diagonal: &[f64]) -> f64 {
        self.basis.eigenvalues.iter().zip(diagonal).map(|(h, c)| h * c).sum()
    }
}
