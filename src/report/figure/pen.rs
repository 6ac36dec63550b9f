//! What every figure shares: colours, fonts, marks, a frame, and the words around it.

use std::io;

use plotters::chart::ChartContext;
use plotters::coord::Shift;
use plotters::coord::cartesian::Cartesian2d;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::axis::Axis;
use crate::report::curves::{SHAPES, Style};

/// Drawing units per pixel: the backend rounds to whole units.
pub const UNIT: i32 = 4;
/// The frame, in pixels, and what is left of it and below it for tick labels and the names of the axes.
pub const PLOT: (i32, i32) = (460, 330);
pub const LEFT: i32 = 84;
pub const BELOW: i32 = 56;
/// Of a whole figure: a telephone shows it without cutting it.
pub const WIDTH: i32 = LEFT + PLOT.0 + 24;
/// Between the title and the frame.
pub const ABOVE: i32 = 14;
/// Pixels from line to line of titles and of notes, and characters of a pixel of width.
const TITLE_LEADING: i32 = 20;
const NOTE_LEADING: i32 = 15;
const TITLE_CHARS: f64 = 0.128;
const NOTE_CHARS: f64 = 0.170;

pub const INK: RGBColor = RGBColor(0, 0, 0);
pub const SOFT: RGBColor = RGBColor(92, 92, 92);
pub const PAPER: RGBColor = RGBColor(255, 255, 255);
pub const GRID: RGBColor = RGBColor(224, 224, 224);
/// Each has a contrast of 3 at least to a white page and to the dark one, and differs from the others for readers without
/// one of the three cones, or by its mark.
pub const PALETTE: [RGBColor; SHAPES] = [
    RGBColor(0x17, 0x67, 0xb0),
    RGBColor(0xe0, 0x70, 0x0a),
    RGBColor(0x10, 0x8a, 0x62),
    RGBColor(0xb8, 0x3a, 0x92),
    RGBColor(0x1a, 0x9b, 0xc4),
    RGBColor(0x8c, 0x6a, 0x00),
    RGBColor(0x74, 0x74, 0x74),
];
/// The darker steps of viridis, of a contrast of 3 at least to a white page, and the lighter steps that a dark page shows
/// in their place.
pub const RAMP: [(RGBColor, RGBColor); 6] = [
    (RGBColor(0x44, 0x01, 0x54), RGBColor(0x34, 0x6b, 0x91)),
    (RGBColor(0x48, 0x28, 0x78), RGBColor(0x26, 0x82, 0x8e)),
    (RGBColor(0x3e, 0x4a, 0x89), RGBColor(0x1f, 0x9e, 0x89)),
    (RGBColor(0x31, 0x68, 0x8e), RGBColor(0x35, 0xb7, 0x79)),
    (RGBColor(0x26, 0x82, 0x8f), RGBColor(0x6d, 0xcd, 0x59)),
    (RGBColor(0x1f, 0x9e, 0x8a), RGBColor(0xb4, 0xde, 0x2c)),
];

pub type Canvas<'a> = DrawingArea<SVGBackend<'a>, Shift>;
pub type Frame<'a> = ChartContext<'a, SVGBackend<'a>, Cartesian2d<Axis, Axis>>;
pub type Drawn<T = ()> = Result<T, DrawingAreaErrorKind<io::Error>>;

/// The words of a figure: a title above, notes below.
pub struct Words {
    title: String,
    notes: Vec<String>,
    titles: Vec<String>,
    lines: Vec<String>,
}

impl Words {
    /// Wrapped to a figure of so many pixels in width.
    pub fn new(title: &str, notes: &[String], width: i32) -> Words {
        let lines = |text: &str, chars: f64| wrap(text, (f64::from(width) * chars) as usize, usize::MAX);
        Words {
            title: title.to_owned(),
            notes: notes.to_vec(),
            titles: lines(title, TITLE_CHARS),
            lines: notes.iter().flat_map(|note| lines(note, NOTE_CHARS)).collect(),
        }
    }

    /// Pixels that they take above and below.
    pub fn above(&self) -> i32 {
        TITLE_LEADING * self.titles.len() as i32 + 8
    }

    pub fn below(&self) -> i32 {
        NOTE_LEADING * self.lines.len() as i32 + 10
    }

    fn draw(&self, root: &Canvas, height: i32) -> Drawn {
        let style = |pixels: i32| TextStyle::from(font(pixels)).pos(Pos::new(HPos::Left, VPos::Center));
        for (place, line) in self.titles.iter().enumerate() {
            let y = TITLE_LEADING * place as i32 + TITLE_LEADING / 2 + 6;
            root.draw_text(line, &style(15), (14 * UNIT, y * UNIT))?;
        }
        for (place, line) in self.lines.iter().enumerate() {
            let y = height - self.below() + NOTE_LEADING * place as i32 + NOTE_LEADING / 2;
            root.draw_text(line, &style(11).color(&SOFT), (14 * UNIT, y * UNIT))?;
        }
        Ok(())
    }
}

/// An SVG of so many pixels with its words. Its text is text, its colours are those above.
pub fn svg(size: (i32, i32), words: &Words, draw: impl FnOnce(&Canvas) -> Drawn) -> io::Result<String> {
    let mut text = String::new();
    {
        let backend = SVGBackend::with_string(&mut text, ((size.0 * UNIT) as u32, (size.1 * UNIT) as u32));
        let root = backend.into_drawing_area();
        let drawn = root.fill(&PAPER).and_then(|()| words.draw(&root, size.1)).and_then(|()| draw(&root));
        drawn.and_then(|()| root.present()).map_err(|e| io::Error::other(e.to_string()))?;
    }
    let drawn = format!("width=\"{}\" height=\"{}\"", size.0 * UNIT, size.1 * UNIT);
    let shown = format!("role=\"img\" width=\"{}\" height=\"{}\"", size.0, size.1);
    let named = format!(">\n<title>{}</title>\n<desc>{}</desc>\n", xml(&words.title), xml(&words.notes.join(" ")));
    Ok(text.replacen(&drawn, &shown, 1).replacen(">\n", &named, 1))
}

/// The frame with its grid, tick labels and minor ticks, its upper edge so many pixels below that of the area.
pub fn frame<'a>(area: &Canvas<'a>, above: i32, below: i32, x: Axis, y: Axis) -> Drawn<Frame<'a>> {
    let minor = (x.minor().to_vec(), y.minor().to_vec());
    let mut context = ChartBuilder::on(area)
        .margin_top(above * UNIT)
        .margin_bottom(below * UNIT)
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
    minor_ticks(area, &context, &minor)?;
    Ok(context)
}

fn minor_ticks(area: &Canvas, frame: &Frame, (xs, ys): &(Vec<f64>, Vec<f64>)) -> Drawn {
    let (columns, rows) = frame.plotting_area().get_pixel_range();
    let ends = (frame.plotting_area().get_x_range().start, frame.plotting_area().get_y_range().start);
    let stroke = INK.stroke_width(3 * UNIT as u32 / 4);
    for x in xs {
        let (at, _) = frame.plotting_area().map_coordinate(&(*x, ends.1));
        area.draw(&PathElement::new(vec![(at, rows.end), (at, rows.end + 3 * UNIT)], stroke))?;
    }
    for y in ys {
        let (_, at) = frame.plotting_area().map_coordinate(&(ends.0, *y));
        area.draw(&PathElement::new(vec![(columns.start - 3 * UNIT, at), (columns.start, at)], stroke))?;
    }
    Ok(())
}

/// Names below and left of a frame whose lower edge is so many pixels below the upper one of the figure.
pub fn axis_names(root: &Canvas, frame: &Frame, x: &str, y: &str) -> Drawn {
    let (columns, rows) = frame.plotting_area().get_pixel_range();
    let style = font(15).into_text_style(root).pos(Pos::new(HPos::Center, VPos::Center));
    root.draw_text(x, &style, ((columns.start + columns.end) / 2, rows.end + (BELOW - 14) * UNIT))?;
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

/// A line of dashes, from point to point.
pub fn dashed(area: &Canvas, points: &[(i32, i32)], color: RGBColor, dash: i32) -> Drawn {
    let stroke = color.stroke_width(3 * UNIT as u32 / 2);
    let mut left = 0.0;
    for pair in points.windows(2) {
        let run = (f64::from(pair[1].0 - pair[0].0), f64::from(pair[1].1 - pair[0].1));
        let length = run.0.hypot(run.1);
        let at = |along: f64| {
            let share = (along / length).clamp(0.0, 1.0);
            (pair[0].0 + (run.0 * share) as i32, pair[0].1 + (run.1 * share) as i32)
        };
        let step = f64::from(dash * UNIT);
        let mut from = left;
        while from < length {
            area.draw(&PathElement::new(vec![at(from.max(0.0)), at(from + step)], stroke))?;
            from += 2.0 * step;
        }
        // The next piece goes on where this one ends.
        left = from - length;
    }
    Ok(())
}

/// Colour and mark of a line: of 49 lines no two share both, and of 42 steps of a ramp.
fn look(style: Style) -> (RGBColor, usize) {
    match style {
        Style::Own(number) => (PALETTE[number % SHAPES], (number + number / SHAPES) % SHAPES),
        Style::Pair { color, mark } => (PALETTE[color % SHAPES], mark % SHAPES),
        Style::Ramp { place, of } if of <= RAMP.len() => {
            (RAMP[place * (RAMP.len() - 1) / (of - 1).max(1)].0, place % SHAPES)
        }
        // Neighbours share a colour and differ by their marks.
        Style::Ramp { place, of } => {
            let shared = of.div_ceil(RAMP.len());
            (RAMP[place / shared].0, place % shared % SHAPES)
        }
    }
}

/// Draws the mark of a line; a hollow one of a mean that is not to be trusted.
pub fn marker(area: &Canvas, (x, y): (i32, i32), style: Style, hollow: bool) -> Drawn {
    let (ink, mark) = look(style);
    let look = if hollow { ink.stroke_width(3 * UNIT as u32 / 2) } else { ink.filled() };
    let r = 4 * UNIT;
    let shape: &[(i32, i32)] = match mark {
        0 => return area.draw(&Circle::new((x, y), r, look)),
        1 => &[(-9, -9), (9, -9), (9, 9), (-9, 9), (-9, -9)],
        2 => &[(0, -13), (12, 9), (-12, 9), (0, -13)],
        3 => &[(0, -13), (13, 0), (0, 13), (-13, 0), (0, -13)],
        4 => &[(0, 13), (12, -9), (-12, -9), (0, 13)],
        5 => &[
            (-4, -12),
            (4, -12),
            (4, -4),
            (12, -4),
            (12, 4),
            (4, 4),
            (4, 12),
            (-4, 12),
            (-4, 4),
            (-12, 4),
            (-12, -4),
            (-4, -4),
            (-4, -12),
        ],
        _ => &[(-6, -12), (6, -12), (12, 0), (6, 12), (-6, 12), (-12, 0), (-6, -12)],
    };
    let corners: Vec<_> = shape.iter().map(|(dx, dy)| (x + dx * r / 10, y + dy * r / 10)).collect();
    if hollow { area.draw(&PathElement::new(corners, look)) } else { area.draw(&Polygon::new(corners, look)) }
}

pub fn color(style: Style) -> RGBColor {
    look(style).0
}

/// A font of so many pixels; the backend divides sizes by 1.24.
pub fn font(pixels: i32) -> FontDesc<'static> {
    (FontFamily::SansSerif, f64::from(pixels * UNIT) * 1.24).into_font()
}

/// The character, or a replacement where XML has no place for it.
pub fn printable(c: char) -> char {
    if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') { '\u{fffd}' } else { c }
}

/// Text between tags.
pub fn xml(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            '\'' => escaped += "&#39;",
            '\n' | '\t' => escaped.push(c),
            c => escaped.push(printable(c)),
        }
    }
    escaped
}

/// Lines of at most so many characters that break after a space, comma or hyphen in their second half, else where they
/// are full. What does not fit is cut, without the control characters that XML forbids.
pub fn wrap(text: &str, chars: usize, lines: usize) -> Vec<String> {
    let mut rest: Vec<char> = text.chars().map(printable).collect();
    let mut wrapped = Vec::new();
    while wrapped.len() + 1 < lines && rest.len() > chars {
        let breaks = |place: &usize| matches!(rest[*place - 1], ' ' | ',' | '-' | '_' | '/');
        let at = (chars / 2..=chars).rev().find(breaks).unwrap_or(chars);
        let after = rest.split_off(at);
        wrapped.push(rest.iter().collect::<String>().trim_end().to_string());
        rest = after;
    }
    if rest.len() > chars {
        rest.truncate(chars - 1);
        rest.push('…');
    }
    wrapped.push(rest.into_iter().collect());
    wrapped
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance (WCAG 2.2).
    fn luminance(RGBColor(r, g, b): RGBColor) -> f64 {
        let linear = |v: u8| match f64::from(v) / 255.0 {
            v if v <= 0.040_45 => v / 12.92,
            v => ((v + 0.055) / 1.055).powf(2.4),
        };
        0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b)
    }

    fn contrast(a: RGBColor, b: RGBColor) -> f64 {
        let (a, b) = (luminance(a) + 0.05, luminance(b) + 0.05);
        a.max(b) / a.min(b)
    }

    #[test]
    fn every_line_stands_out_from_a_white_page_and_from_the_dark_one() {
        let dark = RGBColor(0x15, 0x17, 0x1a);
        assert!((contrast(INK, PAPER) - 21.0).abs() < 1e-9);
        for color in PALETTE {
            assert!(contrast(color, PAPER) >= 3.0 && contrast(color, dark) >= 3.0, "{color:?}");
        }
        for (light, lighter) in RAMP {
            assert!(contrast(light, PAPER) >= 3.0 && contrast(lighter, dark) >= 3.0, "{light:?}");
        }
    }

    #[test]
    fn no_two_lines_look_alike() {
        let differ = |styles: &mut dyn Iterator<Item = Style>| {
            let mut looks: Vec<_> = styles.map(look).map(|(RGBColor(r, g, b), mark)| (r, g, b, mark)).collect();
            let count = looks.len();
            looks.sort_unstable();
            looks.dedup();
            looks.len() == count
        };
        assert!(differ(&mut (0..49).map(Style::Own)));
        assert!(differ(&mut (0..49).map(|k| Style::Pair { color: k / SHAPES, mark: k % SHAPES })));
        for of in 1..=42 {
            assert!(differ(&mut (0..of).map(|place| Style::Ramp { place, of })), "{of}");
        }
    }
}
