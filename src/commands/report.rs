use std::fs::File;
use std::path::{Path, PathBuf};

use super::print;
use crate::error::{Error, Result};
use crate::{report, store};

/// Write report.html and the figures of a directory again.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// A sweep's directory.
    dir: PathBuf,
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    for path in write(&args.dir)? {
        print(&path.display().to_string());
    }
    Ok(())
}

/// Writes the report of everything stored in `dir`.
pub fn write(dir: &Path) -> Result<Vec<PathBuf>> {
    // Shards that end at one moment write the same files; the last of them reads every row.
    let _lock = lock(dir)?;
    let rows = store::rows(dir)?;
    let read = |name: &str| {
        let path = dir.join(name);
        std::fs::read_to_string(&path).map_err(|e| Error::Corrupt(format!("{}: {e}", path.display())))
    };
    let manifest: serde_json::Value = serde_json::from_str(&read("manifest.json")?)
        .map_err(|e| Error::Corrupt(format!("{}: {e}", dir.join("manifest.json").display())))?;
    let mut provenance = manifest.as_object().cloned().unwrap_or_default();
    provenance.remove("identity");
    report::write(dir, rows, &read("config.toml")?, &provenance)
}

/// Waits for whoever writes the report of `dir`; held until the file is dropped.
fn lock(dir: &Path) -> Result<Option<File>> {
    if !dir.join("manifest.json").exists() {
        // Not ours to put a file into; reading it says what is missing.
        return Ok(None);
    }
    let path = dir.join("lock-report");
    let file = File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(|e| Error::Input(format!("can't write {}: {e}; make the directory writable", path.display())))?;
    file.lock().map_err(Error::io(&path))?;
    Ok(Some(file))
}
