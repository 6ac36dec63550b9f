//! The numbers of one chart as CSV: one line per point.

use super::curves::{Chart, CurvePoint, Series};
use super::panels::Panel;
use super::settings::{PanelSettings, number};
use crate::files::csv_text;

/// A column, and the field that a point has in it.
type Column = (&'static str, fn(&Chart, &Series, &CurvePoint) -> String);

/// Columns after the panel's settings. `held` is the value of the variable that is not `axis`; `chosen_step_size`
/// is empty but where the panel chooses. `se` is over seeds; `held_out_se` over the held-out rows, which seeds share.
const COLUMNS: [Column; 13] = [
    ("axis", |chart, _, _| chart.axis.name().to_string()),
    ("held", |chart, _, _| chart.held.to_string()),
    ("recipe", |_, series, _| series.recipe.clone()),
    ("x", |_, _, point| point.x.to_string()),
    ("mean", |_, _, point| number(point.mean)),
    ("se", |_, _, point| number(point.se)),
    ("runs", |_, _, point| point.runs.to_string()),
    ("diverged_fraction", |_, _, point| point.diverged_fraction().to_string()),
    ("local_slope", |_, _, point| number(point.slope)),
    ("local_slope_se", |_, _, point| number(point.slope_se)),
    ("held_out_se", |_, _, point| number(point.held_out_se)),
    ("risk", |chart, _, _| chart.risk.name().to_string()),
    ("chosen_step_size", |_, _, point| number(point.step_size)),
];

/// A header line, then the points by recipe and x. Numbers that do not exist are empty.
pub fn csv(panel: &Panel, chart: &Chart) -> String {
    let header: Vec<String> = PanelSettings::names().chain(COLUMNS.map(|(name, _)| name)).map(String::from).collect();
    let points = chart.series.iter().flat_map(|series| series.points.iter().map(move |point| (series, point)));
    let lines = points.map(|(series, point)| {
        let settings = panel.settings.iter().map(|(_, value)| value.to_string());
        settings.chain(COLUMNS.map(|(_, field)| field(chart, series, point))).collect::<Vec<String>>()
    });
    csv_text(std::iter::once(header).chain(lines))
}
