//! What a plan will cost.

use crate::cpu::tile_samples;
use crate::error::{Error, Result};
use crate::plan::{Cohort, Pair, Plan, Point};

/// Work and time of one seed index over all problem points.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cost {
    /// Normal draws, f32 multiply-adds of projections, and element-steps of training.
    pub draws: f64,
    pub projections: f64,
    pub steps: f64,
    /// Core-seconds on the `cpu` adapter, from the rates in docs/benchmarks.md.
    pub seconds_per_seed: f64,
    /// Core-seconds of the scalar reference.
    pub reference_seconds_per_seed: f64,
}

/// Core-nanoseconds per draw, per projection multiply-add, per element-step: the fast CPU code, the reference.
const FAST: [f64; 3] = [1.3, 0.02, 1.5];
const SCALAR: [f64; 3] = [5.0, 0.9, 6.0];

/// Cost of a plan, per seed index.
pub fn cost(plan: &Plan) -> Cost {
    let mut cost = Cost::default();
    for point in &plan.points {
        let (d, n) = (f64::from(point.problem.dim), point.samples as f64);
        let words = 1.0 + point.pairs.iter().filter(|pair| pair.data.is_set()).count() as f64;
        cost.draws += n * d * words;
        for draw in &point.sketches {
            let rows = f64::from(draw.rows);
            cost.draws += rows * d;
            cost.projections += d * rows * rows / 2.0;
        }
        if point.problem.is_sketched() {
            let products = |(p, pair): (usize, &Pair)| f64::from(point.rows(p)) * pair.cuts.products.len() as f64;
            cost.projections += n * d * point.pairs.iter().enumerate().map(products).sum::<f64>();
        }
        for trajectory in &point.trajectories {
            let sites = trajectory.ops.iter().filter(|op| op.is_set()).count() as f64;
            cost.steps += trajectory.samples as f64 * f64::from(trajectory.model) * (1.0 + sites);
        }
        for feature in &point.features {
            cost.steps += n * f64::from(feature.model);
        }
    }
    let time = |rates: [f64; 3]| 1e-9 * (cost.draws * rates[0] + cost.projections * rates[1] + cost.steps * rates[2]);
    Cost { seconds_per_seed: time(FAST), reference_seconds_per_seed: time(SCALAR), ..cost }
}

/// Bytes of one cohort in flight, and of a whole sweep with `threads` cohorts at once.
pub fn memory(plan: &Plan, threads: u64) -> (u64, u64) {
    let test = u64::from(plan.config.train.quantized_test.unwrap_or(0));
    let cohort = plan.points.iter().map(|point| cohort_bytes(point, test)).max().unwrap_or(0);
    // Every cohort is listed, and so is every seed that is checked.
    let listed = plan.points.len() as u64 * u64::from(plan.config.sweep.seeds) * size_of::<Cohort>() as u64
        + u64::from(plan.checked_count()) * 32;
    (cohort, cohort.saturating_mul(threads).saturating_add(listed))
}

fn cohort_bytes(point: &Point, test_samples: u64) -> u64 {
    let (d, m) = (u64::from(point.problem.dim), u64::from(point.model));
    let rows: u64 = point.trajectories.iter().map(|t| 3 * 4 * u64::from(t.model) * t.rows.len() as u64).sum();
    let features: u64 =
        point.features.iter().map(|f| (4 * u64::from(f.model) + 12) * (point.block + test_samples)).sum();
    let state: u64 = point.trajectories.iter().map(|t| 24 * u64::from(t.model)).sum();
    let pairs = point.pairs.len() as u64;
    // G as packed pieces of every pair, each once more while it is cut, and the clean one; Gram and factor.
    let sketch = match point.problem.is_sketched() {
        true => {
            let pieces: u64 = point.pairs.iter().map(|pair| pair.cuts.g.len() as u64).sum();
            m.saturating_mul(d).saturating_mul(4 * (pieces + 1))
        }
        false => 0,
    };
    let gram: u64 = point.sketches.iter().map(|draw| 8 * u64::from(draw.rows).pow(2)).sum();
    let files = point.problem.covariates().map_or(0, |c| 4 * d * (c.training_rows() + c.held_rows()) as u64);
    let pieces: u64 = point.pairs.iter().map(|pair| pair.cuts.x.len() as u64).sum();
    let tile = (1 + pieces) * 4 * d * tile_samples(point.problem.dim) as u64;
    let projected = pairs * m * 4 * point.block;
    [16 * d, files, tile, rows, features, state, sketch, gram, projected]
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
        "problem.dim and train.model need {:.1} GiB ({:.1} GiB per cohort, {threads} at once, with sweep.seeds = {}), the \
         machine has {:.1} GiB: allowed are smaller problem.dim, train.model or sweep.seeds, or RAYON_NUM_THREADS=1",
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
