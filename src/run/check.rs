//! Confirms an adapter's rows against the scalar reference, and finds the first update that differs.

use std::path::Path;

use serde::Serialize;

use super::adapter::Adapter;
use crate::cpu::clean_sketch;
use crate::error::{Error, Result};
use crate::plan::{Cohort, Difference, Plan, Snapshot, Trajectory, first_difference};
use crate::problem::sketch_entry;
use crate::random::Stream;
use crate::reference;
use crate::risk::CohortRisk;
use crate::watch::Watch;

/// Rows per pass of the search for the first differing update.
const PROBES: u64 = 32;

/// A run whose bits differ.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Mismatch {
    pub run_id: u64,
    pub cell: u64,
    pub seed_index: u32,
    /// Samples of the row that showed the difference; `None` where the sketch or the test samples differ.
    pub seen: Option<u64>,
    /// First differing update; `None` before any update, and when a second execution agreed with the reference.
    pub first_update: Option<u64>,
    pub difference: Difference,
}

impl Mismatch {
    /// One line for stderr.
    pub fn line(&self) -> String {
        let place = match (self.first_update, self.seen) {
            (Some(update), _) => format!("first at update {update}"),
            (None, None) => "before the first update".into(),
            (None, Some(seen)) => format!("after {seen} samples, not seen again when run once more (a passing fault)"),
        };
        format!("run {} differs {place}: {}", self.run_id, self.difference)
    }

    /// The command that shows what the reference has, of a sweep in `dir`: the row that differs, or all of the run.
    pub fn replay(&self, dir: &Path) -> String {
        let seen = self.seen.map_or(String::new(), |seen| format!(" --seen {seen}"));
        format!("roundlaw replay {} --run {}{seen}", dir.display(), self.run_id)
    }
}

/// Redoes a cohort with the reference. `Ok(None)`: every bit agrees. Else `adapter` executes the run that differs once
/// more, with more rows, to find its first wrong update.
pub fn cohort(
    plan: &Plan,
    cohort: Cohort,
    rows: &[Snapshot],
    adapter: &dyn Adapter,
    watch: &Watch,
) -> Result<Option<Mismatch>> {
    let mismatch = |cell: u64, seen: Option<u64>, first_update: Option<u64>, difference: Difference| {
        let (run_id, seed_index) = (plan.run_id(cohort.seed_index, cell), cohort.seed_index);
        Ok(Some(Mismatch { run_id, cell, seed_index, seen, first_update, difference }))
    };
    let before = match sketch_difference(plan, cohort) {
        None => test_difference(plan, cohort, watch)?,
        found => found,
    };
    if let Some(difference) = before {
        return mismatch(plan.first_cell(cohort.point)?, None, None, difference);
    }
    let expected = reference::cohort(plan, cohort, None, watch)?;
    let Some((index, difference)) = first_difference(&expected, rows) else { return Ok(None) };
    let Snapshot { trajectory, seen, .. } = expected[index];
    let previous = expected[..index].last().filter(|row| row.trajectory == trajectory).map_or(0, |row| row.seen);
    let cells = &plan.points[cohort.point].trajectories[trajectory].cells;
    let cell = cells.iter().find(|prefix| prefix.samples >= seen).map(|prefix| prefix.cell).ok_or_else(|| {
        Error::Other(format!("no run of trajectory {trajectory} of problem point {} has {seen} samples", cohort.point))
    })?;
    // What the search costs was not planned.
    match locate(plan, cohort, trajectory, (previous, seen), adapter, &watch.share(0.0))? {
        Some((update, first)) => mismatch(cell, Some(seen), Some(update), first),
        None => mismatch(cell, Some(seen), None, difference),
    }
}

/// The clean sketches that the risks are computed from, against the scalar draws.
fn sketch_difference(plan: &Plan, cohort: Cohort) -> Option<Difference> {
    let point = &plan.points[cohort.point];
    let stream = Stream::new(plan.config.sweep.seed, cohort.seed_index);
    let dim = point.problem.dim as usize;
    point.sketches.iter().find_map(|draw| {
        let scalar = |index: usize| {
            let (row, column) = ((index / dim) as u32, (index % dim) as u32);
            sketch_entry(&point.problem.sketch, &stream, draw.pass, row, column).to_bits()
        };
        let sketch = clean_sketch(point, draw, &stream);
        let (index, actual) = sketch.iter().enumerate().find(|&(index, g)| g.to_bits() != scalar(index))?;
        Some(Difference::new("sketch", index, scalar(index).into(), actual.to_bits().into()))
    })
}

/// The samples that a risk is measured on, against the scalar draws.
fn test_difference(plan: &Plan, cohort: Cohort, watch: &Watch) -> Result<Option<Difference>> {
    let covariates = plan.points[cohort.point].problem.covariates();
    if plan.config.train.quantized_test.is_none() && covariates.is_none() {
        return Ok(None);
    }
    CohortRisk::watched(plan, cohort, watch)?.test_difference(plan.config.sweep.seed, cohort.seed_index, watch)
}

/// The first update between two numbers of samples whose result differs, found by running the trajectory alone
/// with more and more closely spaced rows.
fn locate(
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
