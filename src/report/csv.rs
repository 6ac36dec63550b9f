//! The numbers of one chart as CSV: one line per point.

use super::series::{Chart, Panel, SETTINGS};

/// Columns after the panel's settings. `held` is the value of the variable that is not `axis`; `chosen_step_size`
/// is empty but where the panel chooses. `se` is over seeds; `held_out_se` over the held-out rows, which seeds share.
pub const COLUMNS: [&str; 13] = [
    "axis",
    "held",
    "recipe",
    "x",
    "mean",
    "se",
    "runs",
    "diverged_fraction",
    "local_slope",
    "local_slope_se",
    "held_out_se",
    "risk",
    "chosen_step_size",
];

/// A header line, then the points by recipe and x. Numbers that do not exist are empty.
pub fn csv(panel: &Panel, chart: &Chart) -> String {
    let mut text = line(SETTINGS.iter().chain(&COLUMNS).map(|name| name.to_string()));
    let number = |value: Option<f64>| value.map(|v| v.to_string()).unwrap_or_default();
    for series in &chart.series {
        for point in &series.points {
            let values = [
                chart.axis.name().to_string(),
                chart.held.to_string(),
                series.recipe.clone(),
                point.x.to_string(),
                number(point.mean),
                number(point.se),
                point.runs.to_string(),
                point.diverged_fraction().to_string(),
                number(point.slope),
                number(point.slope_se),
                number(point.held_out_se),
                chart.risk.name().to_string(),
                number(point.step_size),
            ];
            text += &line(panel.settings.iter().cloned().chain(values));
        }
    }
    text
}

fn line(fields: impl Iterator<Item = String>) -> String {
    let fields: Vec<String> = fields.map(|field| quoted(&field)).collect();
    fields.join(",") + "\n"
}

/// RFC 4180: quotes around fields that hold a separator, quotes within doubled.
fn quoted(field: &str) -> String {
    if field.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_string()
    }
}
