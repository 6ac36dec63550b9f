//! The risk on quantized test features, from test samples of the cohort's own stream.

use crate::cpu::{self, Tile};
use crate::plan::{Cohort, Plan};
use crate::reference::Source;

/// Index of the first test sample: training samples stay below 2^31.
const FIRST: u64 = 1 << 31;

/// Drawn test samples of one cohort.
pub struct TestSet {
    tiles: Vec<Tile>,
    range: (u64, u64),
}

impl TestSet {
    /// `None` where the config does not ask for it.
    pub fn new(plan: &Plan, cohort: Cohort) -> Option<TestSet> {
        let range = (FIRST, FIRST + u64::from(plan.config.train.quantized_test?));
        Some(TestSet { tiles: cpu::samples(plan, cohort, range), range })
    }

    /// E (y - <z, v>)^2 - sigma^2 - approximation over the test samples, z quantized as `feature` says, and its
    /// standard error. f64 sums in ascending order.
    pub fn excess(&self, feature: usize, v: &[f64], noise: f64, approximation: f64) -> (f64, f64) {
        let mut losses = Vec::with_capacity((self.range.1 - self.range.0) as usize);
        for tile in &self.tiles {
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
        (mean - noise * noise - approximation, (squares / (n - 1.0) / n).sqrt())
    }

    /// First (sample, feature, index, expected bits, actual bits) that differs from the scalar reference.
    pub fn difference(&self, plan: &Plan, cohort: Cohort) -> Option<(u64, usize, usize, u32, u32)> {
        let point = &plan.points[cohort.point];
        let all: Vec<usize> = (0..point.trajectories.len()).collect();
        let source = Source::new(plan, cohort, &all);
        let mut n = self.range.0;
        for tile in &self.tiles {
            for (s, y) in tile.y.iter().enumerate() {
                let expected = source.sample(n as u32);
                if expected.y.to_bits() != y.to_bits() {
                    return Some((n, 0, 0, expected.y.to_bits(), y.to_bits()));
                }
                for (f, ((z, _), (e, _))) in tile.features.iter().zip(&expected.features).enumerate() {
                    let z = &z[s * (z.len() / tile.y.len())..];
                    if let Some(j) = (0..e.len()).find(|&j| e[j].to_bits() != z[j].to_bits()) {
                        return Some((n, f, j, e[j].to_bits(), z[j].to_bits()));
                    }
                }
                n += 1;
            }
        }
        None
    }
}
