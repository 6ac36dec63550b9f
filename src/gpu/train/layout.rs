//! How the lanes of a workgroup share runs: how many lanes a run has, and how they exchange what they found.

use crate::gpu::slice::LANES;
use crate::plan::{Plan, Trajectory};

/// What a run's lanes exchange in every update - sums, the largest magnitudes of blocks, whether it diverged - goes
/// through workgroup memory or through shuffles within a subgroup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Exchange {
    Barrier,
    Shuffle,
}

impl Exchange {
    /// Its file among the shaders.
    pub fn part(self) -> &'static str {
        match self {
            Exchange::Barrier => "by_barrier",
            Exchange::Shuffle => "by_shuffle",
        }
    }
}

/// The layout of a pipeline of train.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Layout {
    /// Lanes of a run: a power of two up to 32.
    pub width: u32,
    pub exchange: Exchange,
}

/// Rows of (largest model, fewest runs on the device at once, lanes of a run, whether shuffles pay), the first that
/// holds. Measured on an NVIDIA H200 with forms of the kernel that gave the same bits; the last one is for all else.
const TABLE: [(u32, u64, u32, bool); 6] = [
    (8, 0, 2, true),
    (16, 0, 4, true),
    (64, 0, 8, true),
    (128, 4096, 8, true),
    (u32::MAX, 4096, LANES, true),
    (u32::MAX, 0, LANES, false),
];

impl Layout {
    /// That of runs whose pipeline is not their own, and of batches: their samples are for all lanes of a workgroup.
    pub const fn of_all() -> Layout {
        Layout { width: LANES, exchange: Exchange::Barrier }
    }

    /// That of a trajectory of a plan; `subgroup` is the size of all subgroups, where a device has shuffles and one size.
    /// Runs at once are taken to be one for each seed and step size, as where a device holds all: a pipeline serves every
    /// launch of the plan, and its proof, of whatever size.
    pub fn of(plan: &Plan, t: &Trajectory, subgroup: Option<u32>) -> Layout {
        let runs = u64::from(plan.config.sweep.seeds) * plan.config.train.step_sizes.len() as u64;
        Layout::of_runs(t.model, t.batch, runs, subgroup)
    }

    fn of_runs(model: u32, batch: u32, runs: u64, subgroup: Option<u32>) -> Layout {
        if batch > 1 {
            return Layout::of_all();
        }
        let row = TABLE.iter().find(|(largest, fewest, ..)| model <= *largest && runs >= *fewest);
        let &(_, _, width, pays) = row.expect("the last row holds for all");
        let shuffles = pays && subgroup.is_some_and(|size| size.is_multiple_of(width));
        Layout { width, exchange: if shuffles { Exchange::Shuffle } else { Exchange::Barrier } }
    }

    /// Runs of a workgroup.
    pub fn pack(&self) -> u32 {
        LANES / self.width
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_runs_of_large_models_have_all_lanes_and_many_of_small_ones_few() {
        let layout = |model, batch, runs, subgroup| {
            let Layout { width, exchange } = Layout::of_runs(model, batch, runs, subgroup);
            (width, exchange)
        };
        use Exchange::{Barrier, Shuffle};
        assert_eq!(layout(8, 1, 16, Some(32)), (2, Shuffle));
        assert_eq!(layout(9, 1, 16, Some(32)), (4, Shuffle));
        assert_eq!(layout(17, 1, 1 << 20, Some(4)), (8, Barrier), "a subgroup has fewer lanes than a run");
        assert_eq!(layout(64, 1, 16, None), (8, Barrier));
        assert_eq!(layout(128, 1, 4095, Some(32)), (32, Barrier));
        assert_eq!(layout(128, 1, 4096, Some(64)), (8, Shuffle));
        assert_eq!(layout(512, 1, 16_384, Some(32)), (32, Shuffle));
        assert_eq!(layout(512, 1, 256, Some(32)), (32, Barrier));
        assert_eq!(layout(16, 2, 1 << 20, Some(32)), (32, Barrier), "a batch's samples take all lanes");
    }
}
