//! The rows of one problem point, batch, step size and output: every cell by seed.

use crate::config::{Output, Schedule};

/// Least number of N, and of M, of which anything is said.
pub const LEAST: usize = 3;
/// Share of a cell's seeds that may have diverged, and of its mean that one seed may carry.
pub const DIVERGED: f64 = 0.01;
pub const HEAVY: f64 = 0.3;
/// Least number of seeds that have an interval: of fewer, one carries more than that of any mean.
pub const FEW: usize = 4;

/// Whether one of the values carries too much of their mean.
pub fn is_heavy(values: &[f64]) -> bool {
    let sum: f64 = values.iter().sum();
    values.iter().any(|value| *value > HEAVY * sum)
}

/// What is known of a recipe beside its rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recipe {
    pub name: String,
    /// Bits of exponent and of mantissa, where the recipe has floating formats of one layout alone.
    pub float: Option<(f64, f64)>,
}

/// One cell by seed; NaN where a run diverged.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cell {
    /// The column `recipe_bits`.
    pub bits: Option<f64>,
    /// Relative to the best weights of the clean features.
    pub excess: Vec<f64>,
    /// b^T v.
    pub overlap: Vec<f64>,
    /// The exact mean of `excess` over data and noise; NaN where there is none.
    pub expected: Vec<f64>,
}

/// Where a recipe settles as N grows, by seed, in closed form: as a row has it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Limit {
    pub excess: Vec<f64>,
    pub overlap: Vec<f64>,
}

/// All cells that differ in recipe, M and N alone.
#[derive(Clone, Debug)]
pub struct Group {
    /// Of the problem point.
    pub problem: usize,
    pub batch: u32,
    pub step_size: f64,
    pub schedule: Schedule,
    pub output: Output,
    /// M and N, ascending.
    pub models: Vec<u32>,
    pub samples: Vec<u64>,
    pub recipes: Vec<Recipe>,
    /// The first recipe that rounds nothing.
    pub baseline: Option<usize>,
    /// Ascending.
    pub seeds: Vec<u32>,
    /// A and V = b^T Sigma^-1 b by M and seed; NaN where no run of a seed has them.
    pub approximation: Vec<Vec<f64>>,
    pub signal: Vec<Vec<f64>>,
    /// By recipe, M and N, the last fastest.
    pub cells: Vec<Cell>,
    /// By recipe and M.
    pub limits: Vec<Option<Limit>>,
}

impl Group {
    /// The cell of a recipe at places among the M and the N.
    pub fn cell(&self, recipe: usize, model: usize, samples: usize) -> &Cell {
        &self.cells[(recipe * self.models.len() + model) * self.samples.len() + samples]
    }

    /// Its cells by M and N.
    pub fn of_recipe(&self, recipe: usize) -> &[Cell] {
        let count = self.models.len() * self.samples.len();
        &self.cells[recipe * count..(recipe + 1) * count]
    }

    /// The closed form of a recipe at a place among the M.
    pub fn limit(&self, recipe: usize, model: usize) -> Option<&Limit> {
        self.limits[recipe * self.models.len() + model].as_ref()
    }

    /// What N counts for: N / log2(N/B) with the geometric schedule, whose steps are spent in so many halvings, and N with
    /// a constant step.
    pub fn effective(&self, samples: u64) -> f64 {
        match self.schedule {
            Schedule::Constant => samples as f64,
            Schedule::Geometric => samples as f64 / libm::log2(samples as f64 / f64::from(self.batch)),
        }
    }

    /// The last iterate of a constant step stays at a plateau: more data change nothing.
    pub fn has_plateau(&self) -> bool {
        self.schedule == Schedule::Constant && self.output == Output::Last
    }

    /// The recipe in full precision of a group whose rows can be fitted; else why not, and what would cure it.
    ///
    /// # Errors
    /// The reason.
    pub fn readable(&self) -> Result<usize, String> {
        let baseline = self.baseline.ok_or("there is no full precision: add a recipe that leaves every site unset")?;
        if !self.approximation.iter().flatten().any(|of| of.is_finite()) {
            return Err("its rows have no exact risk: nobody knows the truth of covariates from a file".into());
        }
        for (name, key, count) in [("M", "model", self.models.len()), ("N", "samples", self.samples.len())] {
            if count < LEAST {
                return Err(format!("fewer than {LEAST} {name}: give train.{key} at least {LEAST} values"));
            }
        }
        if self.has_plateau() {
            return Err("the last iterate of a constant step stays at a plateau: use train.output = average".into());
        }
        match self.seeds.len() < FEW {
            true => Err(format!("fewer than {FEW} seeds: raise sweep.seeds, the same sweep goes on")),
            false => Ok(baseline),
        }
    }

    /// Seeds of which A is known at every M.
    pub fn known(&self) -> Vec<bool> {
        (0..self.seeds.len()).map(|seed| self.approximation.iter().all(|of| of[seed].is_finite())).collect()
    }
}
