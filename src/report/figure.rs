//! One chart as an SVG figure, log-log, with one standard error either way.

use std::io;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::axis::LogAxis;
use super::series::{Chart, Point, Series};

/// Drawing units per pixel: the backend rounds to whole units.
const UNIT: i32 = 4;
const PLOT: (i32, i32) = (460, 330);
/// Left for the tick labels and the name of each axis.
const LEFT: i32 = 84;
const BELOW: i32 = 56;
const ABOVE: i32 = 14;
/// Height of a line of the legend, and of the strip that counts diverged runs.
const LINE: i32 = 20;
/// Characters of a recipe's name the legend shows.
const NAME_CHARS: usize = 30;

pub const INK: RGBColor = RGBColor(0, 0, 0);
pub const PAPER: RGBColor = RGBColor(255, 255, 255);
pub const GRID: RGBColor = RGBColor(224, 224, 224);
/// Okabe and Ito's colours without yellow, which a white page swallows. Black is `INK`.
pub const PALETTE: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    INK,
];

type Canvas<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn<T = ()> = Result<T, DrawingAreaErrorKind<io::Error>>;

/// Draws the chart. The text of the SVG is text, its colours are those above.
pub fn svg(chart: &Chart) -> io::Result<String> {
    let names = chart.series.iter().map(|s| label(&s.recipe).chars().count());
    let legend = 50 + 15 * names.max().unwrap_or(0).max(14) as i32 / 2;
    let strip = LINE * chart.series.iter().filter(|s| has_diverged(s)).count() as i32;
    let frame = PLOT.1.max(LINE * (chart.series.len() as i32 + 1));
    let size = (LEFT + PLOT.0 + legend, ABOVE + strip + frame + BELOW);
    let mut text = String::new();
    {
        let backend = SVGBackend::with_string(&mut text, ((size.0 * UNIT) as u32, (size.1 * UNIT) as u32));
        let root = backend.into_drawing_area();
        draw(&root, chart, strip, size).map_err(|e| io::Error::other(e.to_string()))?;
        root.present().map_err(|e| io::Error::other(e.to_string()))?;
    }
    let drawn = format!("width=\"{}\" height=\"{}\"", size.0 * UNIT, size.1 * UNIT);
    let shown = format!("width=\"{}\" height=\"{}\"", size.0, size.1);
    Ok(text.replacen(&drawn, &shown, 1))
}

fn draw(root: &Canvas, chart: &Chart, strip: i32, size: (i32, i32)) -> Drawn {
    root.fill(&PAPER)?;
    let (plot, legend) = root.split_horizontally((LEFT + PLOT.0) * UNIT);
    let points = || chart.series.iter().flat_map(|s| &s.points);
    let mut xs: Vec<u64> = points().map(|p| p.x).collect();
    xs.sort_unstable();
    xs.dedup();
    let xs: Vec<f64> = xs.into_iter().filter(|x| *x > 0).map(|x| x as f64).collect();
    let ys: Vec<f64> =
        points().filter_map(bar).flat_map(|(low, mean, high)| [low.unwrap_or(mean), mean, high]).collect();

    let mut context = ChartBuilder::on(&plot)
        .margin_top((ABOVE + strip) * UNIT)
        .set_label_area_size(LabelAreaPosition::Left, LEFT * UNIT)
        .set_label_area_size(LabelAreaPosition::Bottom, BELOW * UNIT)
        .build_cartesian_2d(LogAxis::of_values(&xs), LogAxis::of_measures(&ys))?;
    context
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID.stroke_width(UNIT as u32))
        .axis_style(INK.stroke_width(UNIT as u32))
        .set_all_tick_mark_size(5 * UNIT)
        .label_style(font(13))
        .draw()?;
    let area = context.plotting_area();
    let (_, frame) = area.get_pixel_range();
    for series in &chart.series {
        draw_series(root, series, |x, y| area.map_coordinate(&(x, y)), frame.end)?;
    }
    draw_axis_names(root, chart, (frame.start + frame.end) / 2, size.1)?;
    let across = |x: u64| area.map_coordinate(&(x as f64, 1.0)).0;
    draw_strip(root, chart, across)?;
    if ys.is_empty() {
        let middle = ((LEFT + PLOT.0 / 2) * UNIT, (size.1 / 2) * UNIT);
        let style = font(15).into_text_style(root).pos(Pos::new(HPos::Center, VPos::Center));
        root.draw_text("no point without a diverged run", &style, middle)?;
    }
    draw_legend(&legend, chart, strip)
}

/// Ends of a point's error bar around its mean, where a logarithmic axis can show them. The lower
/// end is `None` at or below zero: the bar then reaches the axis.
fn bar(point: &Point) -> Option<(Option<f64>, f64, f64)> {
    let mean = point.mean.filter(|m| *m > 0.0 && point.x > 0)?;
    let se = point.se.unwrap_or(0.0);
    let high = Some(mean + se).filter(|h| h.is_finite()).unwrap_or(mean);
    Some((Some(mean - se).filter(|low| *low > 0.0), mean, high))
}

fn draw_axis_names(root: &Canvas, chart: &Chart, middle: i32, height: i32) -> Drawn {
    let style = font(15).into_text_style(root);
    let style = style.pos(Pos::new(HPos::Center, VPos::Center));
    let below = ((LEFT + PLOT.0 / 2) * UNIT, (height - 14) * UNIT);
    root.draw_text(chart.axis.label(), &style, below)?;
    let turned = style.transform(FontTransform::Rotate270);
    root.draw_text("reducible risk", &turned, (16 * UNIT, middle))
}

fn draw_series(root: &Canvas, series: &Series, at: impl Fn(f64, f64) -> (i32, i32), floor: i32) -> Drawn {
    let color = color(series.style);
    let stroke = color.stroke_width(3 * UNIT as u32 / 2);
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
        draw_marker(root, (x, y), series.style)?;
    }
    Ok(())
}

/// One line above the frame for each recipe with diverged runs: `2/8` over the x it happened at.
fn draw_strip(root: &Canvas, chart: &Chart, across: impl Fn(u64) -> i32) -> Drawn {
    let style = font(12).into_text_style(root).pos(Pos::new(HPos::Center, VPos::Center));
    for (line, series) in chart.series.iter().filter(|s| has_diverged(s)).enumerate() {
        let y = (ABOVE + LINE * line as i32) * UNIT;
        draw_marker(root, ((LEFT - 12) * UNIT, y), series.style)?;
        let width = PLOT.0 / 9;
        let mut free = i32::MIN;
        for point in series.points.iter().filter(|p| p.diverged > 0 && p.x > 0) {
            let x = across(point.x);
            if x >= free {
                root.draw_text(&format!("{}/{}", point.diverged, point.runs), &style, (x, y))?;
                free = x + width * UNIT;
            }
        }
    }
    Ok(())
}

fn draw_legend(legend: &Canvas, chart: &Chart, strip: i32) -> Drawn {
    let left = Pos::new(HPos::Left, VPos::Center);
    let style = font(13).into_text_style(legend).pos(left);
    if strip > 0 {
        let small = font(12).into_text_style(legend).pos(left);
        legend.draw_text("runs diverged", &small, (14 * UNIT, ABOVE * UNIT))?;
    }
    for (line, series) in chart.series.iter().enumerate() {
        let y = (ABOVE + strip + LINE / 2 + LINE * line as i32) * UNIT;
        let stroke = color(series.style).stroke_width(3 * UNIT as u32 / 2);
        legend.draw(&PathElement::new(vec![(14 * UNIT, y), (38 * UNIT, y)], stroke))?;
        draw_marker(legend, (26 * UNIT, y), series.style)?;
        legend.draw_text(&label(&series.recipe), &style, (44 * UNIT, y))?;
    }
    Ok(())
}

/// Five shapes against seven colours: 35 recipes differ.
fn draw_marker(area: &Canvas, (x, y): (i32, i32), style: usize) -> Drawn {
    let color = color(style).filled();
    let r = 4 * UNIT;
    let shape: &[(i32, i32)] = match style % 5 {
        0 => return area.draw(&Circle::new((x, y), r, color)),
        1 => &[(-9, -9), (9, -9), (9, 9), (-9, 9)],
        2 => &[(0, -13), (12, 9), (-12, 9)],
        3 => &[(0, -13), (13, 0), (0, 13), (-13, 0)],
        _ => &[(0, 13), (12, -9), (-12, -9)],
    };
    let corners: Vec<_> = shape.iter().map(|(dx, dy)| (x + dx * r / 10, y + dy * r / 10)).collect();
    area.draw(&Polygon::new(corners, color))
}

fn color(style: usize) -> RGBColor {
    PALETTE[style % PALETTE.len()]
}

fn has_diverged(series: &Series) -> bool {
    series.points.iter().any(|point| point.diverged > 0)
}

/// A font of so many pixels; the backend divides sizes by 1.24.
fn font(pixels: i32) -> FontDesc<'static> {
    (FontFamily::SansSerif, f64::from(pixels * UNIT) * 1.24).into_font()
}

/// A recipe's name cut to fit, without the control characters that XML forbids.
fn label(name: &str) -> String {
    let mut text: String = name.chars().take(NAME_CHARS).map(printable).collect();
    if name.chars().nth(NAME_CHARS).is_some() {
        text.pop();
        text.push('…');
    }
    text
}

/// The character, or a replacement where XML has no place for it.
pub fn printable(c: char) -> char {
    if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') { '\u{fffd}' } else { c }
}
