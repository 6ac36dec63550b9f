//! The numbers of a chart, and of every cell, as CSV.

use super::curves::{Chart, Line, Point};
use super::estimates::{Center, Estimate};
use super::risk::{Risk, sample};
use super::table::{CellKey, Table};
use super::variables::{telling, variable};
use crate::files::csv_text;

/// A column, and the field that a point has in it.
type Column = (&'static str, fn(&Chart, &Line, &Point) -> String);

/// Columns after what tells the point's cell from others. `se` is over seeds; `held_out_rows_se` over the held-out rows,
/// which seeds share.
const COLUMNS: [Column; 17] = [
    ("axis", |chart, _, _| chart.x.name.to_string()),
    ("x", |_, _, point| number(Some(point.x).filter(|x| !x.is_nan()))),
    ("line", |_, line, _| line.name.clone()),
    ("risk", |chart, _, _| chart.y.name().to_string()),
    ("center", |chart, _, _| chart.center.name().to_string()),
    ("value", |_, _, point| number(point.y)),
    ("se", |_, _, point| number(point.se)),
    ("seeds", |_, _, point| point.seeds.to_string()),
    ("runs", |_, _, point| point.runs.to_string()),
    ("diverged_fraction", |_, _, point| point.diverged_fraction().to_string()),
    ("heavy", |_, _, point| point.is_heavy.to_string()),
    ("local_slope", |_, _, point| number(point.slope)),
    ("local_slope_se", |_, _, point| number(point.slope_se)),
    ("expected", |_, _, point| number(point.expected)),
    ("expected_is", |_, _, point| expected_is(point.expected, point.is_matched).to_string()),
    ("chosen_step_size", |_, _, point| number(point.step_size)),
    ("held_out_rows_se", |_, _, point| number(point.held_out_se)),
];

fn expected_is(expected: Option<f64>, is_matched: bool) -> &'static str {
    match (expected, is_matched) {
        (None, _) => "",
        (Some(_), true) => "matched",
        (Some(_), false) => "exact",
    }
}

/// A number as a CSV has it; empty where there is none.
pub fn number(value: Option<f64>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

fn of_cell(table: &Table, key: CellKey) -> impl Iterator<Item = String> {
    telling().map(move |variable| variable.of(table, key).to_string())
}

/// A header line, then the points by line and x. Numbers that do not exist are empty.
pub fn of_chart(table: &Table, chart: &Chart) -> String {
    let names = telling().map(|variable| variable.name).chain(COLUMNS.map(|(name, _)| name));
    let header: Vec<String> = names.map(String::from).collect();
    let points = chart.lines.iter().flat_map(|line| line.points.iter().map(move |point| (line, point)));
    let lines = points.map(|(line, point)| {
        of_cell(table, point.key).chain(COLUMNS.map(|(_, field)| field(chart, line, point))).collect::<Vec<String>>()
    });
    csv_text(std::iter::once(header).chain(lines))
}

/// Numbers of a cell beside those that tell it from others.
const SIZES: [&str; 6] = ["neff", "eps", "bits", "m_total", "m_gc", "neff_collapsed"];

/// Every cell: what tells it from others, then its runs, and mean, standard error, seeds, median and
/// expected mean of each risk.
pub fn of_cells(table: &Table, keys: &[CellKey], baseline: usize) -> String {
    let mut header: Vec<String> = telling().map(|variable| variable.name.to_string()).collect();
    header.extend(SIZES.map(String::from));
    header.extend(["runs", "diverged", "expected_is", "chosen_step_size", "held_out_rows_se"].map(String::from));
    for risk in Risk::ALL {
        let name = risk.name();
        header.extend([name.to_owned(), format!("{name}_se"), format!("{name}_n"), format!("{name}_median")]);
        header.push(format!("{name}_expected"));
    }
    let line = |key: &CellKey| {
        let mut fields: Vec<String> = of_cell(table, *key).collect();
        let sizes = SIZES.map(|name| variable(name).map_or(String::new(), |v| v.of(table, *key).to_string()));
        fields.extend(sizes);
        let plain = sample(table, *key, Risk::Reducible, baseline);
        fields.extend([plain.runs.to_string(), plain.diverged.to_string()]);
        fields.push(expected_is(plain.expected, plain.is_matched).to_string());
        fields.push(number(plain.step_size));
        fields.push(number(sample(table, *key, Risk::HeldOut, baseline).held_out_se));
        for risk in Risk::ALL {
            let sample = sample(table, *key, risk, baseline);
            let (n, expected) = (sample.values.len(), sample.expected);
            let median = Estimate::new(sample.values.clone(), Center::Median).map(|estimate| estimate.center);
            let mean = Estimate::new(sample.values, Center::Mean);
            fields.push(number(mean.as_ref().map(|mean| mean.center)));
            fields.extend([number(mean.and_then(|mean| mean.se)), n.to_string(), number(median), number(expected)]);
        }
        fields
    };
    csv_text(std::iter::once(header).chain(keys.iter().map(line)))
}
