//! The fits of a directory: its rows, expectations and closed forms, gathered and fitted.

use super::limits::{Settled, limits};
use super::rows::{Origin, settings};
use super::stored::Stored;
use crate::error::Result;
use crate::fit::grid::Grid;
use crate::fit::{Fit, Group, fit};
use crate::plan::{Cohort, Plan};
use crate::store;
use crate::store::predictions::{self, Found};
use crate::store::row::Row;
use crate::watch::Watch;

/// What [`fits`] may be told besides its directory.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FitOptions {
    /// Resamples of the seeds behind every interval.
    pub resamples: u32,
    /// Seconds on the threads that compute, by estimate, of closed forms of floors.
    pub budget: f64,
}

/// The fits of a directory.
#[derive(Debug)]
pub struct Fits {
    /// Of the rows that were there, as `status` prints it.
    pub digest: String,
    /// A group, its fit, and a row with the settings that its rows share.
    pub fits: Vec<(Group, Fit, Row)>,
    /// What lies in the directory of expected risks.
    pub expected: Found,
    /// Problem points whose closed forms were beyond the budget.
    pub beyond: Vec<usize>,
    /// Runs that have rows.
    pub runs: u64,
}

/// Fits every group of a directory that has rows.
///
/// # Errors
/// Those of its rows and of predict.parquet; [`crate::Error::Input`] where a file that its config names can't be read;
/// [`crate::Error::Incomplete`] where the watch asks to end.
pub fn fits(stored: &Stored, options: &FitOptions, watch: &Watch) -> Result<Fits> {
    let plan = stored.plan()?;
    let mut grid = Grid::new(plan);
    let (mut runs, mut last) = (0, None);
    let rows = stored.rows().map(|row| {
        watch.ask()?;
        row.inspect(|row| {
            grid.add(row);
            // The rows of a run come together.
            runs += u64::from(last.replace(row.run_id) != Some(row.run_id));
        })
    });
    let digest = store::digest_of(rows)?;
    let expected = predictions::read(stored.contents.dir(), &digest, |row| {
        // The numbers of a law in place of a format are no expectations.
        let excess = row.excess.filter(|_| !row.is_matched);
        grid.expect(row.cell, row.seed_index, row.seen, row.output, excess);
    })?;
    let beyond = settle(plan, &mut grid, options.budget, watch)?;
    let mut fits = Vec::new();
    for group in grid.into_groups().into_iter().filter(|group| !group.seeds.is_empty()) {
        let found = fit(&group, options.resamples, watch)?;
        let row = settings_of(plan, &group);
        fits.push((group, found, row));
    }
    Ok(Fits { digest, fits, expected, beyond, runs })
}

/// Gives a grid the closed forms of its floors; returns the problem points that were beyond the budget.
fn settle(plan: &Plan, grid: &mut Grid, budget: f64, watch: &Watch) -> Result<Vec<usize>> {
    let seeds: Vec<Vec<u32>> = (0..plan.points.len()).map(|problem| grid.seeds(problem).to_vec()).collect();
    let asked: Vec<&[u32]> = seeds.iter().map(Vec::as_slice).collect();
    let (settled, beyond) = limits(plan, &asked, budget, watch)?;
    for Settled { problem, recipe, model, limits } in settled {
        grid.settle(problem, recipe, model, &limits);
    }
    Ok(beyond)
}

/// What all rows of a group say of their settings.
fn settings_of(plan: &Plan, group: &Group) -> Row {
    let is_own = |cell: &crate::plan::Cell| {
        (cell.problem, cell.batch, cell.step_size) == (group.problem, group.batch, group.step_size)
    };
    let cell = plan.cells.iter().position(is_own).unwrap_or_default() as u64;
    let row = settings(plan, Cohort { point: group.problem, seed_index: 0 }, cell, &Origin::default());
    Row { output: group.output.name().into(), ..row }
}
