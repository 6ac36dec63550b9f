//! After which samples rows are due: decided here alone, for the cells and for the trajectories that serve them.

use super::{Plan, Prefix, Trajectory};
use crate::config::{Checkpoints, Output, Train};

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

/// Samples behind which the tail of a run begins: the first floor(T/2) updates of T.
pub fn tail_start(batch: u32, samples: u64) -> u64 {
    samples / u64::from(batch) / 2 * u64::from(batch)
}

/// The states of a trajectory that are kept are those that the rows of its cells are made of, each once: of a tail the
/// sum of all iterates and of those before it.
pub(super) fn union_due(train: &Train, batch: u32, cells: &[Prefix]) -> Vec<u64> {
    let mut due: Vec<u64> = cells.iter().flat_map(|prefix| rows_due(train, batch, prefix.samples)).collect();
    if train.outputs.contains(&Output::Tail) {
        due.extend(cells.iter().map(|prefix| tail_start(batch, prefix.samples)).filter(|start| *start > 0));
    }
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

    /// The rows of that run: samples seen, ascending, and output.
    #[doc(hidden)]
    pub fn places(&self, trajectory: &Trajectory, samples: u64) -> impl Iterator<Item = (u64, Output)> {
        let of = move |seen| {
            let outputs = self.config.train.outputs.iter().copied();
            outputs.filter(move |output| output.is_due(seen, samples)).map(move |output| (seen, output))
        };
        self.rows_due(trajectory, samples).into_iter().flat_map(of)
    }

    /// Rows of one seed index of a trajectory.
    #[doc(hidden)]
    pub fn rows_of(&self, trajectory: &Trajectory) -> usize {
        let of_cell = |prefix: &Prefix| {
            let before = self.rows_due(trajectory, prefix.samples).len() - 1;
            let outputs = &self.config.train.outputs;
            before * outputs.iter().filter(|output| output.is_due(0, prefix.samples)).count() + outputs.len()
        };
        trajectory.cells.iter().map(of_cell).sum()
    }
}
