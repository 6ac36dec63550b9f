//! Progress on stderr: a bar on a terminal, else one line per 30 seconds. Where stderr is another program's the watch alone
//! is told.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::streams::{has_listener, tell};
use crate::watch::Watch;

const SILENCE: Duration = Duration::from_secs(30);
/// Length of the bar: finer than it shows.
const STEPS: u64 = 1000;

/// Runs, cohorts and work done, of totals.
pub struct Progress<'a> {
    /// What is counted, as runs.
    noun: &'static str,
    runs: u64,
    cohorts: usize,
    watch: &'a Watch,
    /// What the watch had been told before.
    before: f64,
    begun: Instant,
    spoken: Instant,
    /// On a terminal.
    bar: Option<ProgressBar>,
}

impl Progress<'_> {
    /// Of so many runs, or what `noun` says, and cohorts, whose work the watch is told of.
    pub fn new<'a>(noun: &'static str, runs: u64, cohorts: usize, watch: &'a Watch) -> Progress<'a> {
        watch.count(0, runs);
        let bar = (!has_listener() && std::io::stderr().is_terminal() && runs > 0).then(|| {
            let bar = ProgressBar::new(STEPS);
            if let Ok(style) = ProgressStyle::with_template("{bar:30} {msg}") {
                bar.set_style(style);
            }
            bar
        });
        let begun = Instant::now();
        Progress { noun, runs, cohorts, watch, before: watch.done(), begun, spoken: begun, bar }
    }

    /// Called often, with what is finished.
    pub fn update(&mut self, runs: u64, cohorts: usize) {
        self.watch.count(runs, self.runs);
        let share = self.watch.done() - self.before;
        let line = || self.line(runs, cohorts, share, self.begun.elapsed());
        if let Some(bar) = &self.bar {
            bar.set_message(line());
            bar.set_position((share * STEPS as f64) as u64);
        } else if !has_listener() && self.spoken.elapsed() >= SILENCE {
            tell(&line());
            self.spoken = Instant::now();
        }
    }

    /// Of work that is redone, as after a lost device, `share` may exceed 1.
    fn line(&self, runs: u64, cohorts: usize, share: f64, elapsed: Duration) -> String {
        let done = format!("{runs} of {} {} ({cohorts} of {} cohorts)", self.runs, self.noun, self.cohorts);
        let share = share.clamp(0.0, 0.999);
        format!("{done}, {:.0}% of the work, {}", (100.0 * share).floor(), left(share, elapsed))
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// The time left of work of which that share took so long.
pub fn left(share: f64, elapsed: Duration) -> String {
    seconds_left(share, elapsed).map_or("time left unknown".into(), |seconds| format!("{} left", time(seconds)))
}

/// [`left`] in seconds, where it can be told.
pub fn seconds_left(share: f64, elapsed: Duration) -> Option<f64> {
    (share > 0.0).then(|| elapsed.as_secs_f64() * (1.0 - share) / share)
}

/// Seconds in a unit that suits them.
fn time(seconds: f64) -> String {
    match seconds {
        ..120.0 => format!("{seconds:.0} s"),
        ..7200.0 => format!("{:.0} min", seconds / 60.0),
        _ => format!("{:.1} h", seconds / 3600.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_cohort_counts_by_its_work() {
        let watch = Watch::default();
        watch.tell(0.5);
        let progress = Progress::new("runs", 800, 16, &watch);
        let line = |share, seconds| progress.line(12, 3, share, Duration::from_secs(seconds));
        assert_eq!(line(0.4, 60), "12 of 800 runs (3 of 16 cohorts), 40% of the work, 90 s left");
        assert_eq!(line(0.0, 60), "12 of 800 runs (3 of 16 cohorts), 0% of the work, time left unknown");
        assert!(line(1.2, 60).contains("99% of the work, 0 s left"), "{}", line(1.2, 60));
        assert!(line(0.01, 600).ends_with("16.5 h left"), "{}", line(0.01, 600));
    }
}
