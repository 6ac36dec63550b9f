//! A lock for file systems that have none (some network file systems, mounted without): a file whose holder writes to
//! it every few seconds. One that nobody has written to for a while is taken over.
//!
//! The files of a lock are numbered, and the highest number is the lock: who takes it creates the next one, which only
//! one process can, and then removes the lower ones; who gives it up leaves its file there and writes into it that it is
//! free. So the highest number never goes down, and what a process does by a list of files that has grown old, however
//! slow it is, is done to lower numbers, which nobody holds: it may remove those, or create one and find that it is not
//! the highest. A holder that was asleep for too long finds its file gone, or a higher one.

use std::fs::{self, File};
use std::io::{ErrorKind, Read as _, Result, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

use super::paths;
use crate::files::Temporary;

/// How often the holder writes.
const BEAT: Duration = Duration::from_secs(10);
/// After this long without a beat the holder counts as dead: several beats may be late.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// Each loss of a race is another process's gain, so that a few are enough.
const ATTEMPTS: u32 = 100;
/// What the file of a lock says that was given up.
const FREE: &str = "free";
/// A holder whose words can't be read.
const SOMEONE: &str = "another process";

/// The lock, held until it is dropped.
#[derive(Debug)]
pub struct Heartbeat {
    name: PathBuf,
    number: u64,
    /// What the file says while it is ours.
    text: String,
    /// The thread ends when its other end is dropped, and gives the file back.
    beating: Option<(mpsc::Sender<()>, JoinHandle<File>)>,
}

impl Heartbeat {
    /// Takes the lock called `name`, with `text` to say who has it, or gives the text of who does.
    pub fn take(name: &Path, text: &str) -> Result<std::result::Result<Heartbeat, String>> {
        for _ in 0..ATTEMPTS {
            let before = highest(name)?;
            match before.map_or(Ok(None), |number| holder(&paths::stand_in(name, number))) {
                Ok(None) => {}
                Ok(Some(holder)) => return Ok(Err(holder)),
                // Taken over at this moment.
                Err(e) if e.kind() == ErrorKind::NotFound => continue,
                Err(e) => return Err(e),
            }
            let number = before.unwrap_or(0) + 1;
            let path = paths::stand_in(name, number);
            match File::options().write(true).create_new(true).open(&path) {
                Ok(file) => {
                    let lock = Heartbeat::start(name, number, file, text).inspect_err(|_| {
                        // It would count as held. As it never was, nobody has anything to do with this number, and the
                        // one before it is still there.
                        let _ = fs::remove_file(&path);
                    })?;
                    // The list that the number is from may have been an old one.
                    if highest(name)? == Some(number) {
                        remove_below(name, number)?;
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
        match holder(&paths::stand_in(name, number)) {
            // Taken over at this moment.
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(Some(SOMEONE.into())),
            found => found,
        }
    }

    /// Whether another process took the lock over, this one having been silent for too long.
    pub fn is_lost(&self) -> bool {
        is_lost(&self.name, self.number, &self.text)
    }

    /// Writes the first beat; the others come from a thread.
    fn start(name: &Path, number: u64, mut file: File, text: &str) -> Result<Heartbeat> {
        beat(&mut file, text)?;
        let (stop, stopped) = mpsc::channel();
        let (name, text) = (name.to_path_buf(), text.to_owned());
        let (own, words) = (name.clone(), text.clone());
        let beating = thread::Builder::new().name("heartbeat".into()).spawn(move || {
            while stopped.recv_timeout(BEAT) == Err(RecvTimeoutError::Timeout) && !is_lost(&own, number, &words) {
                // A beat that fails is a late one; the next may not.
                let _ = beat(&mut file, &words);
            }
            file
        })?;
        Ok(Heartbeat { name, number, text, beating: Some((stop, beating)) })
    }
}

impl Drop for Heartbeat {
    fn drop(&mut self) {
        let Some((stop, thread)) = self.beating.take() else { return };
        drop(stop);
        if let Ok(mut file) = thread.join() {
            // Written to the file that was opened, whatever has its name by now: of one that was taken over nothing is
            // left. Where it fails the lock is free once it has been silent for long enough.
            let _ = file.set_len(0).and_then(|()| beat(&mut file, FREE));
        }
    }
}

/// Whether the file is gone or another holder's, or there is a higher one. What can't be read now may still be ours.
fn is_lost(name: &Path, number: u64, text: &str) -> bool {
    let is_other = match fs::read(paths::stand_in(name, number)) {
        Ok(bytes) => bytes != text.as_bytes(),
        Err(e) => e.kind() == ErrorKind::NotFound,
    };
    is_other || highest(name).is_ok_and(|highest| highest > Some(number))
}

fn beat(file: &mut File, text: &str) -> Result<()> {
    file.rewind()?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Who holds a lock by the words of its file, and how long ago it wrote last; `None` where the lock is free. The file is
/// opened anew: that is when network file systems look at the file itself.
fn holder(path: &Path) -> Result<Option<String>> {
    let mut file = File::open(path)?;
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    if text == FREE {
        return Ok(None);
    }
    let last = file.metadata()?.modified()?;
    let silent = now(path)?.duration_since(last).unwrap_or_default();
    let words = match text.trim() {
        "" => SOMEONE,
        text => text,
    };
    let (silence, patience) = (silent.as_secs(), PATIENCE.as_secs());
    Ok((silent < PATIENCE).then(|| {
        format!("{words} (it wrote {silence} s ago; {patience} s after its last sign of life the lock is free)")
    }))
}

/// The time by the clock that dates the files beside `path`: that of a server may differ from ours.
fn now(path: &Path) -> Result<SystemTime> {
    let dir = path.parent().unwrap_or(Path::new("."));
    // Processes of several hosts and containers may have one number: the name is what is free.
    let mut probe = Temporary::begin(dir, "clock")?;
    let file = probe.file();
    file.write_all(b"now").and_then(|()| file.sync_all()).and_then(|()| file.metadata()?.modified())
}

/// The numbers of a lock's files.
fn numbers(name: &Path) -> Result<Vec<u64>> {
    let (Some(dir), Some(name)) = (name.parent(), name.file_name()) else { return Ok(Vec::new()) };
    let mut numbers = Vec::new();
    for entry in fs::read_dir(dir)? {
        let file = entry?.file_name();
        let found =
            paths::stood_for(&file.to_string_lossy()).filter(|(lock, _)| name == *lock).map(|(_, number)| number);
        numbers.extend(found);
    }
    Ok(numbers)
}

fn highest(name: &Path) -> Result<Option<u64>> {
    Ok(numbers(name)?.into_iter().max())
}

fn remove_below(name: &Path, own: u64) -> Result<()> {
    for number in numbers(name)?.into_iter().filter(|number| *number < own) {
        match fs::remove_file(paths::stand_in(name, number)) {
            Err(e) if e.kind() != ErrorKind::NotFound => return Err(e),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The files of the lock and what they say, by their numbers.
    fn files(name: &Path) -> Vec<(u64, String)> {
        let text = |number| (number, fs::read_to_string(paths::stand_in(name, number)).unwrap());
        let mut files: Vec<_> = numbers(name).unwrap().into_iter().map(text).collect();
        files.sort();
        files
    }

    fn take(name: &Path) -> std::result::Result<Heartbeat, String> {
        Heartbeat::take(name, "a host").unwrap()
    }

    #[test]
    fn no_number_comes_twice() {
        let dir = tempfile::tempdir().unwrap();
        let name = dir.path().join("lock-manifest");
        for number in 1..4 {
            assert_eq!(Heartbeat::held(&name).unwrap(), None);
            let held = take(&name).unwrap();
            assert_eq!(files(&name), [(number, "a host".into())]);
            assert!(take(&name).unwrap_err().starts_with("a host (it wrote 0 s ago"));
            assert!(Heartbeat::held(&name).unwrap().is_some() && !held.is_lost());
            drop(held);
            assert_eq!(files(&name), [(number, FREE.into())], "free, and its number is used up");
        }
    }

    /// It listed the files when 1 was the highest number, and acts when 2 is held.
    #[test]
    fn a_slow_process_does_nothing_to_a_lock_that_is_held() {
        let dir = tempfile::tempdir().unwrap();
        let name = dir.path().join("lock-manifest");
        drop(take(&name).unwrap());
        drop(take(&name).unwrap());
        let held = take(&name).unwrap();
        let file = File::create_new(paths::stand_in(&name, 2)).unwrap();
        let slow = Heartbeat::start(&name, 2, file, "a host").unwrap();
        assert!(slow.is_lost() && !held.is_lost());
        remove_below(&name, 2).unwrap();
        drop(slow);
        assert!(take(&name).is_err() && !held.is_lost());
        drop(held);
        let held = take(&name).unwrap();
        assert_eq!((held.number, files(&name).len()), (4, 1), "what the slow one left is removed");
    }

    #[test]
    fn a_holder_that_was_taken_over_marks_nothing_of_the_next_one() {
        let dir = tempfile::tempdir().unwrap();
        let name = dir.path().join("lock-0-of-1");
        let asleep = take(&name).unwrap();
        let file = File::options().write(true).open(paths::stand_in(&name, 1)).unwrap();
        file.set_modified(SystemTime::now() - 2 * PATIENCE).unwrap();
        let held = take(&name).unwrap();
        assert!(asleep.is_lost());
        drop(asleep);
        assert_eq!(files(&name), [(2, "a host".into())]);
        assert!(!held.is_lost());
    }
}
