//! What a sweep takes on an adapter: of the CPU by rates that are known, of a GPU by a piece of the plan.

use std::time::Instant;

use super::adapter::Adapter;
use super::launches::cohorts_of_launch;
use crate::error::Result;
use crate::plan::{Cohort, Plan, Shard, cohort_cost, cost};
use crate::watch::Watch;

/// Seconds of a sweep with all its threads.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// Draws, projections, features and training.
    pub execution: f64,
    /// Exact risks and rows, on the CPU.
    pub evaluation: f64,
    /// The reference's, on the CPU.
    pub check: f64,
    /// All of it: a GPU executes while the CPU evaluates and checks.
    pub total: f64,
}

/// What a GPU's piece takes, at least.
const PIECE: f64 = 0.5;
/// Updates of the first piece, and how many times as many the next one has.
const UPDATES: u64 = 16;
const GROWTH: u64 = 4;

/// On the CPU with so many threads.
pub fn of_cpu(plan: &Plan, threads: usize) -> Estimate {
    let host = host(plan, threads);
    Estimate { total: host.execution + host.evaluation + host.check, ..host }
}

/// On a GPU, beside so many threads: a launch of the plan, cut to its first updates, executes there for about half a
/// second, and the rest is taken to need as much more as it does on the CPU. The watch is asked meanwhile.
pub fn of_device(plan: &Plan, threads: usize, adapter: &dyn Adapter, watch: &Watch) -> Result<Estimate> {
    let host = host(plan, threads);
    let all = plan.cohorts(Shard::WHOLE);
    let some = &all[..cohorts_of_launch(plan, adapter)?.min(all.len())];
    let longest = plan.points.iter().flat_map(|point| &point.trajectories).map(|t| t.samples).max().unwrap_or(0);
    let mut updates = UPDATES;
    let execution = loop {
        let piece = plan.prefix(updates, |_, _| true);
        // Pipelines are compiled by the first of them.
        adapter.execute(&piece, some, &watch.share(0.0))?;
        let begun = Instant::now();
        adapter.execute(&piece, some, &watch.share(0.0))?;
        let took = begun.elapsed().as_secs_f64();
        if took >= PIECE || updates >= longest {
            break took * seconds(plan, &all) / seconds(&piece, some);
        }
        updates *= GROWTH;
    };
    Ok(Estimate { execution, total: execution.max(host.evaluation + host.check), ..host })
}

/// Core-seconds in which the CPU executes cohorts.
fn seconds(plan: &Plan, cohorts: &[Cohort]) -> f64 {
    cohorts.iter().map(|cohort| cohort_cost(plan, cohort.point).execution).sum()
}

/// By the rates of the CPU.
fn host(plan: &Plan, threads: usize) -> Estimate {
    let (cost, seeds) = (cost(plan), f64::from(plan.config.sweep.seeds));
    // A cohort is evaluated by one thread.
    let cohorts = (seeds * plan.points.len() as f64).min(threads as f64).max(1.0);
    let checked = f64::from(plan.checked_count());
    Estimate {
        execution: cost.seconds_per_seed * seeds / threads as f64,
        evaluation: cost.evaluation_seconds_per_seed * seeds / cohorts,
        check: cost.reference_seconds_per_seed * checked / threads as f64,
        total: 0.0,
    }
}
