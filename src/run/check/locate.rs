//! The first update that differs.

use crate::error::Result;
use crate::plan::{Cohort, Difference, Plan, Trajectory, first_difference};
use crate::reference;
use crate::run::adapter::Adapter;
use crate::watch::Watch;

/// Rows per pass of the search for the first differing update.
const PROBES: u64 = 32;

/// The first update between two numbers of samples whose result differs, found by running the trajectory alone
/// with more and more closely spaced rows.
pub fn locate(
    plan: &Plan,
    cohort: Cohort,
    trajectory: usize,
    (mut low, mut high): (u64, u64),
    adapter: &dyn Adapter,
    watch: &Watch,
) -> Result<Option<(u64, Difference)>> {
    let full = &plan.points[cohort.point].trajectories[trajectory];
    let batch = u64::from(full.batch);
    loop {
        let stride = ((high - low) / batch).div_ceil(PROBES).max(1) * batch;
        let mut rows: Vec<u64> = (low + stride..high).step_by(stride as usize).collect();
        rows.push(high);
        let mut alone = plan.clone();
        let point = &mut alone.points[cohort.point];
        point.samples = high;
        point.trajectories = vec![Trajectory { rows, samples: high, ..full.clone() }];
        let expected = reference::cohort(&alone, cohort, None, watch)?;
        // Where no list of rows comes back, every row is missing.
        let actual = adapter.execute(&alone, &[cohort], watch)?.pop().unwrap_or_default();
        let first = first_difference(&expected, &actual).map(|(index, difference)| (expected[index].seen, difference));
        let Some((seen, difference)) = first else { return Ok(None) };
        let below = expected.iter().rev().find(|row| row.seen < seen).map_or(low, |row| row.seen);
        if seen - below <= batch {
            return Ok(Some((seen / batch - 1, difference)));
        }
        (low, high) = (below, seen);
    }
}
