//! Scaling series: mean risk against M and against N, with standard errors over seeds.

use std::collections::BTreeMap;

use super::best;
use super::cells::{CellRuns, Cells, Group, Key};
use super::errors::{Errors, Estimate};

/// The settings that tell panels apart, in column order.
pub const SETTINGS: [&str; 13] = [
    "output",
    "dim",
    "spectrum",
    "spectrum_exponent",
    "target",
    "target_exponent",
    "noise",
    "sketch_kind",
    "sampling",
    "tail",
    "batch",
    "step_size",
    "schedule",
];
/// Place of the step size among them.
pub const STEP_SIZE: usize = 11;

/// What a series is drawn against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Axis {
    /// Against the model size M, at the panel's largest N.
    Model,
    /// Against the samples N, at the panel's largest M.
    Samples,
}

impl Axis {
    pub const ALL: [Axis; 2] = [Axis::Model, Axis::Samples];

    /// Column name of the variable, also used in file names.
    pub fn name(self) -> &'static str {
        match self {
            Axis::Model => "model",
            Axis::Samples => "samples",
        }
    }

    /// The variable as the axis of a figure names it.
    pub fn label(self) -> &'static str {
        match self {
            Axis::Model => "model size M",
            Axis::Samples => "samples N",
        }
    }

    /// The variable drawn, and the one held at its largest value.
    fn split(self, (_, model, samples): Key) -> (u64, u64) {
        match self {
            Axis::Model => (u64::from(model), samples),
            Axis::Samples => (samples, u64::from(model)),
        }
    }
}

/// Which risk a panel shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Risk {
    Reducible,
    /// Mean squared error on held-out rows: shown where no run has a reducible risk, as for a user's data.
    HeldOut,
}

impl Risk {
    /// Column name.
    pub fn name(self) -> &'static str {
        match self {
            Risk::Reducible => "reducible",
            Risk::HeldOut => "held_out",
        }
    }

    /// The risk as the axis of a figure names it.
    pub fn label(self) -> &'static str {
        match self {
            Risk::Reducible => "reducible risk",
            Risk::HeldOut => "held-out risk",
        }
    }

    /// The risk that runs of these groups have.
    pub fn of(groups: &[&Group]) -> Risk {
        let has = |risk| groups.iter().flat_map(|group| group.runs()).any(|run| run.risk(risk).is_some());
        if !has(Risk::Reducible) && has(Risk::HeldOut) { Risk::HeldOut } else { Risk::Reducible }
    }
}

/// One point of a series: all seeds of one cell.
#[derive(Clone, Debug, PartialEq)]
pub struct CurvePoint {
    pub x: u64,
    /// Mean risk over the seeds; `None` where any run diverged.
    pub mean: Option<f64>,
    /// Standard error of the mean; `None` with fewer than two seeds.
    pub se: Option<f64>,
    pub runs: usize,
    /// Runs that diverged, of `runs`.
    pub diverged: usize,
    /// d log risk / d log x from the previous point to this one.
    pub slope: Option<f64>,
    pub slope_se: Option<f64>,
    /// The step size chosen for this point, where the panel chooses one.
    pub step_size: Option<f64>,
    /// Mean over the runs of the standard error over the held-out rows, which all seeds share.
    pub held_out_se: Option<f64>,
}

impl CurvePoint {
    pub fn diverged_fraction(&self) -> f64 {
        self.diverged as f64 / self.runs.max(1) as f64
    }
}

/// The points of one recipe, by ascending x.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    pub recipe: String,
    /// Place of the recipe among all recipes of the rows: fixes its colour and marker.
    pub style: usize,
    pub points: Vec<CurvePoint>,
}

/// The series of a panel along one axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Chart {
    pub axis: Axis,
    pub risk: Risk,
    /// Value of the other variable, its largest in the panel.
    pub held: u64,
    pub series: Vec<Series>,
}

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

/// All that shares every setting but M, N and the recipe, or these and the step size.
#[derive(Clone, Debug, PartialEq)]
pub struct Panel {
    /// Values in `SETTINGS` order.
    pub settings: Vec<String>,
    /// The step sizes among which each point has its best, ascending; empty where there is but the one in the
    /// settings.
    pub best_of: Vec<f64>,
    pub risk: Risk,
    /// In `Axis::ALL` order.
    pub charts: Vec<Chart>,
    pub tests: Vec<TestLine>,
}

/// The risks behind a point, and the runs they are of.
#[derive(Clone, Debug, Default)]
pub struct Sample {
    /// Of the runs that did not diverge, by ascending seed.
    pub values: Vec<(u32, f64)>,
    pub runs: usize,
    pub diverged: usize,
    pub step_size: Option<f64>,
    pub held_out_se: Option<f64>,
}

impl Sample {
    /// The runs of a cell whose seed is wanted.
    pub fn of(cell: &CellRuns, risk: Risk, wanted: impl Fn(u32) -> bool) -> Sample {
        let rows = &cell.held_out_se;
        let held_out_se = (risk == Risk::HeldOut && rows.n > 0).then_some(rows.mean);
        let mut sample = Sample { held_out_se, ..Sample::default() };
        for run in cell.runs.iter().filter(|run| wanted(run.seed)) {
            sample.runs += 1;
            sample.diverged += usize::from(run.diverged);
            sample.values.extend(run.risk(risk).map(|value| (run.seed, value)));
        }
        sample
    }

    /// Whether every run has a risk.
    pub fn is_whole(&self) -> bool {
        self.values.len() == self.runs
    }
}

/// Panels in order of first appearance, then those of the best step sizes.
pub(super) fn panels(cells: &Cells) -> Vec<Panel> {
    let mut panels: Vec<Panel> = cells.groups.iter().map(|group| panel(group, &cells.recipes)).collect();
    panels.extend(best::panels(cells));
    panels
}

fn panel(group: &Group, recipes: &[String]) -> Panel {
    let risk = Risk::of(&[group]);
    let errors = Errors::new(group.runs().map(|run| run.seed));
    let sample = |key: Key| group.cells.get(&key).map(|cell| Sample::of(cell, risk, |_| true)).unwrap_or_default();
    let keys: Vec<Key> = group.cells.keys().copied().collect();
    let charts = Axis::ALL.iter().map(|&axis| chart(&keys, recipes, axis, risk, &errors, &sample)).collect();
    Panel { settings: group.settings.clone(), best_of: Vec::new(), risk, charts, tests: tests(group, recipes) }
}

/// The chart of the cells with these keys along one axis.
pub fn chart(
    keys: &[Key],
    recipes: &[String],
    axis: Axis,
    risk: Risk,
    errors: &Errors,
    sample: &impl Fn(Key) -> Sample,
) -> Chart {
    let held = keys.iter().map(|&key| axis.split(key).1).max().unwrap_or(0);
    let mut cells: BTreeMap<usize, BTreeMap<u64, Key>> = BTreeMap::new();
    for &key in keys.iter().filter(|&&key| axis.split(key).1 == held) {
        cells.entry(key.0).or_default().insert(axis.split(key).0, key);
    }
    let series = cells
        .into_iter()
        .map(|(style, cells)| Series {
            recipe: recipes[style].clone(),
            style,
            points: points(cells.into_iter().map(|(x, key)| (x, sample(key))), errors),
        })
        .collect();
    Chart { axis, risk, held, series }
}

/// The points of one recipe, by ascending x.
fn points(samples: impl Iterator<Item = (u64, Sample)>, errors: &Errors) -> Vec<CurvePoint> {
    let mut points = Vec::new();
    let mut before: Option<(u64, Estimate)> = None;
    for (x, sample) in samples {
        let Sample { runs, diverged, step_size, held_out_se, .. } = sample;
        let estimate = if sample.is_whole() { errors.estimate(sample.values) } else { None };
        let (mut slope, mut slope_se) = (None, None);
        if let (Some((x_before, from)), Some(to)) = (&before, &estimate) {
            let run = (x as f64 / *x_before as f64).ln();
            slope = local_slope(from.mean, to.mean, run);
            slope_se = slope.and_then(|_| errors.of_slope(from, to, run));
        }
        let mean = estimate.as_ref().map(|e| e.mean);
        let se = estimate.as_ref().and_then(|e| errors.of_mean(e));
        points.push(CurvePoint { x, mean, se, runs, diverged, slope, slope_se, step_size, held_out_se });
        before = estimate.map(|estimate| (x, estimate));
    }
    points
}

/// Slope of the risk between two points `run` apart in log x; risks at or below zero have none.
pub fn local_slope(from: f64, to: f64, run: f64) -> Option<f64> {
    let slope = (to.ln() - from.ln()) / run;
    (from > 0.0 && to > 0.0 && run.is_finite() && slope.is_finite()).then_some(slope)
}

fn tests(group: &Group, recipes: &[String]) -> Vec<TestLine> {
    let model = group.cells.keys().map(|key| key.1).max().unwrap_or(0);
    let samples = group.cells.keys().map(|key| key.2).max().unwrap_or(0);
    let at_largest = group.cells.iter().filter(|(key, _)| (key.1, key.2) == (model, samples));
    let line = |(key, cell): (&Key, &CellRuns)| {
        let test = cell.test.as_deref()?;
        let runs = cell.runs.len();
        let sampled = Some(test.sampled).filter(|all| all.n == runs);
        let exact = sampled.and(Some(test.exact)).filter(|all| all.n == runs);
        let z = || Some(test.difference.mean / test.difference.standard_error().filter(|se| *se > 0.0)?);
        Some(TestLine {
            recipe: recipes[key.0].clone(),
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
