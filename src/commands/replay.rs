use std::fmt::Write as _;
use std::fs::File;
use std::path::Path;

use super::print;
use crate::cli::Replay;
use crate::config::{Config, Output};
use crate::cpu::memory;
use crate::error::{Error, Result};
use crate::plan::Snapshot;
use crate::plan::{Cohort, Plan, Trajectory};
use crate::reference;
use crate::risk::CohortRisk;
use crate::run::rows::{self, Origin};
use crate::store;
use crate::store::row::Row;

pub fn run(args: &Replay) -> Result<()> {
    let stored = args.source.is_dir();
    let config: Config = match stored {
        true => Config::load(&store::paths::config(&args.source), &[])?,
        false => Config::load(&args.source, &[])?,
    };
    let plan = Plan::new(config)?;
    memory::fits(&plan, 1)?;
    let (cohort, cell) = find(&plan, args.run)?;
    let point = &plan.points[cohort.point];
    let index = point
        .trajectories
        .iter()
        .position(|t| t.cells.iter().any(|&(id, _)| id == cell))
        .ok_or_else(|| Error::Other(format!("run {} has no trajectory", args.run)))?;
    let mut raw = reference::cohort(&plan, cohort, Some(index));
    raw.retain(|state| args.seen.is_none_or(|seen| seen == state.seen));
    let origin = Origin { adapter: "reference".into(), ..Origin::default() };
    let mut rows = rows::rows(&plan, cohort, &raw, true, &origin);
    rows.retain(|row| row.cell == cell);
    if rows.is_empty() {
        let due = plan.rows_due(&point.trajectories[index], plan.cells[cell as usize].samples);
        return Err(Error::Input(format!("--seen: run {} has rows after {due:?} samples", args.run)));
    }
    for row in &rows {
        print(&describe(row, &raw, &point.trajectories[index]));
    }
    if let Some(path) = &args.trace {
        trace(&plan, cohort, index, cell, path)?;
    }
    if stored { compare(&args.source, &rows) } else { Ok(()) }
}

fn find(plan: &Plan, run: u64) -> Result<(Cohort, u64)> {
    if run >= plan.runs() {
        return Err(Error::Input(format!("--run {run}: allowed are 0 to {}", plan.runs() - 1)));
    }
    let cells = plan.cells.len() as u64;
    let (seed_index, cell) = ((run / cells) as u32, run % cells);
    Ok((Cohort { point: plan.cells[cell as usize].problem, seed_index }, cell))
}

/// The row's risks and the bits of its weights.
fn describe(row: &Row, raw: &[Snapshot], trajectory: &Trajectory) -> String {
    let number = |value: Option<f64>| value.map_or("null".into(), |v| format!("{v:e} ({:016x})", v.to_bits()));
    let mut text = format!(
        "run {} cell {} seed_index {} recipe {:?}: M = {}, N = {}, seen {}, output {}{}\n  v_digest {}\n  diverged_at {}",
        row.run_id,
        row.cell,
        row.seed_index,
        row.recipe,
        row.model,
        row.samples,
        row.seen,
        row.output,
        risks(row).map(|(name, value)| format!("\n  {name} {}", number(value))).concat(),
        row.v_digest,
        row.diverged_at.map_or("null".into(), |t| t.to_string()),
    );
    if let Some(state) = raw.iter().find(|state| state.seen == row.seen) {
        let output = if row.output == "last" { Output::Last } else { Output::Average };
        for (j, value) in rows::weights(state, trajectory, output).iter().enumerate() {
            let bits = match output {
                Output::Last => format!("{:08x}", state.v[j]),
                Output::Average => format!("{:08x} {:08x}", state.hi[j], state.lo[j]),
            };
            // Writing to a String cannot fail.
            let _ = write!(text, "\n  v[{j}] {bits} {value:e}");
        }
    }
    text
}

/// The risks of a row, those that it has not as `None`.
fn risks(row: &Row) -> [(&'static str, Option<f64>); 8] {
    [
        ("excess", row.excess),
        ("reducible", row.reducible),
        ("approximation", row.approximation),
        ("quantized_test", row.quantized_test),
        ("quantized_test_se", row.quantized_test_se),
        ("quantized_test_exact", row.quantized_test_exact),
        ("held_out", row.held_out),
        ("held_out_se", row.held_out_se),
    ]
}

/// Compares with the rows of the directory; a difference is exit code 3.
fn compare(dir: &Path, rows: &[Row]) -> Result<()> {
    let Some(run) = rows.first().map(|row| row.run_id) else {
        return Ok(());
    };
    let stored = store::rows_of_run(dir, run)?.collect::<Result<Vec<Row>>>()?;
    let mut compared = 0;
    for row in rows {
        let same = |have: &&Row| (have.seen, &have.output) == (row.seen, &row.output);
        let Some(have) = stored.iter().find(same) else {
            eprintln!("run {} after {} samples, output {}: not stored yet", row.run_id, row.seen, row.output);
            continue;
        };
        compared += 1;
        if store::digest(std::slice::from_ref(have)) != store::digest(std::slice::from_ref(row)) {
            return Err(Error::Mismatch(format!(
                "run {} after {} samples, output {}: the stored row differs from the reference: {}",
                row.run_id,
                row.seen,
                row.output,
                differences(have, row)
            )));
        }
        eprintln!(
            "run {} after {} samples, output {}: stored row agrees in every bit",
            row.run_id, row.seen, row.output
        );
    }
    match compared {
        0 => Err(Error::Incomplete(format!("{} holds no row of this run yet: nothing was compared", dir.display()))),
        _ => Ok(()),
    }
}

/// The results that differ, each as it is stored and as the reference has it.
fn differences(stored: &Row, reference: &Row) -> String {
    let results = |row: &Row| {
        let own = [("v_digest", row.v_digest.clone()), ("diverged_at", format!("{:?}", row.diverged_at))];
        own.into_iter().chain(risks(row).map(|(name, value)| (name, format!("{value:?}"))))
    };
    let pairs = results(stored).zip(results(reference)).filter(|(have, want)| have != want);
    let texts: Vec<String> = pairs.map(|((name, have), (_, want))| format!("{name} is {have}, not {want}")).collect();
    if texts.is_empty() { "a setting or a counter".into() } else { texts.join("; ") }
}

/// Risk after every update, as CSV.
fn trace(plan: &Plan, cohort: Cohort, index: usize, cell: u64, path: &Path) -> Result<()> {
    let mut dense = plan.clone();
    let point = &mut dense.points[cohort.point];
    let full = point.trajectories[index].clone();
    let batch = u64::from(full.batch);
    let end = full.cells.iter().find(|&&(id, _)| id == cell).map_or(full.samples, |&(_, n)| n);
    let rows: Vec<u64> = (1..=end / batch).map(|t| t * batch).collect();
    point.trajectories = vec![Trajectory { rows, samples: end, ..full.clone() }];
    let judge = CohortRisk::new(plan, cohort);
    let mut file = csv::Writer::from_writer(File::create(path).map_err(Error::io(path))?);
    let mut written = file.write_record(["update", "seen", "excess", "reducible", "held_out", "diverged"]);
    reference::each(&dense, cohort, None, |state| {
        let v = rows::weights(&state, &full, Output::Last);
        let (risk, held_out) = (judge.risk(&v), judge.held_out(&v).map(|measured| measured.mean));
        let number = |value: Option<f64>| value.map(|value| format!("{value:e}")).unwrap_or_default();
        let (excess, reducible) = (number(risk.map(|r| r.excess)), number(risk.map(|r| r.reducible)));
        let held_out = number(held_out);
        let (update, diverged) = ((state.seen / batch - 1).to_string(), state.diverged_at.is_some().to_string());
        if written.is_ok() {
            written = file.write_record([update, state.seen.to_string(), excess, reducible, held_out, diverged]);
        }
    });
    written.map_err(std::io::Error::from).and_then(|()| file.flush()).map_err(Error::io(path))
}
