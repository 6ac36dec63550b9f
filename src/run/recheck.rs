//! Stored runs computed again, and compared with their rows.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread::{self, Builder};
use std::time::Duration;

use rayon::prelude::*;
use serde::Serialize;

use super::adapter::Adapter;
use super::check;
use super::launches::cohorts_of_launch;
use super::progress::Progress;
use super::rows::{self, Origin};
use super::stored::Stored;
use crate::cpu::memory;
use crate::error::{Error, Result};
use crate::hash::{fnv1a64, least};
use crate::plan::{Cohort, Plan, Snapshot};
use crate::reference;
use crate::risk::{CohortRisk, CohortStates, Truth};
use crate::store::differences;
use crate::store::row::Row;
use crate::threads;
use crate::watch::Watch;

/// How often it is told how far the work is.
const TICK: Duration = Duration::from_millis(250);

/// Which of the stored runs are computed again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Runs {
    All,
    /// So many, spread over all of them by a hash of their number.
    Some(u64),
}

/// What was computed again and is the same, bit for bit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Rechecked {
    /// Runs that the directory holds.
    pub stored: u64,
    /// Of them, computed again.
    pub replayed: u64,
    /// Rows of those.
    pub rows: u64,
}

/// Computes stored runs again, by the scalar reference or on an adapter, and compares settings, results and every risk of
/// their rows. The risks of what the reference computes are computed twice, as those of checked rows are.
///
/// # Errors
/// [`Error::Mismatch`] after the cohorts in which a row differs, [`Error::Incomplete`] when the watch asked to end and when
/// the directory holds no run, and those of reading it and of the adapter.
pub fn recheck(stored: &Stored, runs: Runs, adapter: Option<&dyn Adapter>, watch: &Watch) -> Result<Rechecked> {
    stored.is_of_this_arithmetic()?;
    let plan = stored.plan()?;
    let threads = rayon::current_num_threads();
    memory::fits(plan, threads as u64)?;
    let cohorts = stored_cohorts(stored);
    let chosen = Chosen::new(plan, &cohorts, runs);
    let launch = adapter.map_or(Ok(threads), |adapter| cohorts_of_launch(plan, adapter))?;
    let mut work = Work {
        plan,
        dir: stored.contents.dir(),
        adapter,
        watch: watch.share(1.0 / chosen.cohorts.max(1) as f64),
        open: Vec::new(),
        done: Rechecked { stored: chosen.of, ..Rechecked::default() },
        compared: &Compared::default(),
    };
    let outcome = telling(&chosen, work.compared, watch, || work.all(stored, &chosen, launch))?;
    let Rechecked { replayed, .. } = work.done;
    match outcome {
        Err(Error::Incomplete(_)) if watch.is_stopped() => Err(Error::Incomplete(format!(
            "stopped after {replayed} of {} runs, which agree in every bit",
            chosen.count
        ))),
        Ok(()) if replayed == 0 => {
            let dir = work.dir.display();
            Err(Error::Incomplete(format!("{dir} holds no run yet: nothing was compared")))
        }
        outcome => outcome.map(|()| work.done),
    }
}

/// Does the work, and tells meanwhile how far it is.
fn telling<T>(chosen: &Chosen, compared: &Compared, watch: &Watch, work: impl FnOnce() -> T) -> Result<T> {
    let (working, ended) = channel::<()>();
    let tell = move || {
        let mut progress = Progress::new("runs", chosen.count, chosen.cohorts, watch);
        while ended.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
            progress.update(compared.runs.load(Ordering::Relaxed), compared.cohorts.load(Ordering::Relaxed));
        }
    };
    thread::scope(|scope| {
        Builder::new().spawn_scoped(scope, tell).map_err(|error| threads::refused(&error))?;
        let outcome = work();
        drop(working);
        Ok(outcome)
    })
}

/// Every cohort that a part holds, once.
fn stored_cohorts(stored: &Stored) -> BTreeSet<(u32, usize)> {
    let claims = stored.contents.parts().iter().flat_map(|part| &part.header().cohorts);
    claims.flat_map(|claim| claim.cohorts()).map(|cohort| (cohort.seed_index, cohort.point)).collect()
}

/// The runs to compute.
struct Chosen {
    /// `None` for all.
    runs: Option<BTreeSet<u64>>,
    count: u64,
    /// Cohorts that they are of.
    cohorts: usize,
    /// Runs that are stored.
    of: u64,
}

impl Chosen {
    fn new(plan: &Plan, cohorts: &BTreeSet<(u32, usize)>, runs: Runs) -> Chosen {
        let cells = |point: usize| plan.points[point].trajectories.iter().flat_map(|t| &t.cells);
        let of = cohorts.iter().map(|&(_, point)| cells(point).count() as u64).sum();
        let count = match runs {
            Runs::Some(count) if count < of => count,
            _ => return Chosen { runs: None, count: of, cohorts: cohorts.len(), of },
        };
        let all = cohorts
            .iter()
            .flat_map(|&(seed_index, point)| cells(point).map(move |prefix| plan.run_id(seed_index, prefix.cell)));
        let runs = least(all.map(|run| (fnv1a64(run.to_le_bytes()), run)), count as usize);
        let cells = plan.cells.len() as u64;
        let cohorts: BTreeSet<(u64, usize)> =
            runs.iter().map(|run| (run / cells, plan.cells[(run % cells) as usize].problem)).collect();
        Chosen { runs: Some(runs), count, cohorts: cohorts.len(), of }
    }

    fn has(&self, run: u64) -> bool {
        self.runs.as_ref().is_none_or(|runs| runs.contains(&run))
    }
}

/// The chosen rows of one cohort.
struct Group {
    cohort: Cohort,
    rows: Vec<Row>,
}

/// A cohort's rows that differ.
struct Differing {
    runs: u64,
    /// The first of them, in words.
    line: String,
    /// Shows what the reference has of it.
    replay: String,
}

/// How much is compared so far.
#[derive(Default)]
struct Compared {
    runs: AtomicU64,
    cohorts: AtomicUsize,
}

struct Work<'a> {
    plan: &'a Plan,
    dir: &'a Path,
    adapter: Option<&'a dyn Adapter>,
    /// Of one cohort.
    watch: Watch,
    /// Read and not compared yet.
    open: Vec<Group>,
    done: Rechecked,
    compared: &'a Compared,
}

impl<'a> Work<'a> {
    fn all(&mut self, stored: &Stored, chosen: &Chosen, launch: usize) -> Result<()> {
        for row in stored.rows() {
            self.watch.ask()?;
            let row = row?;
            if !chosen.has(row.run_id) {
                continue;
            }
            let cohort = Cohort { point: self.plan.cells[row.cell as usize].problem, seed_index: row.seed_index };
            match self.open.last_mut() {
                Some(group) if group.cohort == cohort => group.rows.push(row),
                _ => {
                    // Rows of a cohort come together.
                    if self.open.len() >= launch {
                        self.compare()?;
                    }
                    self.open.push(Group { cohort, rows: vec![row] });
                }
            }
        }
        self.compare()
    }

    /// Computes what is open again, and compares it.
    fn compare(&mut self) -> Result<()> {
        let groups = std::mem::take(&mut self.open);
        let plans: Vec<Cow<Plan>> = groups.iter().map(|group| self.planned(group)).collect();
        let all = groups.par_iter().zip(&plans);
        let differing: Vec<Option<Differing>> = match self.adapter {
            None => all.map(|(group, plan)| self.by_reference(group, plan)).collect::<Result<_>>()?,
            Some(adapter) => {
                let (states, origin) = (self.execute(adapter, &groups, &plans)?, adapter.origin());
                let all = all.zip(&states);
                all.map(|((group, plan), states)| self.by_adapter(group, plan, states, &origin))
                    .collect::<Result<_>>()?
            }
        };
        for group in &groups {
            self.done.replayed += group.rows.chunk_by(|a, b| a.run_id == b.run_id).count() as u64;
            self.done.rows += group.rows.len() as u64;
        }
        self.compared.runs.store(self.done.replayed, Ordering::Relaxed);
        self.compared.cohorts.fetch_add(groups.len(), Ordering::Relaxed);
        let runs: u64 = differing.iter().flatten().map(|found| found.runs).sum();
        match differing.into_iter().flatten().next() {
            None => Ok(()),
            Some(Differing { line, replay, .. }) => Err(Error::Mismatch(format!(
                "{line}; of {} runs computed again {runs} differ; `{replay}` shows it by the reference",
                self.done.replayed
            ))),
        }
    }

    /// The plan of a group's runs alone.
    fn planned(&self, group: &Group) -> Cow<'a, Plan> {
        let cells: BTreeSet<u64> = group.rows.iter().map(|row| row.cell).collect();
        let trajectories = &self.plan.points[group.cohort.point].trajectories;
        match trajectories.iter().map(|trajectory| trajectory.cells.len()).sum::<usize>() == cells.len() {
            true => Cow::Borrowed(self.plan),
            false => Cow::Owned(self.plan.restricted(group.cohort.point, &cells)),
        }
    }

    /// Whole cohorts of one plan run at once, others one after another: a GPU takes no two plans at a time.
    fn execute(&self, adapter: &dyn Adapter, groups: &[Group], plans: &[Cow<Plan>]) -> Result<Vec<Vec<Snapshot>>> {
        let cohorts: Vec<Cohort> = groups.iter().map(|group| group.cohort).collect();
        let states = match plans.iter().all(|plan| matches!(plan, Cow::Borrowed(_))) {
            true => adapter.execute(self.plan, &cohorts, &self.watch.share(cohorts.len() as f64))?,
            false => {
                let one = |(cohort, plan): (&Cohort, &Cow<Plan>)| adapter.execute(plan, &[*cohort], &self.watch);
                cohorts.iter().zip(plans).map(one).collect::<Result<Vec<_>>>()?.concat()
            }
        };
        match states.len() == cohorts.len() {
            true => Ok(states),
            false => {
                let (found, wanted) = (states.len(), cohorts.len());
                Err(Error::Other(format!("the adapter gave the results of {found} cohorts, not of {wanted}")))
            }
        }
    }

    fn by_reference(&self, group: &Group, plan: &Plan) -> Result<Option<Differing>> {
        let cohort = group.cohort;
        let states = CohortStates::from(reference::cohort(plan, cohort, None, &self.watch)?);
        let (truth, watch) = (Truth::of(plan, cohort), self.watch.share(0.0));
        let origin = Origin { adapter: "the reference".into(), ..Origin::default() };
        match check::confirmed(plan, cohort, &states, (plan, truth.as_ref()), &origin, &watch)? {
            Ok(rows) => Ok(self.difference(&group.rows, &rows)),
            Err(found) => Ok(Some(Differing { runs: 1, line: found.line(), replay: found.replay(self.dir) })),
        }
    }

    fn by_adapter(
        &self,
        group: &Group,
        plan: &Plan,
        states: &[Snapshot],
        origin: &Origin,
    ) -> Result<Option<Differing>> {
        let watch = self.watch.share(0.0);
        let risk = CohortRisk::watched(plan, group.cohort, &watch)?;
        let rows = rows::rows(plan, group.cohort, &risk, states, false, origin, &watch)?;
        Ok(self.difference(&group.rows, &rows))
    }

    /// Both in key order.
    fn difference(&self, stored: &[Row], computed: &[Row]) -> Option<Differing> {
        let pairs = stored.iter().zip(computed);
        let differing: Vec<(&Row, &Row)> = pairs.filter(|(stored, own)| differences(stored, own).is_some()).collect();
        let (first, own) = differing.first()?;
        let line = format!(
            "run {} after {} samples, output {}, stored by {}: the row differs from {}: {}",
            first.run_id,
            first.seen,
            first.output,
            first.adapter,
            own.adapter,
            differences(first, own)?
        );
        let replay = check::replay(self.dir, first.run_id, Some(own.seen));
        Some(Differing { runs: differing.chunk_by(|a, b| a.0.run_id == b.0.run_id).count() as u64, line, replay })
    }
}
