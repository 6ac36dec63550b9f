//! Signals that ask a long command to end.

#[cfg(not(unix))]
use std::io;
use std::path::Path;
use std::process;
use std::time::{Duration, Instant};

use crate::error::{Error, Result, exit};
use crate::os;
use crate::streams::tell;
use crate::threads;
use crate::watch::Watch;

/// What comes within this time of the first signal is the same request: a terminal, a shell and a batch system may each
/// pass it on.
const SAME: Duration = Duration::from_secs(1);

/// What an error names, as no file does.
const HANDLER: &str = "the handler of Ctrl-C";

/// A watch that Ctrl-C, SIGTERM and SIGHUP stop; another one, later than a second after the first, ends the process at once
/// with the status of incomplete work. A signal that the process was started to ignore, as by nohup, stays ignored.
///
/// # Errors
/// [`Error::Io`] where signals cannot be handled, [`Error::Other`] where no thread can be started for them.
pub fn watched() -> Result<Watch> {
    let watch = Watch::default();
    let asked = watch.clone();
    let mut requests = Requests::default();
    on_signal(move || match requests.next(Instant::now()) {
        Request::Stop => {
            asked.stop();
            tell("stopping (again to stop at once)");
        }
        Request::Same => {}
        Request::StopAtOnce => process::exit(exit::INCOMPLETE.into()),
    })?;
    Ok(watch)
}

/// What signals have asked for.
#[derive(Default)]
struct Requests {
    first: Option<Instant>,
}

#[derive(Debug, PartialEq)]
enum Request {
    Stop,
    Same,
    StopAtOnce,
}

impl Requests {
    fn next(&mut self, now: Instant) -> Request {
        match self.first {
            None => {
                self.first = Some(now);
                Request::Stop
            }
            Some(first) if now - first < SAME => Request::Same,
            Some(_) => Request::StopAtOnce,
        }
    }
}

/// Calls `asked`, on a thread of its own, for each signal.
#[cfg(unix)]
fn on_signal(mut asked: impl FnMut() + Send + 'static) -> Result<()> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    use signal_hook::iterator::Signals;

    let handled = [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|&signal| !os::is_ignored(signal));
    let mut signals = Signals::new(handled).map_err(Error::io(Path::new(HANDLER)))?;
    let wait = move || signals.forever().for_each(|_| asked());
    std::thread::Builder::new().name("signals".into()).spawn(wait).map_err(|error| threads::refused(&error))?;
    Ok(())
}

/// Calls `asked` for each Ctrl-C or Ctrl-Break.
#[cfg(not(unix))]
fn on_signal(asked: impl FnMut() + Send + 'static) -> Result<()> {
    ctrlc::set_handler(asked).map_err(io::Error::other).map_err(Error::io(Path::new(HANDLER)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_within_a_second_are_one_request() {
        let (mut requests, begun) = (Requests::default(), Instant::now());
        let mut after = |milliseconds| requests.next(begun + Duration::from_millis(milliseconds));
        assert_eq!(after(0), Request::Stop);
        assert_eq!([after(5), after(999)], [Request::Same, Request::Same]);
        assert_eq!(after(1000), Request::StopAtOnce);
    }
}
