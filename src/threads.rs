//! The threads of all computations.

use std::fmt::Display;
use std::sync::{Mutex, PoisonError};
use std::thread::{self, Builder, ScopedJoinHandle, available_parallelism};

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::error::{Error, Result};

/// More threads than this many times the cores are a mistake.
const MOST_PER_CORE: usize = 4;
/// The variable that sets their number.
const VARIABLE: &str = "RAYON_NUM_THREADS";

/// How many threads compute: as many as there are cores that this process may use, by its affinity and the quota of its
/// control group, or as many as RAYON_NUM_THREADS says.
///
/// # Errors
/// [`Error::Input`] for a RAYON_NUM_THREADS that is no number, or too large.
pub fn number() -> Result<usize> {
    let cores = available_parallelism().map_or(1, usize::from);
    let wanted = std::env::var_os(VARIABLE).map_or(String::new(), |text| text.to_string_lossy().into_owned());
    count(&wanted, cores)
}

/// Starts the threads of all computations, before any of them begins. Commands that compute nothing do not call it, and
/// meet none of its errors.
///
/// # Errors
/// Those of [`number`], and [`Error::Other`] where the threads cannot be started.
pub fn start() -> Result<()> {
    let threads = number()?;
    ThreadPoolBuilder::new()
        .num_threads(threads)
        .build_global()
        .map_err(|error| refused(&format!("{threads} threads: {error}")))
}

/// [`start`] in a process that may have started them before, as that of an interpreter.
///
/// # Errors
/// Those of [`start`], and [`Error::Input`] in a process that was forked from the one that started them: threads do not go
/// along.
pub fn started() -> Result<()> {
    static STARTED: Mutex<Option<u32>> = Mutex::new(None);
    let mut started = STARTED.lock().unwrap_or_else(PoisonError::into_inner);
    match (*started, std::process::id()) {
        (Some(by), own) if by != own => Err(Error::Input(format!(
            "this process was forked from process {by}, whose threads did not go along: start it anew, as \
             multiprocessing does with \"spawn\""
        ))),
        (Some(_), _) => Ok(()),
        (None, own) => start().map(|()| *started = Some(own)),
    }
}

/// [`start`] for commands that threads only make faster: where there are none, this thread does all by itself.
pub fn start_or_alone() {
    if start().is_err() {
        // With this thread as its only one, a pool starts none; whatever is asked of rayon here is then asked of it.
        let _ = ThreadPoolBuilder::new().num_threads(1).use_current_thread().build();
    }
}

/// As many threads as the caller's jobs have, for other jobs alone; each does `begin` first.
///
/// # Errors
/// [`Error::Other`] where the threads cannot be started.
pub fn pool(begin: impl Fn() + Send + Sync + 'static) -> Result<ThreadPool> {
    let threads = ThreadPoolBuilder::new().num_threads(rayon::current_num_threads()).start_handler(move |_| begin());
    threads.build().map_err(|error| refused(&error))
}

/// A [`pool`] for a loop whose caller is itself one of a pool: all of that may be waiting for such loops.
///
/// # Errors
/// Those of [`pool`].
pub fn own_pool() -> Result<Option<ThreadPool>> {
    rayon::current_thread_index().map(|_| pool(|| ())).transpose()
}

/// How many threads to start for what the variable holds.
fn count(wanted: &str, cores: usize) -> Result<usize> {
    let most = MOST_PER_CORE * cores;
    match wanted.trim().parse() {
        _ if wanted.trim().is_empty() => Ok(cores),
        Ok(0) => Ok(cores),
        Ok(threads) if threads <= most => Ok(threads),
        _ => Err(Error::Input(format!(
            "{VARIABLE} = {wanted:?}: allowed is a number up to {most}, {MOST_PER_CORE} times the {cores} cores, or 0 for one \
             thread per core"
        ))),
    }
}

/// The error of threads that the system does not start.
pub fn refused(reason: &dyn Display) -> Error {
    Error::Other(format!(
        "the system does not start a thread ({reason}): fewer of them by {VARIABLE}, or higher limits of processes \
         (ulimit -u) and memory (ulimit -v), may help"
    ))
}

/// What `work` makes of each item, on a thread of its own: for work that waits for something else than a core.
pub fn side_by_side<T: Send, R: Send>(
    items: impl IntoIterator<Item = T>,
    work: impl Fn(T) -> Result<R> + Sync,
) -> Vec<Result<R>> {
    let work = &work;
    thread::scope(|scope| {
        let spawn = |item| Builder::new().spawn_scoped(scope, move || work(item)).map_err(|error| refused(&error));
        let running: Vec<_> = items.into_iter().map(spawn).collect();
        let joined = |thread: Result<ScopedJoinHandle<Result<R>>>| {
            thread?.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        running.into_iter().map(joined).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::count;

    #[test]
    fn the_number_of_threads_is_what_is_asked_for_or_the_cores() {
        for (wanted, threads) in [("", 6), ("0", 6), (" 3 ", 3), ("1", 1), ("24", 24)] {
            assert_eq!(count(wanted, 6).ok(), Some(threads), "{wanted:?}");
        }
        for wanted in ["abc", "-1", "2.5", "25", "100000", "99999999999999999999"] {
            let error = count(wanted, 6).expect_err("is refused");
            assert_eq!(error.exit_code(), crate::exit::INPUT);
            let text = error.to_string();
            assert!(text.contains(&format!("RAYON_NUM_THREADS = {wanted:?}")) && text.contains("up to 24"), "{text}");
        }
    }
}
