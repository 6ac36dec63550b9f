//! Each point at its own best step size: chosen on one half of the seeds, reported on the other.
//!
//! The least of several noisy means is biased low. Seeds that had no say in the choice are not.

use std::collections::BTreeSet;

use super::panel::Panel;
use crate::report::cells::{CellKey, Cells, Group, risk_of};
use crate::report::curves::charts;
use crate::report::estimates::Errors;
use crate::report::sample::Sample;
use crate::report::settings::{PanelSettings, STEP_SIZE};
use crate::report::variables::RiskKind;

/// Stands for the step size where each point has its own.
const BEST: &str = "best";

/// One panel for all groups that differ in the step size alone, where there are two step sizes or more, and seeds
/// for both halves.
pub fn panels(cells: &Cells) -> Vec<Panel> {
    let mut families: Vec<(PanelSettings, Vec<&Group>)> = Vec::new();
    for group in &cells.groups {
        let shared = group.settings.with(STEP_SIZE, BEST);
        match families.iter_mut().find(|(other, _)| *other == shared) {
            Some((_, family)) => family.push(group),
            None => families.push((shared, vec![group])),
        }
    }
    families.into_iter().filter_map(|(settings, family)| panel(settings, family, &cells.recipes)).collect()
}

fn panel(settings: PanelSettings, mut family: Vec<&Group>, recipes: &[String]) -> Option<Panel> {
    family.sort_by(|a, b| a.step_size.total_cmp(&b.step_size));
    let has = |half: fn(u32) -> bool| family.iter().flat_map(|group| group.runs()).any(|run| half(run.seed));
    if family.len() < 2 || !has(chooses) || !has(reports) {
        return None;
    }
    let risk = risk_of(&family);
    let errors = Errors::new(family.iter().flat_map(|group| group.runs()).map(|run| run.seed).filter(|s| reports(*s)));
    let keys: BTreeSet<CellKey> = family.iter().flat_map(|group| group.cells.keys().copied()).collect();
    let charts = charts(&keys, recipes, risk, &errors, |key| best(&family, key, risk));
    Some(Panel { settings, best_of: family.iter().map(|g| g.step_size).collect(), risk, charts, tests: Vec::new() })
}

fn chooses(seed: u32) -> bool {
    seed.is_multiple_of(2)
}

fn reports(seed: u32) -> bool {
    !chooses(seed)
}

/// The odd seeds at the step size of the lowest mean risk over the even seeds, the smaller one of equals. A step
/// size with a diverged run among the even seeds is not eligible; where none is, the even seeds of all step sizes,
/// without a risk.
fn best(family: &[&Group], key: CellKey, risk: RiskKind) -> Sample {
    let mut chosen: Option<(f64, &Group)> = None;
    let mut tried = Sample::default();
    for group in family {
        let Some(cell) = group.cells.get(&key) else { continue };
        let even = Sample::of(cell, risk, chooses);
        tried.runs += even.runs;
        tried.diverged += even.diverged;
        let mean = even.values.iter().map(|(_, value)| value).sum::<f64>() / even.values.len() as f64;
        let better = chosen.is_none_or(|(least, _)| mean < least);
        if even.is_whole() && mean.is_finite() && better {
            chosen = Some((mean, *group));
        }
    }
    let Some((_, group)) = chosen else { return tried };
    let odd = group.cells.get(&key).map(|cell| Sample::of(cell, risk, reports)).unwrap_or_default();
    Sample { step_size: Some(group.step_size), ..odd }
}
