//! What every figure shares: colours, fonts, marks, a log-log frame.

use std::io;

use plotters::chart::ChartContext;
use plotters::coord::Shift;
use plotters::coord::cartesian::Cartesian2d;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::axis::LogAxis;

/// Drawing units per pixel: the backend rounds to whole units.
pub const UNIT: i32 = 4;
/// The frame, in pixels, and what is left of it and below it for tick labels and the names of the axes.
pub const PLOT: (i32, i32) = (460, 330);
pub const LEFT: i32 = 84;
pub const BELOW: i32 = 56;
pub const ABOVE: i32 = 14;

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

pub type Canvas<'a> = DrawingArea<SVGBackend<'a>, Shift>;
pub type Frame<'a> = ChartContext<'a, SVGBackend<'a>, Cartesian2d<LogAxis, LogAxis>>;
pub type Drawn<T = ()> = Result<T, DrawingAreaErrorKind<io::Error>>;

/// An SVG of so many pixels. Its text is text, its colours are those above.
pub fn svg(size: (i32, i32), draw: impl FnOnce(&Canvas) -> Drawn) -> io::Result<String> {
    let mut text = String::new();
    {
        let backend = SVGBackend::with_string(&mut text, ((size.0 * UNIT) as u32, (size.1 * UNIT) as u32));
        let root = backend.into_drawing_area();
        let drawn = root.fill(&PAPER).and_then(|()| draw(&root)).and_then(|()| root.present());
        drawn.map_err(|e| io::Error::other(e.to_string()))?;
    }
    let drawn = format!("width=\"{}\" height=\"{}\"", size.0 * UNIT, size.1 * UNIT);
    let shown = format!("width=\"{}\" height=\"{}\"", size.0, size.1);
    Ok(text.replacen(&drawn, &shown, 1))
}

/// The frame with its grid and tick labels, its upper edge so many pixels below that of the area.
pub fn frame<'a>(area: &Canvas<'a>, above: i32, x: LogAxis, y: LogAxis) -> Drawn<Frame<'a>> {
    let mut context = ChartBuilder::on(area)
        .margin_top(above * UNIT)
        .set_label_area_size(LabelAreaPosition::Left, LEFT * UNIT)
        .set_label_area_size(LabelAreaPosition::Bottom, BELOW * UNIT)
        .build_cartesian_2d(x, y)?;
    context
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID.stroke_width(UNIT as u32))
        .axis_style(INK.stroke_width(UNIT as u32))
        .set_all_tick_mark_size(5 * UNIT)
        .label_style(font(13))
        .draw()?;
    Ok(context)
}

/// Names below and left of a frame in a figure of so many pixels in height.
pub fn axis_names(root: &Canvas, frame: &Frame, height: i32, x: &str, y: &str) -> Drawn {
    let style = font(15).into_text_style(root).pos(Pos::new(HPos::Center, VPos::Center));
    root.draw_text(x, &style, ((LEFT + PLOT.0 / 2) * UNIT, (height - 14) * UNIT))?;
    let (_, rows) = frame.plotting_area().get_pixel_range();
    let turned = style.transform(FontTransform::Rotate270);
    root.draw_text(y, &turned, (16 * UNIT, (rows.start + rows.end) / 2))
}

/// A line in the middle of a frame that has nothing to show.
pub fn nothing(root: &Canvas, frame: &Frame, why: &str) -> Drawn {
    let (columns, rows) = frame.plotting_area().get_pixel_range();
    let middle = ((columns.start + columns.end) / 2, (rows.start + rows.end) / 2);
    let style = font(15).into_text_style(root).pos(Pos::new(HPos::Center, VPos::Center));
    root.draw_text(why, &style, middle)
}

/// Five shapes against seven colours: 35 recipes differ.
pub fn marker(area: &Canvas, (x, y): (i32, i32), style: usize) -> Drawn {
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

pub fn color(style: usize) -> RGBColor {
    PALETTE[style % PALETTE.len()]
}

/// A font of so many pixels; the backend divides sizes by 1.24.
pub fn font(pixels: i32) -> FontDesc<'static> {
    (FontFamily::SansSerif, f64::from(pixels * UNIT) * 1.24).into_font()
}

/// The character, or a replacement where XML has no place for it.
pub fn printable(c: char) -> char {
    if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') { '\u{fffd}' } else { c }
}
