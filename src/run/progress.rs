//! Progress on stderr: a bar on a terminal, else one line per 30 seconds.

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::streams::tell;

const SILENCE: Duration = Duration::from_secs(30);

/// Counts runs done of a total.
pub struct Progress {
    bar: Option<ProgressBar>,
    counts: Arc<[AtomicU64; 2]>,
    /// Dropping it ends the thread that writes the lines.
    _speaker: Option<Sender<()>>,
}

impl Progress {
    pub fn new(total: u64) -> Progress {
        let counts: Arc<[AtomicU64; 2]> = Arc::default();
        let terminal = std::io::stderr().is_terminal();
        let bar = (terminal && total > 0).then(|| {
            let bar = ProgressBar::new(total);
            let template = "{bar:30} {pos}/{len} runs  {per_sec}  {msg}  {eta} left";
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(250));
            bar
        });
        let _speaker = (!terminal).then(|| speak(total, counts.clone()));
        Progress { bar, counts, _speaker }
    }

    /// `done` runs are finished, `checked` of them confirmed by the reference.
    pub fn update(&self, done: u64, checked: u64) {
        self.counts[0].store(done, Ordering::Relaxed);
        self.counts[1].store(checked, Ordering::Relaxed);
        if let Some(bar) = &self.bar {
            bar.set_message(format!("{checked} checked"));
            bar.set_position(done);
        }
    }

    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// One line per 30 seconds until the sender is dropped.
fn speak(total: u64, counts: Arc<[AtomicU64; 2]>) -> Sender<()> {
    let (sender, receiver) = channel::<()>();
    let started = Instant::now();
    std::thread::spawn(move || {
        while receiver.recv_timeout(SILENCE) == Err(RecvTimeoutError::Timeout) {
            let [done, checked] = [0, 1].map(|i| counts[i].load(Ordering::Relaxed));
            let rate = done as f64 / started.elapsed().as_secs_f64();
            let left = match done {
                0 => "unknown time".to_string(),
                _ => format!("{:.0} s", (total - done) as f64 / rate),
            };
            tell(&format!("{done} of {total} runs, {rate:.1} runs/s, {checked} checked, {left} left"));
        }
    });
    sender
}
