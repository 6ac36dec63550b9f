use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::streams::{one_line, print};
use crate::{report, store};

/// Write report.html and the figures of a directory again.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// A sweep's directory.
    dir: PathBuf,
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    for path in write(&args.dir)? {
        print(&one_line(&path.display().to_string()))?;
    }
    Ok(())
}

/// Writes the report of everything stored in `dir`.
pub fn write(dir: &Path) -> Result<Vec<PathBuf>> {
    // Shards that end at one moment write the same files; the last of them reads every row.
    let _lock = store::lock_report(dir)?;
    let rows = store::rows(dir)?;
    let provenance = store::provenance(dir)?;
    report::write(dir, rows, &store::config_text(dir)?, &provenance)
}
