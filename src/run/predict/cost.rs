//! What predictions will cost, and which of them a budget has room for.

use super::measured::SAMPLES as TRIED;
use super::{Job, Kind};
use crate::config::Output;
use crate::plan::{Plan, Prefix, ProblemPoint, Trajectory, tail_start};
use crate::theory::laws::{Laws, Method};

/// Core-seconds of an update on M numbers: by itself, and by number; of the average besides.
const UPDATE: f64 = 6e-8;
const ELEMENT: f64 = 2e-9;
const AVERAGED: f64 = 1.5e-9;
/// Of an update on matrices by itself, and by entry, with all it does to it.
const DENSE: f64 = 1e-5;
const ENTRY: f64 = 2e-8;
/// Of a multiply-add of matrices, and how many products of M x M an update on matrices takes; the multiply-adds of an
/// eigenbasis over M^3.
const MULTIPLY: f64 = 1e-10;
const PRODUCTS: f64 = 5.0;
const EIGEN: f64 = 5.0;
/// Of drawing an entry of the sketch.
const DRAW: f64 = 4e-9;

/// Core-seconds of one seed index of a trajectory, roughly: its updates, and its part in the eigenbasis and the sketch.
pub fn seconds(
    plan: &Plan,
    point: &ProblemPoint,
    trajectory: &Trajectory,
    kind: Kind,
    laws: &[Laws],
    method: Method,
) -> f64 {
    let (m, d) = (f64::from(trajectory.model), f64::from(point.problem.dim));
    let updates = (trajectory.samples / u64::from(trajectory.batch)) as f64;
    let outputs = &plan.config.train.outputs;
    let averaged = outputs.contains(&Output::Average);
    let of_tails = tail_updates(trajectory, outputs) as f64;
    let diagonal = |averaged: bool| UPDATE + m * (ELEMENT + if averaged { AVERAGED } else { 0.0 });
    let diagonal = updates * diagonal(averaged) + of_tails * diagonal(true);
    let own = match method {
        Method::Diagonal => diagonal,
        Method::Dense => {
            let rows =
                if laws.iter().any(|laws| laws.needs(false).rows) { m * d * (ENTRY + 2.0 * m * MULTIPLY) } else { 0.0 };
            (updates + of_tails) * (DENSE + m * m * (ENTRY + MULTIPLY * PRODUCTS * m) + rows)
        }
    };
    let of_model = point.trajectories.iter().filter(|own| own.model == trajectory.model).count() as f64;
    // Full precision goes with it, and the samples that measure formats.
    let tried = f64::from(TRIED) * d * (DRAW + m * MULTIPLY);
    let besides = if kind == Kind::Matched { diagonal + tried } else { 0.0 };
    besides + own + shared_seconds(point, trajectory.model) / of_model
}

/// Updates of a trajectory that are followed once more for tails: of each of its cells the later half.
pub fn tail_updates(trajectory: &Trajectory, outputs: &[Output]) -> u64 {
    let batch = trajectory.batch;
    let of_cell = |prefix: &Prefix| (prefix.samples - tail_start(batch, prefix.samples)) / u64::from(batch);
    if outputs.contains(&Output::Tail) { trajectory.cells.iter().map(of_cell).sum() } else { 0 }
}

/// Core-seconds of what all trajectories of one seed index share at a model size: its part in the sketch, and the
/// eigenbasis.
pub fn shared_seconds(point: &ProblemPoint, model: u32) -> f64 {
    let (m, d) = (f64::from(model), f64::from(point.problem.dim));
    let shared = m * d * (DRAW + m * MULTIPLY) + EIGEN * MULTIPLY * m * m * m;
    if point.problem.is_sketched() { shared } else { 0.0 }
}

/// Leaves the cheapest jobs that a budget of seconds has room for. Returns the others with their problem points, and the
/// seconds of all jobs.
pub fn keep_within<'a>(plan: &Plan, jobs: &mut [Vec<Job<'a>>], budget: f64) -> (Vec<(usize, Job<'a>)>, f64) {
    let all = jobs
        .iter_mut()
        .enumerate()
        .flat_map(|(point, jobs)| std::mem::take(jobs).into_iter().map(move |job| (point, job)));
    let mut all: Vec<(usize, Job)> = all.collect();
    // Sorting is stable: of equal work the first ones stay.
    all.sort_by(|a, b| a.1.work.total_cmp(&b.1.work));
    let per_second = f64::from(plan.config.sweep.seeds) / rayon::current_num_threads() as f64;
    let mut spent = 0.0;
    let within = all.iter().take_while(|(_, job)| {
        spent += job.work * per_second;
        spent <= budget
    });
    let within = within.count();
    let seconds = all.iter().map(|(_, job)| job.work).sum::<f64>() * per_second;
    let beyond = all.split_off(within);
    for (point, job) in all {
        jobs[point].push(job);
    }
    (beyond, seconds)
}
