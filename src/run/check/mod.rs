//! Confirms an adapter's rows: their bits against the scalar reference, finding the first update that differs, and what
//! their risks come from and come to against a second computation.

mod locate;
mod mismatch;
mod second;

pub use mismatch::{Mismatch, Stage, replay};
pub use second::Second;

use super::adapter::Adapter;
use super::rows::{self, Origin};
use crate::error::{Error, Result};
use crate::plan::{Cohort, Plan, Snapshot, first_difference};
use crate::reference;
use crate::risk::{CohortRisk, CohortStates, Gram, Truth};
use crate::store::row::Row;
use crate::watch::Watch;

/// The rows of a cohort that `adapter` left as `done`, as far as the reference agrees with all of it; else the first
/// difference. Sums for its risks that the adapter made are compared with those that are made here.
pub fn rows(
    plan: &Plan,
    cohort: Cohort,
    done: &CohortStates,
    adapter: &dyn Adapter,
    origin: &Origin,
    watch: &Watch,
) -> Result<std::result::Result<Vec<Row>, Mismatch>> {
    match self::cohort(plan, cohort, &done.states, adapter, watch)? {
        Some(mismatch) => Ok(Err(mismatch)),
        None => confirmed(plan, cohort, done, (plan, Truth::of(plan, cohort).as_ref()), origin, watch),
    }
}

/// Rows from states that the reference agrees with. Their risks come from the draws of `used`, a plan and the truth
/// that follows from it; what `plan` says of both is computed a second time.
pub fn confirmed<'u>(
    plan: &Plan,
    cohort: Cohort,
    CohortStates { states, grams }: &CohortStates,
    used: (&'u Plan, Option<&Truth<'u>>),
    origin: &Origin,
    watch: &Watch,
) -> Result<std::result::Result<Vec<Row>, Mismatch>> {
    let mut second = Second::new(plan, cohort, states);
    let mut of_grams = None;
    let each = |draw: usize, sketch: &[f32], gram: &Gram| {
        let made = grams.get(draw).and_then(|made| gram.difference(&made.unpacked()));
        of_grams = of_grams.take().or(made);
        second.sketch(draw, sketch, watch)
    };
    let risk = CohortRisk::from_truth(used.0, cohort, used.1, &[], watch, each)?;
    let of_truth = used.1.and_then(|truth| second.truth_difference(truth));
    let of_draws = of_truth.map_or_else(|| second.draws_difference(&risk, watch), |found| Ok(Some(found)))?;
    let before = of_draws.or(of_grams);
    if let Some(difference) = before {
        return Ok(Err(Mismatch::of(plan, cohort, plan.first_cell(cohort.point)?, Stage::Draws, difference)));
    }
    let rows = rows::rows(plan, cohort, &risk, states, true, origin, watch)?;
    Ok(match second.row_difference(&rows) {
        None => Ok(rows),
        Some((at, difference)) => {
            let mismatch = Mismatch::of(plan, cohort, rows[at].cell, Stage::Risks, difference);
            Err(Mismatch { seen: Some(rows[at].seen), ..mismatch })
        }
    })
}

/// Redoes a cohort with the reference. `Ok(None)`: every bit agrees. Else `adapter` executes the run that differs once
/// more, with more rows, to find its first wrong update.
pub fn cohort(
    plan: &Plan,
    cohort: Cohort,
    states: &[Snapshot],
    adapter: &dyn Adapter,
    watch: &Watch,
) -> Result<Option<Mismatch>> {
    let expected = reference::cohort_by_all_threads(plan, cohort, watch)?;
    let Some((index, difference)) = first_difference(&expected, states) else { return Ok(None) };
    let Snapshot { trajectory, seen, .. } = expected[index];
    let previous = expected[..index].last().filter(|row| row.trajectory == trajectory).map_or(0, |row| row.seen);
    let cells = &plan.points[cohort.point].trajectories[trajectory].cells;
    let cell = cells.iter().find(|prefix| prefix.samples >= seen).map(|prefix| prefix.cell).ok_or_else(|| {
        Error::Other(format!("no run of trajectory {trajectory} of problem point {} has {seen} samples", cohort.point))
    })?;
    // What the search costs was not planned.
    let located = locate::locate(plan, cohort, trajectory, (previous, seen), adapter, &watch.share(0.0))?;
    let (first_update, difference) = match located {
        Some((update, first)) => (Some(update), first),
        None => (None, difference),
    };
    let mismatch = Mismatch::of(plan, cohort, cell, Stage::Updates, difference);
    Ok(Some(Mismatch { seen: Some(seen), first_update, ..mismatch }))
}
