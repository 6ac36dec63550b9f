//! The page's figures: the views that answer what papers on precision ask, of the cells there are.

use std::collections::HashSet;

use super::curves::Chart;
use super::risk::{Risk, own};
use super::table::{Cell, CellKey, Group, Table};
use super::variables::variable;
use super::view::{View, values_of};

/// Charts of a section; a sweep may have any number.
const MOST: usize = 36;
/// Recipes that have charts of their own.
const RECIPES: usize = 8;
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
        let charts = views.into_iter().flat_map(|view| view.charts(self.table, &self.keys)).collect();
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
        if views.is_empty() {
            views.push(self.view(if self.count("dim") > 1 { "dim" } else { "model" }, "recipe"));
        }
        self.section("Risk against model size and data", COMPARISON, views)
    }

    fn families(&self) -> Section {
        if !self.varies("model") || !self.varies("samples") {
            return Section::default();
        }
        let shown: Vec<CellKey> = self.keys.iter().copied().filter(|key| key.recipe < RECIPES).collect();
        let views =
            [self.view("model", "samples").split_by("recipe"), self.view(self.data, "model").split_by("recipe")];
        let charts = views.iter().flat_map(|view| view.charts(self.table, &shown)).collect();
        let left_out = 2 * self.table.recipes.len().saturating_sub(RECIPES);
        Section { title: "Every model size and every number of samples", note: FAMILIES, charts, left_out }.cut()
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
            let series = if name == "eps" { "family" } else { "recipe" };
            for risk in [self.risk, Risk::Difference] {
                let view = View::new(name, risk, &[series], self.baseline);
                charts.extend(view.at_largest("samples").at_largest("model").charts(self.table, keys));
            }
        }
        Section { title: "Against settings", note: SETTINGS_NOTE, charts, left_out: 0 }.cut()
    }

    fn quantized_test(&self) -> Section {
        let both = [Risk::Excess, Risk::QuantizedTest];
        let has = |key: &CellKey| self.table.cell(*key).is_some_and(Cell::has_quantized_test);
        if !self.keys.iter().any(has) {
            return Section::default();
        }
        let of = |x, largest| both.map(|risk| View::new(x, risk, &["recipe"], self.baseline).at_largest(largest));
        let models = if self.varies("model") { Vec::from(of("model", "samples")) } else { Vec::new() };
        let data = if self.varies("seen") { Vec::from(of(self.data, "model")) } else { Vec::new() };
        let dims = if self.count("dim") > 1 { Vec::from(of("dim", "samples")) } else { Vec::new() };
        self.section("Clean and quantized test features", QUANTIZED, models.into_iter().chain(data).chain(dims))
    }

    fn collapse(&self) -> Section {
        if !self.varies("model") {
            return Section::default();
        }
        // Fits are of each step size by itself.
        let sizes = &self.table.sizes;
        let fitted = |key: &CellKey| sizes.keys().any(|(group, ..)| *group == key.group);
        let keys: Vec<CellKey> = match sizes.is_empty() {
            true => self.keys.clone(),
            false => self.all.iter().copied().filter(fitted).collect(),
        };
        let keys: Vec<CellKey> = keys.into_iter().filter(|key| key.recipe < RECIPES).collect();
        let mut views = Vec::new();
        if self.varies("samples") && !keys.is_empty() {
            let all = View::new("neff_collapsed", Risk::Collapsed, &["recipe", "model"], self.baseline);
            let is_crowded = self.count("model") * RECIPES.min(self.table.recipes.len()) > LINES;
            views.push(if is_crowded { all.split_by("recipe") } else { all });
        }
        if !sizes.is_empty() {
            let sizes = [("m_total", Risk::Reducible), ("m_gc", Risk::GainCorrected)];
            views.extend(sizes.map(|(x, risk)| View::new(x, risk, &["recipe"], self.baseline).at_largest("samples")));
        }
        let charts = views.iter().flat_map(|view| view.charts(self.table, &keys)).collect();
        Section { title: "Collapse with effective sizes", note: COLLAPSE, charts, left_out: 0 }.cut()
    }

    /// Lines of equal compute, and against the bits of a model.
    fn budgets(&self) -> Section {
        let mut charts = Vec::new();
        if self.count("model") >= LEAST && self.count("samples") >= LEAST {
            let recipes = self.keys.iter().copied().filter(|key| key.recipe < RECIPES).collect::<Vec<_>>();
            for mut chart in self.view("model", "compute").split_by("recipe").charts(self.table, &recipes) {
                chart.lines.retain(|line| line.points.len() >= LEAST);
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
