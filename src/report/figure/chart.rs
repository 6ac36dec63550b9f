//! One chart as an SVG figure, log-log, with one standard error either way.

use std::io;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::axis::LogAxis;
use super::legend::Legend;
use super::pen::{self, ABOVE, BELOW, Canvas, Drawn, LEFT, PLOT, UNIT, color, font, marker};
use crate::report::curves::{Chart, CurvePoint, Series};

/// Height of a line of the strip that counts diverged runs.
const LINE: i32 = 20;

/// Draws the chart.
pub fn svg(chart: &Chart) -> io::Result<String> {
    let legend = Legend::new(&chart.series);
    let strip = LINE * chart.series.iter().filter(|s| has_diverged(s)).count() as i32;
    let frame = PLOT.1.max(legend.height());
    let size = (LEFT + PLOT.0 + legend.width(), ABOVE + strip + frame + BELOW);
    pen::svg(size, |root| draw(root, chart, &legend, strip, size.1))
}

fn draw(root: &Canvas, chart: &Chart, legend: &Legend, strip: i32, height: i32) -> Drawn {
    let (plot, beside) = root.split_horizontally((LEFT + PLOT.0) * UNIT);
    let points = || chart.series.iter().flat_map(|s| &s.points);
    let xs: Vec<f64> = chart.xs().into_iter().filter(|x| *x > 0).map(|x| x as f64).collect();
    let ys: Vec<f64> =
        points().filter_map(bar).flat_map(|(low, mean, high)| [low.unwrap_or(mean), mean, high]).collect();

    let frame = pen::frame(&plot, ABOVE + strip, LogAxis::of_values(&xs), LogAxis::of_measures(&ys))?;
    let area = frame.plotting_area();
    let (_, rows) = area.get_pixel_range();
    for series in &chart.series {
        draw_series(root, series, |x, y| area.map_coordinate(&(x, y)), rows.end)?;
    }
    pen::axis_names(root, &frame, height, chart.axis.label(), chart.risk.label())?;
    draw_strip(root, chart, |x| area.map_coordinate(&(x as f64, 1.0)).0)?;
    if ys.is_empty() {
        pen::nothing(root, &frame, "no point without a diverged run")?;
    }
    if strip > 0 {
        let small = font(12).into_text_style(&beside).pos(Pos::new(HPos::Left, VPos::Center));
        beside.draw_text("runs diverged", &small, (14 * UNIT, ABOVE * UNIT))?;
    }
    legend.draw(&beside, &chart.series, ABOVE + strip)
}

/// Ends of a point's error bar around its mean, where a logarithmic axis can show them. The lower
/// end is `None` at or below zero: the bar then reaches the axis.
fn bar(point: &CurvePoint) -> Option<(Option<f64>, f64, f64)> {
    let mean = point.mean.filter(|m| *m > 0.0 && point.x > 0)?;
    let se = point.se.unwrap_or(0.0);
    let high = Some(mean + se).filter(|h| h.is_finite()).unwrap_or(mean);
    Some((Some(mean - se).filter(|low| *low > 0.0), mean, high))
}

fn draw_series(root: &Canvas, series: &Series, at: impl Fn(f64, f64) -> (i32, i32), floor: i32) -> Drawn {
    let stroke = color(series.style).stroke_width(3 * UNIT as u32 / 2);
    // A point without a mean breaks the line.
    for part in series.points.split(|p| bar(p).is_none()) {
        let line: Vec<_> = part.iter().filter_map(|p| Some(at(p.x as f64, p.mean?))).collect();
        if line.len() > 1 {
            root.draw(&PathElement::new(line, stroke))?;
        }
    }
    for point in &series.points {
        let Some((low, mean, high)) = bar(point) else {
            continue;
        };
        let (x, y) = at(point.x as f64, mean);
        if point.se.is_some() {
            let cap = 4 * UNIT;
            let top = at(point.x as f64, high).1;
            let bottom = low.map_or(floor, |low| at(point.x as f64, low).1);
            root.draw(&PathElement::new(vec![(x, bottom), (x, top)], stroke))?;
            root.draw(&PathElement::new(vec![(x - cap, top), (x + cap, top)], stroke))?;
            if low.is_some() {
                root.draw(&PathElement::new(vec![(x - cap, bottom), (x + cap, bottom)], stroke))?;
            }
        }
        marker(root, (x, y), series.style)?;
    }
    Ok(())
}

/// One line above the frame for each recipe with diverged runs: their fraction over the x it happened at.
fn draw_strip(root: &Canvas, chart: &Chart, across: impl Fn(u64) -> i32) -> Drawn {
    let style = font(12).into_text_style(root).pos(Pos::new(HPos::Center, VPos::Center));
    for (line, series) in chart.series.iter().filter(|s| has_diverged(s)).enumerate() {
        let y = (ABOVE + LINE * line as i32) * UNIT;
        marker(root, ((LEFT - 12) * UNIT, y), series.style)?;
        let mut free = i32::MIN;
        for point in series.points.iter().filter(|p| p.diverged > 0 && p.x > 0) {
            let text = diverged_text(point);
            // Half the width of the text, with a margin.
            let half = (7 * text.len() as i32 + 8) / 2 * UNIT;
            let x = across(point.x);
            if x - half >= free {
                root.draw_text(&text, &style, (x, y))?;
                free = x + half;
            }
        }
    }
    Ok(())
}

/// `2/8`, or a percentage where the counts would not fit between two points.
fn diverged_text(point: &CurvePoint) -> String {
    let percent = 100.0 * point.diverged_fraction();
    match point.runs {
        0..1000 => format!("{}/{}", point.diverged, point.runs),
        _ if percent < 0.1 => "<0.1 %".to_string(),
        _ => format!("{percent:.1} %"),
    }
}

fn has_diverged(series: &Series) -> bool {
    series.points.iter().any(|point| point.diverged > 0)
}
