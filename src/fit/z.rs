//! Simulations against their exact expectation: a z-score of every cell, and what the largest one means.
//!
//! Cells of one seed share sketch, target and samples: their z-scores are not independent. How large they get by chance is
//! told by resamples of the seeds, each cell's difference less its own mean.

use super::bootstrap::{Paired, Resamples, quantile};
use super::form::rms;
use super::group::{Group, is_heavy};
use crate::error::Result;
use crate::watch::Watch;

/// Upper edges of the bins of |z|; beyond the last one is one more.
pub const EDGES: [f64; 6] = [0.5, 1.0, 1.5, 2.0, 3.0, 4.0];
/// Probability with which chance alone stays below what is told.
const USUAL: f64 = 0.95;

/// z-scores of the cells of a group.
#[derive(Clone, Debug, PartialEq)]
pub struct Scores {
    /// Cells with a z-score, and those without: they have no expectation, a run of theirs diverged, or one carries too much
    /// of the mean.
    pub cells: usize,
    pub without: usize,
    /// Largest |z|, and root of the mean square.
    pub max: f64,
    pub rms: f64,
    /// Below which chance alone keeps both in 95 % of resamples.
    pub max_usual: f64,
    pub rms_usual: f64,
    /// Cells by |z| below each of [`EDGES`], and beyond.
    pub histogram: [usize; EDGES.len() + 1],
}

impl Scores {
    /// `None` where no cell has an expectation and two seeds.
    ///
    /// # Errors
    /// [`crate::Error::Incomplete`] where the watch asks to end.
    pub fn new(group: &Group, resamples: &Resamples, watch: &Watch) -> Result<Option<Scores>> {
        let mut columns: Vec<[Vec<f64>; 2]> = Vec::new();
        let mut own = Vec::new();
        for cell in &group.cells {
            let difference: Vec<f64> = cell.excess.iter().zip(&cell.expected).map(|(is, must)| is - must).collect();
            let n = difference.len() as f64;
            let mean = difference.iter().sum::<f64>() / n;
            let centred: Vec<f64> = difference.iter().map(|d| d - mean).collect();
            let squares: Vec<f64> = centred.iter().map(|d| d * d).collect();
            let z = score(mean, squares.iter().sum::<f64>() / n, n);
            // Without a seed that carries the mean a resample knows nothing of the cell.
            if z.is_finite() && !is_heavy(&cell.excess) && !is_heavy(&cell.expected) {
                own.push(z);
                columns.push([centred, squares]);
            }
        }
        if own.is_empty() {
            return Ok(None);
        }
        let n = group.seeds.len() as f64;
        let keep = vec![true; group.seeds.len()];
        let paired = Paired::new(columns.iter().flatten().map(Vec::as_slice), &keep);
        let chance = paired.resampled(resamples, watch, |means| {
            let pairs = || means.as_chunks::<2>().0.iter();
            let all = pairs().map(|[mean, square]| score(*mean, square - mean * mean, n)).filter(|z| z.is_finite());
            (largest(all.clone()), rms(all))
        })?;
        let mut histogram = [0; EDGES.len() + 1];
        own.iter().for_each(|z| histogram[EDGES.partition_point(|edge| *edge <= z.abs())] += 1);
        Ok(Some(Scores {
            cells: own.len(),
            without: group.cells.len() - own.len(),
            max: largest(own.iter().copied()),
            rms: rms(own.iter().copied()),
            max_usual: quantile(chance.iter().map(|(max, _)| *max).collect(), USUAL),
            rms_usual: quantile(chance.iter().map(|(_, rms)| *rms).collect(), USUAL),
            histogram,
        }))
    }
}

/// Mean over its standard error; `variance` is that of the `n` values themselves.
fn score(mean: f64, variance: f64, n: f64) -> f64 {
    mean / (variance / (n - 1.0)).sqrt()
}

fn largest(values: impl Iterator<Item = f64>) -> f64 {
    values.fold(0.0, |largest, z| largest.max(z.abs()))
}
