//! Who may work in a directory: one process a shard, no two shards that share seeds, one writer of the manifest and of
//! the report at a time. Locks end with their process.

use std::fs::{self, File, TryLockError};
use std::io::{ErrorKind, Read as _, Result as IoResult, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::thread;
use std::time::Duration;

use super::directory::names;
use super::heartbeat::{Heartbeat, PATIENCE};
use super::paths;
use crate::error::{Error, Result};
use crate::plan::Shard;
use crate::streams::tell;

/// Between two looks at a heartbeat that others hold for moments.
const WAIT: Duration = Duration::from_millis(20);

/// A lock, held until it is dropped. Its file stays where the file system has locks: removing it could take away the
/// name of one that another process has just taken.
#[derive(Debug)]
pub struct Lock {
    path: PathBuf,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    File(File),
    Heartbeat(Heartbeat),
}

impl Lock {
    /// [`Error::Other`] when another process has taken it over.
    pub fn check(&self) -> Result<()> {
        match &self.kind {
            Kind::Heartbeat(heartbeat) if heartbeat.is_lost() => Err(Error::Other(format!(
                "{} was taken over by another process, for this one was stopped for more than {} s: it writes nothing \
                 more; the same command continues when the other one has ended",
                self.path.display(),
                PATIENCE.as_secs()
            ))),
            _ => Ok(()),
        }
    }
}

/// Closing the file would not let go of it while a child that was forked meanwhile has a copy of its descriptor.
impl Drop for Lock {
    fn drop(&mut self) {
        if let Kind::File(file) = &self.kind {
            // Where it fails the lock ends with the process.
            let _ = file.unlock();
        }
    }
}

/// Takes a shard's lock; refused with [`Error::Input`] while another process runs it or one that shares seeds with it.
pub fn lock_shard(dir: &Path, shard: Shard) -> Result<Lock> {
    // Of two that overlap and start at the same moment the second sees the first.
    let _opening = lock_briefly(&paths::opening_lock(dir))?;
    for name in names(dir)? {
        let Some(other) = paths::locked_shard(&name).filter(|other| *other != shard && other.overlaps(shard)) else {
            continue;
        };
        let path = dir.join(name);
        if let Some(holder) = held(&path).map_err(|e| failure(&path, e, ""))? {
            return Err(Error::Input(format!(
                "{}: {holder} runs shard {} there, which shares seeds with shard {}: wait for it or stop it, run other shards \
                 of {}, or use another output directory",
                dir.display(),
                other.asked(),
                shard.asked(),
                other.of()
            )));
        }
    }
    let path = paths::shard_lock(dir, shard);
    match take(&path).map_err(|e| failure(&path, e, " or choose another one"))? {
        Ok(kind) => Ok(Lock { path, kind }),
        Err(holder) => Err(Error::Input(format!(
            "{} is held by {holder}: wait for it or stop it, or use another output directory",
            path.display(),
        ))),
    }
}

/// Waits for a lock that is held for moments only.
pub fn lock_briefly(path: &Path) -> Result<Lock> {
    let kind = wait(path).map_err(|e| failure(path, e, ""))?;
    Ok(Lock { path: path.to_path_buf(), kind })
}

/// `instead` is what else would help than to make the directory writable.
fn failure(path: &Path, cause: std::io::Error, instead: &str) -> Error {
    match cause.kind() {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => Error::Input(format!(
            "can't write {}: {cause}; make the output directory writable{instead}",
            path.display()
        )),
        _ => Error::io(path)(cause),
    }
}

/// The lock, or who holds it.
fn take(path: &Path) -> IoResult<std::result::Result<Kind, String>> {
    let mut file = open(path)?;
    match try_lock(path, &file)? {
        Attempt::Had => {
            file.set_len(0).and_then(|()| file.rewind()).and_then(|()| writeln!(file, "{}", own_name()))?;
            Ok(Ok(Kind::File(file)))
        }
        Attempt::Held => Ok(Err(holder(file))),
        Attempt::Unknown => Ok(Heartbeat::take(path, &own_name())?.map(Kind::Heartbeat)),
    }
}

fn wait(path: &Path) -> IoResult<Kind> {
    let file = open(path)?;
    loop {
        match file.lock() {
            Ok(()) => return Ok(Kind::File(file)),
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => {
                say_without_locks(path, &e);
                break;
            }
        }
    }
    loop {
        match Heartbeat::take(path, &own_name())? {
            Ok(heartbeat) => return Ok(Kind::Heartbeat(heartbeat)),
            Err(_) => thread::sleep(WAIT),
        }
    }
}

/// Who holds the lock of that name, if anyone does.
fn held(path: &Path) -> IoResult<Option<String>> {
    let file = open(path)?;
    match try_lock(path, &file)? {
        Attempt::Had => Ok(None),
        Attempt::Held => Ok(Some(holder(file))),
        Attempt::Unknown => Heartbeat::held(path),
    }
}

fn open(path: &Path) -> IoResult<File> {
    File::options().read(true).write(true).create(true).truncate(false).open(path)
}

/// What came of trying to lock a file.
enum Attempt {
    Had,
    Held,
    /// This file system has no such locks.
    Unknown,
}

fn try_lock(path: &Path, file: &File) -> IoResult<Attempt> {
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Attempt::Had),
            Err(TryLockError::WouldBlock) => return Ok(Attempt::Held),
            Err(TryLockError::Error(e)) if e.kind() == ErrorKind::Interrupted => {}
            Err(TryLockError::Error(e)) => {
                say_without_locks(path, &e);
                return Ok(Attempt::Unknown);
            }
        }
    }
}

/// Whatever keeps a lock from being had on a file that is open is taken for a file system without locks: they say so
/// by many errors.
fn say_without_locks(path: &Path, error: &std::io::Error) {
    static SAID: Once = Once::new();
    SAID.call_once(|| {
        let dir = path.parent().unwrap_or(path).display();
        tell(&format!(
            "warning: {dir}: no file locks there ({error}): files that every process writes to now and then stand in for \
             them; mount it with flock on all hosts or on none"
        ));
    });
}

/// What a holder wrote of itself. Where a locked file can't be read a message does without.
fn holder(mut file: File) -> String {
    let mut text = String::new();
    let _ = file.read_to_string(&mut text);
    match text.trim() {
        "" => "another process".into(),
        known => known.into(),
    }
}

fn own_name() -> String {
    format!("pid {} on {}", std::process::id(), host())
}

fn host() -> String {
    fs::read_to_string("/proc/sys/kernel/hostname")
        .ok()
        .or_else(|| std::env::var("HOSTNAME").ok())
        .or_else(|| std::env::var("COMPUTERNAME").ok())
        .map_or_else(|| "unknown host".to_owned(), |name| name.trim().to_owned())
}
