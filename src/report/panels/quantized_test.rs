//! The excess on quantized test features: sampled against exact.

use crate::report::cells::{CellKey, CellRuns, Group};

/// Quantized test features of one recipe, at the largest M and N of its panel.
#[derive(Clone, Debug, PartialEq)]
pub struct TestLine {
    pub recipe: String,
    pub model: u32,
    pub samples: u64,
    pub runs: usize,
    pub diverged: usize,
    /// Mean over the seeds of the excess estimated from test samples; `None` where any run diverged.
    pub mean: Option<f64>,
    pub se: Option<f64>,
    /// Mean of the exact values, where every run has one.
    pub exact: Option<f64>,
    /// Mean difference of the two over its standard error over seeds.
    pub z: Option<f64>,
}

/// A line for each recipe whose runs have such a test.
pub fn lines(group: &Group, recipes: &[String]) -> Vec<TestLine> {
    let model = group.cells.keys().map(|key| key.model).max().unwrap_or(0);
    let samples = group.cells.keys().map(|key| key.samples).max().unwrap_or(0);
    let at_largest = group.cells.iter().filter(|(key, _)| (key.model, key.samples) == (model, samples));
    let line = |(key, cell): (&CellKey, &CellRuns)| {
        let test = cell.test.as_deref()?;
        let runs = cell.runs.len();
        let sampled = Some(test.sampled).filter(|all| all.n == runs);
        let exact = sampled.and(Some(test.exact)).filter(|all| all.n == runs);
        let z = || Some(test.difference.mean / test.difference.standard_error().filter(|se| *se > 0.0)?);
        Some(TestLine {
            recipe: recipes[key.recipe].clone(),
            model,
            samples,
            runs,
            diverged: cell.runs.iter().filter(|run| run.diverged).count(),
            mean: sampled.map(|all| all.mean),
            se: sampled.and_then(|all| all.standard_error()),
            exact: exact.map(|all| all.mean),
            z: exact.and_then(|_| z()),
        })
    };
    at_largest.filter_map(line).collect()
}
