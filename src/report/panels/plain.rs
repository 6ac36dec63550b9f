//! A panel for each group of cells that share every setting but M, N and the recipe.

use super::panel::Panel;
use super::quantized_test;
use crate::report::cells::{Cells, Group, Key, risk_of};
use crate::report::curves::chart;
use crate::report::estimates::Errors;
use crate::report::sample::Sample;
use crate::report::variables::Axis;

/// In order of first appearance.
pub fn panels(cells: &Cells) -> impl Iterator<Item = Panel> {
    cells.groups.iter().map(|group| panel(group, &cells.recipes))
}

fn panel(group: &Group, recipes: &[String]) -> Panel {
    let risk = risk_of(&[group]);
    let errors = Errors::new(group.runs().map(|run| run.seed));
    let sample = |key: Key| group.cells.get(&key).map(|cell| Sample::of(cell, risk, |_| true)).unwrap_or_default();
    let keys: Vec<Key> = group.cells.keys().copied().collect();
    let charts = Axis::ALL.iter().map(|&axis| chart(&keys, recipes, axis, risk, &errors, &sample)).collect();
    let tests = quantized_test::lines(group, recipes);
    Panel { settings: group.settings.clone(), best_of: Vec::new(), risk, charts, tests }
}
