//! A histogram as an SVG figure.

use std::io;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::pen::{self, ABOVE, BELOW, Canvas, Drawn, INK, LEFT, PLOT, SOFT, UNIT, WIDTH, Words, font};
use crate::report::curves::Style;

/// A bar: its name stands below it, its count above, and a dashed line where it would end.
pub struct Bar {
    pub name: String,
    pub count: usize,
    pub expected: f64,
}

pub fn svg(title: &str, notes: &[String], label: &str, bars: &[Bar]) -> io::Result<String> {
    let words = Words::new(title, notes, WIDTH);
    let top = words.above() + ABOVE + 14;
    let size = (WIDTH, top + PLOT.1 / 2 + BELOW + words.below());
    pen::svg(size, &words, |root| draw(root, label, bars, top))
}

fn draw(root: &Canvas, label: &str, bars: &[Bar], top: i32) -> Drawn {
    let most = bars.iter().map(|bar| bar.expected.max(bar.count as f64)).fold(1.0, f64::max);
    let (height, step) = (PLOT.1 / 2, PLOT.0 / bars.len().max(1) as i32);
    let style = |pixels: i32| font(pixels).into_text_style(root).pos(Pos::new(HPos::Center, VPos::Center));
    let bottom = top + height;
    for (place, Bar { name, count, expected }) in bars.iter().enumerate() {
        let (left, right) = (LEFT + step * place as i32 + 2, LEFT + step * (place as i32 + 1) - 2);
        let rise = |count: f64| (f64::from(height) * count / most) as i32;
        let (rise, expected) = (rise(*count as f64), rise(*expected));
        let corners = [(left * UNIT, (bottom - rise) * UNIT), (right * UNIT, bottom * UNIT)];
        root.draw(&Rectangle::new(corners, pen::color(Style::Own(0)).filled()))?;
        let ends = [left, right].map(|x| (x * UNIT, (bottom - expected) * UNIT));
        pen::dashed(root, &ends, SOFT, 3)?;
        let middle = (left + right) / 2 * UNIT;
        root.draw_text(&count.to_string(), &style(12), (middle, (bottom - rise - 9) * UNIT))?;
        root.draw_text(name, &style(12), (middle, (bottom + 14) * UNIT))?;
    }
    let floor = vec![(LEFT * UNIT, bottom * UNIT), ((LEFT + PLOT.0) * UNIT, bottom * UNIT)];
    root.draw(&PathElement::new(floor, INK.stroke_width(UNIT as u32)))?;
    root.draw_text(label, &style(15), ((LEFT + PLOT.0 / 2) * UNIT, (bottom + BELOW - 14) * UNIT))
}
