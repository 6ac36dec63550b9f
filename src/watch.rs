//! What a long computation asks and tells meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::error::{Error, Result};

/// Whether a long computation is to end early, and how much of its work is done. All clones of it, and what
/// [`Watch::share`] and [`Watch::branch`] make of it, are of the same computation.
///
/// # Examples
/// ```
/// use roundlaw::Watch;
///
/// let watch = Watch::default();
/// let half = watch.share(0.5);
/// half.tell(0.5);
/// assert_eq!(watch.done(), 0.25);
/// assert!(half.ask().is_ok());
/// watch.stop();
/// assert_eq!(half.ask().unwrap_err().exit_code(), roundlaw::exit::INCOMPLETE);
/// ```
#[derive(Clone, Debug)]
pub struct Watch {
    /// Any of them ends it; the last one is its own.
    stops: Vec<Arc<AtomicBool>>,
    /// Bits of an f64.
    done: Arc<AtomicU64>,
    /// Things done, of all.
    counted: Arc<[AtomicU64; 2]>,
    /// What a told share counts for.
    weight: f64,
}

impl Default for Watch {
    fn default() -> Watch {
        Watch { stops: vec![Arc::default()], done: Arc::default(), counted: Arc::default(), weight: 1.0 }
    }
}

impl Watch {
    /// Asks the computation to end. What it has finished is kept where its description says so.
    pub fn stop(&self) {
        if let Some(own) = self.stops.last() {
            own.store(true, Ordering::Relaxed);
        }
    }

    /// Whether it is asked to end.
    pub fn is_stopped(&self) -> bool {
        self.stops.iter().any(|stop| stop.load(Ordering::Relaxed))
    }

    /// [`Error::Incomplete`] where the computation is to end. Asked about every tenth of a second or more often.
    pub fn ask(&self) -> Result<()> {
        match self.is_stopped() {
            true => Err(Error::Incomplete("stopped".into())),
            false => Ok(()),
        }
    }

    /// `share` of the work is done, all of it being 1.
    pub fn tell(&self, share: f64) {
        let add = |done| Some((f64::from_bits(done) + self.weight * share).to_bits());
        // The closure always gives a value.
        let _ = self.done.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }

    /// [`Watch::tell`], then [`Watch::ask`].
    pub fn step(&self, share: f64) -> Result<()> {
        self.tell(share);
        self.ask()
    }

    /// What was told so far, in units of the whole.
    pub fn done(&self) -> f64 {
        f64::from_bits(self.done.load(Ordering::Relaxed))
    }

    /// So many runs, or whatever the computation counts, are finished, of `all`.
    pub fn count(&self, finished: u64, all: u64) {
        self.counted[0].store(finished, Ordering::Relaxed);
        self.counted[1].store(all, Ordering::Relaxed);
    }

    /// How many are finished, of how many; nothing of nothing before anything is counted.
    pub fn counted(&self) -> (u64, u64) {
        let [finished, all] = self.counted.each_ref().map(|count| count.load(Ordering::Relaxed));
        (finished, all)
    }

    /// For a part of the computation that is `weight` of its work, and tells shares of its own.
    pub fn share(&self, weight: f64) -> Watch {
        Watch { weight: self.weight * weight, ..self.clone() }
    }

    /// For a part that ends with the whole, and whose own [`Watch::stop`] leaves the rest going on.
    pub fn branch(&self) -> Watch {
        let mut branch = self.clone();
        branch.stops.push(Arc::default());
        branch
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_branch_ends_alone_or_with_the_whole() {
        let whole = Watch::default();
        let (branch, other) = (whole.branch(), whole.branch());
        branch.share(0.1).stop();
        assert!(branch.is_stopped() && branch.clone().is_stopped(), "a share stops what it is a share of");
        assert!(!whole.is_stopped() && !other.is_stopped());
        whole.stop();
        assert!(other.is_stopped() && other.step(1.0).is_err());
    }

    #[test]
    fn shares_of_all_parts_come_to_the_whole() {
        let watch = Watch::default();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                let part = watch.share(0.25);
                scope.spawn(move || (0..1024).for_each(|_| part.tell(1.0 / 1024.0)));
            }
        });
        assert_eq!(watch.done(), 1.0);
    }
}
