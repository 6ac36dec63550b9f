//! The loop of every sweep: launches of cohorts run on an adapter, are checked, and are handed over with their risks as
//! they finish.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, Builder};
use std::time::Duration;

use rayon::Yield;
use rayon::prelude::*;

use super::adapter::{self, Adapter};
use super::check::{self, Mismatch};
use super::rows::{self, Origin};
use crate::cpu::memory;
use crate::error::{Error, Result};
use crate::plan::{Cohort, CohortCost, Plan, cohort_cost};
use crate::risk::{CohortRisk, CohortStates};
use crate::store::row::Row;
use crate::threads;
use crate::watch::Watch;

/// Waves that an adapter is ahead of the one that is evaluated, besides the one it executes.
const AHEAD: usize = 1;
/// Core-seconds of a launch of several cohorts, and bytes of the results of those that wait at once, so that what is lost
/// with one and what it takes stay small.
const LAUNCH_SECONDS: f64 = 600.0;
const LAUNCH_BYTES: u64 = 256 << 20;
/// Who takes the results is called at least this often.
const TICK: Duration = Duration::from_millis(250);
/// Waves that the cohorts of a problem point are cut into, and cohorts that a wave has at least: a GPU wants as many.
const WAVES: usize = 4;
const WAVE: usize = 64;

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
    /// Who computed them.
    pub origin: Origin,
}

/// How a loop over cohorts ended without an error.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Ended {
    /// Every cohort was handed over.
    Finished,
    /// The watch asked to end; so many cohorts were begun and are dropped.
    Stopped { dropped: usize },
}

impl Ended {
    /// [`Error::Incomplete`] where it was stopped, after `done` of `all` runs; `kept` says what becomes of those.
    pub fn into_result(self, done: u64, all: u64, kept: &str) -> Result<()> {
        let dropped = match self {
            Ended::Finished => return Ok(()),
            Ended::Stopped { dropped: 0 } => String::new(),
            Ended::Stopped { dropped } => format!("; open cohorts dropped: {dropped}"),
        };
        Err(Error::Incomplete(format!("stopped after {done} of {all} runs{dropped}{kept}")))
    }
}

/// Runs `cohorts` and hands their results to `each` as they finish, in whatever order; `each` gets `None` where nothing has
/// finished for a moment. What `refuse` makes of a mismatch, and of who computed it, ends the loop, as does an error of the
/// adapter: what is finished by then is still handed over. An error of `each` ends it at once.
pub fn run(
    plan: &Plan,
    cohorts: &[Cohort],
    adapter: &dyn Adapter,
    watch: &Watch,
    refuse: impl Fn(&Mismatch, &Origin) -> Error + Sync,
    each: impl FnMut(Option<CohortRows>) -> Result<()>,
) -> Result<Ended> {
    let pool = threads::own_pool()?;
    let launch = cohorts_of_launch(plan, adapter)?;
    let (sender, finished) = sync_channel(rayon::current_num_threads());
    let work = Work::new(plan, adapter::devices(adapter), watch, refuse, Costs::new(plan, cohorts));
    thread::scope(|scope| {
        let (work, pool) = (&work, &pool);
        let all = move || match pool {
            Some(pool) => pool.install(|| work.all(cohorts.chunks(launch), &sender)),
            None => work.all(cohorts.chunks(launch), &sender),
        };
        Builder::new().spawn_scoped(scope, all).map_err(|error| threads::refused(&error))?;
        hand_over(finished, each).inspect_err(|_| work.watch.stop())
    })?;
    work.ended(watch)
}

/// What the adapter takes at once, but no more than some minutes of one CPU core and little memory.
pub fn cohorts_of_launch(plan: &Plan, adapter: &dyn Adapter) -> Result<usize> {
    let seconds: f64 = (0..plan.points.len()).map(|point| cohort_cost(plan, point).execution).sum();
    let by_time = LAUNCH_SECONDS * plan.points.len() as f64 / seconds.max(1e-9);
    // One is evaluated and one executed.
    let by_memory = LAUNCH_BYTES / (2 + AHEAD as u64) / memory::results(plan).max(1);
    Ok(adapter.cohorts_at_once(plan)?.min(by_time as usize).min(by_memory as usize).max(1))
}

/// Until all is finished and handed over. What comes after an error is dropped.
fn hand_over(finished: Receiver<CohortRows>, mut each: impl FnMut(Option<CohortRows>) -> Result<()>) -> Result<()> {
    loop {
        match finished.recv_timeout(TICK) {
            Ok(done) => each(Some(done))?,
            Err(RecvTimeoutError::Timeout) => each(None)?,
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        }
    }
}

/// What each cohort counts for in the whole of the work.
struct Costs {
    /// By problem point, in core-seconds.
    points: Vec<CohortCost>,
    checked: BTreeSet<u32>,
    total: f64,
}

impl Costs {
    fn new(plan: &Plan, cohorts: &[Cohort]) -> Costs {
        let points = (0..plan.points.len()).map(|point| cohort_cost(plan, point)).collect();
        let mut costs = Costs { points, checked: plan.checked_seeds(), total: 0.0 };
        let all = |cohort: &Cohort| {
            let CohortCost { execution, evaluation, reference } = costs.points[cohort.point];
            execution + evaluation + if costs.is_checked(cohort) { reference } else { 0.0 }
        };
        costs.total = cohorts.iter().map(all).sum::<f64>().max(1e-9);
        costs
    }

    fn is_checked(&self, cohort: &Cohort) -> bool {
        self.checked.contains(&cohort.seed_index)
    }

    /// The share that `part` of a cohort's work is.
    fn share(&self, cohort: &Cohort, part: fn(&CohortCost) -> f64) -> f64 {
        part(&self.points[cohort.point]) / self.total
    }
}

/// What of a launch a device executes at once, so that it is evaluated while the rest runs: cohorts of one problem point
/// each, those that take longest to evaluate first. Each of several `devices` gets its share.
fn waves(launch: &[Cohort], costs: &[CohortCost], devices: usize) -> Vec<Vec<Cohort>> {
    let mut points: Vec<usize> = (0..costs.len()).collect();
    points.sort_by(|&a, &b| costs[b].evaluation.total_cmp(&costs[a].evaluation));
    let of_point = |point| {
        let cohorts: Vec<Cohort> = launch.iter().copied().filter(|cohort| cohort.point == point).collect();
        let most = cohorts.len().div_ceil(WAVES * devices).max(WAVE).min(cohorts.len().div_ceil(devices)).max(1);
        cohorts.chunks(most).map(<[Cohort]>::to_vec).collect::<Vec<_>>()
    };
    points.into_iter().flat_map(of_point).collect()
}

/// What a device executed at once, as it left it.
struct Executed<'a> {
    device: &'a dyn Adapter,
    cohorts: Vec<Cohort>,
    states: Vec<CohortStates>,
    origin: Origin,
}

/// A launch failed, and why is noted.
struct Failed;

/// Everything to do, for the threads that do it.
struct Work<'a, Refuse> {
    plan: &'a Plan,
    devices: Vec<&'a dyn Adapter>,
    /// Stopped by the first failure too.
    watch: Watch,
    refuse: Refuse,
    costs: Costs,
    /// The first thing that went wrong.
    failure: Mutex<Option<Error>>,
    begun: AtomicUsize,
    finished: AtomicUsize,
}

impl<'a, Refuse: Fn(&Mismatch, &Origin) -> Error + Sync> Work<'a, Refuse> {
    fn new(plan: &'a Plan, devices: Vec<&'a dyn Adapter>, watch: &Watch, refuse: Refuse, costs: Costs) -> Self {
        let (begun, finished) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Work { plan, devices, watch: watch.branch(), refuse, costs, failure: Mutex::default(), begun, finished }
    }

    fn all<'c>(&self, launches: impl Iterator<Item = &'c [Cohort]> + Send, done: &SyncSender<CohortRows>) {
        // Either ends at the first failure, which is noted.
        let _ = match self.devices[..] {
            // With one thread nothing would go on meanwhile. In order, so that neighbours finish together; and no thread
            // begins a launch while it waits for another one.
            [one] if one.executions_at_once() > 1 || rayon::current_num_threads() == 1 => {
                launches.par_bridge().try_for_each(|cohorts| self.finish(&self.begin(one, cohorts.to_vec())?, done))
            }
            _ => {
                let waves = |cohorts| waves(cohorts, &self.costs.points, self.devices.len());
                self.ahead(launches.flat_map(waves), done)
            }
        };
    }

    /// Every device executes one wave after the other, the next that nobody has taken, on a thread that only waits for it,
    /// while those before are evaluated: up to [`AHEAD`] of them wait, and one of each device.
    fn ahead(
        &self,
        waves: impl Iterator<Item = Vec<Cohort>> + Send,
        done: &SyncSender<CohortRows>,
    ) -> std::result::Result<(), Failed> {
        let (executed, next) = sync_channel(AHEAD);
        let waves = Mutex::new(waves);
        let take = || waves.lock().unwrap_or_else(PoisonError::into_inner).next();
        let execute = |device, executed: SyncSender<Executed<'a>>| {
            while let Some(cohorts) = take() {
                let Ok(wave) = self.begin(device, cohorts) else { return };
                if executed.send(wave).is_err() {
                    return;
                }
            }
        };
        thread::scope(|scope| {
            for &device in &self.devices {
                let (execute, executed) = (&execute, executed.clone());
                let thread = Builder::new().spawn_scoped(scope, move || execute(device, executed));
                self.noted(thread.map_err(|error| threads::refused(&error)))?;
            }
            drop(executed);
            next.into_iter().try_for_each(|wave| self.finish(&wave, done))
        })
    }

    fn begin(&self, device: &'a dyn Adapter, cohorts: Vec<Cohort>) -> std::result::Result<Executed<'a>, Failed> {
        self.noted(self.watch.ask())?;
        self.begun.fetch_add(cohorts.len(), Ordering::Relaxed);
        let states = self.noted(self.execute(device, &cohorts))?;
        // Asked anew: a device that was lost has been opened again.
        Ok(Executed { device, cohorts, states, origin: device.origin() })
    }

    fn finish(&self, wave: &Executed, done: &SyncSender<CohortRows>) -> std::result::Result<(), Failed> {
        wave.cohorts.par_iter().zip(&wave.states).try_for_each(|(cohort, states)| {
            let rows = self.noted(self.evaluate(*cohort, states, wave))?;
            self.finished.fetch_add(1, Ordering::Relaxed);
            send(rows, done)
        })
    }

    fn execute(&self, device: &dyn Adapter, cohorts: &[Cohort]) -> Result<Vec<CohortStates>> {
        let share = cohorts.iter().map(|cohort| self.costs.share(cohort, |cost| cost.execution)).sum();
        let states = device.execute_with_grams(self.plan, cohorts, &self.watch.share(share))?;
        match (states.len(), cohorts.len()) {
            (found, wanted) if found != wanted => {
                Err(Error::Other(format!("the adapter gave the results of {found} cohorts, not of {wanted}")))
            }
            _ => Ok(states),
        }
    }

    fn evaluate(&self, cohort: Cohort, done: &CohortStates, wave: &Executed) -> Result<CohortRows> {
        let (CohortStates { states, grams }, Executed { device, origin, .. }) = (done, wave);
        let (plan, checked) = (self.plan, self.costs.is_checked(&cohort));
        let watch = self.watch.share(self.costs.share(&cohort, |cost| cost.evaluation));
        let rows = if checked {
            let watch = self.watch.share(self.costs.share(&cohort, |cost| cost.reference));
            let refuse = |found| (self.refuse)(&found, origin);
            check::rows(plan, cohort, done, *device, origin, &watch)?.map_err(refuse)?
        } else {
            let risk = CohortRisk::with_grams(plan, cohort, grams, &watch)?;
            rows::rows(plan, cohort, &risk, states, false, origin, &watch)?
        };
        watch.tell(1.0);
        Ok(CohortRows { cohort, rows, runs: runs(plan, &[cohort]), checked, origin: origin.clone() })
    }

    /// Notes the first failure, and ends the others.
    fn noted<T>(&self, outcome: Result<T>) -> std::result::Result<T, Failed> {
        outcome.map_err(|error| {
            self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
            self.watch.stop();
            Failed
        })
    }

    /// After the threads are done.
    fn ended(self, asked: &Watch) -> Result<Ended> {
        let dropped = self.begun.into_inner() - self.finished.into_inner();
        match self.failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
            None => Ok(Ended::Finished),
            Some(Error::Incomplete(_)) if asked.is_stopped() => Ok(Ended::Stopped { dropped }),
            Some(error) => Err(error),
        }
    }
}

/// Waits while who takes the results is behind, but not idly: that one may need this thread of the pool.
fn send(done: CohortRows, to: &SyncSender<CohortRows>) -> std::result::Result<(), Failed> {
    let mut waiting = done;
    loop {
        match to.try_send(waiting) {
            Ok(()) => return Ok(()),
            Err(TrySendError::Disconnected(_)) => return Err(Failed),
            Err(TrySendError::Full(back)) => waiting = back,
        }
        if rayon::yield_now() != Some(Yield::Executed) {
            thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Runs of the cohorts.
pub fn runs(plan: &Plan, cohorts: &[Cohort]) -> u64 {
    let trajectories = cohorts.iter().flat_map(|cohort| &plan.points[cohort.point].trajectories);
    trajectories.map(|trajectory| trajectory.cells.len() as u64).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_launch_goes_by_points_whose_evaluation_is_longest_first_in_waves_that_fill_a_gpu() {
        let cost = |evaluation| CohortCost { execution: 1.0, evaluation, reference: 1.0 };
        let all = |seeds: u32| -> Vec<Cohort> {
            (0..seeds).flat_map(|seed_index| [0, 1].map(|point| Cohort { point, seed_index })).collect()
        };
        for (devices, seeds, sizes) in [
            (1, 3, vec![3]),
            (1, 100, vec![64, 36]),
            (1, 512, vec![128; 4]),
            (1, 1025, vec![257, 257, 257, 254]),
            (2, 3, vec![2, 1]),
            (2, 100, vec![50, 50]),
            (4, 512, vec![64; 8]),
            (4, 2048, vec![128; 16]),
            (4, 2, vec![1, 1]),
        ] {
            let found = waves(&all(seeds), &[cost(1.0), cost(2.0)], devices);
            assert_eq!(found.iter().map(Vec::len).collect::<Vec<_>>(), [&sizes[..], &sizes].concat());
            let (heavy, light) = found.split_at(sizes.len());
            assert!(heavy.iter().flatten().all(|cohort| cohort.point == 1));
            assert!(light.iter().flatten().all(|cohort| cohort.point == 0));
            let seeds_of = |waves: &[Vec<Cohort>]| waves.concat().iter().map(|c| c.seed_index).collect::<Vec<_>>();
            assert_eq!(seeds_of(heavy), (0..seeds).collect::<Vec<_>>());
            assert_eq!(seeds_of(light), seeds_of(heavy));
        }
    }
}
