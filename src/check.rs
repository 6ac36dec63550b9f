//! Confirms an adapter's rows against the scalar reference, and finds the first update that differs.

use serde::Serialize;

use crate::adapter::Adapter;
use crate::cpu::clean_sketch;
use crate::error::Result;
use crate::plan::{Cohort, Plan, Trajectory};
use crate::problem::sketch_entry;
use crate::random::Stream;
use crate::reference::{self, RawRow};
use crate::results::Judge;
use crate::row::Site;

/// Rows per pass of the search for the first differing update.
const PROBES: u64 = 32;

/// One difference between two states.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// `v`, `average hi`, `average lo`, `diverged_at`, or `<site> saturated` and so on.
    pub place: String,
    /// Index into the vector; 0 for scalars.
    pub index: usize,
    /// Bits (or the counter's value) of the reference and of the adapter, in hexadecimal.
    pub expected: String,
    pub actual: String,
}

/// A run whose bits differ.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Mismatch {
    pub run_id: u64,
    pub cell: u64,
    pub seed_index: u32,
    /// The row that showed the difference.
    pub seen: u64,
    /// First differing update; `None` when a second execution agreed with the reference.
    pub first_update: Option<u64>,
    pub difference: Difference,
}

impl Mismatch {
    /// One line for stderr.
    pub fn line(&self) -> String {
        let place = match self.first_update {
            Some(update) => format!("first at update {update}"),
            None => format!("after {} samples, not seen again when run once more (a passing fault)", self.seen),
        };
        let Difference { place: name, index, expected, actual } = &self.difference;
        format!("run {} differs {place}: {name}[{index}] is {actual}, the reference has {expected}", self.run_id)
    }
}

/// First difference of two states of one trajectory: bits, then divergence, then counters.
pub fn difference(expected: &RawRow, actual: &RawRow) -> Option<Difference> {
    let found = |place: &str, index: usize, expected: u64, actual: u64| Difference {
        place: place.into(),
        index,
        expected: format!("{expected:#x}"),
        actual: format!("{actual:#x}"),
    };
    for (name, expected, actual) in [
        ("v", &expected.v, &actual.v),
        ("average hi", &expected.hi, &actual.hi),
        ("average lo", &expected.lo, &actual.lo),
    ] {
        if expected.len() != actual.len() {
            return Some(found(&format!("length of {name}"), 0, expected.len() as u64, actual.len() as u64));
        }
        if let Some(j) = (0..expected.len()).find(|&j| expected[j] != actual[j]) {
            return Some(found(name, j, expected[j].into(), actual[j].into()));
        }
    }
    if expected.diverged_at != actual.diverged_at {
        let code = |at: Option<u64>| at.unwrap_or(u64::MAX);
        return Some(found("diverged_at", 0, code(expected.diverged_at), code(actual.diverged_at)));
    }
    for site in Site::ALL {
        let (e, a) = (expected.counts[site as usize], actual.counts[site as usize]);
        for (name, e, a) in [
            ("saturated", e.saturated, a.saturated),
            ("underflowed", e.underflowed, a.underflowed),
            ("nan", e.nan, a.nan),
        ] {
            if e != a {
                return Some(found(&format!("{} {name}", site.name()), 0, e, a));
            }
        }
    }
    None
}

/// Redoes a cohort with the reference. `Ok(None)`: every bit agrees.
pub fn cohort(plan: &Plan, cohort: Cohort, rows: &[RawRow], adapter: &Adapter) -> Result<Option<Mismatch>> {
    if let Some(difference) = sketch_difference(plan, cohort).or_else(|| test_difference(plan, cohort)) {
        let cell = first_cell(plan, cohort);
        let run_id = plan.run_id(cohort.seed_index, cell);
        let seed_index = cohort.seed_index;
        return Ok(Some(Mismatch { run_id, cell, seed_index, seen: 0, first_update: None, difference }));
    }
    let expected = reference::cohort(plan, cohort, None);
    if rows.len() > expected.len() {
        let extra =
            rows.iter().find(|row| !expected.iter().any(|e| (e.trajectory, e.seen) == (row.trajectory, row.seen)));
        let seen = extra.unwrap_or(&rows[expected.len()]).seen;
        let (expected, actual) = (format!("{:#x}", expected.len()), format!("{:#x}", rows.len()));
        let difference = Difference { place: "number of rows".into(), index: 0, expected, actual };
        let cell = first_cell(plan, cohort);
        let run_id = plan.run_id(cohort.seed_index, cell);
        let seed_index = cohort.seed_index;
        return Ok(Some(Mismatch { run_id, cell, seed_index, seen, first_update: None, difference }));
    }
    for (index, e) in expected.iter().enumerate() {
        let missing = RawRow { v: Vec::new(), ..e.clone() };
        let same = |a: &&RawRow| (a.trajectory, a.seen) == (e.trajectory, e.seen);
        let actual = rows.get(index).filter(same).unwrap_or(&missing);
        let Some(difference) = difference(e, actual) else { continue };
        let previous = expected[..index].last().filter(|row| row.trajectory == e.trajectory).map_or(0, |row| row.seen);
        let trajectory = &plan.points[cohort.point].trajectories[e.trajectory];
        let located = locate(plan, cohort, e.trajectory, (previous, e.seen), adapter)?;
        let cell = trajectory.cells.iter().find(|&&(_, n)| n >= e.seen).map_or(0, |&(cell, _)| cell);
        let (first_update, difference) = match located {
            Some((update, first)) => (Some(update), first),
            None => (None, difference),
        };
        let run_id = plan.run_id(cohort.seed_index, cell);
        let (seed_index, seen) = (cohort.seed_index, e.seen);
        return Ok(Some(Mismatch { run_id, cell, seed_index, seen, first_update, difference }));
    }
    Ok(None)
}

/// Stands for the cohort where a difference belongs to no cell.
fn first_cell(plan: &Plan, cohort: Cohort) -> u64 {
    let cells = plan.points[cohort.point].trajectories.iter().flat_map(|trajectory| &trajectory.cells);
    cells.map(|&(cell, _)| cell).min().unwrap_or(0)
}

/// The clean sketches that the risks are computed from, against the scalar draws.
fn sketch_difference(plan: &Plan, cohort: Cohort) -> Option<Difference> {
    let point = &plan.points[cohort.point];
    let stream = Stream::new(plan.config.sweep.seed, cohort.seed_index);
    let dim = point.problem.dim as usize;
    point.sketches.iter().find_map(|draw| {
        let (row, column) = (|index: usize| (index / dim) as u32, |index: usize| (index % dim) as u32);
        let scalar = |i: usize| sketch_entry(&point.problem.sketch, &stream, draw.pass, row(i), column(i)).to_bits();
        let sketch = clean_sketch(point, draw, &stream);
        let (index, actual) = sketch.iter().enumerate().find(|&(index, g)| g.to_bits() != scalar(index))?;
        let (expected, actual) = (format!("{:#x}", scalar(index)), format!("{:#x}", actual.to_bits()));
        Some(Difference { place: "sketch".into(), index, expected, actual })
    })
}

/// The samples that a risk is measured on, against the scalar draws.
fn test_difference(plan: &Plan, cohort: Cohort) -> Option<Difference> {
    let covariates = plan.points[cohort.point].problem.covariates();
    if plan.config.train.quantized_test.is_none() && covariates.is_none() {
        return None;
    }
    let found = Judge::new(plan, cohort).test_difference(plan.config.sweep.seed, cohort.seed_index)?;
    Some(Difference {
        place: format!("test sample {}, feature set {}", found.sample, found.feature),
        index: found.index,
        expected: format!("{:#x}", found.expected),
        actual: format!("{:#x}", found.actual),
    })
}

/// The first update between two numbers of samples whose result differs, found by running the trajectory alone
/// with more and more closely spaced rows.
fn locate(
    plan: &Plan,
    cohort: Cohort,
    trajectory: usize,
    (mut low, mut high): (u64, u64),
    adapter: &Adapter,
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
        let expected = reference::cohort(&alone, cohort, None);
        let actual = adapter.execute(&alone, &[cohort])?.remove(0);
        let first = expected.iter().zip(&actual).find_map(|(e, a)| Some((e.seen, difference(e, a)?)));
        let Some((seen, difference)) = first else { return Ok(None) };
        let below = expected.iter().rev().find(|row| row.seen < seen).map_or(low, |row| row.seen);
        if seen - below <= batch {
            return Ok(Some((seen / batch - 1, difference)));
        }
        (low, high) = (below, seen);
    }
}
