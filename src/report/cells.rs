//! What the figures need of the stored rows, gathered row by row: sixteen bytes a run.

use std::collections::BTreeMap;

use super::places::Places;
use super::settings::PanelSettings;
use super::variables::{Axis, RiskKind};
use crate::store::row::Row;

/// What tells the cells of a group apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CellKey {
    /// Place in [`Cells::recipes`].
    pub recipe: usize,
    pub model: u32,
    pub samples: u64,
}

impl CellKey {
    pub fn get(self, axis: Axis) -> u64 {
        match axis {
            Axis::Model => u64::from(self.model),
            Axis::Samples => self.samples,
        }
    }
}

/// One final row of a cell.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    /// The reducible risk, or the held-out risk where there is none; NaN for neither.
    value: f64,
    pub seed: u32,
    pub diverged: bool,
    held_out: bool,
}

impl Run {
    fn new(row: &Row) -> Run {
        let held_out = row.reducible.is_none() && row.held_out.is_some();
        let value = row.reducible.or(row.held_out).unwrap_or(f64::NAN);
        Run { value, seed: row.seed_index, diverged: row.diverged_at.is_some(), held_out }
    }

    /// The run's risk of this kind; `None` for a diverged run.
    pub fn risk(&self, risk: RiskKind) -> Option<f64> {
        let is_it = self.held_out == (risk == RiskKind::HeldOut) && !self.diverged && !self.value.is_nan();
        is_it.then_some(self.value)
    }
}

/// Mean and scatter of values met one by one (Welford).
#[derive(Clone, Copy, Debug, Default)]
pub struct Moments {
    pub n: usize,
    pub mean: f64,
    squares: f64,
}

impl Moments {
    pub fn add(&mut self, value: f64) {
        self.n += 1;
        let off = value - self.mean;
        self.mean += off / self.n as f64;
        self.squares += off * (value - self.mean);
    }

    /// Standard error of the mean; `None` with fewer than two values.
    pub fn standard_error(&self) -> Option<f64> {
        let n = self.n as f64;
        (self.n > 1).then(|| (self.squares / (n - 1.0) / n).sqrt()).filter(|se| se.is_finite())
    }
}

/// The excess on quantized test features over the seeds of a cell.
#[derive(Clone, Copy, Debug, Default)]
pub struct QuantizedTest {
    pub sampled: Moments,
    pub exact: Moments,
    /// Sampled less exact, seed by seed.
    pub difference: Moments,
}

/// The final rows of one recipe, model size and number of samples.
#[derive(Clone, Debug, Default)]
pub struct CellRuns {
    /// Ascending in the seed, each seed once.
    pub runs: Vec<Run>,
    pub test: Option<Box<QuantizedTest>>,
    /// Standard errors of the held-out risks over the held-out rows.
    pub held_out_se: Moments,
}

impl CellRuns {
    fn add(&mut self, row: &Row) {
        // Rows come by seed; one given twice counts once.
        if self.runs.last().is_some_and(|last| last.seed == row.seed_index) {
            return;
        }
        self.runs.push(Run::new(row));
        row.held_out_se.into_iter().for_each(|error| self.held_out_se.add(error));
        let Some(sampled) = row.quantized_test else { return };
        let test = self.test.get_or_insert_default();
        test.sampled.add(sampled);
        if let Some(exact) = row.quantized_test_exact {
            test.exact.add(exact);
            test.difference.add(sampled - exact);
        }
    }
}

/// All that shares every setting but M, N and the recipe.
#[derive(Clone, Debug)]
pub struct Group {
    pub settings: PanelSettings,
    pub step_size: f64,
    pub cells: BTreeMap<CellKey, CellRuns>,
}

impl Group {
    pub fn runs(&self) -> impl Iterator<Item = &Run> {
        self.cells.values().flat_map(|cell| &cell.runs)
    }
}

/// The risk that runs of these groups have.
pub fn risk_of(groups: &[&Group]) -> RiskKind {
    let has = |risk| groups.iter().flat_map(|group| group.runs()).any(|run| run.risk(risk).is_some());
    if !has(RiskKind::Reducible) && has(RiskKind::HeldOut) { RiskKind::HeldOut } else { RiskKind::Reducible }
}

/// The final rows of a directory.
#[derive(Debug, Default)]
pub struct Cells {
    /// In order of first appearance.
    pub recipes: Vec<String>,
    /// In order of first appearance.
    pub groups: Vec<Group>,
    places: Places<PanelSettings>,
    recipe_places: Places<String>,
}

impl Cells {
    /// Takes a row; rows come with the seeds of each cell ascending, as a store gives them. Rows before the end of
    /// their run (`seen` < `samples`) are left out.
    pub fn add(&mut self, row: &Row) {
        if !row.is_final() {
            return;
        }
        let recipe = self.recipe_places.of(&row.recipe);
        if recipe == self.recipes.len() {
            self.recipes.push(row.recipe.clone());
        }
        let settings = PanelSettings::of(row);
        let group = self.places.of(&settings);
        if group == self.groups.len() {
            self.groups.push(Group { settings, step_size: row.step_size, cells: BTreeMap::new() });
        }
        let key = CellKey { recipe, model: row.model, samples: row.samples };
        self.groups[group].cells.entry(key).or_default().add(row);
    }
}
