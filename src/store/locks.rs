//! Locks that end with their process.

use std::fs::{self, File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;

use crate::error::{Error, Result};

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
