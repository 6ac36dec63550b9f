//! What the runs add up to besides their risks: divergences, rounding counters, checks.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::site::{Counts, SITES, Site};
use crate::store::row::Row;

/// The runs of one cell.
#[derive(Clone, Debug)]
pub struct CellTotals {
    /// Place in [`Summary::recipes`].
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
    pub elements: u128,
}

impl SiteTotal {
    /// A count as a share of the values seen.
    pub fn share(&self, count: u64) -> f64 {
        if self.elements == 0 { 0.0 } else { count as f64 / self.elements as f64 }
    }
}

/// Totals over runs; the several outputs of a run count once.
#[derive(Debug, Default)]
pub struct Summary {
    pub runs: usize,
    /// Runs the reference redid bit for bit.
    pub checked: usize,
    pub diverged: usize,
    /// Recipe and its totals at each site, `None` where no run has a counter, in order of first appearance.
    pub recipes: Vec<(String, [Option<SiteTotal>; SITES])>,
    pub adapters: BTreeSet<(String, String)>,
    cells: BTreeMap<u64, CellTotals>,
    places: HashMap<String, usize>,
    last_run: Option<u64>,
}

impl Summary {
    /// Takes a row; the rows of a run come together, and those before its end are left out.
    pub fn add(&mut self, row: &Row) {
        if row.seen != row.samples || self.last_run.replace(row.run_id) == Some(row.run_id) {
            return;
        }
        self.runs += 1;
        self.checked += usize::from(row.checked == "exact");
        self.diverged += usize::from(row.diverged_at.is_some());
        let recipe = self.count(row);
        let (model, samples) = (row.model, row.samples);
        let new = CellTotals { recipe: recipe as u32, model, samples, runs: 0, diverged: 0, earliest: u64::MAX };
        let cell = self.cells.entry(row.cell).or_insert(new);
        cell.runs += 1;
        cell.diverged += u32::from(row.diverged_at.is_some());
        cell.earliest = cell.earliest.min(row.diverged_at.unwrap_or(u64::MAX));
        if !self.adapters.iter().any(|(adapter, driver)| *adapter == row.adapter && *driver == row.driver) {
            self.adapters.insert((row.adapter.clone(), row.driver.clone()));
        }
    }

    /// Adds to the totals of the row's recipe, and returns its place.
    fn count(&mut self, row: &Row) -> usize {
        let place = match self.places.get(&row.recipe) {
            Some(place) => *place,
            None => {
                self.places.insert(row.recipe.clone(), self.recipes.len());
                self.recipes.push((row.recipe.clone(), [None; SITES]));
                self.recipes.len() - 1
            }
        };
        for ((site, total), counts) in Site::ALL.into_iter().zip(&mut self.recipes[place].1).zip(&row.counts) {
            let Some(counts) = counts else { continue };
            let total = total.get_or_insert_default();
            let sum = &mut total.counts;
            sum.saturated = sum.saturated.saturating_add(counts.saturated);
            sum.underflowed = sum.underflowed.saturating_add(counts.underflowed);
            sum.nan = sum.nan.saturating_add(counts.nan);
            total.elements = total.elements.saturating_add(elements(site, row));
        }
        place
    }

    /// Cells with diverged runs, by cell: its number, its recipe and the runs.
    pub fn diverged_cells(&self) -> impl Iterator<Item = (u64, &str, &CellTotals)> {
        let diverged = self.cells.iter().filter(|(_, runs)| runs.diverged > 0);
        diverged.map(|(cell, runs)| (*cell, self.recipes[runs.recipe as usize].0.as_str(), runs))
    }

    /// Recipe, site and share where more than 1 % of the values saturated.
    pub fn warnings(&self) -> Vec<(&str, Site, f64)> {
        let all = self.recipes.iter().flat_map(|(recipe, totals)| {
            let shares = Site::ALL.into_iter().zip(totals);
            shares.filter_map(move |(site, total)| {
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

/// Values the run put through the site's quantizer by its end, or by the update at which it diverged.
fn elements(site: Site, row: &Row) -> u128 {
    let (dim, model, batch) = (u128::from(row.dim), u128::from(row.model), u128::from(row.batch.max(1)));
    let all = u128::from(row.samples);
    let samples = row.diverged_at.map_or(all, |t| ((u128::from(t) + 1) * batch).min(all));
    match site {
        Site::Data => dim * samples,
        Site::Sketch => model * dim,
        Site::Feature | Site::FeatureGrad => model * samples,
        Site::Label | Site::Activation | Site::Gradient => samples,
        Site::Parameter | Site::Weight => model * (samples / batch),
    }
}
