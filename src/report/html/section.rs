//! The figures under one heading, and their local slopes.

use std::fmt::Write;

use super::Page;
use super::findings::{GROUPS, of_group};
use super::markup::{counted, escape, minus, table};
use crate::report::curves::{Chart, Line, Point};
use crate::report::files::Drawing;
use crate::report::risk::Risk;
use crate::report::story::Section;
use crate::report::table::Cell;
use crate::report::{CellKey, View};
use crate::store::paths;

/// Lines of a table of slopes: more make it wider than a page.
const COLUMNS: usize = 6;

pub fn section(section: &Section, drawings: &[Drawing]) -> String {
    let mut text = format!("<section>\n<h2>{}</h2>\n", section.title);
    if !section.note.is_empty() {
        let _ = writeln!(text, "<p class=\"note\">{}</p>", section.note);
    }
    text += "<div class=\"figures\">\n";
    for (chart, drawing) in section.charts.iter().zip(drawings) {
        text += &figure(drawing, &caption(chart));
    }
    text += "</div>\n";
    if section.left_out > 0 {
        let _ = writeln!(
            text,
            "<p class=\"note\">{} left out here: <code>roundlaw report DIR --x … --y … --recipe …</code> draws any.</p>",
            counted(section.left_out, "chart is", "charts are")
        );
    }
    text += &section.charts.iter().filter(|chart| has_slopes(chart)).map(slopes).collect::<String>();
    text + "</section>\n"
}

/// A drawing with a caption that is HTML already, and where its numbers are.
pub fn figure(drawing: &Drawing, caption: &str) -> String {
    format!(
        "<figure>\n{}<figcaption>{caption} Numbers: <code>{}/{}.csv</code></figcaption>\n</figure>\n",
        drawing.svg,
        paths::FIGURES,
        drawing.name
    )
}

fn caption(chart: &Chart) -> String {
    let mut caption = format!("{}.", escape(&chart.title));
    if chart.y == Risk::HeldOut {
        caption += " Bars are over seeds: sketches and orders of the rows. All seeds are measured on the same held-out \
            rows; the error that comes with these is the column held_out_rows_se of the CSV.";
    }
    if !chart.best_of.is_empty() {
        caption += " The step size of each point is the one of the lowest risk over the even seeds; shown are the odd ones \
            alone, so the choice does not bias them.";
    }
    caption
}

/// Those of risks against a size, by recipe.
fn has_slopes(chart: &Chart) -> bool {
    let by_recipe = chart.shared("recipe").is_none() || chart.lines.len() == 1;
    by_recipe
        && !chart.y.is_difference()
        && matches!(chart.x.name, "model" | "neff" | "samples")
        && chart.xs().len() > 1
}

/// Local slopes: a row per step from one x to the next, a column per line.
fn slopes(chart: &Chart) -> String {
    let xs = chart.xs();
    let number = |x: f64| if x.fract() == 0.0 { x.to_string() } else { format!("{x:.1}") };
    let title = format!("Local slopes d log risk / d log {}", chart.x.symbol);
    let shared = chart.title.split_once(": ").map_or(String::new(), |(_, sizes)| format!(": {}", escape(sizes)));
    let mut text = format!("<h3>{title}{shared}</h3>\n");
    let lines: Vec<&Line> = chart.lines.iter().filter(|line| !line.across).collect();
    for lines in lines.chunks(COLUMNS) {
        let heads: Vec<String> =
            std::iter::once(chart.x.symbol.to_owned()).chain(lines.iter().map(|line| escape(&line.name))).collect();
        let heads: Vec<&str> = heads.iter().map(String::as_str).collect();
        let rows = xs.windows(2).map(|pair| {
            let step = format!("{} → {}", number(pair[0]), number(pair[1]));
            std::iter::once(step).chain(lines.iter().map(|line| slope_at(line, pair))).collect()
        });
        text += &table(&heads, 1, rows);
    }
    text
}

/// A line that lacks the x in between has a longer step, shown in its CSV only.
fn slope_at(line: &Line, pair: &[f64]) -> String {
    let at = line.points.iter().position(|point| point.x == pair[1]);
    let step = at.filter(|place| *place > 0 && line.points[*place - 1].x == pair[0]);
    step.map_or_else(|| "–".to_owned(), |place| slope(&line.points[place]))
}

fn slope(point: &Point) -> String {
    let number = |value: f64| minus(format!("{value:.3}"));
    match (point.slope, point.slope_se) {
        (Some(slope), Some(se)) => format!("{} ± {}", number(slope), number(se)),
        (Some(slope), None) => number(slope),
        (None, _) => "–".to_owned(),
    }
}

/// The excess on quantized test features at the largest sizes of the first groups: sampled against exact.
pub fn quantized_test(page: &Page) -> String {
    let view = View::new("model", Risk::QuantizedTest, &["recipe"], page.baseline);
    let view = view.at_largest("samples").at_largest("model");
    let has_test = |keys: &&[CellKey]| keys.iter().any(|key| page.cell(*key).is_some_and(Cell::has_quantized_test));
    let groups = page.keys.chunk_by(|a, b| a.group == b.group).filter(has_test).take(GROUPS);
    let charts = groups.flat_map(|keys| view.charts(&page.report.table, keys));
    let text: String = charts.map(|chart| test_table(page, &chart)).collect();
    if text.is_empty() {
        return text;
    }
    format!(
        "<h2>Quantized test features, sampled and exact</h2>\n<p class=\"note\">Mean over seeds of the estimate from test \
        samples, with its standard error over seeds; mean of the exact values; z is the mean of their paired differences \
        over its standard error.</p>\n{text}"
    )
}

fn test_table(page: &Page, chart: &Chart) -> String {
    let number = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| minus(format!("{value:.5e}")));
    let row = |(line, point): (&Line, &Point)| {
        let test = page.cell(point.key)?.test.as_deref()?;
        let is_whole = |n: usize| n == point.runs;
        let sampled = match (point.y, point.se) {
            (None, _) => format!("{}/{} diverged", point.diverged, point.runs),
            (mean, Some(se)) => format!("{} ± {}", number(mean), minus(format!("{se:.1e}"))),
            (mean, None) => number(mean),
        };
        let exact = is_whole(test.exact.n).then_some(test.exact.mean);
        let z = test.difference.standard_error().filter(|se| *se > 0.0 && is_whole(test.difference.n));
        let z = z.map_or_else(|| "–".to_owned(), |se| minus(format!("{:.2}", test.difference.mean / se)));
        Some(vec![escape(&line.name), sampled, number(exact), z])
    };
    let points = chart.lines.iter().flat_map(|line| line.points.iter().map(move |point| (line, point)));
    let rows: Vec<Vec<String>> = points.filter_map(row).collect();
    let Some(key) = chart.points().next().map(|point| point.key).filter(|_| !rows.is_empty()) else {
        return String::new();
    };
    let heading = format!("<h3>At M = {}, N = {}{}</h3>\n", key.model, key.samples, of_group(page, key.group));
    heading + &table(&["recipe", "sampled", "exact", "z"], 1, rows.into_iter())
}
