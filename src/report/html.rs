//! The report as one page that loads nothing: figures inline, light or dark as the reader's
//! system is.

use std::fmt::Write;

use serde_json::{Map, Value};

use super::figure::{self, PALETTE};
use super::series::{Axis, Chart, Panel, Point, SETTINGS};
use super::summary::Summary;
use crate::row::Site;

const STYLE: &str = include_str!("style.css");

/// The page. `drawings` holds the SVG of each chart of each panel.
pub fn page(
    panels: &[Panel],
    drawings: &[Vec<String>],
    summary: &Summary,
    config_toml: &str,
    provenance: &Map<String, Value>,
) -> String {
    let mut body = String::from("<h1>roundlaw report</h1>\n");
    body += &what_was_run(panels, summary);
    body += "<h2>Risk against model size and samples</h2>\n";
    body += "<p class=\"note\">Points are means over seeds, bars one standard error either way \
        (bootstrap over seeds). A point where any run diverged has no mean: the fraction above \
        the frame counts its diverged runs.</p>\n";
    for (number, (panel, drawn)) in (1..).zip(panels.iter().zip(drawings)) {
        body += &panel_section(number, panel, drawn, panels);
    }
    body += &diverged(summary);
    body += &counters(summary);
    body += "<h2>Settings</h2>\n";
    let _ = writeln!(body, "<pre>{}</pre>", escape(config_toml));
    body += "<h2>Provenance</h2>\n";
    let rows = provenance.iter().map(|(key, value)| vec![escape(key), json(value)]);
    body += &table(&["key", "value"], 2, rows);
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
        <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
        <meta name=\"color-scheme\" content=\"light dark\">\n<title>roundlaw report</title>\n\
        <style>\n{STYLE}{}</style>\n</head>\n<body>\n<main>\n{body}</main>\n</body>\n</html>\n",
        figure_style()
    )
}

/// Rules that follow the colours a figure's elements carry: the SVG itself stays as written.
fn figure_style() -> String {
    let hex = |c: plotters::style::RGBColor| format!("#{:02X}{:02X}{:02X}", c.0, c.1, c.2);
    let mut colors = vec![
        (hex(figure::INK), "ink".to_string()),
        (hex(figure::PAPER), "paper".to_string()),
        (hex(figure::GRID), "grid".to_string()),
    ];
    let series = PALETTE.iter().filter(|color| **color != figure::INK).enumerate();
    colors.extend(series.map(|(i, color)| (hex(*color), format!("series-{i}"))));
    let rules = colors.iter().map(|(hex, name)| {
        format!(
            "figure [fill=\"{hex}\"] {{ fill: var(--{name}, {hex}) }}\n\
            figure [stroke=\"{hex}\"] {{ stroke: var(--{name}, {hex}) }}\n"
        )
    });
    rules.collect()
}

fn what_was_run(panels: &[Panel], summary: &Summary) -> String {
    let mut text = format!(
        "<p>{} finished {} of {} in {}.",
        summary.runs,
        plural(summary.runs, "run", "runs"),
        counted(summary.counts.len(), "recipe", "recipes"),
        counted(panels.len(), "panel", "panels"),
    );
    text += &match summary.diverged {
        0 => " None diverged.".to_string(),
        n => format!(" {n} diverged."),
    };
    let adapters = summary.adapters.iter().filter(|(adapter, _)| !adapter.is_empty());
    let adapters: Vec<String> = adapters.map(|(a, d)| format!("{} (driver {})", escape(a), escape(d))).collect();
    if !adapters.is_empty() {
        let _ = write!(text, " Computed on {}.", adapters.join("; "));
    }
    text += "</p>\n<p>";
    text += &checked(summary);
    text + "</p>\n"
}

/// The share of checked runs, and what their agreement says about the others.
fn checked(summary: &Summary) -> String {
    let Some(bound) = summary.error_bound() else {
        return "No run was redone by the CPU reference, so nothing bounds the rate of wrong runs.".to_string();
    };
    let share = 100.0 * summary.checked as f64 / summary.runs as f64;
    format!(
        "The CPU reference redid <strong>{} of {} runs ({} %)</strong> and every one agreed bit \
        for bit. With no mismatch among {} checked {}, chosen without regard to their results, \
        the rate of runs with an error is below <strong>{} %</strong> at 95 % confidence.",
        summary.checked,
        summary.runs,
        significant(share, 3),
        summary.checked,
        plural(summary.checked, "run", "runs"),
        significant(100.0 * bound, 2),
    )
}

fn panel_section(number: usize, panel: &Panel, drawn: &[String], all: &[Panel]) -> String {
    let setting = |i: usize| match panel.settings[i].as_str() {
        "" => format!("{} unset", SETTINGS[i]),
        value => format!("{} {}", SETTINGS[i], escape(value)),
    };
    let varies = |i: &usize| all.iter().any(|other| other.settings[*i] != panel.settings[*i]);
    let varying: Vec<String> = (0..SETTINGS.len()).filter(varies).map(setting).collect();
    let title = if varying.is_empty() { String::new() } else { format!(": {}", varying.join(", ")) };
    let every: Vec<String> = (0..SETTINGS.len()).map(setting).collect();
    let mut text = format!("<section>\n<h3>Panel {number}{title}</h3>\n");
    let _ = writeln!(text, "<p class=\"note\">{}</p>", every.join(" · "));
    text += "<div class=\"figures\">\n";
    for (chart, svg) in panel.charts.iter().zip(drawn) {
        let _ = writeln!(
            text,
            "<figure>\n{svg}<figcaption>Reducible risk against {}, at {}. Numbers: \
            <code>figures/panel-{number}-{}.csv</code></figcaption>\n</figure>",
            chart.axis.label(),
            held(chart),
            chart.axis.name(),
        );
    }
    text += "</div>\n";
    for chart in &panel.charts {
        text += &slopes(chart);
    }
    text + "</section>\n"
}

fn held(chart: &Chart) -> String {
    match chart.axis {
        Axis::Model => format!("N = {}", chart.held),
        Axis::Samples => format!("M = {}", chart.held),
    }
}

/// Local slopes of a chart: a line per recipe, a column per step from one x to the next.
fn slopes(chart: &Chart) -> String {
    let mut xs: Vec<u64> = chart.series.iter().flat_map(|s| s.points.iter().map(|p| p.x)).collect();
    xs.sort_unstable();
    xs.dedup();
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
        if chart.axis == Axis::Model { "M" } else { "N" },
        held(chart),
        table(&heads, 1, rows)
    )
}

fn slope(point: &Point) -> String {
    // A true minus sign, as wide as the digits around it.
    let number = |v: f64| format!("{v:.3}").replace('-', "−");
    match (point.slope, point.slope_se) {
        (Some(slope), Some(se)) => format!("{} ± {}", number(slope), number(se)),
        (Some(slope), None) => number(slope),
        (None, _) => "–".to_string(),
    }
}

fn diverged(summary: &Summary) -> String {
    let mut text = String::from("<h2>Diverged cells</h2>\n");
    if summary.diverged_cells.is_empty() {
        return text + "<p>None.</p>\n";
    }
    let rows = summary.diverged_cells.iter().map(|cell| {
        vec![
            escape(&cell.recipe),
            cell.model.to_string(),
            cell.samples.to_string(),
            format!("{}/{}", cell.diverged, cell.runs),
            cell.earliest.to_string(),
            cell.cell.to_string(),
        ]
    });
    text += &table(&["recipe", "M", "N", "diverged", "first at update", "cell"], 1, rows);
    text
}

fn counters(summary: &Summary) -> String {
    let mut text = String::from(
        "<h2>Rounding counters</h2>\n<p class=\"note\">Totals over all runs of a recipe. \
        Saturated: clipped at the format's largest value; underflowed: non-zero values that \
        became zero.</p>\n",
    );
    let rows: Vec<Vec<String>> = summary
        .counts
        .iter()
        .flat_map(|(recipe, totals)| {
            Site::ALL.iter().zip(totals).filter_map(move |(site, total)| {
                let total = (*total)?;
                let counts = [total.saturated, total.underflowed, total.nan];
                let names = [escape(recipe), site.name().to_string()];
                Some(names.into_iter().chain(counts.map(grouped)).collect())
            })
        })
        .collect();
    if rows.is_empty() {
        return text + "<p>No site counts.</p>\n";
    }
    text += &table(&["recipe", "site", "saturated", "underflowed", "NaN"], 2, rows.into_iter());
    text
}

/// A table whose cells are HTML already; the first `words` columns are left-aligned.
fn table(heads: &[&str], words: usize, rows: impl Iterator<Item = Vec<String>>) -> String {
    let class = |i: usize| if i < words { "" } else { " class=\"n\"" };
    let mut text = String::from("<div class=\"table\"><table>\n<thead><tr>");
    for (i, head) in heads.iter().enumerate() {
        let _ = write!(text, "<th{}>{head}</th>", class(i));
    }
    text += "</tr></thead>\n<tbody>\n";
    for row in rows {
        text += "<tr>";
        for (i, cell) in row.iter().enumerate() {
            let _ = write!(text, "<td{}>{cell}</td>", class(i));
        }
        text += "</tr>\n";
    }
    text + "</tbody>\n</table></div>\n"
}

fn json(value: &Value) -> String {
    match value {
        Value::String(text) => escape(text),
        other => escape(&other.to_string()),
    }
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            '\'' => escaped += "&#39;",
            '\n' | '\t' => escaped.push(c),
            c => escaped.push(figure::printable(c)),
        }
    }
    escaped
}

/// `1 234 567`, with thin spaces.
fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push('\u{2009}');
        }
        text.push(digit);
    }
    text
}

/// The value with so many significant digits, without trailing zeros.
fn significant(value: f64, digits: i32) -> String {
    if value <= 0.0 || !value.is_finite() {
        return value.to_string();
    }
    let places = (digits - 1 - value.log10().floor() as i32).max(0) as usize;
    let text = format!("{value:.places$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_string(),
        false => text,
    }
}

fn plural<'a>(n: usize, one: &'a str, many: &'a str) -> &'a str {
    if n == 1 { one } else { many }
}

fn counted(n: usize, one: &str, many: &str) -> String {
    format!("{n} {}", plural(n, one, many))
}
