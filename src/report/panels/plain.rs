//! A panel for each group of cells that share every setting but M, N and the recipe.

use super::panel::Panel;
use super::quantized_test;
use crate::report::cells::{CellKey, Cells, Group, risk_of};
use crate::report::curves::charts;
use crate::report::estimates::Errors;
use crate::report::sample::Sample;

/// In order of first appearance.
pub fn panels(cells: &Cells) -> impl Iterator<Item = Panel> {
    cells.groups.iter().map(|group| panel(group, &cells.recipes))
}

fn panel(group: &Group, recipes: &[String]) -> Panel {
    let risk = risk_of(&[group]);
    let errors = Errors::new(group.runs().map(|run| run.seed));
    let sample = |key: CellKey| group.cells.get(&key).map(|cell| Sample::of(cell, risk, |_| true)).unwrap_or_default();
    let charts = charts(&group.cells.keys().copied().collect(), recipes, risk, &errors, sample);
    let tests = quantized_test::lines(group, recipes);
    Panel { settings: group.settings.clone(), best_of: Vec::new(), risk, charts, tests }
}
