//! What a plan needs of memory on the `cpu` adapter, against what is left of it.

use std::collections::BTreeMap;

use super::tile_samples;
use crate::error::{Error, Result};
use crate::limits;
use crate::plan::{Cohort, Feature, Plan, ProblemPoint, measured_samples};
use crate::problem::Sketch;
use crate::risk::PackedGram;
use crate::site::Counts;

/// Bytes of the counters of one vector.
const COUNTS: u64 = size_of::<Counts>() as u64;
/// Bytes of a row with its texts, and once more while it is encoded.
const ROW: u64 = 1300;
const ENCODED: u64 = 3 * ROW;
/// Bytes of the program itself, of a part that is read back, and of the report of a small directory.
const BASE: u64 = 32 << 20;
/// Rows that are encoded together.
const PART: u64 = 50_000;

/// What memory grows with; a user would make it smaller.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Cause {
    Dim,
    Sketch,
    Features,
    Rows,
    Measured,
    Files,
    Seeds,
}

/// What a plan needs, in bytes.
struct Need {
    /// Of one cohort in flight.
    cohort: u64,
    total: u64,
    /// Of most of it.
    cause: Cause,
    /// The problem point with the largest cohort.
    point: usize,
}

/// Bytes of one cohort in flight, and of a whole sweep with `threads` cohorts at once.
pub fn memory(plan: &Plan, threads: u64) -> (u64, u64) {
    let Need { cohort, total, .. } = need(plan, threads);
    (cohort, total)
}

fn need(plan: &Plan, threads: u64) -> Need {
    let cohorts = plan.points.iter().map(|point| of_cohort(plan, point)).enumerate();
    let (point, cohort) = cohorts.max_by_key(|(_, items)| sum(items)).unwrap_or_default();
    let seeds = u64::from(plan.config.sweep.seeds);
    // Every cohort is listed, and so is every seed that is checked.
    let listed = plan.points.len() as u64 * seeds * size_of::<Cohort>() as u64 + u64::from(plan.checked_count()) * 32;
    let rows = plan.points.iter().map(|point| rows(plan, point)).sum::<u64>().saturating_mul(seeds);
    let mut items: Vec<(Cause, u64)> =
        cohort.iter().map(|&(cause, bytes)| (cause, bytes.saturating_mul(threads))).collect();
    items.extend([(Cause::Seeds, listed), (Cause::Files, of_files(plan)), (Cause::Rows, ENCODED * rows.min(PART))]);
    let cause = items.iter().max_by_key(|(_, bytes)| bytes).map_or(Cause::Dim, |(cause, _)| *cause);
    Need { cohort: sum(&cohort), total: BASE.saturating_add(sum(&items)), cause, point }
}

fn sum(items: &[(Cause, u64)]) -> u64 {
    items.iter().fold(0, |sum, (_, bytes)| sum.saturating_add(*bytes))
}

/// Bytes of one cohort's results, from states to rows, with what a device sums for their risks, at the problem point where
/// they are most.
pub fn results(plan: &Plan) -> u64 {
    plan.points.iter().map(|point| of_rows(plan, point) + sums(point)).max().unwrap_or(0)
}

/// A cohort's rows wait for those that are encoded while the next ones come to be.
fn of_rows(plan: &Plan, point: &ProblemPoint) -> u64 {
    let states: u64 = point.trajectories.iter().map(|t| 3 * 4 * u64::from(t.model) * t.rows.len() as u64).sum();
    // The check has the reference's states too, and the weights in f64.
    let copies = if plan.is_checked() { 3 } else { 1 };
    states.saturating_mul(copies).saturating_add(2 * ROW * rows(plan, point))
}

/// Of every draw of the sketch.
fn sums(point: &ProblemPoint) -> u64 {
    point.sketches.iter().map(|draw| 8 * PackedGram::sums(draw.rows as usize) as u64).sum()
}

/// Rows of one cohort.
fn rows(plan: &Plan, point: &ProblemPoint) -> u64 {
    point.trajectories.iter().map(|trajectory| plan.rows_of(trajectory) as u64).sum()
}

/// Bytes of the users' arrays, which all cohorts share.
fn of_files(plan: &Plan) -> u64 {
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

fn of_cohort(plan: &Plan, point: &ProblemPoint) -> Vec<(Cause, u64)> {
    let (d, m) = (u64::from(point.problem.dim), u64::from(point.model));
    let measured = measured_samples(plan, point);
    // Vectors are padded to slices of 128; every one has counts, and so has every pair's x.
    let vector = |f: &Feature| 4 * u64::from(f.model).next_multiple_of(128) + COUNTS;
    let of_features = point.features.iter().map(vector).sum::<u64>() + COUNTS * point.pairs.len() as u64;
    let of_measured = match point.problem.covariates() {
        // Held-out rows are measured on features of their own.
        Some(_) => point.clean().features.iter().map(vector).sum::<u64>(),
        None => of_features,
    };
    let state: u64 = point.trajectories.iter().map(|t| 24 * u64::from(t.model)).sum();
    let pairs = point.pairs.len() as u64;
    let components: u64 = point.pairs.iter().map(|pair| pair.splitting.x.len() as u64).sum();
    let tile = (1 + components) * 4 * u64::from(point.coordinates) * tile_samples(point.coordinates) as u64;
    vec![
        (Cause::Dim, 16 * d + of_labels(point) + tile),
        (Cause::Sketch, of_sketch(plan, point)),
        (Cause::Features, state + (of_features + pairs * m * 4) * point.block),
        (Cause::Rows, of_rows(plan, point)),
        (Cause::Measured, of_measured.saturating_mul(measured)),
    ]
}

/// What stands for w* where features are drawn: of every law and of every label three components, and one in f64.
fn of_labels(point: &ProblemPoint) -> u64 {
    if !point.problem.draws_features() {
        return 0;
    }
    let literal = u64::from(point.problem.literal());
    let lengths = point.projected_on().into_iter().map(|draw| draw.rows);
    let lengths = lengths.chain(point.labels.iter().map(|label| label.model));
    lengths.map(|length| 20 * (literal + u64::from(length)).next_multiple_of(128)).sum()
}

/// G, or what stands for it, as packed components of every pair, each once more while it is cut, and the clean one; Gram
/// and factor.
fn of_sketch(plan: &Plan, point: &ProblemPoint) -> u64 {
    if !point.problem.is_sketched() {
        return 0;
    }
    let (d, m) = (u64::from(point.problem.dim), u64::from(point.model));
    let components: u64 = point.pairs.iter().map(|pair| pair.splitting.g.len() as u64).sum();
    // The closed form of the quantized test keeps the sketch of every pair.
    let kept = if plan.config.train.quantized_test.is_some() { point.pairs.len() as u64 } else { 0 };
    let gram: u64 = point.sketches.iter().map(|draw| 8 * u64::from(draw.rows).pow(2)).sum();
    let of_pairs = m.saturating_mul(point.coordinates.into()).saturating_mul(4 * components);
    // What stands for the sketch where features are drawn is kept beside the packed components.
    let factor = |rows: u32| 4 * u64::from(rows) * u64::from(point.coordinates);
    let factors: u64 = match point.problem.draws_features() {
        true => point.projected_on().iter().map(|draw| factor(draw.rows)).sum(),
        false => 0,
    };
    let clean = m.saturating_mul(d).saturating_mul(4 * (1 + kept));
    clean.saturating_add(of_pairs).saturating_add(factors).saturating_add(gram)
}

/// Refuses a plan that needs more memory than is left, naming both, the key that it grows with, and what would fit.
pub fn fits(plan: &Plan, threads: u64) -> Result<()> {
    let Some(limits::Memory { bytes: left, of }) = limits::memory() else { return Ok(()) };
    let Need { cohort, total, cause, point } = need(plan, threads);
    if total <= left {
        return Ok(());
    }
    let gib = |bytes: u64| bytes as f64 / (1u64 << 30) as f64;
    let fewer = (1..threads).rev().find(|&threads| need(plan, threads).total <= left);
    let fix = fewer.map_or(String::new(), |threads| format!(", or RAYON_NUM_THREADS={threads}"));
    Err(Error::Input(format!(
        "{} need {:.2} GiB ({:.2} GiB per cohort, {threads} at once), {:.2} GiB are left of {of}: allowed are smaller \
         ones{fix}",
        cause.keys(plan, point),
        gib(total),
        gib(cohort),
        gib(left)
    )))
}

impl Cause {
    /// The keys to change, with their values at a problem point.
    fn keys(self, plan: &Plan, point: usize) -> String {
        let own = &plan.points[point];
        let (dim, model) = (own.problem.dim, own.model);
        match self {
            Cause::Dim => format!("vectors of problem.dim = {dim}"),
            Cause::Sketch => format!("sketches of problem.dim = {dim} and train.model = {model}"),
            Cause::Features => {
                let features = own.features.len();
                format!("{features} features a sample, up to train.model = {model}, by the recipes and their phases,")
            }
            Cause::Rows => format!("{} rows a cohort, by train.checkpoints and the lists of train,", rows(plan, own)),
            Cause::Measured => {
                let samples = measured_samples(plan, own);
                format!("{samples} samples that measure risks, by train.test_samples or held_out,")
            }
            Cause::Files => "the arrays of problem".into(),
            Cause::Seeds => {
                let (points, seeds) = (plan.points.len(), plan.config.sweep.seeds);
                format!("lists of {points} problem points and sweep.seeds = {seeds}")
            }
        }
    }
}
