use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::run::stored::Stored;
use crate::streams::{one_line, print, tell};
use crate::{report, store, threads};

/// Write report.html and the figures of a directory again.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// A sweep's directory.
    dir: PathBuf,
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    threads::start_or_alone();
    for path in write(&args.dir)? {
        print(&one_line(&path.display().to_string()))?;
    }
    Ok(())
}

/// Writes the report of everything stored in `dir`.
pub fn write(dir: &Path) -> Result<Vec<PathBuf>> {
    // Shards that end at one moment write the same files; the last of them reads every row.
    let _lock = store::lock_report(dir)?;
    let stored = Stored::open(dir)?;
    stored.caution().iter().for_each(|line| tell(&format!("warning: {line}")));
    let provenance = stored.contents.manifest().map(|manifest| manifest.provenance()).unwrap_or_default();
    report::write(dir, stored.rows(), &stored.config_toml, &provenance)
}
