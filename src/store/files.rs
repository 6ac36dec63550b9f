//! Files that appear whole or not at all, and locks that end with their process.

use std::fs::{self, File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;

use super::paths::temporary;
use crate::error::{Error, Result};

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

/// Takes a shard's lock until the returned file is dropped. The file itself stays: removing it could
/// take away the name of a lock that another process has just taken.
pub fn lock_shard(path: &Path) -> Result<File> {
    let mut file = open_lock(path, " or choose another one")?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            // Where a locked file can't be read the message does without the holder.
            let _ = file.read_to_string(&mut holder);
            let holder = match holder.trim() {
                "" => "another process",
                known => known,
            };
            return Err(Error::Input(format!(
                "{} is held by {holder}: wait for it or stop it, or use another output directory",
                path.display(),
            )));
        }
        Err(TryLockError::Error(source)) => return Err(Error::io(path)(source)),
    }
    file.set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| writeln!(file, "pid {} on {}", std::process::id(), host()))
        .map_err(Error::io(path))?;
    Ok(file)
}

/// Waits for a lock that is held for moments only.
pub fn lock_briefly(path: &Path) -> Result<File> {
    let file = open_lock(path, "")?;
    file.lock().map_err(Error::io(path))?;
    Ok(file)
}

/// `instead` is what else would help than to make the directory writable.
fn open_lock(path: &Path, instead: &str) -> Result<File> {
    File::options().read(true).write(true).create(true).truncate(false).open(path).map_err(|e| {
        Error::Input(format!("can't write {}: {e}; make the output directory writable{instead}", path.display()))
    })
}

fn host() -> String {
    fs::read_to_string("/proc/sys/kernel/hostname")
        .ok()
        .or_else(|| std::env::var("HOSTNAME").ok())
        .or_else(|| std::env::var("COMPUTERNAME").ok())
        .map_or_else(|| "unknown host".to_owned(), |name| name.trim().to_owned())
}
