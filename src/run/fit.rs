//! The fits of a directory: its rows, expectations and closed forms, gathered and fitted.

use std::path::Path;

use serde_json::{Value, json};

use super::limits::{Settled, limits};
use super::rows::{Origin, settings};
use super::stored::Stored;
use crate::error::{Error, Result};
use crate::fit::grid::Grid;
use crate::fit::{Fit, Group, fit};
use crate::plan::{Cohort, Plan};
use crate::store;
use crate::store::predictions::{self, Found};
use crate::store::row::Row;
use crate::streams::tell;
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

/// Fits a directory, tells what is missing, and writes fit.json beside the rows, with the digest of the rows that were
/// there: the fits, and their documents.
///
/// # Errors
/// Those of [`fits`] and of the file; [`Error::Input`] for a directory without rows.
pub fn of_directory(dir: &Path, options: &FitOptions, watch: &Watch) -> Result<(Fits, Vec<Value>)> {
    let stored = Stored::open(dir)?;
    let found = fits(&stored, options, watch)?;
    if found.fits.is_empty() {
        return Err(Error::Input(format!("{}: no finished run to fit: `roundlaw sweep` first", dir.display())));
    }
    caution(&stored, &found);
    let objects: Vec<Value> =
        found.fits.iter().map(|(group, fit, row)| Value::Object(fit.object(group, row))).collect();
    let document = json!({
        "digest": found.digest,
        "identity": stored.sweep.identity,
        "stream_version": stored.sweep.stream_version,
        "seeds": stored.contents.seeds(),
        "resamples": options.resamples,
        "budget": options.budget,
        "predictions": match &found.expected {
            Found::Read(source) => json!(source),
            _ => Value::Null,
        },
        "fits": objects,
    });
    let _lock = store::lock_report(dir, watch)?;
    store::fits::write(dir, &document)?;
    Ok((found, objects))
}

/// The documents of a directory beside those of others.
pub fn named(dir: &Path, objects: Vec<Value>) -> impl Iterator<Item = Value> {
    objects.into_iter().map(move |mut object| {
        object["directory"] = dir.display().to_string().into();
        object
    })
}

/// A line for each thing that is missing.
fn caution(stored: &Stored, found: &Fits) {
    stored.unfinished(found.runs).iter().for_each(|line| tell(&format!("warning: {line}")));
    let dir = stored.contents.dir().display();
    let none = match found.expected {
        Found::Read(_) => None,
        Found::Nothing => Some("no z-scores, there is no predict.parquet"),
        Found::Others => Some("no z-scores, predict.parquet is of other rows"),
        Found::Prior => Some("no z-scores, predict.parquet has means over targets"),
    };
    none.iter().for_each(|none| tell(&format!("warning: {dir}: {none}: `roundlaw predict {dir}` writes each row's")));
    if !found.beyond.is_empty() {
        let points: Vec<String> = found.beyond.iter().map(usize::to_string).collect();
        let points = points.join(", ");
        tell(&format!(
            "warning: {dir}: floors of problem point {points} are read from the rows: closed forms take more than --budget"
        ));
    }
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
