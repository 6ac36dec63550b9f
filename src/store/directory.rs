//! What lies in an output directory.

use std::fs;
use std::path::{Path, PathBuf};

use super::paths;
use crate::error::{Error, Result};

/// Names in a directory that are text; ours all are.
pub fn names(dir: &Path) -> Result<Vec<String>> {
    let entries = fs::read_dir(dir).map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => {
            Error::Input(format!("{}: no such directory; name the one that a run wrote", dir.display()))
        }
        _ => Error::io(dir)(e),
    })?;
    entries
        .map(|entry| entry.map(|e| e.file_name().to_string_lossy().into_owned()))
        .collect::<std::io::Result<_>>()
        .map_err(Error::io(dir))
}

/// Refuses a directory with files in it that no run of ours put there.
pub fn refuse_foreign(dir: &Path) -> Result<()> {
    // Listed before the manifest is looked for: a shard that opens the directory at this moment
    // writes its manifest before anything else that would count here.
    let other = names(dir)?.into_iter().find(|name| !paths::precedes_manifest(name));
    match other {
        Some(name) if !paths::manifest(dir).exists() => Err(Error::Corrupt(format!(
            "{}: foreign directory, it holds {name} and no {}; use an empty or a new one, or move {name} away",
            dir.display(),
            paths::MANIFEST
        ))),
        _ => Ok(()),
    }
}

/// The parts in a directory, sorted by name.
pub fn parts(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut names = names(dir)?;
    names.retain(|name| paths::is_part(name));
    names.sort();
    Ok(names.into_iter().map(|name| dir.join(name)).collect())
}
