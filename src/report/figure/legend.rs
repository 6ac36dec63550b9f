//! The names of a figure's lines, however long.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::pen::{self, Canvas, Drawn, UNIT, color, font, marker};
use crate::report::curves::Line;

/// Characters of a line of text, and lines of a name.
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
    pub fn new(lines: &[Line]) -> Legend {
        Legend { names: lines.iter().map(|line| pen::wrap(&line.name, CHARS, LINES)).collect() }
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

    /// Draws the names below `top`, each beside the stroke and the mark of its line.
    pub fn draw(&self, area: &Canvas, lines: &[Line], top: i32) -> Drawn {
        let style = font(13).into_text_style(area).pos(Pos::new(HPos::Left, VPos::Center));
        let mut y = top + LEADING / 2;
        for (line, name) in lines.iter().zip(&self.names) {
            let stroke = [(14 * UNIT, y * UNIT), (38 * UNIT, y * UNIT)];
            if line.across {
                pen::dashed(area, &stroke, color(line.style), 6)?;
            } else {
                area.draw(&PathElement::new(stroke.to_vec(), color(line.style).stroke_width(3 * UNIT as u32 / 2)))?;
                marker(area, (26 * UNIT, y * UNIT), line.style, false)?;
            }
            for text in name {
                area.draw_text(text, &style, (44 * UNIT, y * UNIT))?;
                y += LEADING;
            }
            y += GAP;
        }
        Ok(())
    }
}
