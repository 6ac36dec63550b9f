use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::run::stored::Stored;
use crate::streams::{one_line, print, tell};
use crate::watch::Watch;
use crate::{report, store, threads};

/// Write report.html and the figures of a directory again.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// A sweep's directory.
    dir: PathBuf,
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    threads::start_or_alone();
    // Signals are not handled: they end it at once, and the report can be written again.
    for path in write(&args.dir, &Watch::default())? {
        print(&one_line(&path.display().to_string()))?;
    }
    Ok(())
}

/// Writes the report of everything stored in `dir`. The watch ends the waiting for another process that writes it, and the
/// reading of rows.
pub fn write(dir: &Path, watch: &Watch) -> Result<Vec<PathBuf>> {
    // Shards that end at one moment write the same files; the last of them reads every row.
    let _lock = store::lock_report(dir, watch)?;
    let stored = Stored::open(dir)?;
    stored.caution().iter().for_each(|line| tell(&format!("warning: {line}")));
    let provenance = stored.contents.manifest().map(|manifest| manifest.provenance()).unwrap_or_default();
    let rows = stored.rows().map(|row| watch.ask().and(row));
    report::write(dir, rows, &stored.config_toml, &provenance)
}
