use std::path::PathBuf;

use serde_json::json;

use crate::error::Error;
use crate::run::stored::Stored;
use crate::scheduler::array_spec;
use crate::store::{self, Contents};
use crate::streams::{print, tell};
use crate::threads;

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
    let stored = Stored::open(&args.dir)?;
    stored.caution().iter().for_each(|line| tell(&format!("warning: {line}")));
    let all = stored.runs();
    let (mut rows, mut done, mut checked, mut last) = (0_u64, 0_u64, 0_u64, None);
    let stored = stored.rows().inspect(|row| {
        let Ok(row) = row else { return };
        rows += 1;
        // The rows of a run come together, and were checked together.
        if last.replace(row.run_id) != Some(row.run_id) {
            done += 1;
            checked += u64::from(row.is_checked());
        }
    });
    let digest = store::digest_of(stored)?;
    if args.json {
        let document = json!({ "runs": all, "done": done, "checked": checked, "rows": rows, "digest": digest });
        Ok(print(&document.to_string())?)
    } else {
        Ok(print(&format!("{done} of {all} runs, {checked} checked bit for bit, {rows} rows, digest {digest}"))?)
    }
}

/// Which shards of so many lack a cohort; none of them is empty.
fn missing(args: &Args, shards: u32) -> anyhow::Result<()> {
    let contents = Contents::open(&args.dir)?;
    contents.agree(None, |was, is| Error::Corrupt(format!("{was} is not {is}")))?;
    if contents.sweep().is_none() {
        let what = "no sweep's directory, it holds no manifest.json and no parts; name the one that a sweep wrote";
        return Err(Error::Corrupt(format!("{}: {what}", args.dir.display())).into());
    }
    super::sweep::shard(&format!("0/{shards}"), contents.seeds())?;
    let (seeds, cohorts) = contents.missing();
    let spec = array_spec(&seeds.iter().map(|seed| seed % shards).collect());
    let text = match args.json {
        true => json!({ "shards": shards, "missing_shards": spec, "missing_cohorts": cohorts }).to_string(),
        false => spec,
    };
    Ok(print(&text)?)
}
