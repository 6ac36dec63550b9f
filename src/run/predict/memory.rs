//! What predictions need of memory, against what is left of it.

use super::measured::SAMPLES;
use super::{Job, Kind};
use crate::config::Output;
use crate::cpu;
use crate::error::{Error, Result};
use crate::limits;
use crate::plan::{Cohort, Plan, ProblemPoint, SketchDraw, Trajectory, tail_start};
use crate::site::Counts;
use crate::theory::laws::Method;
use crate::theory::recursion::Expected;
use crate::theory::regression::Needs;

/// Bytes of the program itself.
const BASE: u64 = 32 << 20;
/// Bytes that cohorts may take whatever their number, and most of them at once.
const LITTLE: u64 = 32 << 20;
const MANY: u64 = 1024;
/// Bytes of a list beside what lies in it, with what the allocator takes.
const LIST: u64 = 48;
/// Bytes of a cohort that waits.
const COHORT: u64 = size_of::<Cohort>() as u64 + LIST;
/// Bytes of a coordinate of x: eigenvalue, scale, target and its pieces, and the variance of a prior.
const COORDINATE: u64 = 40;
/// M x M matrices of a model size in the eigenbasis: Sigma, its factor, and what they are found with.
const EIGEN: u64 = 4;
/// The same of the laws of a phase, and what one update works with.
const PHASE: u64 = 10;
const UPDATE: u64 = 12;
/// Bytes of a direction of a recursion on diagonals, moments included.
const DIRECTION: u64 = 240;
/// Columns of the sketch that are summed at a time, in f64.
const PANEL: u64 = 512;

/// What memory grows with; a user would make it smaller.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Cause {
    Curves,
    Sketches,
    Matrices,
}

struct Need {
    total: u64,
    /// Of most of it.
    cause: Cause,
    /// The problem point with the largest cohort or job.
    point: usize,
}

/// Refuses jobs that need more memory than is left, naming both, the keys that it grows with, and what would fit.
///
/// # Errors
/// [`Error::Input`].
pub fn fits(plan: &Plan, jobs: &[Vec<Job>], prior: bool, threads: u64) -> Result<()> {
    let Some(limits::Memory { bytes: left, of }) = limits::memory() else { return Ok(()) };
    let Need { total, cause, point } = need(plan, jobs, prior, threads);
    if total <= left {
        return Ok(());
    }
    let gib = |bytes: u64| bytes as f64 / (1u64 << 30) as f64;
    let fewer = (1..threads).rev().find(|&threads| need(plan, jobs, prior, threads).total <= left);
    let fix = fewer.map_or(String::new(), |threads| format!(", or RAYON_NUM_THREADS={threads}"));
    Err(Error::Input(format!(
        "expected risks: {} need {:.2} GiB on {threads} threads, {:.2} GiB are left of {of}: allowed are smaller ones, a \
         lower --budget, which leaves out the most expensive cells{fix}",
        cause.keys(plan, point),
        gib(total),
        gib(left)
    )))
}

/// Cohorts at once: one a thread, and more while they take little.
pub fn wave(plan: &Plan, jobs: &[Vec<Job>], prior: bool, threads: u64) -> usize {
    let cohorts = plan.points.iter().zip(jobs).map(|(point, jobs)| cohort(plan, point, jobs, prior));
    at_once(cohorts.max().unwrap_or(0), threads) as usize
}

fn at_once(cohort: u64, threads: u64) -> u64 {
    (LITTLE / cohort.max(1)).clamp(threads, MANY.max(threads))
}

fn need(plan: &Plan, jobs: &[Vec<Job>], prior: bool, threads: u64) -> Need {
    let seeds = u64::from(plan.config.sweep.seeds);
    let of_seed =
        jobs.iter().flatten().map(|job| curve(plan, job)).fold(COHORT * jobs.len() as u64, u64::saturating_add);
    let curves = of_seed.saturating_mul(seeds);
    let largest = |of: &dyn Fn(usize) -> u64| (0..jobs.len()).map(|p| (of(p), p)).max().unwrap_or_default();
    let (cohort, of_cohort) = largest(&|p| cohort(plan, &plan.points[p], &jobs[p], prior));
    let at_once = at_once(cohort, threads).min(seeds.saturating_mul(plan.points.len() as u64));
    let of_point = |p: usize| {
        let own = jobs[p].iter().map(|job| of_job(plan, &plan.points[p], job, prior));
        own.max().unwrap_or(0)
    };
    let (job, of_job) = largest(&of_point);
    let items = [
        (curves, Cause::Curves, 0),
        (cohort.saturating_mul(at_once), Cause::Sketches, of_cohort),
        (job.saturating_mul(threads), Cause::Matrices, of_job),
    ];
    let total = items.iter().fold(BASE, |total, (bytes, ..)| total.saturating_add(*bytes));
    let (_, cause, point) = items.into_iter().max_by_key(|(bytes, ..)| *bytes).unwrap_or((0, Cause::Curves, 0));
    Need { total, cause, point }
}

/// Bytes of the risks of a job at one seed index, which are kept to the end; of matched ones full precision too.
fn curve(plan: &Plan, job: &Job) -> u64 {
    let row = LIST + plan.config.train.outputs.len() as u64 * size_of::<Option<Expected>>() as u64;
    let copies = if job.kind == Kind::Matched { 2 } else { 1 };
    2 * LIST + copies * row * job.trajectory.rows.len() as u64
}

/// Bytes of a cohort in flight, without its jobs: draws, moments at the largest M and at the one that is followed, and the
/// samples that measure formats.
fn cohort(plan: &Plan, point: &ProblemPoint, jobs: &[Job], prior: bool) -> u64 {
    let d = u64::from(point.problem.dim);
    let needs = needs(jobs, prior);
    let of_draw = |draw: &SketchDraw| {
        let m = u64::from(draw.rows);
        let pairs = jobs.iter().filter(|job| job.laws[0].rounds_sketch).count().min(point.pairs.len()) as u64;
        let read = moments(m, d, needs, prior).saturating_mul(1 + pairs);
        // The draw, as it is rounded once more; the sums of a panel; the model size that is followed.
        let draws = 4 * m * d * (1 + pairs.min(1)) + 8 * m * PANEL;
        read.saturating_add(draws).saturating_add(moments(m, d, needs, prior) + EIGEN * 8 * m * m)
    };
    let draws = if point.problem.is_sketched() { point.sketches.iter().map(of_draw).max().unwrap_or(0) } else { 0 };
    let is_matched = jobs.iter().any(|job| job.kind == Kind::Matched);
    let trial = if is_matched { trial(plan, point, jobs) } else { 0 };
    if jobs.is_empty() { 0 } else { draws.saturating_add(COORDINATE * d).saturating_add(trial) }
}

fn needs(jobs: &[Job], prior: bool) -> Needs {
    let dense = jobs.iter().filter(|job| job.method == Method::Dense);
    dense.flat_map(|job| job.laws.iter().map(|laws| laws.needs(prior))).fold(Needs::default(), Needs::or)
}

/// Bytes of a [`crate::theory::regression::Regression`].
fn moments(m: u64, d: u64, needs: Needs, prior: bool) -> u64 {
    let squares = 1 + u64::from(needs.spread) + u64::from(prior);
    (8 * m * m).saturating_mul(squares).saturating_add(if needs.rows { 8 * m * d } else { 0 })
}

/// Bytes of the samples that measure formats: twice every feature, a column of each at the gradient, and the sketch as a
/// sweep reads it.
fn trial(plan: &Plan, point: &ProblemPoint, jobs: &[Job]) -> u64 {
    let batch = jobs.iter().map(|job| job.trajectory.batch).max().unwrap_or(1);
    let samples = u64::from(SAMPLES.max(batch));
    let vector = |model: u32| 4 * u64::from(model).next_multiple_of(128) + size_of::<Counts>() as u64;
    let features: u64 = point.features.iter().map(|feature| 2 * vector(feature.model)).sum();
    let (of_sweep, _) = cpu::memory::memory(plan, 1);
    samples.saturating_mul(features + 8 * u64::from(point.model)).saturating_add(of_sweep)
}

/// Bytes of a job that is followed: the laws of its phases, the state, those of tails, and what an update works with.
fn of_job(plan: &Plan, point: &ProblemPoint, job: &Job, prior: bool) -> u64 {
    let (m, d) = (u64::from(job.trajectory.model), u64::from(point.problem.dim));
    let states = 1 + tails(job.trajectory, &plan.config.train.outputs);
    if job.method == Method::Diagonal {
        return (DIRECTION * m).saturating_mul(states + 1);
    }
    let needs = needs(std::slice::from_ref(job), prior);
    let columns = 8 * m * if prior { if needs.rows { d } else { m } } else { 1 };
    let rows = if needs.rows { 8 * m * d } else { 0 };
    let phases = (PHASE * 8 * m * m + 2 * columns + 2 * rows).saturating_mul(job.laws.len() as u64);
    let state = (3 * 8 * m * m + 2 * columns).saturating_mul(states);
    phases.saturating_add(state).saturating_add(UPDATE * 8 * m * m + 2 * (columns + rows))
}

/// Most tails of a trajectory that are followed at once.
fn tails(trajectory: &Trajectory, outputs: &[Output]) -> u64 {
    if !outputs.contains(&Output::Tail) {
        return 0;
    }
    let start = |samples: u64| tail_start(trajectory.batch, samples);
    let open =
        |at: u64| trajectory.cells.iter().filter(|own| start(own.samples) <= at && at < own.samples).count() as u64;
    trajectory.cells.iter().map(|own| open(start(own.samples))).max().unwrap_or(0)
}

impl Cause {
    /// The keys to change, with their values at a problem point.
    fn keys(self, plan: &Plan, point: usize) -> String {
        let own = &plan.points[point];
        let (dim, model) = (own.problem.dim, own.model);
        match self {
            Cause::Curves => {
                let rows =
                    plan.points.iter().flat_map(|point| &point.trajectories).map(|own| own.rows.len()).sum::<usize>();
                format!("{rows} states of sweep.seeds = {}", plan.config.sweep.seeds)
            }
            Cause::Sketches => format!("sketches of problem.dim = {dim} and train.model = {model}"),
            Cause::Matrices => format!("matrices of problem.dim = {dim} and train.model = {model}"),
        }
    }
}
