//! What a plan will cost in work and time.

use std::ops::Range;

use super::{Feature, Label, Phase, Plan, ProblemPoint, TrainOps, Trajectory};
use crate::format::{QuantOp, class};
use crate::site::Site;

/// Work and time of one seed index over all problem points.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cost {
    /// Normal draws, f32 multiply-adds of projections, and element-steps of training.
    pub draws: f64,
    pub projections: f64,
    pub steps: f64,
    /// Core-seconds on the `cpu` adapter, risks and rows aside.
    pub seconds_per_seed: f64,
    /// Core-seconds of the exact risks and of the rows.
    pub evaluation_seconds_per_seed: f64,
    /// Core-seconds of the scalar reference.
    pub reference_seconds_per_seed: f64,
}

/// Core-nanoseconds of the kernels. Those of the fast code are of a core with AVX-512 at rest: docs/performance.md has
/// what they foretell beside what sweeps take.
struct Rates {
    /// Vectors that are computed on are whole multiples of these: samples and features, weights, rows of the sketch.
    padding: [u32; 3],
    /// A coordinate of x with its part of the label, or an entry of the sketch; a coordinate that a file has.
    draw: f64,
    read: f64,
    /// A random word where a rounding reads one.
    word: f64,
    /// A number through a grid, blocks of grids, a law, and any other format.
    grid: f64,
    block: f64,
    law: f64,
    other: f64,
    /// A multiply-add of the projection.
    product: f64,
    /// A coordinate of a feature, a weight in a sample's prediction and gradient, and in the update itself, without
    /// formats.
    feature: f64,
    sample_step: f64,
    update_step: f64,
    /// What every feature vector, update, and rounding takes whatever its length.
    vector: f64,
    update: f64,
    rounding: f64,
    /// A multiply-add of a Gram matrix and of its factor.
    gram: f64,
    factor: f64,
    /// A row: its risk, its texts, its place in a part; and a multiply-add of its risk.
    row: f64,
    risk: f64,
    /// A cohort, and a component of its spectrum and target.
    cohort: f64,
    component: f64,
}

const FAST: Rates = Rates {
    padding: [128, 32, 16],
    draw: 0.75,
    read: 0.15,
    word: 0.4,
    grid: 0.25,
    block: 0.55,
    law: 0.5,
    other: 1.1,
    product: 0.0155,
    feature: 0.15,
    sample_step: 0.08,
    update_step: 0.09,
    vector: 25.0,
    update: 40.0,
    rounding: 30.0,
    gram: 0.03,
    factor: 0.08,
    row: 20e3,
    risk: 0.3,
    cohort: 180e3,
    component: 250.0,
};

const SCALAR: Rates = Rates {
    padding: [1, 1, 1],
    draw: 6.0,
    read: 0.5,
    word: 4.0,
    grid: 6.0,
    block: 7.0,
    law: 8.0,
    other: 15.0,
    product: 0.9,
    feature: 2.0,
    sample_step: 2.0,
    update_step: 3.0,
    vector: 100.0,
    update: 300.0,
    rounding: 50.0,
    gram: 1.0,
    factor: 1.0,
    row: 30e3,
    risk: 1.0,
    cohort: 100e3,
    component: 200.0,
};

/// Cost of a plan, per seed index.
pub fn cost(plan: &Plan) -> Cost {
    let mut cost = Cost::default();
    for (index, point) in plan.points.iter().enumerate() {
        let CohortCost { execution, evaluation, reference } = cohort_cost(plan, index);
        cost.seconds_per_seed += execution;
        cost.evaluation_seconds_per_seed += evaluation;
        cost.reference_seconds_per_seed += reference;
        cost.draws += point.samples as f64 * f64::from(point.coordinates);
        cost.draws +=
            point.sketches.iter().map(|draw| f64::from(draw.rows) * f64::from(point.problem.dim)).sum::<f64>();
        let projected = projected(point, point.samples, Some(&point.spans()));
        let products = |(p, samples): (usize, f64)| samples * products_of(point, p, [1, 1, 1]);
        cost.projections += projected.into_iter().enumerate().map(products).sum::<f64>();
        let steps = |trajectory: &Trajectory| trajectory.samples as f64 * f64::from(trajectory.model);
        cost.steps += point.trajectories.iter().map(steps).sum::<f64>();
    }
    cost
}

/// Core-seconds of one cohort, roughly: what its parts count for in a sweep's progress.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CohortCost {
    /// On the `cpu` adapter.
    pub execution: f64,
    /// Of the exact risks, the test samples and the rows.
    pub evaluation: f64,
    /// Of the scalar reference.
    pub reference: f64,
}

/// What a cohort of problem point number `point` costs.
pub fn cohort_cost(plan: &Plan, point: usize) -> CohortCost {
    let own = &plan.points[point];
    // Where samples were drawn from the sums of all coordinates, these are there already.
    let has_grams = draws_features(own) && own.problem.literal() == 0;
    CohortCost {
        execution: 1e-9 * execution(own, Some(&own.spans()), &FAST),
        evaluation: 1e-9 * (evaluation(plan, own, &FAST) + if has_grams { 0.0 } else { grams(own, &FAST) }),
        // It makes every feature of every sample, and its risks are computed once more.
        reference: 1e-9 * (execution(own, None, &SCALAR) + evaluation(plan, own, &SCALAR) + grams(own, &SCALAR)),
    }
}

fn draws_features(point: &ProblemPoint) -> bool {
    point.problem.draws_features()
}

fn execution(point: &ProblemPoint, spans: Option<&[Range<u64>]>, rates: &Rates) -> f64 {
    let noisy = point.laws.iter().filter(|law| law.added > 0.0).map(|law| sums(point, law.draw, rates)).sum::<f64>();
    let laws = if draws_features(point) { grams(point, rates) + noisy } else { 0.0 };
    let cohort = rates.cohort + rates.component * f64::from(point.problem.dim) + laws + sketches(point, rates);
    let train: f64 = point.trajectories.iter().map(|trajectory| training(trajectory, rates)).sum();
    cohort + samples(point, point.samples, spans, rates) + train
}

/// Sketches as each pair has them, or what stands for them.
fn sketches(point: &ProblemPoint, rates: &Rates) -> f64 {
    let drawn = if draws_features(point) { 0.0 } else { rates.draw };
    let entries = |p: usize| f64::from(point.rows(p)) * padded(point.coordinates, rates.padding[0]);
    let of_pair = |p: usize| entries(p) * (drawn + rates.read + through(&point.pairs[p].sketch, rates));
    if point.problem.is_sketched() { (0..point.pairs.len()).map(of_pair).sum() } else { 0.0 }
}

/// So many samples: drawn, rounded, projected, and as features, those of a run where their `spans` have them.
fn samples(point: &ProblemPoint, count: u64, spans: Option<&[Range<u64>]>, rates: &Rates) -> f64 {
    let dim = padded(point.coordinates, rates.padding[0]);
    let drawn = if point.problem.covariates().is_some() { rates.read } else { rates.draw };
    let feature = |(f, feature): (usize, &Feature)| {
        let model = padded(feature.model, rates.padding[0]);
        let tail = if feature.tail != 0.0 { rates.word + rates.law } else { 0.0 };
        length(f, count, spans)
            * (rates.vector + model * (rates.feature + tail) + rounded(&feature.op, feature.model, rates))
    };
    let pair = |(p, length): (usize, f64)| {
        let data = rates.read + through(&point.pairs[p].data, rates);
        length * (dim * data + rates.product * products_of(point, p, rates.padding))
    };
    let features: f64 = point.features.iter().enumerate().map(feature).sum();
    let pairs: f64 = projected(point, count, spans).into_iter().enumerate().map(pair).sum();
    // Where features are drawn each model size has a label of its own; the draw of a coordinate includes one.
    let length = |label: &Label| padded(point.problem.literal() + label.model, rates.padding[0]);
    let labels: f64 = point.labels.iter().skip(1).map(length).sum::<f64>() * rates.read;
    count as f64 * (dim * drawn + labels) + pairs + features
}

/// So many samples as a feature, those of its span where there is one.
fn length(feature: usize, count: u64, spans: Option<&[Range<u64>]>) -> f64 {
    spans.map_or(count, |spans| spans[feature].end.saturating_sub(spans[feature].start)) as f64
}

/// Samples that each pair projects: it is read by features of several sizes.
fn projected(point: &ProblemPoint, count: u64, spans: Option<&[Range<u64>]>) -> Vec<f64> {
    let mut longest = vec![0.0f64; point.pairs.len()];
    for (f, feature) in point.features.iter().enumerate() {
        longest[feature.pair] = longest[feature.pair].max(length(f, count, spans));
    }
    longest
}

/// Multiply-adds of the projection of one sample of a pair.
fn products_of(point: &ProblemPoint, p: usize, padding: [u32; 3]) -> f64 {
    let rows = padded(point.rows(p), padding[2]) * point.pairs[p].splitting.products.len() as f64;
    if point.problem.is_sketched() { rows * padded(point.coordinates, padding[0]) } else { 0.0 }
}

fn training(trajectory: &Trajectory, rates: &Rates) -> f64 {
    let of = |(number, phase): (usize, &Phase)| {
        let samples = trajectory.phase_end(number).min(trajectory.samples).saturating_sub(phase.from);
        phase_training(trajectory, &phase.ops, samples as f64, rates)
    };
    trajectory.phases.iter().enumerate().map(of).sum()
}

/// So many samples of a trajectory under these operations.
fn phase_training(trajectory: &Trajectory, ops: &TrainOps, samples: f64, rates: &Rates) -> f64 {
    let model = trajectory.model;
    let updates = samples / f64::from(trajectory.batch);
    let (mut of_sample, mut of_update) = (0.0, rates.update);
    let weights = padded(model, rates.padding[1]);
    of_sample += weights * rates.sample_step;
    of_update += weights * rates.update_step;
    for (site, op) in ops.by_site() {
        match site {
            Site::Parameter | Site::Weight => of_update += rounded(op, model, rates),
            // Blocks run along the batch, coordinate by coordinate.
            Site::FeatureGrad if op.shares() => {
                of_update += f64::from(model) * rounded(op, trajectory.batch, rates);
            }
            Site::FeatureGrad => of_sample += rounded(op, model, rates),
            _ => of_update += rounded(op, trajectory.batch, rates),
        }
    }
    samples * of_sample + updates * of_update
}

/// A vector through a site.
fn rounded(op: &QuantOp, len: u32, rates: &Rates) -> f64 {
    if op.is_set() { rates.rounding + padded(len, rates.padding[1]) * through(op, rates) } else { 0.0 }
}

/// A number through a site.
fn through(op: &QuantOp, rates: &Rates) -> f64 {
    let word = if op.draws() && op.one_draw == 0 { rates.word } else { 0.0 };
    word + match op.kind {
        class::NONE => 0.0,
        class::SCALAR => rates.grid,
        class::BLOCK => rates.block,
        class::ADDITIVE | class::RELATIVE => rates.law,
        _ => rates.other,
    }
}

/// Of the clean sketches, and their factors.
fn grams(point: &ProblemPoint, rates: &Rates) -> f64 {
    let dim = f64::from(point.problem.dim);
    let of_draw = |draw: usize| rates.draw * f64::from(point.sketches[draw].rows) * dim + sums(point, draw, rates);
    if point.problem.covariates().is_some() { 0.0 } else { (0..point.sketches.len()).map(of_draw).sum() }
}

/// The sums over one draw, and their factor.
fn sums(point: &ProblemPoint, draw: usize, rates: &Rates) -> f64 {
    let (dim, rows) = (f64::from(point.problem.dim), f64::from(point.sketches[draw].rows));
    rates.gram * dim * rows * rows / 2.0 + rates.factor * rows.powi(3) / 6.0
}

/// Risks and rows, without the sums that they come from.
fn evaluation(plan: &Plan, point: &ProblemPoint, rates: &Rates) -> f64 {
    let (measured, dim) = (measured_samples(plan, point), f64::from(point.problem.dim));
    let mut cost = rates.component * dim + samples(point, measured, None, rates);
    for trajectory in &point.trajectories {
        let model = f64::from(trajectory.model);
        let rows = plan.rows_of(trajectory);
        let exact = if point.problem.is_sketched() { model * model / 2.0 } else { model };
        cost += rows as f64 * (rates.row + rates.risk * (exact + measured as f64 * model));
    }
    cost
}

fn padded(len: u32, to: u32) -> f64 {
    f64::from(len.next_multiple_of(to))
}

/// Samples that measure a risk: those of the quantized test, or the held-out rows of a file.
pub fn measured_samples(plan: &Plan, point: &ProblemPoint) -> u64 {
    let test = u64::from(plan.config.train.quantized_test.unwrap_or(0));
    point.problem.covariates().map_or(test, |covariates| covariates.held_rows() as u64)
}
