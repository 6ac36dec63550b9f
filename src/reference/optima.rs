//! What the best weights of every nested model size reach, by elimination.

use crate::error::Result;
use crate::watch::Watch;

/// A direction whose pivot is at most this part of its diagonal entry adds nothing: rounding alone may have left it.
const DROPPED: f64 = 1.0 / (1u64 << 44) as f64;

/// The normal equations Sigma v = b of the largest model size, eliminated row by row in the order of the features, so
/// that the first m rows are those of model size m.
pub struct Optima {
    size: usize,
    /// Row p from its diagonal on: upper[p * size + k] for k >= p.
    upper: Vec<f64>,
    b: Vec<f64>,
    diagonal: Vec<f64>,
    dropped: Vec<bool>,
    /// E y^2 less the noise.
    energy: f64,
}

impl Optima {
    /// `sigma` holds its upper triangle at stride b.len(); `energy` is w*^T H w*, with what a closed tail adds.
    pub fn new(sigma: Vec<f64>, b: Vec<f64>, energy: f64, watch: &Watch) -> Result<Optima> {
        let size = b.len();
        let diagonal: Vec<f64> = (0..size).map(|j| sigma[j * size + j]).collect();
        let mut own = Optima { size, upper: sigma, b, diagonal, dropped: vec![false; size], energy };
        for p in 0..size {
            watch.ask()?;
            own.eliminate(p);
        }
        Ok(own)
    }

    fn eliminate(&mut self, p: usize) {
        let size = self.size;
        let (head, tail) = self.upper.split_at_mut((p + 1) * size);
        let row = &head[p * size..];
        let pivot = row[p];
        if pivot <= DROPPED * self.diagonal[p] {
            self.dropped[p] = true;
            return;
        }
        for j in p + 1..size {
            let factor = row[j] / pivot;
            let own = &mut tail[(j - p - 1) * size + j..(j - p) * size];
            for (value, above) in own.iter_mut().zip(&row[j..]) {
                *value -= factor * above;
            }
            self.b[j] -= factor * self.b[p];
        }
    }

    /// b^T Sigma^-1 b of model size `m`: what its best weights explain of the energy.
    pub fn signal(&self, m: usize) -> f64 {
        let explained = |p: usize| self.b[p] * self.b[p] / self.upper[p * self.size + p];
        (0..m).filter(|&p| !self.dropped[p]).map(explained).sum()
    }

    /// The energy that no weights of model size `m` explain.
    pub fn approximation(&self, m: usize) -> f64 {
        (self.energy - self.signal(m)).max(0.0)
    }

    /// sum_j |v_j| sqrt Sigma_jj of weights, and the same over the directions that were dropped.
    pub fn lengths(&self, v: &[f64]) -> (f64, f64) {
        let length = |j: usize| v[j].abs() * self.diagonal[j].sqrt();
        let of = |wanted: &dyn Fn(usize) -> bool| (0..v.len()).filter(|&j| wanted(j)).map(length).sum();
        (of(&|_| true), of(&|j| self.dropped[j]))
    }

    /// The best weights of model size `m`, 0 in directions that were dropped.
    pub fn weights(&self, m: usize) -> Vec<f64> {
        let mut v = vec![0.0; m];
        for j in (0..m).rev().filter(|&j| !self.dropped[j]) {
            let row = &self.upper[j * self.size..][..m];
            let known: f64 = (j + 1..m).map(|k| row[k] * v[k]).sum();
            v[j] = (self.b[j] - known) / row[j];
        }
        v
    }
}
