use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::config::Config;
use crate::error::{Error, Result};
use crate::files::{filled, is_stdout};
use crate::plan::Plan;
use crate::run::export::Export;
use crate::run::replay::{Replayed, replay, trace};
use crate::run::stored::Stored;
use crate::store;
use crate::store::row::Row;
use crate::streams::{print, tell};
use crate::threads;

/// Redo one run with the scalar reference and compare it with the stored rows.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// A sweep's directory, or a config file.
    source: PathBuf,
    /// run_id of the run.
    #[arg(long)]
    run: u64,
    /// Only the row after this many samples.
    #[arg(long)]
    seen: Option<u64>,
    /// Write the risk after every update to this CSV file.
    #[arg(long, value_name = "FILE.csv")]
    trace: Option<PathBuf>,
    /// Write sketch, target, features, labels and weights as .npy files to this new or empty directory.
    #[arg(long, value_name = "DIR")]
    export: Option<PathBuf>,
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    threads::start()?;
    let stored = if args.source.is_dir() { Some(Stored::open(&args.source)?) } else { None };
    let plan = match &stored {
        Some(stored) => stored.plan()?.clone(),
        None => Plan::new(Config::load(&args.source, &[])?)?,
    };
    // What can't be compared is said before anything is computed.
    let have = stored.as_ref().map(|stored| rows_of_run(stored, args.run)).transpose()?;
    let export = args.export.as_ref().map(|dir| {
        let named = || format!("--run {} --export {}", args.run, dir.display());
        Export::new(&plan, args.run, args.seen, dir).with_context(named)
    });
    let export = export.transpose()?;
    let mut rows = replay(&plan, args.run).with_context(|| format!("--run {}", args.run))?;
    if let Some(seen) = args.seen {
        let mut due: Vec<u64> = rows.iter().map(|replayed| replayed.row.seen).collect();
        due.dedup();
        rows.retain(|replayed| replayed.row.seen == seen);
        if rows.is_empty() {
            let run = args.run;
            let due: Vec<String> = due.iter().map(u64::to_string).collect();
            let allowed = due.join(", ");
            return Err(Error::Input(format!("--seen {seen}: of run {run} allowed are {allowed}")).into());
        }
    }
    // Where the trace goes to stdout nothing else may.
    let is_taken = args.trace.as_deref().is_some_and(is_stdout);
    for text in rows.iter().map(describe) {
        match is_taken {
            true => text.lines().for_each(tell),
            false => print(&text)?,
        }
    }
    if let Some(path) = &args.trace {
        write_trace(&plan, args.run, path)?;
    }
    export.map_or(Ok(()), |export| export.write(&rows))?;
    Ok(have.map_or(Ok(()), |have| compare(&args.source, &have, &rows))?)
}

/// The row's risks and the bits of its weights.
fn describe(replayed: &Replayed) -> String {
    let row = &replayed.row;
    let number = |value: Option<f64>| value.map_or("null".into(), |v| format!("{v:e} ({:016x})", v.to_bits()));
    let risks: String = store::risks(row).map(|(name, value)| format!("\n  {name} {}", number(value))).collect();
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
        risks,
        row.v_digest,
        row.diverged_at.map_or("null".into(), |t| t.to_string()),
    );
    let Replayed { weights, bits, low_bits, .. } = replayed;
    for (j, value) in weights.iter().enumerate() {
        let word = |word: &u32| format!(" {word:08x}");
        // A sum, and of a tail that of the iterates before it.
        let sums = (j..bits.len())
            .step_by(weights.len())
            .map(|k| word(&bits[k]) + &low_bits.get(k).map_or(String::new(), word));
        // Writing to a String cannot fail.
        let _ = write!(text, "\n  v[{j}]{} {value:e}", sums.collect::<String>());
    }
    text
}

/// What the directory has of a run.
fn rows_of_run(stored: &Stored, run: u64) -> Result<Vec<Row>> {
    stored.is_of_this_arithmetic()?;
    stored.rows_of_run(run).collect()
}

/// Compares with the rows of the directory; a difference is exit code 3.
fn compare(dir: &Path, stored: &[Row], rows: &[Replayed]) -> Result<()> {
    let mut compared = 0;
    for Replayed { row, .. } in rows {
        let place = format!("run {} after {} samples, output {}", row.run_id, row.seen, row.output);
        let same = |have: &&Row| (have.seen, &have.output) == (row.seen, &row.output);
        let Some(have) = stored.iter().find(same) else {
            tell(&format!("{place}: not stored yet"));
            continue;
        };
        compared += 1;
        if let Some(differences) = store::differences(have, row) {
            return Err(Error::Mismatch(format!("{place}: the stored row differs from the reference: {differences}")));
        }
        tell(&format!("{place}: stored row agrees in every bit"));
    }
    match compared {
        0 => Err(Error::Incomplete(format!("{} holds no row of this run yet: nothing was compared", dir.display()))),
        _ => Ok(()),
    }
}

/// Risk after every update, as CSV.
fn write_trace(plan: &Plan, run: u64, path: &Path) -> Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let wrong = match folder.filter(|folder| !folder.exists()) {
        Some(folder) => Some(format!("there is no directory {}: make it, or name another place", folder.display())),
        None => path.is_dir().then(|| "a directory: name a file".to_owned()),
    };
    if let Some(wrong) = wrong {
        return Err(Error::Input(format!("--trace {}: {wrong}", path.display())));
    }
    let written = filled(path, "trace", |file| {
        let mut file = csv::Writer::from_writer(file);
        let names = ["update", "seen", "excess", "reducible", "held_out", "diverged"].map(String::from);
        let mut write =
            |record: [String; 6]| file.write_record(record).map_err(io::Error::from).map_err(Error::io(path));
        write(names)?;
        let number = |value: Option<f64>| value.map(|value| format!("{value:e}")).unwrap_or_default();
        trace(plan, run, |step| {
            let risks = [step.excess, step.reducible, step.held_out].map(number);
            let [excess, reducible, held_out] = risks;
            let [update, seen] = [step.update, step.seen].map(|count| count.to_string());
            write([update, seen, excess, reducible, held_out, step.diverged.to_string()])
        })?;
        file.flush().map_err(Error::io(path))
    })?;
    written.finish()
}
