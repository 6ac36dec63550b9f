//! What predictions will cost, and which of them a budget has room for.

use super::Job;
use crate::config::Output;
use crate::plan::{Plan, ProblemPoint, Trajectory};
use crate::theory::laws::{Laws, Method};

/// Core-seconds of an update on M numbers: by itself, and by number; of the average besides.
const UPDATE: f64 = 6e-8;
const ELEMENT: f64 = 1.5e-9;
const AVERAGED: f64 = 1.5e-9;
/// Core-seconds of a multiply-add of matrices, and how many products of M x M an update on matrices takes.
const MULTIPLY: f64 = 2.5e-10;
const PRODUCTS: f64 = 7.0;
/// Core-seconds of an entry that an update on matrices touches once, with all it does to it.
const ENTRY: f64 = 4e-8;
/// Core-seconds of drawing an entry of the sketch, and multiply-adds of an eigenbasis over M^3.
const DRAW: f64 = 4e-9;
const EIGEN: f64 = 30.0;

/// Core-seconds of one seed index of a trajectory: its updates, and its part in the eigenbasis and the sketch.
pub fn seconds(plan: &Plan, point: &ProblemPoint, trajectory: &Trajectory, laws: &Laws, method: Method) -> f64 {
    let (m, d) = (f64::from(trajectory.model), f64::from(point.problem.dim));
    let updates = (trajectory.samples / u64::from(trajectory.batch)) as f64;
    let averaged = plan.config.train.outputs.contains(&Output::Average);
    let update = match method {
        Method::Diagonal => UPDATE + m * (ELEMENT + if averaged { AVERAGED } else { 0.0 }),
        Method::Dense => {
            let rows = if laws.needs(false).rows { 4.0 * m * m * d } else { 0.0 };
            ENTRY * m * m + MULTIPLY * (PRODUCTS * m * m * m + rows)
        }
    };
    let of_model = point.trajectories.iter().filter(|own| own.model == trajectory.model).count() as f64;
    let shared =
        if point.problem.is_sketched() { MULTIPLY * (EIGEN * m * m * m + m * m * d) + DRAW * m * d } else { 0.0 };
    updates * update + shared / of_model
}

/// Leaves the cheapest jobs that a budget of seconds has room for, and returns the others with their problem points.
pub fn keep_within<'a>(plan: &Plan, jobs: &mut [Vec<Job<'a>>], budget: f64) -> Vec<(usize, Job<'a>)> {
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
    let beyond = all.split_off(within.count());
    for (point, job) in all {
        jobs[point].push(job);
    }
    beyond
}
