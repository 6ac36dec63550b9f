use std::path::PathBuf;

use serde_json::json;

use crate::run::merge::{Merged, merge};
use crate::signals;
use crate::streams::{print, tell};
use crate::threads;

const EXAMPLES: &str = "\
Examples:
  roundlaw merge out/big
  roundlaw merge out/all out/machine-1 out/machine-2";

/// Verify that all runs of a sweep are stored, and make its many parts few.
///
/// The files do not depend on the shards, machines or order that led to them.
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The sweep's directory; a new one where there are more.
    dir: PathBuf,
    /// Other directories of the same sweep, whose parts are gathered into the first; they stay as they are.
    more: Vec<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    threads::start_or_alone();
    let watch = signals::watched()?;
    let Merged { runs, rows, duplicates, digest, compacted } = merge(&args.dir, &args.more, &watch)?;
    if duplicates > 0 {
        tell(&format!("cohorts that were stored more than once, alike: {duplicates}"));
    }
    let text = match args.json {
        true => json!({
            "runs": runs,
            "rows": rows,
            "duplicate_cohorts": duplicates,
            "parts": compacted.parts,
            "written": compacted.written,
            "removed": compacted.removed,
            "digest": digest,
        })
        .to_string(),
        false => format!(
            "{runs} runs, {rows} rows in {} parts ({} written, {} removed), digest {digest}",
            compacted.parts, compacted.written, compacted.removed
        ),
    };
    Ok(print(&text)?)
}
