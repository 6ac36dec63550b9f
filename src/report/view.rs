//! A view: what is drawn against what, told apart by what, split by what; and the charts that it makes of a table.
//!
//! Seeds are averaged and nothing else: whatever else differs is told apart by series or splits into charts.

use std::collections::{BTreeMap, BTreeSet};

use super::curves::{Chart, Line, Point, SHAPES, Style, points};
use super::estimates::Center;
use super::risk::{Risk, is_heavy_tailed, sample};
use super::table::{CellKey, Table};
use super::variables::{Value, Variable, group_settings, telling, variable};

/// What to draw.
#[derive(Clone, Debug)]
pub struct View {
    pub x: &'static Variable,
    pub y: Risk,
    /// Told apart within a chart.
    pub series: Vec<&'static Variable>,
    /// Charts are split by these, and by whatever else is left to tell apart.
    pub panel: Vec<&'static Variable>,
    /// Place of the recipe that differences are to.
    pub baseline: usize,
    /// Only at the largest value of each of these that a chart's group has.
    pub at_largest: Vec<&'static Variable>,
}

impl View {
    /// Against a variable, by recipe.
    pub fn new(x: &'static str, y: Risk, series: &[&'static str], baseline: usize) -> View {
        let named = |name: &str| variable(name).expect("a view names variables");
        let series = series.iter().map(|name| named(name)).collect();
        View { x: named(x), y, series, panel: Vec::new(), baseline, at_largest: Vec::new() }
    }

    /// The same at the largest value of another variable.
    pub fn at_largest(mut self, name: &'static str) -> View {
        self.at_largest.extend(variable(name));
        self
    }

    /// The same, split by a variable first.
    pub fn split_by(mut self, name: &'static str) -> View {
        self.panel.extend(variable(name));
        self
    }

    /// Its charts of these cells, those without a point left out.
    pub fn charts(&self, table: &Table, keys: &[CellKey]) -> Vec<Chart> {
        let recipes = recipes_of(keys);
        let keys = self.shown(table, keys);
        let left = self.left_to_tell(table, &keys);
        let split: Vec<&'static Variable> = self.panel.iter().copied().chain(left).collect();
        let mut charts: BTreeMap<Vec<Value>, Vec<CellKey>> = BTreeMap::new();
        for key in keys {
            let of = split.iter().map(|variable| variable.of(table, key)).collect();
            charts.entry(of).or_default().push(key);
        }
        // In the order in which groups and recipes appeared, then by what splits them.
        let mut charts: Vec<Vec<CellKey>> = charts.into_values().collect();
        charts.sort_by_key(|keys| keys.iter().map(|key| (key.group, key.recipe)).min());
        charts.iter().map(|keys| self.chart(table, keys, &split, &recipes)).filter(|chart| chart.seeds > 0).collect()
    }

    /// The cells that have a place in it: at the ends of their runs but for axes of samples seen.
    fn shown(&self, table: &Table, keys: &[CellKey]) -> Vec<CellKey> {
        let seen = matches!(self.x.name, "seen" | "neff");
        let compared = |key: &CellKey| self.y != Risk::Difference || key.recipe != self.baseline;
        let has_place = |key: &CellKey| match self.x.name {
            // Recipes without eps are lines across the chart.
            "eps" => true,
            _ => self.x.of(table, *key).number().is_some_and(|x| x > 0.0 || x == 0.0 && self.x.is_chosen()),
        };
        let mut shown: Vec<CellKey> =
            keys.iter().copied().filter(|key| (seen || key.is_final()) && compared(key) && has_place(key)).collect();
        for variable in &self.at_largest {
            let mut largest: BTreeMap<usize, Value> = BTreeMap::new();
            for key in &shown {
                let (own, most) = (variable.of(table, *key), largest.entry(key.group).or_insert(Value::Unset));
                *most = own.max(most.clone());
            }
            shown.retain(|key| largest.get(&key.group) == Some(&variable.of(table, *key)));
        }
        if self.x.name == "neff" {
            one_for_each_end(&mut shown);
        }
        shown
    }

    /// What tells cells of one line apart, beside x, series and panel. What x or series stand for splits where a line has
    /// two values of it at one x. A setting that goes with x, one value with one, as M with D where there is no sketch,
    /// splits nothing; nor do directories whose cells do not lie on one another.
    fn left_to_tell(&self, table: &Table, keys: &[CellKey]) -> Vec<&'static Variable> {
        let mut by: Vec<&'static Variable> = self.series.iter().chain(&self.panel).copied().collect();
        let shown: Vec<&'static Variable> = [self.x].into_iter().chain(self.series.iter().copied()).collect();
        let told = |name: &str| shown.iter().any(|variable| variable.replaces.contains(&name));
        let is_setting = group_settings().any(|setting| setting == self.x);
        // Laws that differ in their eps alone stay together.
        let family = variable("family").filter(|_| told("recipe"));
        // Cells before the end of their runs have a place on axes of samples seen alone.
        let is_open = |candidate: &&Variable| {
            candidate.name != "seen" && !shown.contains(candidate) && !self.panel.contains(candidate)
        };
        let mut left = Vec::new();
        for candidate in family.into_iter().chain(telling()).filter(is_open) {
            let mut lines: BTreeMap<Vec<Value>, BTreeSet<(Value, Value)>> = BTreeMap::new();
            for key in keys {
                let line = by.iter().map(|variable| variable.of(table, *key)).collect();
                lines.entry(line).or_default().insert((candidate.of(table, *key), self.x.of(table, *key)));
            }
            let differs = |pairs: &BTreeSet<(Value, Value)>| {
                let values = pairs.iter().map(|(value, _)| value).collect::<BTreeSet<_>>().len();
                let xs = pairs.iter().map(|(_, x)| x).collect::<BTreeSet<_>>().len();
                match candidate.name {
                    name if name == "directory" || told(name) => pairs.len() > xs,
                    _ if is_setting => values > 1 && (pairs.len() > xs || pairs.len() > values),
                    _ => values > 1,
                }
            };
            if lines.values().any(differs) {
                by.push(candidate);
                left.push(candidate);
            }
        }
        left
    }

    fn chart(&self, table: &Table, keys: &[CellKey], split: &[&'static Variable], recipes: &[usize]) -> Chart {
        // Medians where single seeds carry the means of held-out risks, and then of their differences too.
        let of_baseline = |key: &CellKey| CellKey { recipe: self.baseline, ..*key };
        let heavy = |key: &CellKey| match self.y {
            Risk::HeldOut => is_heavy_tailed(table, *key),
            Risk::Difference => is_heavy_tailed(table, *key) || is_heavy_tailed(table, of_baseline(key)),
            _ => false,
        };
        let center = if keys.iter().any(heavy) { Center::Median } else { Center::Mean };
        let mut series: BTreeMap<Vec<Value>, Vec<(Value, CellKey)>> = BTreeMap::new();
        for key in keys {
            let name = self.series.iter().map(|variable| variable.of(table, *key)).collect();
            series.entry(name).or_default().push((self.x.of(table, *key), *key));
        }
        let second = self.series.get(1).map_or_else(BTreeSet::new, |second| values_of(table, keys, second));
        let mut lines: Vec<Line> = Vec::new();
        for (place, (name, mut cells)) in series.into_iter().enumerate() {
            cells.sort();
            let across = cells.iter().all(|(x, _)| x.number().is_none());
            let samples = cells
                .iter()
                .map(|(x, key)| (x.number().unwrap_or(f64::NAN), *key, sample(table, *key, self.y, self.baseline)));
            let points = points(samples, center, self.y);
            if !points.is_empty() {
                let mark = name.get(1).filter(|_| second.len() <= SHAPES);
                let mark = mark.and_then(|value| second.iter().position(|own| own == value));
                let style = self.style(table, cells[0].1, (place, mark), recipes);
                lines.push(Line { name: self.line_name(&name), style, points, across });
            }
        }
        lines.sort_by_key(|line| line.style.order());
        let ramp = lines.iter().filter(|line| matches!(line.style, Style::Ramp { .. })).count();
        for (place, line) in lines.iter_mut().filter(|line| matches!(line.style, Style::Ramp { .. })).enumerate() {
            line.style = Style::Ramp { place, of: ramp };
        }
        if self.y == Risk::HeldOut {
            lines.extend(baselines(table, keys));
        }
        Chart::new((self.x, self.y, center), table, self.baseline, keys, split, lines)
    }

    /// Recipes keep their colours from chart to chart of those shown; values of a number are steps of a ramp.
    fn style(&self, table: &Table, key: CellKey, (place, mark): (usize, Option<usize>), recipes: &[usize]) -> Style {
        let color = recipes.binary_search(&key.recipe).unwrap_or(place);
        match self.series.as_slice() {
            [one] if one.name == "recipe" => Style::Own(color),
            [one, _] if one.name == "recipe" && recipes.len() <= SHAPES => {
                mark.map_or(Style::Own(place), |mark| Style::Pair { color, mark })
            }
            [one] if one.name == "family" => {
                let family = &table.recipes[key.recipe].family;
                Style::Own(table.recipes.iter().position(|recipe| recipe.family == *family).unwrap_or(place))
            }
            [one] if one.is_number() => Style::Ramp { place, of: place + 1 },
            _ => Style::Own(place),
        }
    }

    fn line_name(&self, values: &[Value]) -> String {
        let parts = self.series.iter().zip(values).map(|(variable, value)| variable.text(value));
        let parts: Vec<String> = parts.filter(|part| !part.is_empty()).collect();
        if parts.is_empty() { "all".into() } else { parts.join(", ") }
    }
}

/// Lines across a chart of held-out risks whose cells share what they have to beat.
fn baselines(table: &Table, keys: &[CellKey]) -> Vec<Line> {
    let (Some(key), Some(own)) = (keys.first(), keys.first().and_then(|key| table.baselines_of(key.group))) else {
        return Vec::new();
    };
    if keys.iter().any(|key| table.baselines_of(key.group) != Some(own)) {
        return Vec::new();
    }
    let names = ["mean label".to_owned(), format!("ridge, {} covariates, {} rows", own.dim, own.rows)];
    let line = |(place, (name, risk))| Line {
        name,
        style: Style::Own(table.recipes.len() + place),
        points: vec![Point::known(*key, risk)],
        across: true,
    };
    names.into_iter().zip([own.mean, own.ridge]).enumerate().map(line).collect()
}

/// The recipes of cells, ascending.
fn recipes_of(keys: &[CellKey]) -> Vec<usize> {
    let mut recipes: Vec<usize> = keys.iter().map(|key| key.recipe).collect();
    recipes.sort_unstable();
    recipes.dedup();
    recipes
}

/// Of cells that differ in N alone and have seen as many samples: the one at the end of its run, or of the largest N.
fn one_for_each_end(keys: &mut Vec<CellKey>) {
    keys.sort_by_key(|key| (key.group, key.model, key.recipe, key.seen, !key.is_final(), u64::MAX - key.samples));
    keys.dedup_by_key(|key| (key.group, key.model, key.recipe, key.seen));
    keys.sort_unstable();
}

/// Values of a variable that cells have, ascending, without those that are unset.
pub fn values_of(table: &Table, keys: &[CellKey], variable: &Variable) -> BTreeSet<Value> {
    let all = keys.iter().map(|key| variable.of(table, *key));
    all.filter(|value| *value != Value::Unset).collect()
}
