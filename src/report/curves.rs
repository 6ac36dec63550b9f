//! Charts: lines of points with standard errors over seeds, local slopes, and what is expected of them.

use super::estimates::{Center, Estimate};
use super::risk::{Risk, Sample};
use super::scaling::{Guide, guide};
use super::table::{CellKey, Table};
use super::variables::{Value, Variable, telling};

/// One point of a line: all seeds of one cell.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    pub key: CellKey,
    pub x: f64,
    /// Mean or median over the seeds; `None` where any run diverged.
    pub y: Option<f64>,
    /// Its standard error; `None` with fewer than two seeds.
    pub se: Option<f64>,
    /// Seeds behind it: runs that have the risk.
    pub seeds: usize,
    pub runs: usize,
    /// Runs that diverged, of `runs`.
    pub diverged: usize,
    /// One seed carries too much of the mean.
    pub is_heavy: bool,
    /// d log risk / d log x from the previous point to this one.
    pub slope: Option<f64>,
    pub slope_se: Option<f64>,
    /// The exact mean over data and noise, averaged over the same seeds.
    pub expected: Option<f64>,
    /// Whether that is of laws in place of formats.
    pub is_matched: bool,
    /// The step size chosen for this point, where its group chooses one.
    pub step_size: Option<f64>,
    /// Mean over the runs of the standard error over the held-out rows, which all seeds share.
    pub held_out_se: Option<f64>,
}

impl Point {
    /// A risk that belongs to no cell, beside that of a key.
    pub fn known(key: CellKey, risk: f64) -> Point {
        Point {
            key,
            x: f64::NAN,
            y: Some(risk),
            se: None,
            seeds: 0,
            runs: 0,
            diverged: 0,
            is_heavy: false,
            slope: None,
            slope_se: None,
            expected: None,
            is_matched: false,
            step_size: None,
            held_out_se: None,
        }
    }

    pub fn diverged_fraction(&self) -> f64 {
        self.diverged as f64 / self.runs.max(1) as f64
    }
}

/// Colours and marks that differ.
pub const SHAPES: usize = 7;

/// How a line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Colour and mark of this number.
    Own(usize),
    /// Colour of this number, mark of that one.
    Pair { color: usize, mark: usize },
    /// A step of a ramp.
    Ramp { place: usize, of: usize },
}

impl Style {
    pub fn order(self) -> usize {
        match self {
            Style::Own(place) | Style::Ramp { place, .. } => place,
            Style::Pair { color, mark } => color * SHAPES + mark,
        }
    }
}

/// The points of one line, by ascending x.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    pub name: String,
    pub style: Style,
    pub points: Vec<Point>,
    /// Its points have no x: they are lines across the chart.
    pub across: bool,
}

/// Lines along one axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Chart {
    pub x: &'static Variable,
    pub y: Risk,
    pub center: Center,
    pub title: String,
    /// What all points share: names and values.
    pub settings: Vec<(&'static Variable, Value)>,
    /// The step sizes among which each point has its best.
    pub best_of: Vec<f64>,
    pub lines: Vec<Line>,
    pub guide: Option<Guide>,
    /// The recipe that differences are to.
    pub baseline: Option<String>,
    /// Risks of the chart that stands beside it: both have one axis.
    pub beside: Vec<f64>,
    /// The largest number of seeds of a point.
    pub seeds: usize,
}

impl Chart {
    /// Of cells with these keys that `split` tells from those of other charts.
    pub fn new(
        (x, y, center): (&'static Variable, Risk, Center),
        table: &Table,
        baseline: usize,
        keys: &[CellKey],
        split: &[&'static Variable],
        lines: Vec<Line>,
    ) -> Chart {
        let baseline = (y == Risk::Difference).then(|| table.recipes[baseline].name.clone());
        let shared = |variable: &'static Variable| {
            let mut values = keys.iter().map(|key| variable.of(table, *key));
            let first = values.next().filter(|value| *value != Value::Unset)?;
            values.all(|value| value == first).then_some((variable, first))
        };
        // What splits charts may be none of these, as a law without its eps.
        let more = split.iter().copied().filter(|variable| !telling().any(|own| own == *variable));
        let all = telling().filter(|variable| variable.name != "seen").chain(more);
        let settings = all.filter_map(shared).collect();
        let seeds = lines.iter().flat_map(|line| &line.points).map(|point| point.seeds).max().unwrap_or(0);
        let all_alike = |of: &dyn Fn(&CellKey) -> Option<Guide>| {
            let first = keys.first().and_then(of)?;
            keys.iter().all(|key| of(key).as_ref() == Some(&first)).then_some(first)
        };
        let guide = all_alike(&|key| guide(table, *key, x, y));
        let first = keys.first().map(|key| key.group);
        let group = first
            .filter(|first| keys.iter().all(|key| table.groups[key.group].best_of == table.groups[*first].best_of));
        let best_of = group.map(|group| table.groups[group].best_of.clone()).unwrap_or_default();
        let title = String::new();
        let beside = Vec::new();
        let mut chart = Chart { x, y, center, title, settings, best_of, lines, guide, baseline, beside, seeds };
        chart.title = chart.titled(split);
        chart
    }

    pub fn has_points(&self) -> bool {
        self.points().next().is_some()
    }

    pub fn points(&self) -> impl Iterator<Item = &Point> {
        self.lines.iter().flat_map(|line| &line.points)
    }

    /// Where it has points, ascending.
    pub fn xs(&self) -> Vec<f64> {
        let mut xs: Vec<f64> = self.points().map(|point| point.x).filter(|x| *x >= 0.0).collect();
        xs.sort_by(f64::total_cmp);
        xs.dedup();
        xs
    }

    /// The value that all points share.
    pub fn shared(&self, name: &str) -> Option<&Value> {
        self.settings.iter().find(|(variable, _)| variable.name == name).map(|(_, value)| value)
    }

    fn titled(&self, split: &[&'static Variable]) -> String {
        let mut title = format!("{} against {}", capital(self.y.label()), self.x.label);
        if let Some(baseline) = &self.baseline {
            title += &format!(", over {baseline}");
        }
        // Sizes and recipe that all points share, and what tells the chart from others.
        let is_shown = |variable: &Variable| {
            let told = self.x.name == variable.name || self.x.replaces.contains(&variable.name);
            let always = ["recipe", "model", "samples"].contains(&variable.name);
            !told && (always || split.iter().any(|own| own.name == variable.name))
        };
        let shown = self.settings.iter().filter(|(variable, _)| is_shown(variable));
        let shown: Vec<String> = shown.map(|(variable, value)| variable.text(value)).collect();
        if shown.is_empty() { title } else { format!("{title}: {}", shown.join(", ")) }
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// The points of one line, by ascending x; cells without a run that has the risk, or diverged, are left out.
pub fn points(samples: impl Iterator<Item = (f64, CellKey, Sample)>, center: Center, risk: Risk) -> Vec<Point> {
    let mut points = Vec::new();
    let mut before: Option<(f64, Estimate)> = None;
    for (x, key, sample) in samples {
        let Sample { runs, diverged, expected, is_matched, step_size, held_out_se, .. } = sample;
        let seeds = sample.values.len();
        if seeds == 0 && diverged == 0 {
            continue;
        }
        let estimate = if diverged == 0 { Estimate::new(sample.values, center) } else { None };
        let run = before.as_ref().map(|(x_before, _)| (x / x_before).ln());
        let slope = before.as_ref().zip(estimate.as_ref()).zip(run).filter(|_| !risk.is_difference());
        let slope = slope.and_then(|(((_, from), to), run)| to.slope_from(from, run));
        points.push(Point {
            key,
            x,
            y: estimate.as_ref().map(|estimate| estimate.center),
            se: estimate.as_ref().and_then(|estimate| estimate.se),
            seeds,
            runs,
            diverged,
            is_heavy: estimate.as_ref().is_some_and(|estimate| estimate.is_heavy),
            slope: slope.map(|(slope, _)| slope),
            slope_se: slope.and_then(|(_, se)| se),
            expected,
            is_matched,
            step_size,
            held_out_se,
        });
        before = estimate.map(|estimate| (x, estimate));
    }
    points
}
