use std::path::PathBuf;

use serde_json::json;

use crate::run::stored::Stored;
use crate::store;
use crate::streams::{print, tell};
use crate::threads;

/// Runs done, checked share and digest of a directory.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// A sweep's directory.
    dir: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Runs done and to do, the checked share, and the digest of the result columns.
pub fn run(args: &Args) -> anyhow::Result<()> {
    threads::start_or_alone();
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
