//! Risks measured on samples: quantized test features from the cohort's own stream, or the held-out rows of a file.

use crate::cpu::{self, Tile};
use crate::plan::ProblemPoint;
use crate::random::FIRST_TEST;
use crate::reference::CohortData;

/// Test samples of one cohort, as every feature of a point sees them.
pub struct TestSet {
    tiles: Vec<Tile>,
    samples: u32,
}

/// Mean squared error over a test set, and its standard error.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    pub mean: f64,
    /// `None` with a single sample.
    pub error: Option<f64>,
}

/// A value of a test set that differs from the scalar reference.
pub struct Difference {
    pub sample: u64,
    pub feature: usize,
    pub index: usize,
    pub expected: u32,
    pub actual: u32,
}

impl TestSet {
    pub fn new(seed: u64, point: &ProblemPoint, seed_index: u32, samples: u32) -> TestSet {
        let first = u64::from(FIRST_TEST);
        let range = (first, first + u64::from(samples));
        TestSet { tiles: cpu::samples(seed, point, seed_index, range), samples }
    }

    /// Mean of (y - <z, v>)^2, z as feature number `feature` of the point rounds it: f64 sums in ascending order.
    /// `None` where a format made a value of some z infinite or NaN.
    pub fn measure(&self, feature: usize, v: &[f64]) -> Option<Measured> {
        let mut losses = Vec::with_capacity(self.samples as usize);
        for tile in &self.tiles {
            if (0..tile.y.len()).any(|s| tile.has_nan(feature, s)) {
                return None;
            }
            let z = &tile.features[feature].0;
            let width = z.len() / tile.y.len();
            for (z, y) in z.chunks(width).zip(&tile.y) {
                let mut activation = 0.0;
                for (z, v) in z.iter().zip(v) {
                    activation += f64::from(*z) * v;
                }
                let residual = f64::from(*y) - activation;
                losses.push(residual * residual);
            }
        }
        let n = losses.len() as f64;
        let mean = losses.iter().sum::<f64>() / n;
        let squares: f64 = losses.iter().map(|loss| (loss - mean) * (loss - mean)).sum();
        let error = (losses.len() > 1).then(|| (squares / (n - 1.0) / n).sqrt());
        Some(Measured { mean, error })
    }

    /// The first value that differs from the scalar reference.
    pub fn difference(&self, seed: u64, point: &ProblemPoint, seed_index: u32) -> Option<Difference> {
        let source = CohortData::new(seed, point, seed_index, |_| true);
        let mut n = FIRST_TEST;
        for tile in &self.tiles {
            for (s, y) in tile.y.iter().enumerate() {
                let reference = source.sample(n);
                let found = |feature, index, expected, actual| {
                    Some(Difference { sample: n.into(), feature, index, expected, actual })
                };
                if reference.y.to_bits() != y.to_bits() {
                    return found(0, 0, reference.y.to_bits(), y.to_bits());
                }
                for (f, ((z, _), (e, _))) in tile.features.iter().zip(&reference.features).enumerate() {
                    let z = &z[s * (z.len() / tile.y.len())..];
                    if let Some(j) = (0..e.len()).find(|&j| e[j].to_bits() != z[j].to_bits()) {
                        return found(f, j, e[j].to_bits(), z[j].to_bits());
                    }
                }
                n += 1;
            }
        }
        None
    }
}
