//! Runs a plan into a directory: what is missing of it, one part after another.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use super::adapter::Adapter;
use super::check;
use super::cohorts::Summary;
use super::launches::{self, CohortRows};
use super::progress::Progress;
use super::provenance;
use super::rows::Origin;
use super::settings::settings;
use super::stored::whole_cohorts;
use crate::error::{Error, Result};
use crate::files::write_whole;
use crate::plan::{Cohort, Plan, Shard};
use crate::store::part::Session;
use crate::store::row::Row;
use crate::store::{Store, paths};
use crate::streams::tell;
use crate::watch::Watch;

/// Rows and work after which a part is closed: what a kill may cost.
const PART_ROWS: usize = 1 << 15;
const PART_TIME: Duration = Duration::from_secs(10);

/// Runs what is missing of a shard and writes it to `dir`. Where the watch asks to end, what is finished is kept and the rest
/// dropped.
pub fn sweep(plan: &Plan, dir: &Path, shard: Shard, adapter: &dyn Adapter, watch: &Watch) -> Result<Summary> {
    sweep_telling(plan, dir, shard, adapter, watch, tell)
}

/// [`sweep`], where `say` gets what is told before it begins.
pub fn sweep_telling(
    plan: &Plan,
    dir: &Path,
    shard: Shard,
    adapter: &dyn Adapter,
    watch: &Watch,
    say: impl Fn(&str),
) -> Result<Summary> {
    let started = Instant::now();
    // Refused before a directory is touched.
    adapter.cohorts_at_once(plan)?;
    let store = Store::open(dir, &settings(plan), shard, watch)?;
    let todo = missing(plan, &store, shard, watch)?;
    let all = launches::runs(plan, &todo);
    let (stored, asked) = (store.contents().seeds(), plan.config.sweep.seeds);
    if stored > asked {
        say(&format!("{} holds {stored} seeds, sweep.seeds = {asked} asks for fewer: all of them stay", dir.display()));
    }
    say(&beginning(plan, shard, &todo, adapter));
    let mut parts = Parts {
        plan,
        store,
        shard,
        adapter,
        session: provenance::session(plan, &adapter.origin(), shard),
        begun: started,
        rows: Vec::new(),
        summary: Summary::default(),
    };
    let refuse = |mismatch: &check::Mismatch| report_mismatch(mismatch, dir, shard, &adapter.origin());
    let (mut progress, mut finished) = (Progress::new("runs", all, todo.len(), watch), 0);
    let ended = launches::run(plan, &todo, adapter, watch, refuse, |done| {
        if let Some(done) = done {
            finished += 1;
            parts.add(done)?;
        }
        progress.update(parts.summary.runs, finished);
        if parts.is_due() { parts.close() } else { Ok(()) }
    });
    drop(progress);
    // However it ended, what is finished is kept; its own error comes first.
    let kept = parts.close().and_then(|()| parts.store.write_manifest());
    ended?.into_result(parts.summary.runs, all, "; what is done is kept, the same command continues")?;
    kept?;
    parts.summary.seconds = started.elapsed().as_secs_f64();
    Ok(parts.summary)
}

/// What will be run, and where.
fn beginning(plan: &Plan, shard: Shard, todo: &[Cohort], adapter: &dyn Adapter) -> String {
    let own = plan.cohorts(shard);
    let (missing, all) = (launches::runs(plan, todo), launches::runs(plan, &own));
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
    session: Session,
    /// When work on the part began.
    begun: Instant,
    /// What the next part holds so far, of whole cohorts.
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
        self.rows.extend(done.rows);
        Ok(())
    }

    fn is_of_session(&self, row: &Row) -> bool {
        let Session { adapter, driver, fingerprint, .. } = &self.session;
        (&row.adapter, &row.driver, &row.fingerprint) == (adapter, driver, fingerprint)
    }

    /// Whether there are rows or work enough to be worth a file.
    fn is_due(&self) -> bool {
        !self.rows.is_empty() && (self.rows.len() >= PART_ROWS || self.begun.elapsed() >= PART_TIME)
    }

    /// Stores the part. One that cannot be written is not tried again.
    fn close(&mut self) -> Result<()> {
        let mut rows = std::mem::take(&mut self.rows);
        rows.sort_by(|a, b| a.key().cmp(&b.key()));
        let seconds = std::mem::replace(&mut self.begun, Instant::now()).elapsed().as_secs_f64();
        self.store.write(&rows, &self.session, seconds)
    }
}

/// Cohorts of the shard that no part holds whole.
fn missing(plan: &Plan, store: &Store, shard: Shard, watch: &Watch) -> Result<Vec<Cohort>> {
    let whole = whole_cohorts(store.contents(), plan, watch, |line| tell(&format!("warning: {line}")))?;
    let mut cohorts = plan.cohorts(shard);
    cohorts.retain(|cohort| !whole.contains(&(cohort.point, cohort.seed_index)));
    Ok(cohorts)
}

/// Writes DIR/mismatch-RUN.json and makes the error of exit code 3.
fn report_mismatch(mismatch: &check::Mismatch, dir: &Path, shard: Shard, origin: &Origin) -> Error {
    let path = paths::mismatch(dir, mismatch.run_id);
    let document = serde_json::json!({
        "mismatch": mismatch,
        "adapter": origin.adapter,
        "driver": origin.driver,
        "fingerprint": origin.fingerprint,
        "replay": mismatch.replay(dir),
    });
    let text = format!("{document:#}\n");
    let fill = |file: &mut File| file.write_all(text.as_bytes()).map_err(Error::io(&path));
    match write_whole(&path, &shard.to_string(), fill) {
        Ok(()) => Error::Mismatch(format!("{}; the cohort is not kept; see {}", mismatch.line(), path.display())),
        Err(error) => Error::Mismatch(format!("{}; which could not be written down: {error}", mismatch.line())),
    }
}
