//! Sweeps without a directory: cohorts handed over in order.

use std::collections::BTreeMap;
use std::time::Instant;

use super::adapter::Adapter;
use super::check::Mismatch;
use super::launches::{self, CohortRows, runs};
use super::rows::Origin;
use crate::cpu::memory;
use crate::error::{Error, Result};
use crate::plan::{Cohort, Plan, Shard};
use crate::watch::Watch;

/// Cohorts per thread that may be finished and wait for an earlier one.
const WAITING: usize = 16;

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
/// then problem point, as soon as they and all before them are finished and checked. Nothing is kept beside what is in
/// flight, or finished and not yet in turn.
///
/// The rows are those that `roundlaw sweep` stores, bit for bit; which seed indices are checked is the config's
/// `sweep.check`.
///
/// # Errors
/// [`Error::Mismatch`] when the reference finds other bits, [`Error::Incomplete`] when `options.watch` was stopped before
/// the last cohort, [`Error::Input`] when the plan does not fit into memory, the adapter's own errors, and those of
/// `each`, which end the sweep.
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
/// // A sweep ends where it is asked to, here before it begins; from the closure it may be asked as well.
/// let options = SweepOptions::default();
/// options.watch.stop();
/// let stopped = sweep(&plan, cpu.as_ref(), &options, |_| Ok(())).unwrap_err();
/// assert_eq!(stopped.to_string(), "stopped after 0 of 12 runs");
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
    let refuse = |mismatch: &Mismatch, _: &Origin| Error::Mismatch(mismatch.line());
    for some in cohorts.chunks(WAITING * rayon::current_num_threads()) {
        let watch = options.watch.share(some.len() as f64 / cohorts.len() as f64);
        let mut waiting = InTurn::new(some);
        let ended = launches::run(plan, some, adapter, &watch, refuse, |done| {
            waiting.add(done);
            while let Some(done) = waiting.next() {
                summary.add(&done);
                each(done)?;
            }
            Ok(())
        });
        // Nothing finished is lost, though what was to come before it is.
        for done in waiting.rest() {
            summary.add(&done);
            each(done)?;
        }
        ended?.into_result(summary.runs, all, "")?;
    }
    summary.seconds = started.elapsed().as_secs_f64();
    Ok(summary)
}

/// Puts cohorts that finish in any order back into theirs.
struct InTurn<'a> {
    /// Those that are still to be handed over, in order.
    left: std::slice::Iter<'a, Cohort>,
    finished: BTreeMap<(u32, usize), CohortRows>,
}

fn order(cohort: &Cohort) -> (u32, usize) {
    (cohort.seed_index, cohort.point)
}

impl InTurn<'_> {
    fn new(cohorts: &[Cohort]) -> InTurn<'_> {
        InTurn { left: cohorts.iter(), finished: BTreeMap::new() }
    }

    fn add(&mut self, done: Option<CohortRows>) {
        self.finished.extend(done.map(|done| (order(&done.cohort), done)));
    }

    /// The next one, if it is finished.
    fn next(&mut self) -> Option<CohortRows> {
        let next = self.left.as_slice().first()?;
        let done = self.finished.remove(&order(next))?;
        self.left.next();
        Some(done)
    }

    /// What is finished and never came to be next, in order.
    fn rest(self) -> impl Iterator<Item = CohortRows> {
        self.finished.into_values()
    }
}
