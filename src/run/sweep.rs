//! Runs a plan into a directory: what is missing of it, one part after another.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use super::adapter::{self, Adapter};
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
use crate::store::{self, Store, paths};
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
    let mut parts = Parts { plan, store, shard, open: Vec::new(), summary: Summary::default() };
    adapter::devices(adapter).iter().for_each(|device| _ = parts.of(&device.origin(), started));
    let refuse = |mismatch: &check::Mismatch, origin: &Origin| report_mismatch(mismatch, dir, shard, origin);
    let (mut progress, mut finished) = (Progress::new("runs", all, todo.len(), watch), 0);
    let ended = launches::run(plan, &todo, adapter, watch, refuse, |done| {
        if let Some(done) = done {
            finished += 1;
            parts.add(done);
        }
        progress.update(parts.summary.runs, finished);
        parts.close(OpenPart::is_due)
    });
    drop(progress);
    // However it ended, what is finished is kept; its own error comes first.
    let kept = parts.close(|_| true).and_then(|()| parts.store.write_manifest());
    ended?.into_result(parts.summary.runs, all, "; what is done is kept, the same command continues")?;
    kept?;
    parts.summary.seconds = started.elapsed().as_secs_f64();
    Ok(parts.summary)
}

/// Refuses a directory that a sweep of the plan would refuse; nothing is changed.
pub fn would_open(plan: &Plan, dir: &Path) -> Result<()> {
    store::would_open(dir, &settings(plan))
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

/// Gathers cohorts into parts of the store: a part is of one device.
struct Parts<'a> {
    plan: &'a Plan,
    store: Store,
    shard: Shard,
    open: Vec<OpenPart>,
    summary: Summary,
}

/// What the next part of a device holds so far, of whole cohorts.
struct OpenPart {
    origin: Origin,
    session: Session,
    /// When work on it began.
    begun: Instant,
    rows: Vec<Row>,
}

impl OpenPart {
    /// Whether there are rows or work enough to be worth a file.
    fn is_due(&self) -> bool {
        self.rows.len() >= PART_ROWS || self.begun.elapsed() >= PART_TIME
    }
}

impl Parts<'_> {
    /// That of a device, whose work begins at `now` where it is new.
    fn of(&mut self, origin: &Origin, now: Instant) -> &mut OpenPart {
        let place = self.open.iter().position(|open| open.origin == *origin).unwrap_or_else(|| {
            let session = provenance::session(self.plan, origin, self.shard);
            self.open.push(OpenPart { origin: origin.clone(), session, begun: now, rows: Vec::new() });
            self.open.len() - 1
        });
        &mut self.open[place]
    }

    fn add(&mut self, done: CohortRows) {
        self.summary.add(&done);
        // A device that was lost may have come back as another one.
        self.of(&done.origin, Instant::now()).rows.extend(done.rows);
    }

    /// Stores the parts that have rows and are `due`. One that cannot be written is not tried again, and costs no other.
    fn close(&mut self, due: impl Fn(&OpenPart) -> bool) -> Result<()> {
        let mut outcome = Ok(());
        for open in self.open.iter_mut().filter(|open| !open.rows.is_empty() && due(open)) {
            let mut rows = std::mem::take(&mut open.rows);
            rows.sort_by(|a, b| a.key().cmp(&b.key()));
            let seconds = std::mem::replace(&mut open.begun, Instant::now()).elapsed().as_secs_f64();
            outcome = outcome.and(self.store.write(&rows, &open.session, seconds));
        }
        outcome
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
        "pci": origin.pci,
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
