//! Progress of the cases on stderr, where that is a terminal.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::error::Result;
use crate::run::progress::left;
use crate::streams::one_line;
use crate::watch::Watch;

/// Between two looks at a case.
const PAUSE: Duration = Duration::from_millis(200);

/// Cases done, and what is done of the one that runs.
pub struct Progress<'a> {
    cases: usize,
    watch: &'a Watch,
    /// What the watch had been told before.
    before: f64,
    begun: Instant,
    /// Its position is the number of cases done.
    bar: ProgressBar,
}

impl Progress<'_> {
    /// Of so many cases on an adapter.
    pub fn new<'a>(adapter: &str, cases: usize, watch: &'a Watch) -> Progress<'a> {
        let style = ProgressStyle::with_template("{prefix}: {msg}").expect("the template is right");
        let bar = ProgressBar::new(cases as u64).with_prefix(one_line(adapter).into_owned()).with_style(style);
        Progress { cases, watch, before: watch.done(), begun: Instant::now(), bar }
    }

    /// What a case gives, which asks and tells the watch that it gets. It is asked before it begins.
    pub fn case<T>(&self, run: impl FnOnce(&Watch) -> Result<T>) -> Result<T> {
        self.watch.ask()?;
        let given = self.shown(|| run(&self.watch.share(1.0 / self.cases as f64)));
        self.bar.inc(1);
        // Whatever it told.
        self.watch.tell(self.bar.position() as f64 / self.cases as f64 - self.share());
        given
    }

    /// Runs it while a thread looks at what is done.
    fn shown<T>(&self, run: impl FnOnce() -> T) -> T {
        if self.bar.is_hidden() {
            return run();
        }
        let (ended, asked) = channel::<()>();
        let look = move || {
            while asked.recv_timeout(PAUSE) == Err(RecvTimeoutError::Timeout) {
                self.bar.set_message(self.line(self.share(), self.begun.elapsed()));
            }
        };
        thread::scope(|scope| {
            // Without a thread there is no progress.
            let _looks = thread::Builder::new().spawn_scoped(scope, look);
            let given = run();
            drop(ended);
            given
        })
    }

    /// Writes something else meanwhile.
    pub fn suspend<T>(&self, write: impl FnOnce() -> T) -> T {
        self.bar.suspend(write)
    }

    /// What is done of all cases.
    fn share(&self) -> f64 {
        self.watch.done() - self.before
    }

    fn line(&self, share: f64, elapsed: Duration) -> String {
        let (done, cases) = (self.bar.position(), self.cases);
        let of_next = (100.0 * (share * cases as f64 - done as f64)).clamp(0.0, 99.0).floor();
        format!("{done} of {cases} cases, {of_next:.0}% of the next, {}", left(share.clamp(0.0, 1.0), elapsed))
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    #[test]
    fn a_case_counts_by_what_it_tells_and_then_whole() {
        let watch = Watch::default();
        let progress = Progress::new("cpu", 4, &watch);
        let line = || progress.line(progress.share(), Duration::from_secs(30));
        progress.case(|_| Ok(())).unwrap();
        assert_eq!(line(), "1 of 4 cases, 0% of the next, 90 s left");
        let during = progress.case(|watch| {
            watch.tell(0.5);
            Ok(line())
        });
        assert_eq!(during.unwrap(), "1 of 4 cases, 50% of the next, 50 s left");
        assert_eq!(line(), "2 of 4 cases, 0% of the next, 30 s left");
        watch.stop();
        assert!(matches!(progress.case(|_| Ok(())), Err(Error::Incomplete(_))));
    }
}
