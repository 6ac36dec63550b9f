//! Files that appear whole or not at all, and the text of those that hold a table.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// Ends the name of every temporary file.
const TEMPORARY: &str = ".tmp";

/// Writes a file through a temporary name beside it, so that a reader or a crash never meets half of
/// one. `tag` keeps apart the writers that may work in the directory at the same time.
pub fn write_whole(path: &Path, tag: &str, fill: impl FnOnce(&mut File) -> Result<()>) -> Result<()> {
    let name = path.file_name().ok_or_else(|| Error::Other(format!("{}: not a file name", path.display())))?;
    let temporary = path.with_file_name(temporary(&name.to_string_lossy(), tag));
    // The path that was asked for is the one to name.
    let written = File::create(&temporary)
        .map_err(Error::io(path))
        .and_then(|mut file| {
            fill(&mut file)?;
            file.sync_all().map_err(Error::io(&temporary))
        })
        .and_then(|()| fs::rename(&temporary, path).map_err(Error::io(path)));
    if written.is_err() {
        // The first error is the one worth reporting.
        let _ = fs::remove_file(&temporary);
    }
    written?;
    sync_parent(path)
}

/// As [`write_whole`], for a file whose path is known only once it is written: `fill` gets the file and the temporary
/// path in `dir`, which is called after `name`, syncs it and returns the path.
pub fn write_named(
    dir: &Path,
    name: &str,
    tag: &str,
    fill: impl FnOnce(&mut File, &Path) -> Result<PathBuf>,
) -> Result<PathBuf> {
    let temporary = dir.join(temporary(name, tag));
    let written = File::create(&temporary).map_err(Error::io(&temporary)).and_then(|mut file| {
        let path = fill(&mut file, &temporary)?;
        fs::rename(&temporary, &path).map_err(Error::io(&path))?;
        Ok(path)
    });
    if written.is_err() {
        // The first error is the one worth reporting.
        let _ = fs::remove_file(&temporary);
    }
    let path = written?;
    sync_parent(&path)?;
    Ok(path)
}

/// Records, all of one length, as CSV: fields that hold a separator, a quote or a line's end are quoted (RFC 4180).
pub fn csv_text(records: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for record in records {
        writer.write_record(record).expect("memory takes every record of one length");
    }
    let bytes = writer.into_inner().expect("memory takes what is left in the writer");
    String::from_utf8(bytes).expect("fields are texts")
}

/// Makes a rename last: on Unix the new name lies in the directory, which has a sync of its own.
#[cfg(unix)]
fn sync_parent(path: &Path) -> Result<()> {
    let dir = match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    };
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(Error::io(dir))
}

#[cfg(not(unix))]
fn sync_parent(_: &Path) -> Result<()> {
    Ok(())
}

/// The name under which the writer called `tag` begins a file.
fn temporary(name: &str, tag: &str) -> String {
    format!(".{name}.{tag}{TEMPORARY}")
}

/// Whether a file of this name is half written, by whichever writer.
pub fn is_temporary(name: &str) -> bool {
    name.starts_with('.') && name.ends_with(TEMPORARY)
}

/// Whether the writer called `tag` left a file of this name half written.
pub fn is_temporary_of(name: &str, tag: &str) -> bool {
    name.starts_with('.') && name.ends_with(&format!(".{tag}{TEMPORARY}"))
}
