use std::path::PathBuf;

use serde_json::json;

use crate::error::Error;
use crate::run::status::{Status, status};
use crate::scheduler::{array_spec, asked};
use crate::store::Contents;
use crate::streams::print;
use crate::threads;
use crate::watch::Watch;

const EXAMPLES: &str = "\
Examples:
  roundlaw status out/big --json
  sbatch --array=$(roundlaw status out/big --missing-shards 64) job.sh";

/// Runs done, checked share and digest of a directory.
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// A sweep's directory.
    dir: PathBuf,
    /// Print which of N shards lack runs, as the option --array of sbatch has them: 3,7-9. Reads the parts, not their rows.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    missing_shards: Option<u32>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Runs done and to do, the checked share, and the digest of the result columns.
pub fn run(args: &Args) -> anyhow::Result<()> {
    threads::start_or_alone();
    if let Some(shards) = args.missing_shards {
        return missing(args, shards);
    }
    let found = status(&args.dir, &Watch::default())?;
    let Status { runs, done, checked, rows, digest } = &found;
    let text = match args.json {
        true => json!(found).to_string(),
        false => format!("{done} of {runs} runs, {checked} checked bit for bit, {rows} rows, digest {digest}"),
    };
    Ok(print(&text)?)
}

/// Which shards of so many lack a cohort; none of them is empty.
fn missing(args: &Args, shards: u32) -> anyhow::Result<()> {
    let contents = Contents::open(&args.dir)?;
    contents.agree(None, |was, is| Error::Corrupt(format!("{was} is not {is}")))?;
    if contents.sweep().is_none() {
        let what = "no sweep's directory, it holds no manifest.json and no parts; name the one that a sweep wrote";
        return Err(Error::Corrupt(format!("{}: {what}", args.dir.display())).into());
    }
    asked(&format!("0/{shards}"), contents.seeds())?;
    let (seeds, cohorts) = contents.missing();
    let spec = array_spec(&seeds.iter().map(|seed| seed % shards).collect());
    let text = match args.json {
        true => json!({ "shards": shards, "missing_shards": spec, "missing_cohorts": cohorts }).to_string(),
        false => spec,
    };
    Ok(print(&text)?)
}
