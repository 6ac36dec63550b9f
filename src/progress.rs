//! Progress on stderr: a bar on a terminal, else one line per 30 seconds.

use std::cell::Cell;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

const SILENCE: Duration = Duration::from_secs(30);

/// Counts runs done of a total.
pub struct Progress {
    bar: Option<ProgressBar>,
    total: u64,
    started: Instant,
    spoken: Cell<Instant>,
}

impl Progress {
    pub fn new(total: u64) -> Progress {
        let bar = (std::io::stderr().is_terminal() && total > 0).then(|| {
            let bar = ProgressBar::new(total);
            let template = "{bar:30} {pos}/{len} runs  {per_sec}  {msg}  {eta} left";
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(250));
            bar
        });
        Progress { bar, total, started: Instant::now(), spoken: Cell::new(Instant::now()) }
    }

    /// `done` runs are finished, `checked` of them confirmed by the reference.
    pub fn update(&self, done: u64, checked: u64) {
        if let Some(bar) = &self.bar {
            bar.set_message(format!("{checked} checked"));
            bar.set_position(done);
        } else if self.spoken.get().elapsed() >= SILENCE {
            self.spoken.set(Instant::now());
            let rate = done as f64 / self.started.elapsed().as_secs_f64();
            let left = (self.total - done) as f64 / rate;
            eprintln!("{done} of {} runs, {rate:.1} runs/s, {checked} checked, {left:.0} s left", self.total);
        }
    }

    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
