//! The page's figures: the views that answer what papers on precision ask, of the cells there are.

use std::collections::{BTreeMap, HashSet};

use super::curves::{Chart, Style};
use super::risk::{Risk, own};
use super::scaling::collapse;
use super::table::{Cell, CellKey, Group, Table};
use super::variables::variable;
use super::view::{View, values_of};

/// Charts of a section; a sweep may have any number.
const MOST: usize = 36;
/// Lines of one chart that all look different.
const LINES: usize = 42;
/// Points that a line of equal compute needs.
const LEAST: usize = 3;

/// Charts under one heading.
#[derive(Clone, Debug, Default)]
pub struct Section {
    pub title: &'static str,
    pub note: &'static str,
    pub charts: Vec<Chart>,
    /// Charts left out.
    pub left_out: usize,
}

/// All sections that have a chart, of the cells with these keys: of those with a reducible risk, then of held-out ones.
pub fn sections(table: &Table, keys: &[CellKey], baseline: usize) -> Vec<Section> {
    let own = own(table);
    let of = |risk: Risk| {
        let keys: Vec<CellKey> = keys.iter().copied().filter(|key| own[key.group] == risk).collect();
        Story::new(table, &keys, baseline, risk).sections()
    };
    [Risk::Reducible, Risk::HeldOut].into_iter().flat_map(of).collect()
}

/// The cells without those of groups of which a group has the best step sizes: it shares all else with them.
pub fn without_choices(table: &Table, keys: &[CellKey]) -> Vec<CellKey> {
    let best: HashSet<_> =
        table.groups.iter().filter(|group| !group.best_of.is_empty()).map(Group::but_step_size).collect();
    let is_hidden = |group: &Group| group.best_of.is_empty() && best.contains(&group.but_step_size());
    let hidden: Vec<bool> = table.groups.iter().map(is_hidden).collect();
    keys.iter().copied().filter(|key| !hidden[key.group]).collect()
}

struct Story<'a> {
    table: &'a Table,
    /// Without the groups of which a group has the best step sizes.
    keys: Vec<CellKey>,
    all: &'a [CellKey],
    risk: Risk,
    /// The axis of the data.
    data: &'static str,
    baseline: usize,
}

impl Story<'_> {
    fn new<'a>(table: &'a Table, all: &'a [CellKey], baseline: usize, risk: Risk) -> Story<'a> {
        let keys = without_choices(table, all);
        let data = if risk == Risk::HeldOut { "samples" } else { "neff" };
        Story { table, keys, all, risk, data, baseline }
    }

    fn sections(&self) -> Vec<Section> {
        let sections = [
            self.comparison(),
            self.families(),
            self.costs(),
            self.training(),
            self.settings(),
            self.quantized_test(),
            self.collapse(),
            self.budgets(),
            self.residuals(),
        ];
        sections.into_iter().filter(|section| !section.charts.is_empty()).collect()
    }

    fn section(&self, title: &'static str, note: &'static str, views: impl IntoIterator<Item = View>) -> Section {
        let charts =
            views.into_iter().flat_map(|view| view.charts(self.table, &self.keys)).filter(is_a_curve).collect();
        Section { title, note, charts, left_out: 0 }.cut()
    }

    /// How many values of a variable there are.
    fn count(&self, name: &str) -> usize {
        let of = |variable| values_of(self.table, &self.keys, variable).len();
        variable(name).map_or(0, of)
    }

    /// Whether a group has two values of a variable or more.
    fn varies(&self, name: &str) -> bool {
        let Some(variable) = variable(name) else { return false };
        let mut keys: Vec<&CellKey> = self.keys.iter().collect();
        keys.sort_by_key(|key| key.group);
        let groups = keys.chunk_by(|a, b| a.group == b.group);
        let differs = |group: &[&CellKey]| {
            group.windows(2).any(|pair| variable.of(self.table, *pair[0]) != variable.of(self.table, *pair[1]))
        };
        groups.into_iter().any(differs)
    }

    fn view(&self, x: &'static str, series: &'static str) -> View {
        View::new(x, self.risk, &[series], self.baseline)
    }

    /// Every recipe against M at the largest N and against data at the largest M.
    fn comparison(&self) -> Section {
        let mut views = Vec::new();
        if self.varies("model") {
            views.push(self.view("model", "recipe").at_largest("samples"));
        }
        if self.varies("seen") {
            views.push(self.view(self.data, "recipe").at_largest("model"));
        }
        let mut section = self.section("Risk against model size and data", COMPARISON, views);
        if section.charts.is_empty() {
            // A page shows what there is, a single cell too.
            let view = self.view(if self.count("dim") > 1 { "dim" } else { "model" }, "recipe");
            section = Section { charts: view.charts(self.table, &self.keys), ..section }.cut();
        }
        section
    }

    fn families(&self) -> Section {
        if !self.varies("model") || !self.varies("samples") {
            return Section::default();
        }
        let views =
            [self.view("model", "samples").split_by("recipe"), self.view(self.data, "model").split_by("recipe")];
        self.section("Every model size and every number of samples", FAMILIES, views)
    }

    fn costs(&self) -> Section {
        let difference = |x| View::new(x, Risk::Difference, &["recipe"], self.baseline);
        let mut views = Vec::new();
        if self.varies("model") {
            views.push(difference("model").at_largest("samples"));
        }
        if self.varies("seen") {
            views.push(difference(self.data).at_largest("model"));
        }
        self.section("What each recipe costs", COSTS, views)
    }

    fn training(&self) -> Section {
        if self.keys.iter().all(|key| key.is_final()) {
            return Section::default();
        }
        let view = self.view("seen", "recipe").at_largest("samples").at_largest("model");
        self.section("During training", TRAINING, [view])
    }

    /// Against every setting of which there are two values or more.
    fn settings(&self) -> Section {
        const SETTINGS: [&str; 8] =
            ["dim", "spectrum_exponent", "target_exponent", "noise", "batch", "step_size", "eps", "bits"];
        let mut charts = Vec::new();
        for name in SETTINGS {
            let Some(variable) = variable(name) else { continue };
            let keys = if name == "step_size" { self.all } else { &self.keys };
            let numbers = values_of(self.table, keys, variable).iter().filter(|value| value.number().is_some()).count();
            if numbers < 2 {
                continue;
            }
            let series = if matches!(name, "eps" | "bits") { "family" } else { "recipe" };
            for risk in [self.risk, Risk::Difference] {
                let view = View::new(name, risk, &[series], self.baseline);
                let own = view.at_largest("samples").at_largest("model").charts(self.table, keys);
                charts.extend(own.into_iter().filter(is_a_curve));
            }
        }
        Section { title: "Against settings", note: SETTINGS_NOTE, charts, left_out: 0 }.cut()
    }

    fn quantized_test(&self) -> Section {
        let has = |key: &CellKey| self.table.cell(*key).is_some_and(Cell::has_quantized_test);
        if !self.keys.iter().any(has) {
            return Section::default();
        }
        let mut axes = Vec::new();
        axes.extend(self.varies("model").then_some(("model", "samples")));
        axes.extend(self.varies("seen").then_some((self.data, "model")));
        axes.extend((self.count("dim") > 1).then_some(("dim", "samples")));
        let of = |(x, largest): (&'static str, &'static str), risk| {
            View::new(x, risk, &["recipe"], self.baseline).at_largest(largest).charts(self.table, &self.keys)
        };
        let mut charts = Vec::new();
        for axis in axes {
            for (clean, test) in of(axis, Risk::Excess).into_iter().zip(of(axis, Risk::QuantizedTest)) {
                charts.extend(beside(clean, test).into_iter().filter(is_a_curve));
            }
        }
        Section { title: "Clean and quantized test features", note: QUANTIZED, charts, left_out: 0 }.cut()
    }

    fn collapse(&self) -> Section {
        if !self.varies("model") {
            return Section::default();
        }
        // Fits are of each step size by itself.
        let sizes = &self.table.sizes;
        let fitted: HashSet<usize> = sizes.keys().map(|(group, ..)| *group).collect();
        let keys: Vec<CellKey> = match sizes.is_empty() {
            true => self.keys.clone(),
            false => self.all.iter().copied().filter(|key| fitted.contains(&key.group)).collect(),
        };
        let mut charts = Vec::new();
        if !sizes.is_empty() {
            for (x, risk) in [("m_total", Risk::Reducible), ("m_gc", Risk::GainCorrected)] {
                let view = View::new(x, risk, &["recipe"], self.baseline).at_largest("samples");
                charts.extend(view.charts(self.table, &keys));
            }
        }
        let (collapsed, left_out) = if self.varies("samples") { self.collapsed(&keys) } else { Default::default() };
        charts.extend(collapsed);
        Section { title: "Collapse with effective sizes", note: COLLAPSE, charts, left_out }.cut()
    }

    /// Every M and N on one curve: all recipes in one chart, or where these are too many lines, each with full precision,
    /// as many as a section shows; and how many recipes are left out.
    fn collapsed(&self, keys: &[CellKey]) -> (Vec<Chart>, usize) {
        let view = View::new("neff_collapsed", Risk::Collapsed, &["recipe", "model"], self.baseline);
        let recipes = &self.table.recipes;
        if self.count("model") * recipes.len() <= LINES {
            return (view.charts(self.table, keys), 0);
        }
        // A recipe has a place where a fit gives its size.
        let mut own: BTreeMap<usize, Vec<CellKey>> = BTreeMap::new();
        keys.iter()
            .filter(|key| collapse(self.table, **key).is_some())
            .for_each(|key| own.entry(key.recipe).or_default().push(*key));
        let (full, others): (Vec<_>, Vec<_>) =
            own.into_iter().partition(|(recipe, _)| recipes[*recipe].is_full_precision);
        let full: Vec<CellKey> = full.into_iter().flat_map(|(_, keys)| keys).collect();
        let pair = |(_, keys): &(usize, Vec<CellKey>)| view.charts(self.table, &[&full[..], keys].concat());
        let has_both = |chart: &Chart| chart.shared("recipe").is_none();
        let shown = others.iter().take(MOST).flat_map(pair).filter(has_both).collect();
        (shown, others.len().saturating_sub(MOST))
    }

    /// Lines of equal compute, and against the bits of a model.
    fn budgets(&self) -> Section {
        let mut charts = Vec::new();
        if self.count("model") >= LEAST && self.count("samples") >= LEAST {
            for mut chart in self.view("model", "compute").split_by("recipe").charts(self.table, &self.keys) {
                chart.lines.retain(|line| line.points.len() >= LEAST);
                let of = chart.lines.len();
                chart.lines.iter_mut().enumerate().for_each(|(place, line)| line.style = Style::Ramp { place, of });
                // The slope of theory is that of more data too.
                chart.guide = None;
                chart.title += ", equal compute";
                charts.extend(Some(chart).filter(Chart::has_points));
            }
        }
        if self.count("bits") > 1 && self.varies("model") {
            let view = self.view("model_bits", "recipe").at_largest("samples");
            charts.extend(view.charts(self.table, &self.keys));
        }
        Section { title: "At equal compute and at equal bits", note: BUDGETS, charts, left_out: 0 }.cut()
    }

    fn residuals(&self) -> Section {
        let of = |x, largest| View::new(x, Risk::Residual, &["recipe"], self.baseline).at_largest(largest);
        let mut views = Vec::new();
        if self.varies("model") {
            views.push(of("model", "samples"));
        }
        if self.varies("seen") {
            views.push(of(self.data, "model"));
        }
        self.section("Simulation against exact expectation", RESIDUALS, views)
    }
}

/// Whether it has points at two places or more.
fn is_a_curve(chart: &Chart) -> bool {
    chart.xs().len() > 1
}

/// Two charts whose risk axes reach as far.
fn beside(mut one: Chart, mut other: Chart) -> [Chart; 2] {
    let risks = |chart: &Chart| chart.points().filter_map(|point| point.y).collect();
    (one.beside, other.beside) = (risks(&other), risks(&one));
    [one, other]
}

impl Section {
    fn cut(mut self) -> Section {
        self.left_out += self.charts.len().saturating_sub(MOST);
        self.charts.truncate(MOST);
        self
    }
}

const COMPARISON: &str = "";
const FAMILIES: &str = "One chart for each recipe and axis, one line for each value of the other size.";
const COSTS: &str = "Means of differences to the baseline at the same seeds, which share sketch, target and samples. Where one is \
    not above zero the axis has both signs: even about zero, by decades beyond the errors.";
const TRAINING: &str = "Rows before the end of a run, at the largest model size and number of samples.";
const SETTINGS_NOTE: &str =
    "At the largest model size and number of samples. Recipes without the setting are dashed lines.";
const QUANTIZED: &str = "The same runs on clean test features and on features quantized as in training.";
const COLLAPSE: &str = "For a power spectrum theory gives risk × M^(b − 1) as one curve of N_eff / M^a for every M and N, \
    and with M_total in place of M for every recipe. Where a recipe makes a model smaller, its points fall on those of full \
    precision against M_total. Where one factor on the weights undoes what it does, they do so against M_gc once the risk \
    is gain corrected.";
const BUDGETS: &str = "Risk against model size at equal compute M × N, for at least three sizes; and against M times the bits \
    of a value, the mean over data, features, parameters, weights and gradients where the recipe says no other.";
const RESIDUALS: &str = "Relative to the exact expectation of the same seeds, each given its own sketch and target: zero but \
    for the noise of samples and rounding.";
