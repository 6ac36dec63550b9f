//! Runs a plan into a directory: what is missing of it, one part after another.

use std::path::Path;
use std::time::Instant;

use super::adapter::Adapter;
use super::check;
use super::cohorts::{self, CohortRows, Summary};
use super::progress::Progress;
use super::provenance;
use super::rows::{self, Origin};
use crate::config::resolved::{identity, to_toml};
use crate::error::{Error, Result};
use crate::plan::{Cohort, Plan, Shard, cost};
use crate::store::row::{Row, STREAM_VERSION};
use crate::store::{Settings, Store, paths};
use crate::watch::Watch;

/// Rows and core-seconds after which a part is closed.
const PART_ROWS: u64 = 50_000;
const PART_SECONDS: f64 = 30.0;

/// What the output directory of a plan compares and keeps.
pub fn settings(plan: &Plan) -> Settings {
    let config = &plan.config;
    Settings {
        config_toml: to_toml(config),
        identity: identity(config),
        seeds: config.sweep.seeds,
        stream_version: STREAM_VERSION,
    }
}

/// Runs what is missing of a shard and writes it to `dir`. The watch asks to end.
pub fn sweep(plan: &Plan, dir: &Path, shard: Shard, adapter: &dyn Adapter, watch: &Watch) -> Result<Summary> {
    let started = Instant::now();
    let launch = cohorts::at_once(plan, adapter)?;
    let store = Store::open(dir, &settings(plan), shard)?;
    let todo = missing(plan, &store, shard)?;
    let all = cohorts::runs(plan, &todo);
    let mut parts = Parts {
        plan,
        store,
        shard,
        adapter,
        first_run: todo.first().map_or(0, |cohort| plan.run_id(cohort.seed_index, 0)),
        started,
        cohorts: part_cohorts(plan, launch),
        open: Vec::new(),
        rows: Vec::new(),
        summary: Summary::default(),
    };
    let progress = Progress::new(all);
    let refuse = |mismatch: &check::Mismatch| report_mismatch(mismatch, dir, &adapter.origin());
    cohorts::run(plan, &todo, launch, adapter, watch, refuse, |done| {
        parts.add(done);
        let Summary { runs, checked, .. } = parts.summary;
        progress.update(runs, checked);
        if parts.open.len() < parts.cohorts && runs < all {
            return Ok(());
        }
        parts.close()?;
        cohorts::end_if_asked(watch, runs, all, "; what is done is kept, the same command continues")
    })?;
    progress.finish();
    Ok(parts.summary)
}

/// Gathers cohorts into parts of the store.
struct Parts<'a> {
    plan: &'a Plan,
    store: Store,
    shard: Shard,
    adapter: &'a dyn Adapter,
    /// First run of this session.
    first_run: u64,
    started: Instant,
    /// Cohorts of a part: whole launches.
    cohorts: usize,
    /// What the next part holds so far: the cohorts, and their rows.
    open: Vec<Cohort>,
    rows: Vec<Row>,
    summary: Summary,
}

impl Parts<'_> {
    fn add(&mut self, done: CohortRows) {
        self.summary.add(&done);
        self.open.push(done.cohort);
        self.rows.extend(done.rows);
    }

    /// Stores the part and tells the manifest.
    fn close(&mut self) -> Result<()> {
        // A cohort is stored once, so the first one names its part.
        let Some(&Cohort { point, seed_index }) = self.open.first() else { return Ok(()) };
        let name = format!("{}-seed{seed_index:08}-point{point}", self.shard);
        self.rows.sort_by(|a, b| a.key().cmp(&b.key()));
        self.store.write(&name, &self.rows)?;
        self.open.clear();
        self.rows.clear();
        self.summary.seconds = self.started.elapsed().as_secs_f64();
        let origin = self.adapter.origin();
        let session = provenance::session(self.plan, &origin, self.shard, self.first_run, &self.summary);
        self.store.update_manifest(session)
    }
}

/// Cohorts of the shard that no part holds yet.
fn missing(plan: &Plan, store: &Store, shard: Shard) -> Result<Vec<Cohort>> {
    let first_cells: Vec<u64> = (0..plan.points.len()).map(|point| plan.first_cell(point)).collect::<Result<_>>()?;
    let done = store.done_seeds(&first_cells)?;
    let mut cohorts = plan.cohorts(shard);
    cohorts.retain(|cohort| !done.contains(&(first_cells[cohort.point], cohort.seed_index)));
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
