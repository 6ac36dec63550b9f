//! Work without the interpreter: other threads of Python go on meanwhile, signals and progress callbacks are served.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, Builder};
use std::time::{Duration, Instant};

use pyo3::prelude::*;

use super::errors::{exception, of_panic};
use crate::run::progress::seconds_left;
use crate::threads;
use crate::watch::Watch;

/// How long a signal may wait.
const TICK: Duration = Duration::from_millis(50);
/// A progress callback is called no more often.
const RATE: Duration = Duration::from_millis(200);

/// What was told meanwhile, for `warnings` and `logging`.
static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Keeps a message until the interpreter is there.
pub fn keep(line: String) {
    LINES.lock().unwrap_or_else(PoisonError::into_inner).push(line);
}

/// Hands the messages over. A filter of `warnings` may make an exception of one.
fn hand_over(py: Python) -> PyResult<()> {
    let lines = std::mem::take(&mut *LINES.lock().unwrap_or_else(PoisonError::into_inner));
    if lines.is_empty() {
        return Ok(());
    }
    let tell = py.import("roundlaw.errors")?.getattr("tell")?;
    lines.into_iter().try_for_each(|line| tell.call1((line,)).map(drop))
}

/// Does work that takes moments.
pub fn short<T: Send>(py: Python, work: impl FnOnce() -> anyhow::Result<T> + Send) -> PyResult<T> {
    let done = py.detach(|| {
        catch_unwind(AssertUnwindSafe(|| threads::started().map_err(Into::into).and_then(|()| work())))
            .unwrap_or_else(|panic| Err(of_panic(panic.as_ref())))
    });
    let done = done.map_err(|error| exception(py, &error));
    hand_over(py).and(done)
}

/// Does work that may take long, on a thread of its own. A signal as that of Ctrl-C, and an exception in `progress`, stop the
/// watch, and are raised when the work has ended. `progress` is called with what is finished, of how many, and the seconds
/// left or None; once more when all is done.
pub fn long<T: Send>(
    py: Python,
    progress: Option<&Bound<PyAny>>,
    work: impl FnOnce(&Watch) -> anyhow::Result<T> + Send,
) -> PyResult<T> {
    let watch = Watch::default();
    let (sender, mut receiver) = channel();
    let (own, mut raised) = (watch.clone(), None);
    let done = thread::scope(|scope| {
        let all = move || {
            let done = catch_unwind(AssertUnwindSafe(|| {
                threads::started()?;
                work(&own)
            }));
            // Who receives it waits for it.
            let _ = sender.send(done.unwrap_or_else(|panic| Err(of_panic(panic.as_ref()))));
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
            if raised.is_none() {
                let served = py.check_signals().and_then(|()| hand_over(py)).and_then(|()| meter.tell(&watch));
                raised = served.err();
                raised.iter().for_each(|_| watch.stop());
            }
        }
    });
    if let Some(raised) = raised {
        return Err(raised);
    }
    let done = done.map_err(|error| exception(py, &error));
    hand_over(py)?;
    let done = done?;
    let (_, all) = watch.counted();
    match progress {
        Some(progress) if all > 0 => progress.call1((all, all, 0.0)).map(|_| done),
        _ => Ok(done),
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
