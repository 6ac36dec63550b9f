//! Risks measured on samples: quantized test features from the cohort's own stream, or the held-out rows of a file.

use crate::cpu::{self, Tile};
use crate::error::Result;
use crate::plan::{Difference, ProblemPoint};
use crate::random::FIRST_TEST;
use crate::reference::Sample;
use crate::watch::Watch;

/// Test samples of one cohort, as every feature of a point sees them.
pub struct TestSet {
    tiles: Vec<Tile>,
    samples: u32,
}

/// Mean squared error over a test set, and its standard error.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    /// The mean, in squared units of y.
    pub mean: f64,
    /// Its standard error; `None` with a single sample.
    pub error: Option<f64>,
}

impl TestSet {
    /// The first `samples` test samples of a seed index, through every feature of the point.
    pub fn new(seed: u64, point: &ProblemPoint, seed_index: u32, samples: u32, watch: &Watch) -> Result<TestSet> {
        let first = u64::from(FIRST_TEST);
        let range = (first, first + u64::from(samples));
        Ok(TestSet { tiles: cpu::samples(seed, point, seed_index, range, watch)?, samples })
    }

    /// Mean of (y - <z, v>)^2, z as feature number `feature` of the point rounds it: f64 sums in ascending order.
    /// `None` where a format made a value of some z infinite or NaN.
    pub fn measure(&self, feature: usize, v: &[f64]) -> Option<Measured> {
        let mut losses = Vec::with_capacity(self.samples as usize);
        for tile in &self.tiles {
            if (0..tile.samples()).any(|s| tile.has_nan(feature, s)) {
                return None;
            }
            let z = &tile.features[feature].0;
            for (s, z) in z.chunks(z.len() / tile.samples()).enumerate() {
                let mut activation = 0.0;
                for (z, v) in z.iter().zip(v) {
                    activation += f64::from(*z) * v;
                }
                let residual = f64::from(tile.label(feature, s)) - activation;
                losses.push(residual * residual);
            }
        }
        let n = losses.len() as f64;
        let mean = losses.iter().sum::<f64>() / n;
        let squares: f64 = losses.iter().map(|loss| (loss - mean) * (loss - mean)).sum();
        let error = (losses.len() > 1).then(|| (squares / (n - 1.0) / n).sqrt());
        Some(Measured { mean, error })
    }

    pub fn samples(&self) -> u32 {
        self.samples
    }

    /// The first value of sample number `k` that differs from the scalar reference's.
    pub fn difference(&self, k: u32, reference: &Sample) -> Option<Difference> {
        let found = |place: String, index: usize, expected: f32, actual: f32| {
            Some(Difference::new(&place, index, expected.to_bits().into(), actual.to_bits().into()))
        };
        // All tiles but the last are of one length.
        let length = self.tiles[0].samples();
        let (tile, s) = (&self.tiles[k as usize / length], k as usize % length);
        tile.features.iter().zip(&reference.features).enumerate().find_map(|(f, ((z, _), (expected, _)))| {
            let (must, y) = (reference.y[f], tile.label(f, s));
            if must.to_bits() != y.to_bits() {
                return found(format!("label of test sample {k}"), 0, must, y);
            }
            let z = &z[s * (z.len() / tile.samples())..];
            let j = (0..expected.len()).find(|&j| expected[j].to_bits() != z[j].to_bits())?;
            found(format!("test sample {k}, feature set {f}"), j, expected[j], z[j])
        })
    }
}
