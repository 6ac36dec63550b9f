//! A plan of some of the work of another one.

use std::collections::BTreeSet;

use super::due::union_due;
use super::{Plan, ProblemPoint, Trajectory};

impl Plan {
    /// The first `updates` updates of those trajectories that `wanted` wants, of problem points by number; of several
    /// phases as many of each, where it has them, one after the other.
    #[doc(hidden)]
    pub fn prefix(&self, updates: u64, mut wanted: impl FnMut(usize, &Trajectory) -> bool) -> Plan {
        let mut plan = self.clone();
        for (point, ProblemPoint { trajectories, samples: longest, .. }) in plan.points.iter_mut().enumerate() {
            trajectories.retain_mut(|trajectory| {
                let length = updates * u64::from(trajectory.batch);
                trajectory.samples = trajectory.samples.min(trajectory.phases.len() as u64 * length);
                for (number, phase) in (0..).zip(&mut trajectory.phases) {
                    phase.from = phase.from.min(number * length);
                }
                trajectory.rows = vec![trajectory.samples];
                wanted(point, trajectory)
            });
            *longest = trajectories.iter().map(|trajectory| trajectory.samples).max().unwrap_or(0);
        }
        plan
    }

    /// What these cells of a problem point need, and nothing else: trajectories that serve none of them are left out, the
    /// others end where the last of them does. Cells keep their numbers, and runs their ids and bits.
    #[doc(hidden)]
    pub fn restricted(&self, point: usize, cells: &BTreeSet<u64>) -> Plan {
        let mut plan = self.clone();
        let ProblemPoint { trajectories, samples, .. } = &mut plan.points[point];
        trajectories.retain_mut(|trajectory| {
            trajectory.cells.retain(|prefix| cells.contains(&prefix.cell));
            trajectory.samples = trajectory.cells.last().map_or(0, |longest| longest.samples);
            trajectory.rows = union_due(&self.config.train, trajectory.batch, &trajectory.cells);
            !trajectory.cells.is_empty()
        });
        *samples = trajectories.iter().map(|trajectory| trajectory.samples).max().unwrap_or(0);
        plan
    }
}
