//! Who may work in a directory: one process a shard, no two shards that share seeds, one writer of the manifest and of
//! the report at a time. Locks end with their process.

use std::fs::{self, File, TryLockError};
use std::io::{ErrorKind, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::thread;
use std::time::{Duration, Instant};

use super::directory::names;
use super::heartbeat::{Heartbeat, PATIENCE};
use super::paths;
use crate::error::{Error, Result};
use crate::plan::Shard;
use crate::streams::tell;
use crate::watch::Watch;

/// Between the first two looks at a lock that others hold for moments; then twice as long each time, up to the longest:
/// a look at a heartbeat writes to the disk of a server.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// How often a pause asks whether to end.
const TICK: Duration = Duration::from_millis(50);
/// A lock that is held for so long is not held for a moment: its holder may be stopped, or its machine gone.
const UNTOLD: Duration = Duration::from_secs(3);
/// For so long a process that is asked to end still waits: shards that are stopped together all write the manifest.
const GRACE: Duration = Duration::from_secs(3);

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
                "{} is gone: it was taken over by another process, for this one was silent for more than {} s, or it was \
                 deleted; this one writes nothing more; the same command continues when no other one runs",
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
pub fn lock_shard(dir: &Path, shard: Shard, watch: &Watch) -> Result<Lock> {
    // Of two that overlap and start at the same moment the second sees the first.
    let _opening = lock_briefly(&paths::opening_lock(dir), watch)?;
    for name in names(dir)? {
        let Some(other) = paths::locked_shard(&name).filter(|other| *other != shard && other.overlaps(shard)) else {
            continue;
        };
        let path = dir.join(name);
        if let Some(holder) = held(&path)? {
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
    match take(&path)? {
        Ok(kind) => Ok(Lock { path, kind }),
        Err(holder) => Err(Error::Input(format!(
            "{} is held by {holder}: wait for it or stop it, or use another output directory",
            path.display(),
        ))),
    }
}

/// Waits, for so long at most, for a process that runs a shard in `dir` to end, and says for whom. Who then takes the lock
/// is told whether it still runs.
///
/// # Errors
/// [`Error::Incomplete`] where the watch asks to end meanwhile.
pub fn wait_for_shard(dir: &Path, shard: Shard, patience: Duration, watch: &Watch) -> Result<()> {
    let (path, begun) = (paths::shard_lock(dir, shard), Instant::now());
    let mut is_told = false;
    // Without its file nobody has ever run it.
    while path.exists() && begun.elapsed() < patience {
        let Some(holder) = held(&path)? else { return Ok(()) };
        if !is_told {
            let seconds = patience.as_secs();
            tell(&format!("waiting for {}, which is held by {holder}, for {seconds} s at most", path.display()));
            is_told = true;
        }
        sleep(LONGEST_PAUSE, watch);
        if watch.is_stopped() {
            let what = format!("stopped while {} was held by {holder}; the same command continues", path.display());
            return Err(Error::Incomplete(what));
        }
    }
    Ok(())
}

/// Waits for a lock that is held for moments only, and says who holds it where it takes longer. [`Error::Incomplete`] where
/// the watch asks to end. Not by a call that blocks: after a signal that is handled it goes on.
pub fn lock_briefly(path: &Path, watch: &Watch) -> Result<Lock> {
    let (begun, mut pause) = (Instant::now(), FIRST_PAUSE);
    let (mut is_told, mut stopped) = (false, None);
    loop {
        let holder = match take(path)? {
            Ok(kind) => return Ok(Lock { path: path.to_path_buf(), kind }),
            Err(holder) => holder,
        };
        if watch.is_stopped() && stopped.get_or_insert_with(Instant::now).elapsed() >= GRACE {
            return Err(Error::Incomplete(format!(
                "stopped while {} was held by {holder}; what is stored is kept, the same command continues",
                path.display()
            )));
        }
        if !is_told && begun.elapsed() >= UNTOLD {
            tell(&format!("waiting for {}, which is held by {holder}", path.display()));
            is_told = true;
        }
        sleep(pause, watch);
        pause = (2 * pause).min(LONGEST_PAUSE);
    }
}

/// Sleeps, but for a tick only once the watch asks to end.
fn sleep(pause: Duration, watch: &Watch) {
    let begun = Instant::now();
    loop {
        thread::sleep(TICK.min(pause));
        if watch.is_stopped() || begun.elapsed() >= pause {
            return;
        }
    }
}

/// The error of a lock's files that can't be made or written.
fn failure(path: &Path) -> impl Fn(std::io::Error) -> Error {
    move |cause| match cause.kind() {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => Error::Input(format!(
            "can't write {}: {cause}; make the output directory writable or choose another one",
            path.display()
        )),
        _ => Error::io(path)(cause),
    }
}

/// The lock, or who holds it.
fn take(path: &Path) -> Result<std::result::Result<Kind, String>> {
    let mut file = open(path)?;
    match try_lock(path, &file)? {
        Attempt::Had => {
            let written = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| writeln!(file, "{}", own_name()));
            written.map_err(failure(path))?;
            Ok(Ok(Kind::File(file)))
        }
        Attempt::Held => Ok(Err(holder(file))),
        Attempt::Unknown => Ok(Heartbeat::take(path, &own_name()).map_err(failure(path))?.map(Kind::Heartbeat)),
    }
}

/// Who holds the lock of that name, if anyone does.
fn held(path: &Path) -> Result<Option<String>> {
    let file = open(path)?;
    match try_lock(path, &file)? {
        Attempt::Had => Ok(None),
        Attempt::Held => Ok(Some(holder(file))),
        Attempt::Unknown => Heartbeat::held(path).map_err(failure(path)),
    }
}

fn open(path: &Path) -> Result<File> {
    File::options().read(true).write(true).create(true).truncate(false).open(path).map_err(failure(path))
}

/// What came of trying to lock a file.
enum Attempt {
    Had,
    Held,
    /// This file system has no such locks.
    Unknown,
}

fn try_lock(path: &Path, file: &File) -> Result<Attempt> {
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Attempt::Had),
            Err(TryLockError::WouldBlock) => return Ok(Attempt::Held),
            Err(TryLockError::Error(e)) if e.kind() == ErrorKind::Interrupted => {}
            Err(TryLockError::Error(e)) if is_without_locks(&e) => {
                say_without_locks(path, &e);
                return Ok(Attempt::Unknown);
            }
            Err(TryLockError::Error(e)) => return Err(Error::io(path)(e)),
        }
    }
}

/// Whether that is what a file system without locks answers. After any other failure there may be locks, which other
/// processes hold and heartbeats would not see.
fn is_without_locks(error: &std::io::Error) -> bool {
    #[cfg(unix)]
    const ANSWERS: &[i32] = &[libc::ENOLCK, libc::ENOSYS, libc::ENOTSUP, libc::EOPNOTSUPP];
    #[cfg(not(unix))]
    const ANSWERS: &[i32] = &[];
    error.kind() == ErrorKind::Unsupported || error.raw_os_error().is_some_and(|code| ANSWERS.contains(&code))
}

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
