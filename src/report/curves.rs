//! Scaling curves: mean risk against M and against N, with standard errors over seeds and local slopes.

use std::collections::{BTreeMap, BTreeSet};

use super::cells::CellKey;
use super::estimates::{Errors, Estimate, local_slope};
use super::sample::Sample;
use super::variables::{Axis, RiskKind};

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
    pub risk: RiskKind,
    /// Value of the other variable, its largest in the panel.
    pub held: u64,
    pub series: Vec<Series>,
}

impl Chart {
    /// Where it has points, ascending.
    pub fn xs(&self) -> Vec<u64> {
        let xs: BTreeSet<u64> = self.series.iter().flat_map(|series| &series.points).map(|point| point.x).collect();
        xs.into_iter().collect()
    }
}

/// The charts of the cells with these keys, one along each axis. `sample` gives what a point is made of.
pub fn charts(
    keys: &BTreeSet<CellKey>,
    recipes: &[String],
    risk: RiskKind,
    errors: &Errors,
    sample: impl Fn(CellKey) -> Sample,
) -> Vec<Chart> {
    let charts = Axis::ALL.iter().map(|&axis| {
        let (held, series) = series(keys, recipes, axis, errors, &sample);
        Chart { axis, risk, held, series }
    });
    charts.collect()
}

/// The largest value of the variable that is not `axis`, and the series of the cells that have it.
fn series(
    keys: &BTreeSet<CellKey>,
    recipes: &[String],
    axis: Axis,
    errors: &Errors,
    sample: &impl Fn(CellKey) -> Sample,
) -> (u64, Vec<Series>) {
    let held = keys.iter().map(|&key| key.get(axis.other())).max().unwrap_or(0);
    let mut cells: BTreeMap<usize, BTreeMap<u64, CellKey>> = BTreeMap::new();
    for &key in keys.iter().filter(|&&key| key.get(axis.other()) == held) {
        cells.entry(key.recipe).or_default().insert(key.get(axis), key);
    }
    let series = cells
        .into_iter()
        .map(|(style, cells)| Series {
            recipe: recipes[style].clone(),
            style,
            points: points(cells.into_iter().map(|(x, key)| (x, sample(key))), errors),
        })
        .collect();
    (held, series)
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
