//! The names of a figure's series, however long.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::pen::{Canvas, Drawn, UNIT, color, font, marker, printable};
use crate::report::curves::Series;

/// Characters of a line, and lines of a name.
const CHARS: usize = 32;
const LINES: usize = 4;
/// Pixels from one line of a name to the next, and between names.
const LEADING: i32 = 16;
const GAP: i32 = 5;

/// The names as they are drawn, line by line.
pub struct Legend {
    names: Vec<Vec<String>>,
}

impl Legend {
    pub fn new(series: &[Series]) -> Legend {
        Legend { names: series.iter().map(|series| wrap(&series.recipe)).collect() }
    }

    /// Pixels.
    pub fn width(&self) -> i32 {
        let longest = self.names.iter().flatten().map(|line| line.chars().count()).max();
        // 8 pixels for each character of 13: wide fonts fit; "runs diverged" stands above the names.
        52 + 8 * longest.unwrap_or(0).max(12) as i32
    }

    /// Pixels.
    pub fn height(&self) -> i32 {
        self.names.iter().map(|lines| LEADING * lines.len() as i32 + GAP).sum()
    }

    /// Draws the names below `top`, each beside the line and the mark of its series.
    pub fn draw(&self, area: &Canvas, series: &[Series], top: i32) -> Drawn {
        let style = font(13).into_text_style(area).pos(Pos::new(HPos::Left, VPos::Center));
        let mut y = top + LEADING / 2;
        for (series, lines) in series.iter().zip(&self.names) {
            let stroke = color(series.style).stroke_width(3 * UNIT as u32 / 2);
            area.draw(&PathElement::new(vec![(14 * UNIT, y * UNIT), (38 * UNIT, y * UNIT)], stroke))?;
            marker(area, (26 * UNIT, y * UNIT), series.style)?;
            for line in lines {
                area.draw_text(line, &style, (44 * UNIT, y * UNIT))?;
                y += LEADING;
            }
            y += GAP;
        }
        Ok(())
    }
}

/// Lines that break after a space, comma or hyphen in their second half, else where they are full. What does not fit
/// is cut, without the control characters that XML forbids.
fn wrap(name: &str) -> Vec<String> {
    let mut rest: Vec<char> = name.chars().map(printable).collect();
    let mut lines = Vec::new();
    while lines.len() + 1 < LINES && rest.len() > CHARS {
        let breaks = |place: &usize| matches!(rest[*place - 1], ' ' | ',' | '-' | '_' | '/');
        let at = (CHARS / 2..=CHARS).rev().find(breaks).unwrap_or(CHARS);
        let after = rest.split_off(at);
        lines.push(rest.iter().collect::<String>().trim_end().to_string());
        rest = after;
    }
    if rest.len() > CHARS {
        rest.truncate(CHARS - 1);
        rest.push('…');
    }
    lines.push(rest.into_iter().collect());
    lines
}
