//! The grid of a config: its cells, and how many are allowed.

use std::slice;

use super::due::rows_due;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::problem::Problem;

/// Cells of a plan, and rows of one seed index: what the plan itself holds in memory.
const MAX_CELLS: u64 = 1 << 20;
const MAX_ROWS: u64 = 1 << 24;

/// One point of problem x M x N x B x step size x recipe.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cell {
    /// Number of the problem point: in the product over the `[problem]` keys, the last fastest.
    pub problem: usize,
    /// M, the number of features.
    pub model: u32,
    /// N, the number of training samples.
    pub samples: u64,
    /// B, samples per update.
    pub batch: u32,
    /// gamma, at update 0.
    pub step_size: f64,
    /// Number of the recipe, in the order of [`Config::recipe_names`].
    pub recipe: usize,
}

/// Model sizes of a problem point: those of the config, or D without a sketch.
pub(super) fn models<'a>(config: &'a Config, problem: &'a Problem) -> &'a [u32] {
    if problem.is_sketched() { &config.train.models } else { slice::from_ref(&problem.dim) }
}

/// Refuses more cells or rows than a plan can hold.
pub(super) fn refuse_many(config: &Config) -> Result<()> {
    let train = &config.train;
    let models: u64 = config.problems.iter().map(|problem| models(config, problem).len() as u64).sum();
    let lists = [train.samples.len(), train.batches.len(), train.step_sizes.len(), config.recipes.len()];
    let cells = lists.iter().fold(models, |cells, length| cells.saturating_mul(*length as u64));
    // The smallest batch and the largest N have the most rows.
    let longest = train.batches.iter().min().zip(train.samples.iter().max());
    let due = longest.map_or(0, |(&batch, &samples)| rows_due(train, batch, samples).len() as u64);
    let rows = cells.saturating_mul(due).saturating_mul(train.outputs.len() as u64);
    if cells > MAX_CELLS || rows > MAX_ROWS {
        return Err(Error::Input(format!(
            "the lists of problem, train and recipe make {cells} cells of {due} rows a seed: allowed are up to {MAX_CELLS} \
             cells and {MAX_ROWS} rows"
        )));
    }
    Ok(())
}

/// The cells, the recipe fastest.
pub(super) fn cells(config: &Config) -> Vec<Cell> {
    let train = &config.train;
    let mut cells = Vec::new();
    for (problem, setting) in config.problems.iter().enumerate() {
        for &model in models(config, setting) {
            for &samples in &train.samples {
                for &batch in &train.batches {
                    for &step_size in &train.step_sizes {
                        for recipe in 0..config.recipes.len() {
                            cells.push(Cell { problem, model, samples, batch, step_size, recipe });
                        }
                    }
                }
            }
        }
    }
    cells
}
