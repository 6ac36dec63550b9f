//! What the runs add up to besides their risks: divergences, rounding counters, checks.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::problem::Sampling;
use crate::site::{Counts, PerSite, RunSize, Site};
use crate::store::row::Row;

/// The runs of one cell.
#[derive(Clone, Debug)]
pub struct CellTotals {
    /// Place in [`Totals::recipes`].
    recipe: u32,
    pub model: u32,
    pub samples: u64,
    pub runs: u32,
    pub diverged: u32,
    /// First update at which one of them diverged.
    pub earliest: u64,
}

/// What the quantizer of one site did, over all runs of a recipe.
#[derive(Clone, Copy, Debug, Default)]
pub struct SiteTotal {
    pub counts: Counts,
    /// Values it saw.
    pub values: u128,
}

impl SiteTotal {
    /// A count as a share of the values seen.
    pub fn share(&self, count: u64) -> f64 {
        if self.values == 0 { 0.0 } else { count as f64 / self.values as f64 }
    }
}

/// Totals over runs; the several outputs of a run count once.
#[derive(Debug, Default)]
pub struct Totals {
    pub runs: usize,
    /// Runs the reference redid bit for bit.
    pub checked: usize,
    pub diverged: usize,
    /// Recipe and its totals at each site, `None` where no run has a counter, in order of first appearance.
    pub recipes: Vec<(String, PerSite<Option<SiteTotal>>)>,
    pub adapters: BTreeSet<(String, String)>,
    /// By directory and cell.
    cells: BTreeMap<(u32, u64), CellTotals>,
    places: HashMap<String, usize>,
    directories: u32,
    last_run: Option<u64>,
}

impl Totals {
    /// The rows from now on are of another directory.
    pub fn open(&mut self) {
        self.directories += 1;
        self.last_run = None;
    }

    /// Takes a row of the recipe that the table calls so; the rows of a run come together, and those before its end are left out.
    pub fn add(&mut self, row: &Row, recipe: &str) {
        if !row.is_final() || self.last_run.replace(row.run_id) == Some(row.run_id) {
            return;
        }
        self.runs += 1;
        self.checked += usize::from(row.is_checked());
        self.diverged += usize::from(row.diverged_at.is_some());
        let recipe = self.count(row, recipe);
        let (model, samples) = (row.model, row.samples);
        let new = CellTotals { recipe: recipe as u32, model, samples, runs: 0, diverged: 0, earliest: u64::MAX };
        let cell = self.cells.entry((self.directories, row.cell)).or_insert(new);
        cell.runs += 1;
        cell.diverged += u32::from(row.diverged_at.is_some());
        cell.earliest = cell.earliest.min(row.diverged_at.unwrap_or(u64::MAX));
        if !self.adapters.iter().any(|(adapter, driver)| *adapter == row.adapter && *driver == row.driver) {
            self.adapters.insert((row.adapter.clone(), row.driver.clone()));
        }
    }

    /// Adds to the totals of the row's recipe, and returns its place.
    fn count(&mut self, row: &Row, recipe: &str) -> usize {
        let next = self.recipes.len();
        let place = *self.places.entry(recipe.to_owned()).or_insert(next);
        if place == self.recipes.len() {
            self.recipes.push((recipe.to_owned(), PerSite::default()));
        }
        let Row { model, batch, samples, diverged_at, .. } = *row;
        let dim = Sampling::head_in(&row.sampling).unwrap_or(row.dim);
        let size = RunSize { dim, model, batch, samples }.until(diverged_at);
        for (site, total) in self.recipes[place].1.iter_mut() {
            let Some(mut counts) = row.counts[site] else { continue };
            let total = total.get_or_insert_default();
            for counter in Counts::COUNTERS {
                let sum = (counter.of)(&mut total.counts);
                *sum = sum.saturating_add(*(counter.of)(&mut counts));
            }
            total.values = total.values.saturating_add(site.values(&size));
        }
        place
    }

    /// Cells with diverged runs, by cell: its number, its recipe and the runs.
    pub fn diverged_cells(&self) -> impl Iterator<Item = (u64, &str, &CellTotals)> {
        let diverged = self.cells.iter().filter(|(_, runs)| runs.diverged > 0);
        diverged.map(|((_, cell), runs)| (*cell, self.recipes[runs.recipe as usize].0.as_str(), runs))
    }

    /// Recipe, site and share where more than 1 % of the values saturated.
    pub fn warnings(&self) -> Vec<(&str, Site, f64)> {
        let all = self.recipes.iter().flat_map(|(recipe, totals)| {
            totals.iter().filter_map(move |(site, total)| {
                let total = (*total)?;
                Some((recipe.as_str(), site, total.share(total.counts.saturated)))
            })
        });
        all.filter(|(_, _, share)| *share > Counts::HEAVY).collect()
    }

    /// Upper 95 % confidence bound of the rate of wrong runs, given that none of the `checked`
    /// ones was wrong: the rate at which n right runs in a row have probability 0.05.
    pub fn error_bound(&self) -> Option<f64> {
        (self.checked > 0).then(|| -(0.05_f64.ln() / self.checked as f64).exp_m1())
    }
}
