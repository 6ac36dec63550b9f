//! Each cell at its own best step size: chosen on one half of the seeds, shown on the other.
//!
//! The least of several noisy means is biased low. Seeds that had no say in the choice are not.

use std::collections::BTreeMap;

use super::estimates::{mean, median};
use super::risk::{Risk, is_heavy_tailed, own, plain};
use super::table::{Cell, CellKey, Group, Table};
use super::variables::{Value, group_settings};

impl Table {
    /// Adds a group for all groups that differ in the step size alone, where there are two step sizes or more, and seeds
    /// for both halves. What differs by recipe differs in its step sizes too.
    pub fn choose_step_sizes(&mut self) {
        let mut families: BTreeMap<(usize, Vec<Value>), Vec<usize>> = BTreeMap::new();
        let first = |group| CellKey { group, model: 0, samples: 0, seen: 0, recipe: 0 };
        for group in 0..self.groups.len() {
            let settings = group_settings().filter(|setting| setting.name != "step_size");
            let shared = settings.map(|setting| setting.of(self, first(group))).collect();
            families.entry((self.groups[group].directory, shared)).or_default().push(group);
        }
        let risks = own(self);
        let mut keys: Vec<Vec<CellKey>> = vec![Vec::new(); self.groups.len()];
        self.cells.keys().for_each(|key| keys[key.group].push(*key));
        for mut family in families.into_values().filter(|family| family.len() > 1) {
            let step = |group: usize| self.groups[group].row.step_size;
            family.sort_by(|a, b| step(*a).total_cmp(&step(*b)));
            let best_of = family.iter().map(|group| step(*group)).collect();
            let own: Vec<CellKey> = family.iter().flat_map(|group| keys[*group].iter().copied()).collect();
            let chosen = self.chosen(&family, own, risks[family[0]]);
            if chosen.is_empty() {
                continue;
            }
            let group = self.groups.len();
            let Group { directory, row, .. } = &self.groups[family[0]];
            self.groups.push(Group { directory: *directory, row: row.clone(), best_of });
            self.cells.extend(chosen.into_iter().map(|(key, cell)| (CellKey { group, ..key }, cell)));
        }
    }

    /// Every cell of a family, where seeds have a say and others are left to show.
    fn chosen(&self, family: &[usize], mut keys: Vec<CellKey>, risk: Risk) -> Vec<(CellKey, Cell)> {
        keys.sort_by_key(|key| CellKey { group: 0, ..*key });
        keys.dedup_by_key(|key| CellKey { group: 0, ..*key });
        let seeds = || keys.iter().filter_map(|key| self.cell(*key)).flat_map(|cell| &cell.runs).map(|run| run.seed);
        if !seeds().any(chooses) || !seeds().any(|seed| !chooses(seed)) {
            return Vec::new();
        }
        keys.into_iter().map(|key| (key, self.best(family, key, risk))).collect()
    }

    /// The odd seeds at the step size of the lowest risk over the even seeds, the smaller one of equals: by the mean, or
    /// by the median where single seeds carry the means of held-out risks, as charts show them. A step size with a diverged run among the even seeds
    /// is not eligible; where none is, the even seeds of the largest, as the runs that diverged. Rows before the end of a
    /// run are of the step size that is best at its end.
    fn best(&self, family: &[usize], key: CellKey, risk: Risk) -> Cell {
        let mut chosen: Option<(f64, &Cell, f64)> = None;
        let mut tried = Cell::default();
        let is_heavy = family.iter().any(|group| is_heavy_tailed(self, CellKey { group: *group, ..key }));
        for &group in family {
            let (own, end) = (CellKey { group, ..key }, CellKey { group, seen: key.samples, ..key });
            let (Some(cell), Some(at_end)) = (self.cell(own), self.cell(end)) else { continue };
            let even = half(at_end, true);
            let found = plain(&even, risk);
            let values: Vec<f64> = found.values.iter().map(|(_, value)| *value).collect();
            let center = if is_heavy { median(&values) } else { mean(values.iter().copied()) };
            let step = self.groups[group].row.step_size;
            let is_better = |center: &f64| chosen.is_none_or(|(least, ..)| *center < least);
            if let Some(center) = center.filter(|c| c.is_finite()).filter(is_better).filter(|_| found.is_whole()) {
                chosen = Some((center, cell, step));
            }
            tried = half(cell, true);
        }
        match chosen {
            Some((_, cell, step)) => Cell { step_size: Some(step), ..half(cell, false) },
            None => tried,
        }
    }
}

/// The runs of the seeds that choose, or of those that do not.
fn half(cell: &Cell, choosing: bool) -> Cell {
    let runs = cell.runs.iter().copied().filter(|run| chooses(run.seed) == choosing).collect();
    Cell { runs, test: None, held_out_se: cell.held_out_se, is_matched: cell.is_matched, step_size: None }
}

fn chooses(seed: u32) -> bool {
    seed.is_multiple_of(2)
}
