//! One chart as an SVG figure, with one standard error either way and what is expected behind its points.

use std::io;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::axis::Axis;
use super::legend::{Legend, is_numbered};
use super::pen::{
    self, ABOVE, BELOW, Canvas, Drawn, Frame, INK, LEFT, PLOT, SOFT, UNIT, WIDTH, Words, color, font, marker,
};
use crate::report::curves::{Chart, Line, Point};
use crate::report::scaling::Guide;

/// Height of a line of the strip that counts diverged runs.
const STRIP: i32 = 20;

/// Draws the chart; the notes stand below it.
pub fn svg(chart: &Chart, notes: &[String]) -> io::Result<String> {
    let legend = Legend::new(&chart.lines);
    // A line of words, then one for each line that has some.
    let strip = match chart.lines.iter().filter(|line| has_diverged(line)).count() as i32 {
        0 => 0,
        lines => STRIP * (lines + 1),
    };
    let words = Words::new(&chart.title, notes, WIDTH);
    let top = words.above() + ABOVE + strip;
    let size = (WIDTH, top + PLOT.1 + BELOW + legend.height() + words.below());
    pen::svg(size, &words, |root| draw(root, chart, &legend, (words.above(), top, words.below())))
}

fn draw(root: &Canvas, chart: &Chart, legend: &Legend, (words, top, below): (i32, i32, i32)) -> Drawn {
    let (plot, _) = root.split_horizontally((LEFT + PLOT.0) * UNIT);
    let xs = chart.xs();
    let is_signed = is_signed(chart);
    let mut ys: Vec<f64> = chart.points().flat_map(|point| reach(point, is_signed)).collect();
    ys.extend(expected_within(chart, &ys, is_signed));
    let guide = chart.guide.as_ref().filter(|_| !is_signed).and_then(|guide| guide_line(guide, chart));
    ys.extend(guide.iter().flatten().map(|(_, y)| *y));
    ys.extend(&chart.beside);
    let x = match () {
        // Zero has no logarithm.
        () if xs.contains(&0.0) => Axis::of_differences(&xs, least(xs.iter().copied())),
        () if chart.x.is_chosen() => Axis::of_values(&xs),
        () => Axis::of_measures(&xs),
    };
    let y = match is_signed {
        true => Axis::of_differences(&ys, least(chart.points().map(told_from_zero))),
        false => Axis::of_measures(&ys),
    };
    let (floor, ceiling) = y.ends();
    let frame = pen::frame(&plot, top, legend.height() + below, x, y)?;
    let canvas = Sheet { root, frame: &frame, is_signed, floor, ceiling };
    if is_signed {
        canvas.across(0.0, SOFT)?;
    }
    if let Some((guide, ends)) = chart.guide.as_ref().zip(guide) {
        canvas.guide(guide, ends)?;
    }
    for line in &chart.lines {
        canvas.expected(line)?;
    }
    for line in &chart.lines {
        canvas.line(line)?;
    }
    canvas.numbers(&chart.lines)?;
    pen::axis_names(root, &frame, chart.x.label, &y_label(chart))?;
    draw_strip(root, chart, &frame, words + ABOVE + STRIP)?;
    if ys.is_empty() {
        pen::nothing(root, &frame, "no point without a diverged run")?;
    }
    if top > words + ABOVE {
        let small = font(12).into_text_style(root).pos(Pos::new(HPos::Left, VPos::Center));
        root.draw_text("runs diverged", &small, (14 * UNIT, (words + ABOVE) * UNIT))?;
    }
    legend.draw(root, &chart.lines, top + PLOT.1 + BELOW)
}

/// Whether the risk axis has both signs: where a difference is drawn that is not above zero.
fn is_signed(chart: &Chart) -> bool {
    chart.y.is_difference() && chart.points().filter_map(|point| point.y).any(|y| y <= 0.0)
}

/// The largest value of either sign that the point's error bar reaches.
fn told_from_zero(point: &Point) -> f64 {
    reach(point, true).fold(0.0, |most, y| most.max(y.abs()))
}

/// The least value above zero.
fn least(values: impl Iterator<Item = f64>) -> f64 {
    values.filter(|value| *value > 0.0).fold(f64::MAX, f64::min)
}

fn y_label(chart: &Chart) -> String {
    match chart.center.name() {
        "median" => format!("median {}", chart.y.label()),
        _ => chart.y.label().to_owned(),
    }
}

/// Ends of a point's error bar around it, where the axis can show them. The lower end is `None` at or below zero of a
/// logarithmic axis: the bar then reaches its end.
fn bar(point: &Point, is_signed: bool) -> Option<(Option<f64>, f64, f64)> {
    let shows = |y: &f64| is_signed || *y > 0.0;
    let y = point.y.filter(shows).filter(|_| point.x >= 0.0 || point.x.is_nan())?;
    let se = point.se.unwrap_or(0.0);
    let high = Some(y + se).filter(|high| high.is_finite()).unwrap_or(y);
    Some((Some(y - se).filter(shows), y, high))
}

/// The values that an axis has to reach.
fn reach(point: &Point, is_signed: bool) -> impl Iterator<Item = f64> {
    bar(point, is_signed).into_iter().flat_map(|(low, y, high)| [low.unwrap_or(y), y, high])
}

/// What is expected, where it is near the points: the mean of a run that is not stable in mean square is beyond any axis.
fn expected_within(chart: &Chart, ys: &[f64], is_signed: bool) -> Vec<f64> {
    const FAR: f64 = 3.0;
    let (low, high) = ys.iter().fold((f64::MAX, f64::MIN), |(low, high), y| (low.min(*y), high.max(*y)));
    let is_near = |expected: &f64| match is_signed {
        true => (low - (high - low)..=high + (high - low)).contains(expected),
        false => (low / FAR..=high * FAR).contains(expected),
    };
    chart.points().filter_map(|point| point.expected).filter(is_near).collect()
}

/// Ends of a line of theory's slope below the points of a chart, over the last two octaves of its axis.
fn guide_line(guide: &Guide, chart: &Chart) -> Option<[(f64, f64); 2]> {
    const BELOW: f64 = 0.85;
    let shown = || {
        chart
            .points()
            .filter(|point| point.x > 0.0)
            .filter_map(|point| Some((point.x, point.y? - point.se.unwrap_or(0.0))))
    };
    let end = shown().map(|(x, _)| x).reduce(f64::max)?;
    let start = shown().map(|(x, _)| x).fold(end, f64::min).max(end / 4.0);
    let at = |x: f64| (x / end).powf(guide.slope);
    let over = shown().filter(|(x, y)| *x >= start && *y > 0.0).map(|(x, y)| y / at(x));
    let level = BELOW * over.reduce(f64::min)?;
    (start < end).then(|| [start, end].map(|x| (x, level * at(x))))
}

/// Where a chart is drawn.
struct Sheet<'a, 'b> {
    root: &'a Canvas<'b>,
    frame: &'a Frame<'b>,
    is_signed: bool,
    /// The ends of the risk axis.
    floor: f64,
    ceiling: f64,
}

impl Sheet<'_, '_> {
    fn at(&self, x: f64, y: f64) -> (i32, i32) {
        self.frame.plotting_area().map_coordinate(&(x, y))
    }

    /// What is expected of a point, where the axis has room for it.
    fn shown(&self, point: &Point) -> Option<f64> {
        point.expected.filter(|expected| (self.floor..=self.ceiling).contains(expected))
    }

    /// A dashed line at one risk.
    fn across(&self, y: f64, ink: RGBColor) -> Drawn {
        let (columns, _) = self.frame.plotting_area().get_pixel_range();
        let start = self.frame.plotting_area().get_x_range().start;
        let (_, row) = self.at(start, y);
        pen::dashed(self.root, &[(columns.start, row), (columns.end, row)], ink, 6)
    }

    /// What is expected: a thin line through it, dashed where laws stand for formats.
    fn expected(&self, line: &Line) -> Drawn {
        let shown = |point: &Point| self.shown(point);
        for part in line.points.split(|point| shown(point).is_none()) {
            let places: Vec<_> = part.iter().filter_map(|p| Some(self.at(p.x, shown(p)?))).collect();
            match part.iter().any(|point| point.is_matched) {
                _ if places.len() < 2 || line.across => {}
                true => pen::dashed(self.root, &places, color(line.style), 4)?,
                false => self.root.draw(&PathElement::new(places, color(line.style).stroke_width(UNIT as u32)))?,
            }
        }
        Ok(())
    }

    /// Its points with their errors, joined where nothing is expected of them.
    fn line(&self, line: &Line) -> Drawn {
        let stroke = color(line.style).stroke_width(3 * UNIT as u32 / 2);
        if line.across {
            let risks = line.points.iter().filter_map(|point| bar(point, self.is_signed));
            return risks.take(1).try_for_each(|(_, y, _)| self.across(y, color(line.style)));
        }
        // Where no expectation joins them points are joined; one without a risk breaks the line.
        for pair in line.points.windows(2).filter(|pair| pair.iter().any(|point| self.shown(point).is_none())) {
            let places: Vec<_> = pair
                .iter()
                .filter(|p| bar(p, self.is_signed).is_some())
                .filter_map(|p| Some(self.at(p.x, p.y?)))
                .collect();
            if places.len() == 2 {
                self.root.draw(&PathElement::new(places, stroke))?;
            }
        }
        line.points.iter().try_for_each(|point| self.point(line, point, stroke))
    }

    fn point(&self, line: &Line, point: &Point, stroke: ShapeStyle) -> Drawn {
        let Some((low, y, high)) = bar(point, self.is_signed) else { return Ok(()) };
        let (x, row) = self.at(point.x, y);
        if point.se.is_some() {
            let cap = 4 * UNIT;
            let (_, top) = self.at(point.x, high);
            let (_, bottom) = self.at(point.x, low.unwrap_or(self.floor));
            self.root.draw(&PathElement::new(vec![(x, bottom), (x, top)], stroke))?;
            self.root.draw(&PathElement::new(vec![(x - cap, top), (x + cap, top)], stroke))?;
            if low.is_some() {
                self.root.draw(&PathElement::new(vec![(x - cap, bottom), (x + cap, bottom)], stroke))?;
            }
        }
        marker(self.root, (x, row), line.style, point.is_heavy)
    }

    /// The numbers of lines at their last points; where these are near one another, as far apart as they are high.
    fn numbers(&self, lines: &[Line]) -> Drawn {
        const HEIGHT: i32 = 11 * UNIT;
        const NEAR: i32 = 18 * UNIT;
        if !is_numbered(lines) {
            return Ok(());
        }
        let end = |(number, line): (usize, &Line)| {
            let shown = |point: &&Point| !line.across && bar(point, self.is_signed).is_some();
            let last = line.points.iter().rev().find(shown)?;
            let (x, y) = self.at(last.x, last.y?);
            Some((x, y, number))
        };
        let mut ends: Vec<(i32, i32, usize)> = (1..).zip(lines).filter_map(end).collect();
        ends.sort_unstable();
        let (_, rows) = self.frame.plotting_area().get_pixel_range();
        let style = font(10).into_text_style(self.root).pos(Pos::new(HPos::Left, VPos::Center));
        for near in ends.chunk_by_mut(|a, b| b.0 - a.0 < NEAR) {
            near.sort_unstable_by_key(|(_, y, _)| *y);
            let mut free = i32::MIN;
            for (_, y, _) in near.iter_mut() {
                *y = free.max(*y);
                free = *y + HEIGHT;
            }
            let beyond = (free - HEIGHT - rows.end).max(0);
            for (x, y, number) in near.iter() {
                self.root.draw_text(&number.to_string(), &style, (x + 8 * UNIT, y - beyond))?;
            }
        }
        Ok(())
    }

    /// A line of theory's slope, with its name.
    fn guide(&self, guide: &Guide, ends: [(f64, f64); 2]) -> Drawn {
        let ends = ends.map(|(x, y)| self.at(x, y));
        pen::dashed(self.root, &ends, INK, 3)?;
        let style = font(12).into_text_style(self.root).pos(Pos::new(HPos::Right, VPos::Center));
        let slope = format!("{:.3}", guide.slope).replace('-', "−");
        let name = format!("slope {} = {}", guide.formula, slope.trim_end_matches('0').trim_end_matches('.'));
        self.root.draw_text(
            &name,
            &style,
            ((ends[0].0 + ends[1].0) / 2 - 10 * UNIT, (ends[0].1 + ends[1].1) / 2 + 6 * UNIT),
        )
    }
}

/// One line above the frame for each line with diverged runs: their fraction over the x it happened at.
fn draw_strip(root: &Canvas, chart: &Chart, frame: &Frame, above: i32) -> Drawn {
    let style = font(12).into_text_style(root).pos(Pos::new(HPos::Center, VPos::Center));
    let start = frame.plotting_area().get_y_range().start;
    for (row, line) in chart.lines.iter().filter(|line| has_diverged(line)).enumerate() {
        let y = (above + STRIP * row as i32) * UNIT;
        marker(root, ((LEFT - 12) * UNIT, y), line.style, false)?;
        let mut free = i32::MIN;
        for point in line.points.iter().filter(|point| point.diverged > 0 && point.x >= 0.0) {
            let text = diverged_text(point);
            // Half the width of the text, with a margin.
            let half = (7 * text.len() as i32 + 8) / 2 * UNIT;
            let (x, _) = frame.plotting_area().map_coordinate(&(point.x, start));
            if x - half >= free {
                root.draw_text(&text, &style, (x, y))?;
                free = x + half;
            }
        }
    }
    Ok(())
}

/// `2/8`, or a percentage where the counts would not fit between two points.
fn diverged_text(point: &Point) -> String {
    let percent = 100.0 * point.diverged_fraction();
    match point.runs {
        0..1000 => format!("{}/{}", point.diverged, point.runs),
        _ if percent < 0.1 => "<0.1 %".to_string(),
        _ => format!("{percent:.1} %"),
    }
}

fn has_diverged(line: &Line) -> bool {
    line.points.iter().any(|point| point.diverged > 0)
}
