//! Runs a plan: launches of cohorts on an adapter, their risks, the check, and one part after another to the store.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use rayon::prelude::*;

use super::adapter::Adapter;
use super::check;
use super::progress::Progress;
use super::provenance::{self, Summary};
use super::rows::{self, Origin};
use crate::config::resolved::{identity, to_toml};
use crate::error::{Error, Result};
use crate::plan::{Cohort, Plan, Shard, cost};
use crate::store::row::{Row, STREAM_VERSION};
use crate::store::{Settings, Store, paths};

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

/// Runs what is missing of a shard and writes it to `dir`. `stop` asks to end after the part in flight.
pub fn sweep(plan: &Plan, dir: &Path, shard: Shard, adapter: &Adapter, stop: &AtomicBool) -> Result<Summary> {
    let started = Instant::now();
    let launch = launch_cohorts(plan, adapter.cohorts_at_once(plan)?);
    let mut store = Store::open(dir, &settings(plan), shard)?;
    let todo = missing(plan, &store, shard)?;
    let checked = plan.checked_seeds();
    let first_run = todo.first().map_or(0, |cohort| plan.run_id(cohort.seed_index, 0));
    let runs = |cohorts: &[Cohort]| cohorts.iter().map(|c| cells_of(plan, c.point)).sum::<u64>();
    let progress = Progress::new(runs(&todo));
    let mut summary = Summary { runs: 0, checked: 0, seconds: 0.0 };
    for part in todo.chunks(part_cohorts(plan, launch)) {
        let mut rows = Vec::new();
        for cohorts in part.chunks(launch) {
            let (launch_rows, launch_checked) = run_launch(plan, cohorts, &checked, adapter, dir)?;
            rows.extend(launch_rows);
            summary.runs += runs(cohorts);
            summary.checked += launch_checked;
            progress.update(summary.runs, summary.checked);
        }
        rows.sort_by(|a, b| a.key().cmp(&b.key()));
        // A cohort is stored once, so the first one names its part.
        let name = format!("{shard}-seed{:08}-point{}", part[0].seed_index, part[0].point);
        store.write(&name, &rows)?;
        summary.seconds = started.elapsed().as_secs_f64();
        store.update_manifest(provenance::session(plan, &adapter.origin(), shard, first_run, &summary))?;
        if stop.load(Ordering::Relaxed) && summary.runs < runs(&todo) {
            let (done, all) = (summary.runs, runs(&todo));
            return Err(Error::Incomplete(format!(
                "interrupted after {done} of {all} runs; what is done is kept, the same command continues"
            )));
        }
    }
    progress.finish();
    Ok(summary)
}

fn cells_of(plan: &Plan, point: usize) -> u64 {
    plan.points[point].trajectories.iter().map(|trajectory| trajectory.cells.len() as u64).sum()
}

/// Cohorts of the shard that no part holds yet.
fn missing(plan: &Plan, store: &Store, shard: Shard) -> Result<Vec<Cohort>> {
    let first_cell: Vec<u64> = (0..plan.points.len())
        .map(|point| plan.cells.iter().position(|cell| cell.problem == point).unwrap_or(0) as u64)
        .collect();
    let done = store.done_seeds(&first_cell)?;
    let mut cohorts = plan.cohorts(shard);
    cohorts.retain(|cohort| !done.contains(&(first_cell[cohort.point], cohort.seed_index)));
    Ok(cohorts)
}

/// Cohorts of a launch: what the adapter holds at once, but no more than ten minutes of one CPU core, so that
/// progress, Ctrl-C and a part's loss stay small.
fn launch_cohorts(plan: &Plan, fits: usize) -> usize {
    let by_time = 600.0 * plan.points.len() as f64 / cost(plan).seconds_per_seed.max(1e-9);
    fits.min(by_time as usize).max(1)
}

fn part_cohorts(plan: &Plan, launch: usize) -> usize {
    let cost = cost(plan);
    let points = plan.points.len() as f64;
    let trajectories = plan.points.iter().flat_map(|point| &point.trajectories);
    let rows: usize = trajectories.map(|trajectory| rows::rows_of(plan, trajectory)).sum();
    let by_rows = PART_ROWS as f64 * points / rows.max(1) as f64;
    let by_time = PART_SECONDS * points / cost.seconds_per_seed.max(1e-9);
    (by_rows.min(by_time) as usize).max(1).next_multiple_of(launch)
}

/// One launch: executed, evaluated, and checked where its seed index is drawn for it.
fn run_launch(
    plan: &Plan,
    cohorts: &[Cohort],
    checked: &BTreeSet<u32>,
    adapter: &Adapter,
    dir: &Path,
) -> Result<(Vec<Row>, u64)> {
    let raw = adapter.execute(plan, cohorts)?;
    let origin = adapter.origin();
    let evaluated: Vec<Result<Vec<Row>>> = cohorts
        .par_iter()
        .zip(&raw)
        .map(|(cohort, raw)| {
            let exact = checked.contains(&cohort.seed_index);
            if exact && let Some(mismatch) = check::cohort(plan, *cohort, raw, adapter)? {
                return Err(report_mismatch(&mismatch, dir, &origin));
            }
            Ok(rows::rows(plan, *cohort, raw, exact, &origin))
        })
        .collect();
    let mut rows = Vec::new();
    for cohort_rows in evaluated {
        rows.extend(cohort_rows?);
    }
    let exact = cohorts.iter().filter(|c| checked.contains(&c.seed_index)).map(|c| cells_of(plan, c.point)).sum();
    Ok((rows, exact))
}

/// Writes DIR/mismatch-RUN.json and makes the error of exit code 3.
fn report_mismatch(mismatch: &check::Mismatch, dir: &Path, origin: &Origin) -> Error {
    let replay = format!("roundlaw replay {} --run {} --seen {}", dir.display(), mismatch.run_id, mismatch.seen);
    let path = paths::mismatch(dir, mismatch.run_id);
    let document = serde_json::json!({
        "mismatch": mismatch,
        "adapter": origin.adapter,
        "driver": origin.driver,
        "fingerprint": origin.fingerprint,
        "replay": replay,
    });
    let text = format!("{document:#}\n");
    match std::fs::write(&path, text) {
        Ok(()) => Error::Mismatch(format!("{}; the part is not kept; see {}", mismatch.line(), path.display())),
        Err(source) => {
            Error::Mismatch(format!("{}; {} could not be written: {source}", mismatch.line(), path.display()))
        }
    }
}
