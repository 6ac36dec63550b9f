//! Work without the interpreter: other threads of Python go on meanwhile, signals and progress callbacks are served.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread::{self, Builder};
use std::time::{Duration, Instant};

use pyo3::prelude::*;

use super::errors::{exception, of_panic};
use super::lines::{Lines, heard};
use crate::error::{Error, known_of};
use crate::run::progress::seconds_left;
use crate::threads;
use crate::watch::Watch;

/// How long a signal may wait.
const TICK: Duration = Duration::from_millis(50);
/// A progress callback is called no more often.
const RATE: Duration = Duration::from_millis(200);

/// Does work that takes moments.
pub fn short<T: Send>(py: Python, work: impl FnOnce() -> anyhow::Result<T> + Send) -> PyResult<T> {
    let lines = Lines::default();
    let done = py.detach(|| {
        caught(|| {
            threads::started()?;
            heard(&lines, work)
        })
    });
    ended(py, done, lines.hand_over(py).err())
}

/// [`long`] of arrays that come piece by piece, on the threads that all such calls share: to start some takes longer than
/// a small array.
pub fn by_pieces<T: Send>(py: Python, work: impl FnOnce(&Watch) -> anyhow::Result<T> + Send) -> PyResult<T> {
    served(py, None, |watch, _| work(watch))
}

/// Does work that may take long, on a thread of its own. A signal as that of Ctrl-C, and an exception in `progress`, stop the
/// watch, and are raised when the work has ended. `progress` is called with what is finished, of how many, and the seconds
/// left or None; once more when all is done.
///
/// Its jobs have threads of their own too: those of all calls would be taken by the first one until it ends.
pub fn long<T: Send>(
    py: Python,
    progress: Option<&Bound<PyAny>>,
    work: impl FnOnce(&Watch) -> anyhow::Result<T> + Send,
) -> PyResult<T> {
    served(py, progress, |watch, lines| {
        let lines = lines.clone();
        threads::pool(move || lines.hear())?.install(|| work(watch))
    })
}

fn served<T: Send>(
    py: Python,
    progress: Option<&Bound<PyAny>>,
    work: impl FnOnce(&Watch, &Lines) -> anyhow::Result<T> + Send,
) -> PyResult<T> {
    let (watch, lines) = (Watch::default(), Lines::default());
    let (sender, mut receiver) = channel();
    let (mut raised, mut warned) = (None, None);
    let done = thread::scope(|scope| {
        let (own, told) = (watch.clone(), &lines);
        let all = move || {
            let done = caught(|| {
                threads::started()?;
                heard(told, || work(&own, told))
            });
            // Who receives it waits for it.
            let _ = sender.send(done);
        };
        Builder::new().spawn_scoped(scope, all).map_err(|error| threads::refused(&error))?;
        let mut meter = Meter::new(progress);
        loop {
            let receiver = &mut receiver;
            match py.detach(move || receiver.recv_timeout(TICK)) {
                Ok(done) => break done,
                Err(RecvTimeoutError::Disconnected) => break Err(of_panic(&"its thread ended")),
                Err(RecvTimeoutError::Timeout) => {}
            }
            // Handlers of signals run until the work has ended. Only the first exception counts.
            let signal = py.check_signals();
            keep_first(&mut warned, lines.hand_over(py));
            let is_open = raised.is_none() && warned.is_none();
            let told = signal.and_then(|()| if is_open { meter.tell(&watch) } else { Ok(()) });
            keep_first(&mut raised, told);
            if raised.is_some() || warned.is_some() {
                watch.stop();
            }
        }
    });
    keep_first(&mut warned, lines.hand_over(py));
    if let Some(raised) = raised {
        return Err(raised);
    }
    let done = ended(py, done, warned)?;
    let (_, all) = watch.counted();
    match progress {
        Some(progress) if all > 0 => progress.call1((all, all, 0.0)).map(|_| done),
        _ => Ok(done),
    }
}

fn caught<T>(work: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(of_panic(panic.as_ref())))
}

fn keep_first(kept: &mut Option<PyErr>, outcome: PyResult<()>) {
    if let Err(error) = outcome {
        kept.get_or_insert(error);
    }
}

/// What a call gives: its error, unless it ended early for the sake of a warning that a filter made an exception of.
fn ended<T>(py: Python, done: anyhow::Result<T>, warned: Option<PyErr>) -> PyResult<T> {
    match (done, warned) {
        (Ok(done), None) => Ok(done),
        (Ok(_), Some(warned)) => Err(warned),
        (Err(error), Some(warned)) if matches!(known_of(&error), Some(Error::Incomplete(_))) => Err(warned),
        (Err(error), warned) => {
            let error = exception(py, &error);
            if let Some(warned) = warned {
                error.value(py).setattr("__context__", warned.into_value(py))?;
            }
            Err(error)
        }
    }
}

/// Calls the callback at a bounded rate.
struct Meter<'a, 'py> {
    progress: Option<&'a Bound<'py, PyAny>>,
    /// When the first count came, and the share of the work that was done by then.
    begun: Option<(Instant, f64)>,
    told: Instant,
}

impl<'a, 'py> Meter<'a, 'py> {
    fn new(progress: Option<&'a Bound<'py, PyAny>>) -> Meter<'a, 'py> {
        Meter { progress, begun: None, told: Instant::now() }
    }

    fn tell(&mut self, watch: &Watch) -> PyResult<()> {
        let (finished, all) = watch.counted();
        let Some(progress) = self.progress.filter(|_| all > 0) else { return Ok(()) };
        let (since, before) = *self.begun.get_or_insert_with(|| (Instant::now(), watch.done()));
        if self.told.elapsed() < RATE {
            return Ok(());
        }
        self.told = Instant::now();
        let share = (watch.done() - before).clamp(0.0, 0.999);
        progress.call1((finished, all, seconds_left(share, since.elapsed()))).map(drop)
    }
}
