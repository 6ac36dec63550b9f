//! The loop of every sweep: cohorts run launch by launch on an adapter, are checked, and handed over with their risks.

use std::time::Instant;

use rayon::prelude::*;

use super::adapter::Adapter;
use super::check::{self, Mismatch};
use super::rows;
use crate::cpu::memory;
use crate::error::{Error, Result};
use crate::plan::{Cohort, Plan, Shard, cost};
use crate::risk::CohortRisk;
use crate::store::row::Row;
use crate::watch::Watch;

/// Core-seconds of a launch, so that progress and Ctrl-C are never far.
const LAUNCH_SECONDS: f64 = 600.0;

/// What [`sweep`] may be told besides its plan. Options are added as they come: begin with the default and set fields.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SweepOptions {
    /// Only these seed indices; by default all of them.
    pub shard: Shard,
    /// Asked to stop, by another thread or by the closure, it ends the sweep: what is finished by then is handed over, what
    /// is not is dropped.
    pub watch: Watch,
}

impl Default for SweepOptions {
    fn default() -> SweepOptions {
        SweepOptions { shard: Shard::WHOLE, watch: Watch::default() }
    }
}

/// One cohort's results: every run of a problem point and a seed index.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct CohortRows {
    /// Of which problem point and seed index.
    pub cohort: Cohort,
    /// Ascending in (run_id, seen, output).
    pub rows: Vec<Row>,
    /// Runs that the rows are of.
    pub runs: u64,
    /// The reference redid these runs and found the same bits; else their seed index was not drawn for the check.
    pub checked: bool,
}

/// What a sweep did.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Summary {
    /// Runs handed over.
    pub runs: u64,
    /// Runs among them that the reference redid and found the same, bit for bit.
    pub checked: u64,
    /// Seconds of wall-clock time.
    pub seconds: f64,
}

impl Summary {
    /// Counts a cohort.
    pub fn add(&mut self, done: &CohortRows) {
        self.runs += done.runs;
        self.checked += if done.checked { done.runs } else { 0 };
    }
}

/// Runs a plan on an adapter, without a directory: `each` gets the rows of one cohort after another, by seed index,
/// then problem point, as soon as they are finished and checked. Nothing is kept beside the launch in flight.
///
/// The rows are those that `roundlaw sweep` stores, bit for bit; which seed indices are checked is the config's
/// `sweep.check`.
///
/// # Errors
/// [`Error::Mismatch`] when the reference finds other bits, [`Error::Incomplete`] when `options.watch` was stopped before the
/// last cohort, [`Error::Input`] when the plan does not fit into memory, the adapter's own errors, and those of `each`,
/// which end the sweep.
///
/// # Examples
/// ```
/// use roundlaw::{Config, Plan, SweepOptions, open_adapter, sweep};
///
/// let text = r#"
///     problem = { dim = 40, spectrum = { kind = "power", exponent = 2.0 } }
///     train = { model = [4, 8], samples = 64 }
///     recipe = [{ name = "fp32" }, { name = "e4m3 weights", weight = "e4m3" }]
///     sweep = { seeds = 3, check = "all" }
/// "#;
/// let plan = Plan::new(Config::parse(text, &[])?)?;
/// let cpu = open_adapter("cpu")?;
/// let mut best = f64::INFINITY;
/// let summary = sweep(&plan, cpu.as_ref(), &SweepOptions::default(), |cohort| {
///     assert!(cohort.checked && cohort.runs == 4);
///     best = cohort.rows.iter().filter_map(|row| row.excess).fold(best, f64::min);
///     Ok(())
/// })?;
/// assert_eq!((summary.runs, summary.checked), (12, 12));
/// assert!(best > 0.0);
///
/// // The closure may ask to end: what it has got is whole cohorts.
/// let options = SweepOptions::default();
/// let mut cohorts = 0;
/// let stopped = sweep(&plan, cpu.as_ref(), &options, |_| {
///     cohorts += 1;
///     options.watch.stop();
///     Ok(())
/// });
/// assert_eq!((stopped.unwrap_err().exit_code(), cohorts), (roundlaw::exit::INCOMPLETE, 1));
/// # Ok::<(), roundlaw::Error>(())
/// ```
pub fn sweep(
    plan: &Plan,
    adapter: &dyn Adapter,
    options: &SweepOptions,
    mut each: impl FnMut(CohortRows) -> Result<()>,
) -> Result<Summary> {
    let started = Instant::now();
    memory::fits(plan, rayon::current_num_threads() as u64)?;
    let cohorts = plan.cohorts(options.shard);
    let all = runs(plan, &cohorts);
    let mut summary = Summary::default();
    let refuse = |mismatch: &Mismatch| Error::Mismatch(mismatch.line());
    run(plan, &cohorts, at_once(plan, adapter)?, adapter, &options.watch, refuse, |done| {
        summary.add(&done);
        each(done)?;
        end_if_asked(&options.watch, summary.runs, all, "")
    })?;
    summary.seconds = started.elapsed().as_secs_f64();
    Ok(summary)
}

/// Runs `cohorts`, `launch` of them at a time, and hands their results to `each` in that order. What `refuse` makes of
/// a mismatch ends the loop, as does an error of `each`.
pub fn run(
    plan: &Plan,
    cohorts: &[Cohort],
    launch: usize,
    adapter: &dyn Adapter,
    watch: &Watch,
    refuse: impl Fn(&Mismatch) -> Error + Sync,
    mut each: impl FnMut(CohortRows) -> Result<()>,
) -> Result<()> {
    let checked = plan.checked_seeds();
    for cohorts in cohorts.chunks(launch) {
        let states = adapter.execute(plan, cohorts, watch)?;
        if states.len() != cohorts.len() {
            let (found, wanted) = (states.len(), cohorts.len());
            return Err(Error::Other(format!("the adapter gave the results of {found} cohorts, not of {wanted}")));
        }
        // Asked anew: a device that was lost has been opened again.
        let origin = adapter.origin();
        let evaluate = |(&cohort, states): (&Cohort, &Vec<_>)| {
            let checked = checked.contains(&cohort.seed_index);
            let rows = match checked {
                true => check::rows(plan, cohort, states, adapter, &origin, watch)?.map_err(|found| refuse(&found))?,
                false => {
                    let risk = CohortRisk::watched(plan, cohort, watch)?;
                    rows::rows(plan, cohort, &risk, states, false, &origin, watch)?
                }
            };
            Ok(CohortRows { cohort, rows, runs: runs(plan, &[cohort]), checked })
        };
        let evaluated: Vec<Result<CohortRows>> = cohorts.par_iter().zip(&states).map(evaluate).collect();
        for done in evaluated {
            each(done?)?;
        }
    }
    Ok(())
}

/// [`Error::Incomplete`] where the watch asks to end and runs are left; `kept` says what becomes of those that are done.
pub fn end_if_asked(watch: &Watch, done: u64, all: u64, kept: &str) -> Result<()> {
    match watch.is_stopped() && done < all {
        true => Err(Error::Incomplete(format!("stopped after {done} of {all} runs{kept}"))),
        false => Ok(()),
    }
}

/// Cohorts of a launch: what the adapter holds at once, but no more than some minutes of one CPU core, so that
/// progress, Ctrl-C and a part's loss stay small.
pub fn at_once(plan: &Plan, adapter: &dyn Adapter) -> Result<usize> {
    let by_time = LAUNCH_SECONDS * plan.points.len() as f64 / cost(plan).seconds_per_seed.max(1e-9);
    Ok(adapter.cohorts_at_once(plan)?.min(by_time as usize).max(1))
}

/// Runs of the cohorts.
pub fn runs(plan: &Plan, cohorts: &[Cohort]) -> u64 {
    let trajectories = cohorts.iter().flat_map(|cohort| &plan.points[cohort.point].trajectories);
    trajectories.map(|trajectory| trajectory.cells.len() as u64).sum()
}
