//! The section of one panel: its figures, local slopes, and quantized test features.

use std::fmt::Write;

use super::markup::{escape, minus, table};
use crate::report::curves::{Chart, CurvePoint};
use crate::report::panels::{Panel, TestLine};
use crate::report::settings::STEP_SIZE;
use crate::report::variables::RiskKind;
use crate::store::paths;

/// The section of panel `number` among all. `drawn` holds the SVG of each of its charts.
pub fn section(number: usize, panel: &Panel, drawn: &[String], all: &[Panel]) -> String {
    let is_varied = |name: &str, value: &str| all.iter().any(|other| other.settings.get(name) != value);
    let varied = panel.settings.iter().filter(|(name, value)| is_varied(name, value));
    let varied: Vec<String> = varied.map(|(name, value)| setting(panel, name, value)).collect();
    let title = if varied.is_empty() { String::new() } else { format!(": {}", varied.join(", ")) };
    let every: Vec<String> = panel.settings.iter().map(|(name, value)| setting(panel, name, value)).collect();
    let mut text = format!("<section>\n<h3>Panel {number}{title}</h3>\n");
    let _ = writeln!(text, "<p class=\"note\">{}</p>", every.join(" · "));
    if !panel.best_of.is_empty() {
        text += BEST;
    }
    text += "<div class=\"figures\">\n";
    let risk = match panel.risk {
        RiskKind::Reducible => "Reducible risk",
        RiskKind::HeldOut => "Held-out risk (mean squared error on held-out rows)",
    };
    let best = if panel.best_of.is_empty() { "" } else { ", each point at its best step size" };
    for (chart, svg) in panel.charts.iter().zip(drawn) {
        let _ = writeln!(
            text,
            "<figure>\n{svg}<figcaption>{risk} against {}, at {}{best}. Numbers: \
            <code>{}/{}.csv</code></figcaption>\n</figure>",
            chart.axis.label(),
            held(chart),
            paths::FIGURES,
            paths::chart_name(number, chart.axis.name()),
        );
    }
    text += "</div>\n";
    if panel.risk == RiskKind::HeldOut {
        text += HELD_OUT;
    }
    for chart in &panel.charts {
        text += &slopes(chart);
    }
    text += &tests(&panel.tests);
    text + "</section>\n"
}

const HELD_OUT: &str = "<p class=\"note\">Error bars are over seeds: sketches and orders of the rows. All seeds are \
    measured on the same held-out rows; the error that comes with these is the column held_out_se of the CSV.</p>\n";

const BEST: &str = "<p class=\"note\">Best over step size: for every recipe, M and N the step size is the one with \
    the lowest mean risk over the even seed indices; means, errors and slopes are of the odd seed indices alone, so \
    the choice does not bias them. A step size at which an even seed diverged is not eligible; where none is, the \
    diverged runs counted are those of the even seeds at all step sizes. The CSV names the chosen step size of every \
    point.</p>\n";

fn setting(panel: &Panel, name: &str, value: &str) -> String {
    if name == STEP_SIZE && !panel.best_of.is_empty() {
        let sizes: Vec<String> = panel.best_of.iter().map(f64::to_string).collect();
        return format!("best over {name} {} (chosen on even seeds, reported on odd)", sizes.join(", "));
    }
    match value {
        "" => format!("{name} unset"),
        value => format!("{name} {}", escape(value)),
    }
}

fn held(chart: &Chart) -> String {
    format!("{} = {}", chart.axis.other().symbol(), chart.held)
}

/// Local slopes of a chart: a line per recipe, a column per step from one x to the next.
fn slopes(chart: &Chart) -> String {
    let xs = chart.xs();
    if xs.len() < 2 {
        return String::new();
    }
    let mut heads = vec!["recipe".to_string()];
    heads.extend(xs.windows(2).map(|pair| format!("{} → {}", pair[0], pair[1])));
    let heads: Vec<&str> = heads.iter().map(String::as_str).collect();
    let rows = chart.series.iter().map(|series| {
        let mut cells = vec![escape(&series.recipe)];
        cells.extend(xs.windows(2).map(|pair| {
            let at = series.points.iter().position(|p| p.x == pair[1]);
            // A recipe that lacks the x in between has a longer step, shown in its CSV only.
            let step = at.filter(|i| *i > 0 && series.points[*i - 1].x == pair[0]);
            step.map_or_else(|| "–".to_string(), |i| slope(&series.points[i]))
        }));
        cells
    });
    format!(
        "<h4>Local slopes d log risk / d log {}, at {}</h4>\n{}",
        chart.axis.symbol(),
        held(chart),
        table(&heads, 1, rows)
    )
}

fn slope(point: &CurvePoint) -> String {
    let number = |v: f64| minus(format!("{v:.3}"));
    match (point.slope, point.slope_se) {
        (Some(slope), Some(se)) => format!("{} ± {}", number(slope), number(se)),
        (Some(slope), None) => number(slope),
        (None, _) => "–".to_string(),
    }
}

fn tests(lines: &[TestLine]) -> String {
    let Some(first) = lines.first() else {
        return String::new();
    };
    let absent = || "–".to_string();
    let number = |value: Option<f64>| value.map_or_else(absent, |v| minus(format!("{v:.5e}")));
    let rows = lines.iter().map(|line| {
        let sampled = match (line.mean, line.se) {
            (Some(_), Some(se)) => format!("{} ± {}", number(line.mean), minus(format!("{se:.1e}"))),
            (Some(_), None) => number(line.mean),
            (None, _) if line.diverged > 0 => format!("{}/{} diverged", line.diverged, line.runs),
            (None, _) => absent(),
        };
        let z = line.z.map_or_else(absent, |z| minus(format!("{z:.2}")));
        vec![escape(&line.recipe), sampled, number(line.exact), z]
    });
    format!(
        "<h4>Excess risk on quantized test features, at M = {}, N = {}</h4>\n<p class=\"note\">Mean over seeds of the \
        estimate from test samples, with its standard error over seeds; mean of the exact values; z is the mean of \
        their paired differences over its standard error.</p>\n{}",
        first.model,
        first.samples,
        table(&["recipe", "sampled", "exact", "z"], 1, rows)
    )
}
