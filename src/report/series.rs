//! Scaling series: mean reducible risk against M and against N, with bootstrap standard errors.

use std::collections::{BTreeMap, BTreeSet};

use super::bootstrap::{Resamples, standard_error};
use crate::row::Row;

/// The settings that tell panels apart, in column order.
pub const SETTINGS: [&str; 12] = [
    "output",
    "dim",
    "spectrum",
    "spectrum_exponent",
    "target",
    "noise",
    "sketch_kind",
    "sampling",
    "tail",
    "batch",
    "step_size",
    "schedule",
];

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
    fn split(self, row: &Row) -> (u64, u64) {
        match self {
            Axis::Model => (u64::from(row.model), row.samples),
            Axis::Samples => (row.samples, u64::from(row.model)),
        }
    }
}

/// One point of a series: all seeds of one cell.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    pub x: u64,
    /// Mean reducible risk over the seeds; `None` where any run diverged.
    pub mean: Option<f64>,
    /// Standard error of the mean; `None` with fewer than two seeds.
    pub se: Option<f64>,
    pub runs: usize,
    /// Runs that diverged, of `runs`.
    pub diverged: usize,
    /// d log risk / d log x from the previous point to this one.
    pub slope: Option<f64>,
    pub slope_se: Option<f64>,
}

impl Point {
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
    pub points: Vec<Point>,
}

/// The series of a panel along one axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Chart {
    pub axis: Axis,
    /// Value of the other variable, its largest in the panel.
    pub held: u64,
    pub series: Vec<Series>,
}

/// All that shares every setting but M, N and the recipe.
#[derive(Clone, Debug, PartialEq)]
pub struct Panel {
    /// Values in `SETTINGS` order.
    pub settings: Vec<String>,
    /// In `Axis::ALL` order.
    pub charts: Vec<Chart>,
}

fn settings(row: &Row) -> Vec<String> {
    vec![
        row.output.clone(),
        row.dim.to_string(),
        row.spectrum.clone(),
        row.spectrum_exponent.map(|e| e.to_string()).unwrap_or_default(),
        row.target.clone(),
        row.noise.to_string(),
        row.sketch_kind.clone(),
        row.sampling.clone(),
        row.tail.clone(),
        row.batch.to_string(),
        row.step_size.to_string(),
        row.schedule.clone(),
    ]
}

/// Recipes in order of first appearance.
pub fn recipes<'a>(rows: &[&'a Row]) -> Vec<&'a str> {
    let mut seen = BTreeSet::new();
    rows.iter().map(|row| row.recipe.as_str()).filter(|name| seen.insert(*name)).collect()
}

/// Groups final rows (`seen == samples`) into panels, in order of first appearance.
pub fn panels(rows: &[&Row]) -> Vec<Panel> {
    let recipes = recipes(rows);
    let mut order: Vec<(Vec<String>, Vec<&Row>)> = Vec::new();
    let mut index: BTreeMap<Vec<String>, usize> = BTreeMap::new();
    for &row in rows {
        let key = settings(row);
        let at = *index.entry(key.clone()).or_insert_with(|| {
            order.push((key, Vec::new()));
            order.len() - 1
        });
        order[at].1.push(row);
    }
    order
        .into_iter()
        .map(|(settings, rows)| {
            let resamples = Resamples::new(&rows);
            let charts = Axis::ALL.iter().map(|&a| chart(&rows, &recipes, a, &resamples)).collect();
            Panel { settings, charts }
        })
        .collect()
}

fn chart(rows: &[&Row], recipes: &[&str], axis: Axis, resamples: &Resamples) -> Chart {
    let held = rows.iter().map(|row| axis.split(row).1).max().unwrap_or(0);
    // recipe -> x -> seed -> row: a seed counts once even if its row is given twice.
    let mut cells: BTreeMap<usize, BTreeMap<u64, BTreeMap<u32, &Row>>> = BTreeMap::new();
    for row in rows.iter().filter(|row| axis.split(row).1 == held) {
        if let Some(style) = recipes.iter().position(|name| *name == row.recipe) {
            let points = cells.entry(style).or_default();
            points.entry(axis.split(row).0).or_default().entry(row.seed_index).or_insert(row);
        }
    }
    let series = cells
        .into_iter()
        .map(|(style, points)| Series {
            recipe: recipes[style].to_string(),
            style,
            points: points_of(&points, resamples),
        })
        .collect();
    Chart { axis, held, series }
}

/// The points of one recipe; risks are those of the runs that did not diverge, by seed.
fn points_of(cells: &BTreeMap<u64, BTreeMap<u32, &Row>>, resamples: &Resamples) -> Vec<Point> {
    let mut points: Vec<Point> = Vec::with_capacity(cells.len());
    let mut means_before: Vec<f64> = Vec::new();
    for (&x, seeds) in cells {
        let risks: BTreeMap<u32, f64> = seeds
            .iter()
            .filter(|(_, row)| row.diverged_at.is_none())
            .filter_map(|(&seed, row)| Some((seed, row.reducible?)))
            .collect();
        let runs = seeds.len();
        let mean = finite(risks.values().sum::<f64>() / runs as f64).filter(|_| risks.len() == runs);
        let means = if mean.is_some() { resamples.means(&risks) } else { Vec::new() };
        let (slope, slope_se) = match points.last() {
            Some(before) => {
                let run = (x as f64 / before.x as f64).ln();
                let slope = before.mean.zip(mean).and_then(|(from, to)| local_slope(from, to, run));
                let slopes: Vec<f64> =
                    means_before.iter().zip(&means).filter_map(|(&from, &to)| local_slope(from, to, run)).collect();
                (slope, slope.and_then(|_| standard_error(&slopes, runs.min(before.runs))))
            }
            None => (None, None),
        };
        let diverged = seeds.values().filter(|row| row.diverged_at.is_some()).count();
        let se = mean.and_then(|_| standard_error(&means, runs));
        points.push(Point { x, mean, se, runs, diverged, slope, slope_se });
        means_before = means;
    }
    points
}

fn finite(value: f64) -> Option<f64> {
    Some(value).filter(|v| v.is_finite())
}

/// Slope of the risk between two points `run` apart in log x; risks at or below zero have none.
fn local_slope(from: f64, to: f64, run: f64) -> Option<f64> {
    let positive = from > 0.0 && to > 0.0 && run.is_finite();
    finite((to.ln() - from.ln()) / run).filter(|_| positive)
}
