//! What the runs add up to besides their risks: divergences, rounding counters, checks.

use std::collections::{BTreeMap, BTreeSet};

use super::series;
use crate::row::{Counts, Row, SITES};

/// The runs of one recipe, model size and number of samples, some of which diverged.
pub struct DivergedCell {
    pub recipe: String,
    pub model: u32,
    pub samples: u64,
    pub cell: u64,
    pub runs: usize,
    pub diverged: usize,
    /// First update at which one of them diverged.
    pub earliest: u64,
}

/// Totals over runs; the several outputs of a run count once.
pub struct Summary {
    pub runs: usize,
    /// Runs the reference redid bit for bit.
    pub checked: usize,
    pub diverged: usize,
    /// Recipe and its totals at each site, `None` where no run has a counter.
    pub counts: Vec<(String, [Option<Counts>; SITES])>,
    pub diverged_cells: Vec<DivergedCell>,
    pub adapters: BTreeSet<(String, String)>,
}

impl Summary {
    pub fn new(rows: &[&Row]) -> Self {
        let mut seen = BTreeSet::new();
        let runs: Vec<&Row> = rows.iter().copied().filter(|row| seen.insert(row.run_id)).collect();
        let is_exact = |row: &&&Row| row.checked == "exact";
        let checked: BTreeSet<u64> = rows.iter().filter(is_exact).map(|row| row.run_id).collect();
        Self {
            runs: runs.len(),
            checked: checked.len(),
            diverged: runs.iter().filter(|row| row.diverged_at.is_some()).count(),
            counts: counts(&runs),
            diverged_cells: diverged_cells(&runs),
            adapters: runs.iter().map(|r| (r.adapter.clone(), r.driver.clone())).collect(),
        }
    }

    /// Upper 95 % confidence bound of the rate of wrong runs, given that none of the `checked`
    /// ones was wrong: the rate at which n right runs in a row have probability 0.05.
    pub fn error_bound(&self) -> Option<f64> {
        (self.checked > 0).then(|| -(0.05_f64.ln() / self.checked as f64).exp_m1())
    }
}

fn counts(runs: &[&Row]) -> Vec<(String, [Option<Counts>; SITES])> {
    let total = |name: &str| {
        let mut totals: [Option<Counts>; SITES] = [None; SITES];
        for row in runs.iter().filter(|row| row.recipe == name) {
            for (total, count) in totals.iter_mut().zip(&row.counts) {
                let Some(count) = count else { continue };
                let total = total.get_or_insert_default();
                total.saturated = total.saturated.saturating_add(count.saturated);
                total.underflowed = total.underflowed.saturating_add(count.underflowed);
                total.nan = total.nan.saturating_add(count.nan);
            }
        }
        (name.to_string(), totals)
    };
    series::recipes(runs).into_iter().map(total).collect()
}

fn diverged_cells(runs: &[&Row]) -> Vec<DivergedCell> {
    let mut cells: BTreeMap<u64, Vec<&Row>> = BTreeMap::new();
    for row in runs {
        cells.entry(row.cell).or_default().push(row);
    }
    let summarise = |(cell, rows): (u64, Vec<&Row>)| {
        let first = rows.first()?;
        Some(DivergedCell {
            recipe: first.recipe.clone(),
            model: first.model,
            samples: first.samples,
            cell,
            runs: rows.len(),
            diverged: rows.iter().filter(|row| row.diverged_at.is_some()).count(),
            earliest: rows.iter().filter_map(|row| row.diverged_at).min()?,
        })
    };
    cells.into_iter().filter_map(summarise).collect()
}
