//! After which samples rows are due: decided here alone, for the cells and for the trajectories that serve them.

use super::{Plan, Prefix, Trajectory};
use crate::config::{Checkpoints, Train};

/// Samples after which a run of N = `samples` in batches of `batch` has rows, ascending: at the checkpoints before its
/// end, and at its end.
pub(super) fn rows_due(train: &Train, batch: u32, samples: u64) -> Vec<u64> {
    let mut due = match &train.checkpoints {
        Checkpoints::At(points) => points.iter().copied().filter(|&seen| seen < samples).collect(),
        Checkpoints::Log2 => {
            let powers = std::iter::successors(Some(u64::from(batch)), |seen| seen.checked_mul(2));
            powers.take_while(|&seen| seen < samples).collect::<Vec<u64>>()
        }
    };
    due.push(samples);
    due.sort_unstable();
    due
}

/// The rows of a trajectory are those of its cells, each once.
pub(super) fn union_due(train: &Train, batch: u32, cells: &[Prefix]) -> Vec<u64> {
    let mut due: Vec<u64> = cells.iter().flat_map(|prefix| rows_due(train, batch, prefix.samples)).collect();
    due.sort_unstable();
    due.dedup();
    due
}

impl Plan {
    /// Samples after which the run of N = `samples` that a trajectory serves has rows, ascending.
    #[doc(hidden)]
    pub fn rows_due(&self, trajectory: &Trajectory, samples: u64) -> Vec<u64> {
        rows_due(&self.config.train, trajectory.batch, samples)
    }
}
