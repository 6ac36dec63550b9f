//! What calls tell, for `warnings` and `logging`: each hands over its own.

use std::cell::RefCell;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::prelude::*;

/// The lines of one call, until the interpreter is there.
#[derive(Clone, Default)]
pub struct Lines(Arc<Mutex<Vec<String>>>);

/// Those of the calls that run. A thread that a call starts, as for a device, is not known to be its own: what it tells
/// goes to the last call begun.
static RUNNING: Mutex<Vec<Lines>> = Mutex::new(Vec::new());

thread_local! {
    /// Those of the call whose work this thread does.
    static OWN: RefCell<Option<Lines>> = const { RefCell::new(None) };
}

/// Keeps a message for the call that it is of. Where none runs nobody asks for it.
pub fn keep(line: String) {
    let own = OWN.with_borrow(Clone::clone).or_else(|| locked(&RUNNING).last().cloned());
    if let Some(lines) = own {
        locked(&lines.0).push(line);
    }
}

/// Does a call's work, on the thread that calls.
pub fn heard<T>(lines: &Lines, work: impl FnOnce() -> T) -> T {
    let _running = Running::begin(lines);
    work()
}

impl Lines {
    /// Makes all later messages of this thread the call's, as of a thread that does work for it alone.
    pub fn hear(&self) {
        OWN.set(Some(self.clone()));
    }

    /// Hands the messages over, all of them.
    ///
    /// # Errors
    /// The first exception that a filter of `warnings` made of one.
    pub fn hand_over(&self, py: Python) -> PyResult<()> {
        let lines = std::mem::take(&mut *locked(&self.0));
        if lines.is_empty() {
            return Ok(());
        }
        let tell = py.import("roundlaw.errors")?.getattr("tell")?;
        let mut all = Ok(());
        for line in lines {
            all = all.and(tell.call1((line,)).map(drop));
        }
        all
    }
}

/// A call that runs; it is left out of them also where its work panics.
struct Running {
    lines: Lines,
    before: Option<Lines>,
}

impl Running {
    fn begin(lines: &Lines) -> Running {
        locked(&RUNNING).push(lines.clone());
        Running { lines: lines.clone(), before: OWN.replace(Some(lines.clone())) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        OWN.set(self.before.take());
        locked(&RUNNING).retain(|lines| !Arc::ptr_eq(&lines.0, &self.lines.0));
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
