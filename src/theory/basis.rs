//! A sketched regression problem in the eigenbasis of its features.

use super::regression::{Eigen, Inputs, Regression, Signal, eigen};
use crate::error::Result;

/// All that a recursion on M numbers depends on, and what judges every other one.
#[derive(Clone, Debug, PartialEq)]
pub struct Basis {
    /// s_i of S H S^T, M of them, not negative.
    pub eigenvalues: Vec<f64>,
    /// Variance of the closed tail in each feature: Sigma has the eigenvalues s_i + tail.
    pub tail: f64,
    /// E b_i^2 in that basis; 0 in directions that Sigma does not see (M > D), which count as learnt.
    pub signal: Vec<f64>,
    /// E y^2 without the noise of the label.
    pub energy: f64,
    /// Variance of the label noise: sigma^2, not sigma.
    pub noise: f64,
    /// Without a sketch the basis is that of the coordinates of x.
    pub is_sketched: bool,
}

impl Basis {
    /// O(M^3). [`crate::Error::Input`] for moments that are not finite.
    pub fn new(regression: &Regression, inputs: &Inputs) -> Result<Basis> {
        Ok(Basis::along(&eigen(&regression.sigma)?, regression, inputs))
    }

    /// The same where the eigenbasis of the regression's Sigma is known.
    pub fn along((values, vectors): &Eigen, regression: &Regression, inputs: &Inputs) -> Basis {
        let m = values.len();
        let signal: Vec<f64> = match &regression.signal {
            Signal::Fixed(b) => (0..m).map(|i| (vectors.col(i).transpose() * b.col(0)).powi(2)).collect(),
            Signal::Prior(bb) => {
                let turned = bb * vectors;
                (0..m).map(|i| (vectors.col(i).transpose() * turned.col(i)).max(0.0)).collect()
            }
        };
        Basis::of(values.clone(), signal, inputs, inputs.tail / m as f64, true)
    }

    /// Without a sketch: S = I, M = D.
    pub fn coordinates(inputs: &Inputs) -> Basis {
        let second = |k: usize| inputs.lambda[k] * inputs.lambda[k] * inputs.second(k);
        let signal = (0..inputs.lambda.len()).map(second).collect();
        let tail = inputs.tail / inputs.lambda.len() as f64;
        Basis::of(inputs.lambda.to_vec(), signal, inputs, tail, false)
    }

    fn of(mut eigenvalues: Vec<f64>, mut signal: Vec<f64>, inputs: &Inputs, tail: f64, is_sketched: bool) -> Basis {
        eigenvalues.iter_mut().for_each(|value| *value = value.max(0.0));
        // Eigenvalues that are rounding dust carry no energy; dividing by them would invent some.
        let largest = eigenvalues.iter().copied().fold(0.0, f64::max) + tail;
        let dust = if is_sketched { largest * f64::EPSILON * eigenvalues.len() as f64 } else { 0.0 };
        let of_dust = signal.iter_mut().zip(&eigenvalues).filter(|(_, s)| *s + tail <= dust);
        of_dust.for_each(|(signal, _)| *signal = 0.0);
        Basis { eigenvalues, tail, signal, energy: inputs.energy(), noise: inputs.noise, is_sketched }
    }

    /// b^T Sigma^-1 b: what the best weights explain of the energy.
    pub fn explained(&self) -> f64 {
        let terms = self.signal.iter().zip(&self.eigenvalues).filter(|(signal, _)| **signal > 0.0);
        terms.map(|(signal, s)| signal / (s + self.tail)).sum()
    }

    /// A, the part of the energy that no weights explain.
    pub fn approximation(&self) -> f64 {
        if self.is_sketched { (self.energy - self.explained()).max(0.0) } else { 0.0 }
    }

    /// Eigenvalues of Sigma.
    pub fn curvatures(&self) -> impl Iterator<Item = f64> {
        self.eigenvalues.iter().map(|s| s + self.tail)
    }
}
