//! One measured spectrum as an SVG figure, log-log.

use std::io;

use plotters::prelude::*;

use super::axis::LogAxis;
use super::pen::{self, ABOVE, BELOW, Canvas, Drawn, LEFT, PLOT, UNIT};
use crate::store::MeasuredSpectrum;

/// Most points of a drawn line: more fall on one another.
const DRAWN_POINTS: usize = 600;

/// The eigenvalues against their index, log-log.
pub fn svg(spectrum: &MeasuredSpectrum) -> io::Result<String> {
    let size = (LEFT + PLOT.0 + 24, ABOVE + PLOT.1 + BELOW);
    pen::svg(size, |root| draw(root, spectrum, size.1))
}

fn draw(root: &Canvas, spectrum: &MeasuredSpectrum, height: i32) -> Drawn {
    let values = spectrum.positive();
    let (plot, _) = root.split_horizontally((LEFT + PLOT.0) * UNIT);
    let ends = [1.0, values.len().max(1) as f64];
    let frame = pen::frame(&plot, ABOVE, LogAxis::of_measures(&ends), LogAxis::of_measures(values))?;
    pen::axis_names(root, &frame, height, "index", "eigenvalue")?;
    if values.is_empty() {
        return pen::nothing(root, &frame, "no eigenvalue above zero");
    }
    let at = |index: usize| frame.plotting_area().map_coordinate(&(index as f64, values[index - 1]));
    let line: Vec<_> = indices(values.len()).into_iter().map(at).collect();
    let color = pen::color(0);
    if line.len() <= 60 {
        for place in &line {
            root.draw(&Circle::new(*place, 3 * UNIT, color.filled()))?;
        }
    }
    if line.len() > 1 { root.draw(&PathElement::new(line, color.stroke_width(3 * UNIT as u32 / 2))) } else { Ok(()) }
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
