//! What a plan will cost in work and time.

use super::{Pair, Plan, ProblemPoint, SketchDraw};

/// Work and time of one seed index over all problem points.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cost {
    /// Normal draws, f32 multiply-adds of projections, and element-steps of training.
    pub draws: f64,
    pub projections: f64,
    pub steps: f64,
    /// Core-seconds on the `cpu` adapter, roughly.
    pub seconds_per_seed: f64,
    /// Core-seconds of the scalar reference.
    pub reference_seconds_per_seed: f64,
}

/// Core-nanoseconds per draw, per projection multiply-add, per element-step: the fast CPU code, the reference. Cautious
/// figures of an earlier measurement: docs/benchmarks.md has about half of them for draws and products, and 0.29 to 4.7
/// for element-steps. They stay as they are, since by them `check = "auto"` decides how many seed indices are checked.
const FAST: [f64; 3] = [1.3, 0.02, 1.5];
const SCALAR: [f64; 3] = [5.0, 0.9, 6.0];

/// Cost of a plan, per seed index.
pub fn cost(plan: &Plan) -> Cost {
    of_points(plan, &plan.points)
}

fn of_points(plan: &Plan, points: &[ProblemPoint]) -> Cost {
    let mut cost = Cost::default();
    for point in points {
        let measured = measured_samples(plan, point);
        // Test samples and held-out rows are drawn and projected as the others are.
        let (d, n) = (f64::from(point.problem.dim), (point.samples + measured) as f64);
        let words = 1.0 + point.pairs.iter().filter(|pair| pair.data.is_set()).count() as f64;
        cost.draws += n * d * words;
        for draw in &point.sketches {
            let rows = f64::from(draw.rows);
            cost.draws += rows * d;
            cost.projections += d * rows * rows / 2.0;
        }
        if point.problem.is_sketched() {
            let products = |(p, pair): (usize, &Pair)| f64::from(point.rows(p)) * pair.splitting.products.len() as f64;
            cost.projections += n * d * point.pairs.iter().enumerate().map(products).sum::<f64>();
        }
        for trajectory in &point.trajectories {
            let sites = trajectory.ops.by_site().iter().filter(|(_, op)| op.is_set()).count() as f64;
            cost.steps += trajectory.samples as f64 * f64::from(trajectory.model) * (1.0 + sites);
            // Every row reads every sample that measures it.
            let rows = trajectory.rows.len() * plan.config.train.outputs.len();
            cost.steps += rows as f64 * measured as f64 * f64::from(trajectory.model);
        }
        for feature in &point.features {
            cost.steps += n * f64::from(feature.model);
        }
    }
    let time = |rates: [f64; 3]| 1e-9 * (cost.draws * rates[0] + cost.projections * rates[1] + cost.steps * rates[2]);
    Cost { seconds_per_seed: time(FAST), reference_seconds_per_seed: time(SCALAR), ..cost }
}

/// Core-seconds of one cohort, roughly: what its parts count for in a sweep's progress.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CohortCost {
    /// On the `cpu` adapter.
    pub execution: f64,
    /// Of the Gram matrix and its factor, on one core.
    pub evaluation: f64,
    /// Of the scalar reference.
    pub reference: f64,
}

/// Core-nanoseconds per multiply-add of a Gram matrix, and of its factor.
const GRAM: f64 = 0.5;
const FACTOR: f64 = 1.0;

/// What a cohort of problem point number `point` costs.
pub fn cohort_cost(plan: &Plan, point: usize) -> CohortCost {
    let cost = of_points(plan, &plan.points[point..=point]);
    let own = &plan.points[point];
    let evaluation = |draw: &SketchDraw| {
        let (d, m) = (f64::from(own.problem.dim), f64::from(draw.rows));
        1e-9 * (GRAM * d * m * m / 2.0 + FACTOR * m * m * m / 6.0)
    };
    CohortCost {
        execution: cost.seconds_per_seed,
        evaluation: own.sketches.iter().map(evaluation).sum(),
        reference: cost.reference_seconds_per_seed,
    }
}

/// Samples that measure a risk: those of the quantized test, or the held-out rows of a file.
pub fn measured_samples(plan: &Plan, point: &ProblemPoint) -> u64 {
    let test = u64::from(plan.config.train.quantized_test.unwrap_or(0));
    point.problem.covariates().map_or(test, |covariates| covariates.held_rows() as u64)
}
