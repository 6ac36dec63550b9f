//! A lock for file systems that have none (some network file systems, mounted without): a file whose holder writes to
//! it every few seconds. One that nobody has written to for a while is taken over.
//!
//! The files of a lock are numbered: who takes it over creates the next number, which only one can, and then removes
//! the earlier ones; the highest number is the lock. So no one removes a file that another one has just created, and
//! a holder that was asleep for too long finds its file gone.

use std::fs::{self, File};
use std::io::{ErrorKind, Read as _, Result, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

use crate::files::Temporary;

/// How often the holder writes.
const BEAT: Duration = Duration::from_secs(10);
/// After this long without a beat the holder counts as dead: several beats may be late.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// Each loss of a race is another process's gain, so that a few are enough.
const ATTEMPTS: u32 = 100;

/// The lock, held until it is dropped.
#[derive(Debug)]
pub struct Heartbeat {
    path: PathBuf,
    /// What the file says while it is ours.
    text: String,
    /// The thread ends when its other end is dropped.
    beating: Option<(mpsc::Sender<()>, JoinHandle<()>)>,
}

/// Who holds a lock, in the holder's own words, and how long ago it wrote last.
struct Holder {
    text: String,
    silent: Duration,
}

impl Heartbeat {
    /// Takes the lock called `name`, with `text` to say who has it, or gives the text of who does.
    pub fn take(name: &Path, text: &str) -> Result<std::result::Result<Heartbeat, String>> {
        for _ in 0..ATTEMPTS {
            let before = highest(name)?;
            match before.map(|number| holder(&numbered(name, number))).transpose() {
                Ok(Some(holder)) if holder.silent < PATIENCE => return Ok(Err(holder.words())),
                Ok(_) => {}
                // Given up at this moment.
                Err(e) if e.kind() == ErrorKind::NotFound => continue,
                Err(e) => return Err(e),
            }
            let own = before.unwrap_or(0) + 1;
            let path = numbered(name, own);
            match File::options().write(true).create_new(true).open(&path) {
                Ok(mut file) => {
                    beat(&mut file, text)?;
                    let lock = Heartbeat::start(path, file, text)?;
                    // The list that the number is from may have been an old one.
                    if highest(name)? == Some(own) {
                        remove_below(name, own)?;
                        return Ok(Ok(lock));
                    }
                }
                Err(e) if e.kind() == ErrorKind::AlreadyExists => {}
                Err(e) => return Err(e),
            }
        }
        Ok(Err("other processes, one after another".into()))
    }

    /// Who holds the lock of that name, if anyone does.
    pub fn held(name: &Path) -> Result<Option<String>> {
        let Some(number) = highest(name)? else { return Ok(None) };
        match holder(&numbered(name, number)) {
            Ok(holder) => Ok((holder.silent < PATIENCE).then(|| holder.words())),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// Whether another process took the lock over, this one having been silent for too long.
    pub fn is_lost(&self) -> bool {
        is_other(&self.path, &self.text)
    }

    fn start(path: PathBuf, mut file: File, text: &str) -> Result<Heartbeat> {
        let (stop, stopped) = mpsc::channel();
        let (own, words) = (path.clone(), text.to_owned());
        let beating = thread::Builder::new().name("heartbeat".into()).spawn(move || {
            while stopped.recv_timeout(BEAT) == Err(RecvTimeoutError::Timeout) && !is_other(&own, &words) {
                // A beat that fails is a late one; the next may not.
                let _ = beat(&mut file, &words);
            }
        })?;
        Ok(Heartbeat { path, text: text.to_owned(), beating: Some((stop, beating)) })
    }
}

impl Drop for Heartbeat {
    fn drop(&mut self) {
        if let Some((stop, thread)) = self.beating.take() {
            drop(stop);
            let _ = thread.join();
        }
        if !self.is_lost() {
            // Where it fails the lock is free once it has been silent for long enough.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Whether the file is gone or another holder's. One that can't be read now may still be ours.
fn is_other(path: &Path, text: &str) -> bool {
    match fs::read(path) {
        Ok(bytes) => bytes != text.as_bytes(),
        Err(e) => e.kind() == ErrorKind::NotFound,
    }
}

impl Holder {
    fn words(&self) -> String {
        let text = if self.text.is_empty() { "another process" } else { &self.text };
        format!(
            "{text} (it wrote {} s ago; {} s after its last sign of life the lock is free)",
            self.silent.as_secs(),
            PATIENCE.as_secs()
        )
    }
}

fn beat(file: &mut File, text: &str) -> Result<()> {
    file.rewind()?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Opened anew: that is when network file systems look at the file itself.
fn holder(path: &Path) -> Result<Holder> {
    let mut file = File::open(path)?;
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    let last = file.metadata()?.modified()?;
    Ok(Holder { text: text.trim().into(), silent: now(path)?.duration_since(last).unwrap_or_default() })
}

/// The time by the clock that dates the files beside `path`: that of a server may differ from ours.
fn now(path: &Path) -> Result<SystemTime> {
    let dir = path.parent().unwrap_or(Path::new("."));
    // Processes of several hosts and containers may have one number: the name is what is free.
    let mut probe = Temporary::begin(dir, "clock")?;
    let file = probe.file();
    file.write_all(b"now").and_then(|()| file.sync_all()).and_then(|()| file.metadata()?.modified())
}

fn numbered(name: &Path, number: u64) -> PathBuf {
    let mut numbered = name.as_os_str().to_owned();
    numbered.push(format!(".{number}"));
    numbered.into()
}

/// The numbers of a lock's files.
fn numbers(name: &Path) -> Result<Vec<u64>> {
    let (Some(dir), Some(name)) = (name.parent(), name.file_name()) else { return Ok(Vec::new()) };
    let number =
        |file: &str| -> Option<u64> { file.strip_prefix(&*name.to_string_lossy())?.strip_prefix('.')?.parse().ok() };
    let mut numbers = Vec::new();
    for entry in fs::read_dir(dir)? {
        numbers.extend(number(&entry?.file_name().to_string_lossy()));
    }
    Ok(numbers)
}

fn highest(name: &Path) -> Result<Option<u64>> {
    Ok(numbers(name)?.into_iter().max())
}

fn remove_below(name: &Path, own: u64) -> Result<()> {
    for number in numbers(name)?.into_iter().filter(|number| *number < own) {
        match fs::remove_file(numbered(name, number)) {
            Err(e) if e.kind() != ErrorKind::NotFound => return Err(e),
            _ => {}
        }
    }
    Ok(())
}
