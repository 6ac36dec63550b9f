//! A histogram as an SVG figure.

use std::io;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::pen::{self, ABOVE, BELOW, Canvas, Drawn, INK, LEFT, PLOT, UNIT, Words, font};
use crate::report::curves::Style;

/// Bars with their names below them and their counts above.
pub fn svg(title: &str, notes: &[String], label: &str, bars: &[(String, usize)]) -> io::Result<String> {
    let width = LEFT + PLOT.0 + 24;
    let words = Words::new(title, notes, width);
    let top = words.above() + ABOVE + 14;
    let size = (width, top + PLOT.1 / 2 + BELOW + words.below());
    pen::svg(size, &words, |root| draw(root, label, bars, top))
}

fn draw(root: &Canvas, label: &str, bars: &[(String, usize)], top: i32) -> Drawn {
    let most = bars.iter().map(|(_, count)| *count).max().unwrap_or(0).max(1);
    let (height, step) = (PLOT.1 / 2, PLOT.0 / bars.len().max(1) as i32);
    let style = |pixels: i32| font(pixels).into_text_style(root).pos(Pos::new(HPos::Center, VPos::Center));
    let bottom = top + height;
    for (place, (name, count)) in bars.iter().enumerate() {
        let (left, right) = (LEFT + step * place as i32 + 2, LEFT + step * (place as i32 + 1) - 2);
        let rise = (i64::from(height) * *count as i64 / most as i64) as i32;
        let corners = [(left * UNIT, (bottom - rise) * UNIT), (right * UNIT, bottom * UNIT)];
        root.draw(&Rectangle::new(corners, pen::color(Style::Own(0)).filled()))?;
        let middle = (left + right) / 2 * UNIT;
        root.draw_text(&count.to_string(), &style(12), (middle, (bottom - rise - 9) * UNIT))?;
        root.draw_text(name, &style(12), (middle, (bottom + 14) * UNIT))?;
    }
    let floor = vec![(LEFT * UNIT, bottom * UNIT), ((LEFT + PLOT.0) * UNIT, bottom * UNIT)];
    root.draw(&PathElement::new(floor, INK.stroke_width(UNIT as u32)))?;
    root.draw_text(label, &style(15), ((LEFT + PLOT.0 / 2) * UNIT, (bottom + BELOW - 14) * UNIT))
}
