//! The names of a figure's lines, however long, below its axes.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::pen::{self, Canvas, Drawn, UNIT, WIDTH, color, font, marker};
use crate::report::curves::{Line, SHAPES, Style};

/// Characters of a line of text, and lines of a name.
const CHARS: usize = 32;
const LINES: usize = 4;
/// Pixels from one line of a name to the next, and between names.
const LEADING: i32 = 16;
const GAP: i32 = 5;
/// Pixels left of a name, and from one column to the next beside the characters.
const STROKE: i32 = 44;
const BESIDE: i32 = 18;

/// The names as they are drawn, line by line.
pub struct Legend {
    names: Vec<Vec<String>>,
    columns: usize,
}

/// Whether lines have numbers: more than there are marks need more than a colour to be told apart. Those of pairs of two
/// values are so many that numbers would hide them.
pub fn is_numbered(lines: &[Line]) -> bool {
    lines.len() > SHAPES && !lines.iter().any(|line| matches!(line.style, Style::Pair { .. }))
}

impl Legend {
    pub fn new(lines: &[Line]) -> Legend {
        let name = |(number, line): (usize, &Line)| match is_numbered(lines) {
            true => pen::wrap(&format!("{number} {}", line.name), CHARS, LINES),
            false => pen::wrap(&line.name, CHARS, LINES),
        };
        let mut legend = Legend { names: (1..).zip(lines).map(name).collect(), columns: 1 };
        legend.columns = (WIDTH / legend.column()).max(1) as usize;
        legend
    }

    /// Pixels of a column: 8 for each character of 13, so that wide fonts fit.
    fn column(&self) -> i32 {
        let longest = self.names.iter().flatten().map(|line| line.chars().count()).max();
        STROKE + BESIDE + 8 * longest.unwrap_or(0) as i32
    }

    /// Pixels of a row.
    fn row(names: &[Vec<String>]) -> i32 {
        LEADING * names.iter().map(Vec::len).max().unwrap_or(0) as i32 + GAP
    }

    /// Pixels.
    pub fn height(&self) -> i32 {
        self.names.chunks(self.columns).map(Legend::row).sum()
    }

    /// Draws the names below `top`, each beside the stroke and the mark of its line.
    pub fn draw(&self, area: &Canvas, lines: &[Line], top: i32) -> Drawn {
        let mut y = top + LEADING / 2;
        for (lines, names) in lines.chunks(self.columns).zip(self.names.chunks(self.columns)) {
            for (place, (line, name)) in lines.iter().zip(names).enumerate() {
                entry(area, line, name, (self.column() * place as i32, y))?;
            }
            y += Legend::row(names);
        }
        Ok(())
    }
}

fn entry(area: &Canvas, line: &Line, name: &[String], (left, y): (i32, i32)) -> Drawn {
    let style = font(13).into_text_style(area).pos(Pos::new(HPos::Left, VPos::Center));
    let stroke = [((left + 14) * UNIT, y * UNIT), ((left + 38) * UNIT, y * UNIT)];
    if line.across {
        pen::dashed(area, &stroke, color(line.style), 6)?;
    } else {
        area.draw(&PathElement::new(stroke.to_vec(), color(line.style).stroke_width(3 * UNIT as u32 / 2)))?;
        marker(area, ((left + 26) * UNIT, y * UNIT), line.style, false)?;
    }
    for (row, text) in (0..).zip(name) {
        area.draw_text(text, &style, ((left + STROKE) * UNIT, (y + LEADING * row) * UNIT))?;
    }
    Ok(())
}
