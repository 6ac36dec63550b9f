//! Bootstrap over seeds. Every point uses the same resampled seeds, so that quantities built from
//! several points, such as slopes, stay paired.

use crate::fit::pick;

/// Bootstrap resamples behind every standard error.
pub const RESAMPLES: u32 = 1000;

/// `RESAMPLES` draws, with replacement, of as many seeds as there are.
#[derive(Clone, Debug)]
pub struct Resamples {
    /// Ascending.
    seeds: Vec<u32>,
    /// Places in `seeds`.
    draws: Vec<Vec<u32>>,
}

impl Resamples {
    /// Seeds ascending, each once.
    pub fn new(seeds: Vec<u32>) -> Self {
        let n = seeds.len();
        let draws = (0..RESAMPLES).map(|resample| (0..n).map(|i| pick(resample, i, n)).collect()).collect();
        Self { seeds, draws }
    }

    /// The mean of each resample; NaN where none of its seeds has a value.
    pub fn means(&self, values: &[(u32, f64)]) -> Vec<f64> {
        let mut by_place = vec![None; self.seeds.len()];
        for (seed, value) in values {
            if let Ok(place) = self.seeds.binary_search(seed) {
                by_place[place] = Some(*value);
            }
        }
        let mean = |draw: &Vec<u32>| {
            let (sum, n) = draw
                .iter()
                .filter_map(|place| by_place[*place as usize])
                .fold((0.0, 0_u32), |(sum, n), value| (sum + value, n + 1));
            sum / f64::from(n)
        };
        self.draws.iter().map(mean).collect()
    }
}

/// Standard deviation over the resamples, times sqrt(n / (n - 1)).
///
/// A resample of n seeds varies like the population of those n values, whose variance is
/// (n - 1) / n of the sample variance; the factor makes the error of a mean sd / sqrt(n).
/// `None` with fewer than two runs: one seed says nothing about its own scatter.
pub fn standard_error(resampled: &[f64], runs: usize) -> Option<f64> {
    let values: Vec<f64> = resampled.iter().copied().filter(|v| v.is_finite()).collect();
    if runs < 2 || values.len() < 2 {
        return None;
    }
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let squares = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>();
    let variance = squares / (values.len() - 1) as f64;
    let se = (variance * runs as f64 / (runs - 1) as f64).sqrt();
    Some(se).filter(|se| se.is_finite())
}
