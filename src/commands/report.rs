use std::path::Path;

use super::print;
use crate::cli::Report;
use crate::error::Result;
use crate::{report, store};

pub fn run(args: &Report) -> Result<()> {
    for path in write(&args.dir)? {
        print(&path.display().to_string());
    }
    Ok(())
}

/// Writes the report of everything stored in `dir`.
pub fn write(dir: &Path) -> Result<Vec<std::path::PathBuf>> {
    // Shards that end at one moment write the same files; the last of them reads every row.
    let _lock = store::lock_report(dir)?;
    let rows = store::rows(dir)?;
    let provenance = store::provenance(dir)?;
    report::write(dir, rows, &store::config_text(dir)?, &provenance)
}
