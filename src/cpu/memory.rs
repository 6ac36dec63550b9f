//! What a plan needs of memory on the `cpu` adapter, and what the machine has.

use std::collections::BTreeMap;

use super::tile_samples;
use crate::error::{Error, Result};
use crate::plan::{Cohort, Feature, Plan, ProblemPoint, measured_samples};
use crate::problem::Sketch;
use crate::site::Counts;

/// Bytes of the counters of one vector.
const COUNTS: u64 = size_of::<Counts>() as u64;

/// Bytes of one cohort in flight, and of a whole sweep with `threads` cohorts at once.
pub fn memory(plan: &Plan, threads: u64) -> (u64, u64) {
    let cohort = plan.points.iter().map(|point| cohort_bytes(plan, point)).max().unwrap_or(0);
    // Every cohort is listed, and so is every seed that is checked.
    let listed = plan.points.len() as u64 * u64::from(plan.config.sweep.seeds) * size_of::<Cohort>() as u64
        + u64::from(plan.checked_count()) * 32;
    (cohort, cohort.saturating_mul(threads).saturating_add(listed).saturating_add(file_bytes(plan)))
}

/// Bytes of the users' arrays, which all cohorts share.
fn file_bytes(plan: &Plan) -> u64 {
    let mut files = BTreeMap::new();
    for problem in plan.points.iter().map(|point| &point.problem) {
        if let Some(covariates) = problem.covariates() {
            let rows = (covariates.training_rows() + covariates.held_rows()) as u64;
            files.insert(covariates.x.hash, 4 * rows * (u64::from(problem.dim) + 1));
        }
        if let Sketch::File(input) = &problem.sketch {
            files.insert(input.hash, 4 * input.values.len() as u64);
        }
    }
    files.values().sum()
}

fn cohort_bytes(plan: &Plan, point: &ProblemPoint) -> u64 {
    let (d, m) = (u64::from(point.problem.dim), u64::from(point.model));
    let measured = measured_samples(plan, point);
    let rows: u64 = point.trajectories.iter().map(|t| 3 * 4 * u64::from(t.model) * t.rows.len() as u64).sum();
    // Vectors are padded to slices of 128; every one has counts, and so has every pair's x.
    let vector = |f: &Feature| 4 * u64::from(f.model).next_multiple_of(128) + COUNTS;
    let of_features = point.features.iter().map(vector).sum::<u64>() + COUNTS * point.pairs.len() as u64;
    let (clean, features) = match point.problem.covariates() {
        // Held-out rows are measured on features of their own.
        Some(_) => (point.clean().features.iter().map(vector).sum::<u64>() * measured, of_features * point.block),
        None => (0, of_features * (point.block + measured)),
    };
    let state: u64 = point.trajectories.iter().map(|t| 24 * u64::from(t.model)).sum();
    let pairs = point.pairs.len() as u64;
    // G as packed components of every pair, each once more while it is cut, and the clean one; Gram and factor.
    let sketch = match point.problem.is_sketched() {
        true => {
            let components: u64 = point.pairs.iter().map(|pair| pair.splitting.g.len() as u64).sum();
            m.saturating_mul(d).saturating_mul(4 * (components + 1))
        }
        false => 0,
    };
    let gram: u64 = point.sketches.iter().map(|draw| 8 * u64::from(draw.rows).pow(2)).sum();
    // The closed form of the quantized test keeps the sketch of every pair.
    let exact =
        if plan.config.train.quantized_test.is_some() && point.problem.is_sketched() { pairs * m * d * 4 } else { 0 };
    let components: u64 = point.pairs.iter().map(|pair| pair.splitting.x.len() as u64).sum();
    let tile = (1 + components) * 4 * d * tile_samples(point.problem.dim) as u64;
    let projected = pairs * m * 4 * point.block;
    [16 * d, clean, exact, tile, rows, features, state, sketch, gram, projected]
        .iter()
        .fold(0, |sum, part| u64::saturating_add(sum, *part))
}

/// Refuses a plan that needs more memory than the machine has, naming both.
pub fn fits(plan: &Plan, threads: u64) -> Result<()> {
    let (cohort, total) = memory(plan, threads);
    let Some(installed) = installed_memory() else { return Ok(()) };
    if total <= installed {
        return Ok(());
    }
    let gib = |bytes: u64| bytes as f64 / (1u64 << 30) as f64;
    Err(Error::Input(format!(
        "problem.dim, train.model and train.test_samples need {:.1} GiB ({:.1} GiB per cohort, {threads} at once, with sweep.seeds = {}), the \
         machine has {:.1} GiB: allowed are smaller ones, or RAYON_NUM_THREADS=1",
        gib(total),
        gib(cohort),
        plan.config.sweep.seeds,
        gib(installed)
    )))
}

/// Bytes of memory, where the system tells.
fn installed_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("MemTotal:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok()?.checked_mul(1024)
}
