//! Runs a plan into a directory: what is missing of it, one part after another.

use std::path::Path;
use std::time::{Duration, Instant};

use super::adapter::Adapter;
use super::check;
use super::cohorts::{self, CohortRows, Summary};
use super::launches;
use super::progress::Progress;
use super::provenance;
use super::rows::Origin;
use crate::config::resolved::{identity, to_toml};
use crate::error::{Error, Result};
use crate::plan::{Cohort, Plan, Shard};
use crate::store::row::{Row, STREAM_VERSION};
use crate::store::{Settings, Store, paths};
use crate::streams::tell;
use crate::watch::Watch;

/// Rows and work after which a part is closed: what a kill may cost.
const PART_ROWS: usize = 50_000;
const PART_TIME: Duration = Duration::from_secs(10);

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

/// Runs what is missing of a shard and writes it to `dir`. Where the watch asks to end, what is finished is kept and the rest
/// dropped.
pub fn sweep(plan: &Plan, dir: &Path, shard: Shard, adapter: &dyn Adapter, watch: &Watch) -> Result<Summary> {
    let started = Instant::now();
    // Refused before a directory is touched.
    adapter.cohorts_at_once(plan)?;
    let store = Store::open(dir, &settings(plan), shard)?;
    let todo = missing(plan, &store, shard)?;
    let all = cohorts::runs(plan, &todo);
    tell(&beginning(plan, shard, &todo, adapter));
    let mut parts = Parts {
        plan,
        store,
        shard,
        adapter,
        first_run: todo.first().map_or(0, |cohort| plan.run_id(cohort.seed_index, 0)),
        started,
        begun: started,
        open: Vec::new(),
        rows: Vec::new(),
        summary: Summary::default(),
    };
    let refuse = |mismatch: &check::Mismatch| report_mismatch(mismatch, dir, &adapter.origin());
    let (mut progress, mut finished) = (Progress::new(all, todo.len(), watch), 0);
    let ended = launches::run(plan, &todo, adapter, watch, refuse, |done| {
        if let Some(done) = done {
            finished += 1;
            parts.add(done);
        }
        progress.update(parts.summary.runs, finished);
        if parts.is_due() { parts.close() } else { Ok(()) }
    });
    drop(progress);
    // However it ended, what is finished is kept; its own error comes first.
    let closed = parts.close();
    ended?.into_result(parts.summary.runs, all, "; what is done is kept, the same command continues")?;
    closed?;
    parts.summary.seconds = started.elapsed().as_secs_f64();
    Ok(parts.summary)
}

/// What will be run, and where.
fn beginning(plan: &Plan, shard: Shard, todo: &[Cohort], adapter: &dyn Adapter) -> String {
    let own = plan.cohorts(shard);
    let (missing, all) = (cohorts::runs(plan, todo), cohorts::runs(plan, &own));
    let of_shard =
        if shard == Shard::WHOLE { String::new() } else { format!(" of shard {}/{}", shard.index(), shard.of()) };
    match missing {
        0 => format!("all {all} runs{of_shard} are stored: nothing is missing"),
        _ if missing == all => {
            format!("{all} runs{of_shard} in {} cohorts on {}", todo.len(), adapter.origin().adapter)
        }
        _ => format!(
            "{missing} of {all} runs{of_shard} are missing: {} cohorts on {}",
            todo.len(),
            adapter.origin().adapter
        ),
    }
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
    /// When work on the part began.
    begun: Instant,
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

    /// Whether there are rows or work enough to be worth a file.
    fn is_due(&self) -> bool {
        !self.open.is_empty() && (self.rows.len() >= PART_ROWS || self.begun.elapsed() >= PART_TIME)
    }

    /// Stores the part and tells the manifest.
    fn close(&mut self) -> Result<()> {
        // A cohort is stored once, so the first one names its part.
        let Some(&Cohort { point, seed_index }) = self.open.first() else { return Ok(()) };
        let name = format!("{}-seed{seed_index:08}-point{point}", self.shard);
        self.rows.sort_by(|a, b| a.key().cmp(&b.key()));
        self.open.clear();
        self.begun = Instant::now();
        // What cannot be written is not tried again.
        let rows = std::mem::take(&mut self.rows);
        self.store.write(&name, &rows)?;
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
