//! Runs a plan into a directory: what is missing of it, one part after another.

use std::path::Path;
use std::time::Instant;

use super::adapter::Adapter;
use super::check;
use super::cohorts::{self, CohortRows, Summary};
use super::progress::Progress;
use super::provenance;
use super::rows::{self, Origin};
use super::stored::whole_cohorts;
use crate::config::resolved::{identity, to_toml};
use crate::error::{Error, Result};
use crate::hash::fnv1a64;
use crate::plan::{Cohort, Plan, Shard, cost};
use crate::store::part::{Session, Shape, Sweep};
use crate::store::row::{Row, STREAM_VERSION};
use crate::store::{Settings, Store, paths};
use crate::streams::tell;
use crate::watch::Watch;

/// Rows and core-seconds after which a part is closed.
const PART_ROWS: u64 = 50_000;
const PART_SECONDS: f64 = 30.0;

/// What the output directory of a plan compares and keeps.
pub fn settings(plan: &Plan) -> Settings {
    let config = &plan.config;
    Settings {
        config_toml: to_toml(config),
        seeds: config.sweep.seeds,
        sweep: Sweep { stream_version: STREAM_VERSION, identity: identity(config), plan: shape(plan) },
    }
}

/// What a directory knows of a plan.
fn shape(plan: &Plan) -> Shape {
    let points = plan.points.iter().map(|point| {
        let cells = point.trajectories.iter().map(|trajectory| trajectory.cells.len() as u64).sum();
        let rows = point.trajectories.iter().map(|trajectory| rows::rows_of(plan, trajectory) as u64).sum();
        (cells, rows)
    });
    Shape::new(format!("{:016x}", fnv1a64(format!("{:?}", plan.points).bytes())), points)
}

/// Runs what is missing of a shard and writes it to `dir`. The watch asks to end.
pub fn sweep(plan: &Plan, dir: &Path, shard: Shard, adapter: &dyn Adapter, watch: &Watch) -> Result<Summary> {
    let started = Instant::now();
    let launch = cohorts::at_once(plan, adapter)?;
    let store = Store::open(dir, &settings(plan), shard)?;
    let todo = missing(plan, &store, shard)?;
    let all = cohorts::runs(plan, &todo);
    let origin = adapter.origin();
    let mut parts = Parts {
        plan,
        store,
        shard,
        adapter,
        session: provenance::session(plan, &origin, shard),
        begun: started,
        cohorts: part_cohorts(plan, launch),
        open: Vec::new(),
        rows: Vec::new(),
        summary: Summary::default(),
    };
    let progress = Progress::new(all);
    let refuse = |mismatch: &check::Mismatch| report_mismatch(mismatch, dir, &adapter.origin());
    let ran = cohorts::run(plan, &todo, launch, adapter, watch, refuse, |done| {
        parts.add(done)?;
        let Summary { runs, checked, .. } = parts.summary;
        progress.update(runs, checked);
        if parts.open.len() < parts.cohorts && runs < all {
            return Ok(());
        }
        parts.close()?;
        cohorts::end_if_asked(watch, runs, all, "; what is done is kept, the same command continues")
    });
    // Of an interrupted sweep too; its own error comes first.
    let told = parts.store.write_manifest();
    ran?;
    told?;
    progress.finish();
    parts.summary.seconds = started.elapsed().as_secs_f64();
    Ok(parts.summary)
}

/// Gathers cohorts into parts of the store.
struct Parts<'a> {
    plan: &'a Plan,
    store: Store,
    shard: Shard,
    adapter: &'a dyn Adapter,
    session: Session,
    /// When work on the part began.
    begun: Instant,
    /// Cohorts of a part: whole launches.
    cohorts: usize,
    /// What the next part holds so far: the cohorts, and their rows.
    open: Vec<Cohort>,
    rows: Vec<Row>,
    summary: Summary,
}

impl Parts<'_> {
    /// A device that was lost may have come back as another one: a part is of one adapter.
    fn add(&mut self, done: CohortRows) -> Result<()> {
        if done.rows.first().is_some_and(|row| !self.is_of_session(row)) {
            self.close()?;
            self.session = provenance::session(self.plan, &self.adapter.origin(), self.shard);
        }
        self.summary.add(&done);
        self.open.push(done.cohort);
        self.rows.extend(done.rows);
        Ok(())
    }

    fn is_of_session(&self, row: &Row) -> bool {
        let Session { adapter, driver, fingerprint, .. } = &self.session;
        (&row.adapter, &row.driver, &row.fingerprint) == (adapter, driver, fingerprint)
    }

    /// Stores the part.
    fn close(&mut self) -> Result<()> {
        self.rows.sort_by(|a, b| a.key().cmp(&b.key()));
        self.store.write(&self.rows, &self.session, self.begun.elapsed().as_secs_f64())?;
        self.begun = Instant::now();
        self.open.clear();
        self.rows.clear();
        Ok(())
    }
}

/// Cohorts of the shard that no part holds whole.
fn missing(plan: &Plan, store: &Store, shard: Shard) -> Result<Vec<Cohort>> {
    let whole = whole_cohorts(store.contents(), plan, |line| tell(&format!("warning: {line}")))?;
    let mut cohorts = plan.cohorts(shard);
    cohorts.retain(|cohort| !whole.contains(&(cohort.point, cohort.seed_index)));
    Ok(cohorts)
}

/// Cohorts of a part: whole launches, until there are rows or work enough to be worth a file.
fn part_cohorts(plan: &Plan, launch: usize) -> usize {
    let cost = cost(plan);
    let points = plan.points.len() as f64;
    let trajectories = plan.points.iter().flat_map(|point| &point.trajectories);
    let rows: usize = trajectories.map(|trajectory| rows::rows_of(plan, trajectory)).sum();
    let by_rows = PART_ROWS as f64 * points / rows.max(1) as f64;
    let by_time = PART_SECONDS * points / cost.seconds_per_seed.max(1e-9);
    (by_rows.min(by_time) as usize).max(1).next_multiple_of(launch)
}

/// Writes DIR/mismatch-RUN.json and makes the error of exit code 3.
fn report_mismatch(mismatch: &check::Mismatch, dir: &Path, origin: &Origin) -> Error {
    let path = paths::mismatch(dir, mismatch.run_id);
    let document = serde_json::json!({
        "mismatch": mismatch,
        "adapter": origin.adapter,
        "driver": origin.driver,
        "fingerprint": origin.fingerprint,
        "replay": mismatch.replay(dir),
    });
    let text = format!("{document:#}\n");
    match std::fs::write(&path, text) {
        Ok(()) => Error::Mismatch(format!("{}; the part is not kept; see {}", mismatch.line(), path.display())),
        Err(source) => {
            Error::Mismatch(format!("{}; {} could not be written: {source}", mismatch.line(), path.display()))
        }
    }
}
