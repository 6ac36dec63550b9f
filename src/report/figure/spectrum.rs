//! Spectra as an SVG figure, log-log.

use std::io;

use plotters::prelude::*;

use super::axis::Axis;
use super::legend::Legend;
use super::pen::{self, ABOVE, BELOW, Canvas, Drawn, LEFT, PLOT, UNIT, WIDTH, Words};
use crate::report::curves::{Line, Style};

/// Most points of a drawn line: more fall on one another.
const DRAWN_POINTS: usize = 600;

/// Eigenvalues by index from 1, with a name.
pub struct Named<'a> {
    pub name: &'a str,
    /// Those above zero, descending.
    pub values: &'a [f64],
}

impl Named<'_> {
    /// Of eigenvalues that descend, those above zero.
    pub fn new<'a>(name: &'a str, values: &'a [f64]) -> Named<'a> {
        Named { name, values: &values[..values.partition_point(|value| *value > 0.0)] }
    }
}

/// The eigenvalues against their index, log-log; a fitted line from index to index, where there is one.
pub fn svg(title: &str, notes: &[String], spectra: &[Named], fitted: Option<[(f64, f64); 2]>) -> io::Result<String> {
    let lines: Vec<Line> = spectra
        .iter()
        .enumerate()
        .map(|(place, own)| Line { name: own.name.into(), style: Style::Own(place), points: Vec::new(), across: false })
        .collect();
    let legend = Legend::new(&lines);
    let names = if spectra.len() > 1 { legend.height() } else { 0 };
    let words = Words::new(title, notes, WIDTH);
    let top = words.above() + ABOVE;
    let size = (WIDTH, top + PLOT.1 + BELOW + names + words.below());
    pen::svg(size, &words, |root| {
        let (plot, _) = root.split_horizontally((LEFT + PLOT.0) * UNIT);
        draw(&plot, spectra, fitted, (top, names + words.below()))?;
        if spectra.len() > 1 { legend.draw(root, &lines, top + PLOT.1 + BELOW) } else { Ok(()) }
    })
}

fn draw(plot: &Canvas, spectra: &[Named], fitted: Option<[(f64, f64); 2]>, (top, below): (i32, i32)) -> Drawn {
    let longest = spectra.iter().map(|own| own.values.len()).max().unwrap_or(0);
    let all: Vec<f64> = spectra.iter().flat_map(|own| own.values).copied().collect();
    let ends = [1.0, longest.max(1) as f64];
    let frame = pen::frame(plot, top, below, Axis::of_measures(&ends), Axis::of_measures(&all))?;
    pen::axis_names(plot, &frame, "index", "eigenvalue")?;
    if all.is_empty() {
        return pen::nothing(plot, &frame, "no eigenvalue above zero");
    }
    let area = frame.plotting_area();
    for (place, own) in spectra.iter().enumerate() {
        let at = |index: usize| area.map_coordinate(&(index as f64, own.values[index - 1]));
        let line: Vec<_> = indices(own.values.len()).into_iter().map(at).collect();
        if line.len() <= 60 && spectra.len() == 1 {
            line.iter().try_for_each(|place_of| pen::marker(plot, *place_of, Style::Own(place), false))?;
        }
        if line.len() > 1 {
            let stroke = pen::color(Style::Own(place)).stroke_width(3 * UNIT as u32 / 2);
            // Marks tell lines apart that lie on one another, at other places of each.
            let step = line.len().div_ceil(8).max(1);
            let marks = line.iter().skip(place * step / spectra.len()).step_by(step).filter(|_| spectra.len() > 1);
            marks.copied().try_for_each(|at| pen::marker(plot, at, Style::Own(place), false))?;
            plot.draw(&PathElement::new(line, stroke))?;
        }
    }
    fitted.map_or(Ok(()), |ends| pen::dashed(plot, &ends.map(|end| area.map_coordinate(&end)), pen::INK, 4))
}

/// Indices from 1 to `n`, thinned evenly on a logarithmic axis where there are many.
fn indices(n: usize) -> Vec<usize> {
    let last = (DRAWN_POINTS - 1) as f64;
    let at = |k: usize| (n as f64).powf(k as f64 / last).round() as usize;
    let mut indices: Vec<usize> =
        if n <= DRAWN_POINTS { (1..=n).collect() } else { (0..DRAWN_POINTS).map(at).collect() };
    indices.dedup();
    indices
}
