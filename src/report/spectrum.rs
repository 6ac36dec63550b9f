//! Spectra measured on a user's covariates: `spectrum-<k>.csv` in the output directory.

use std::fs;
use std::io;
use std::path::Path;

use plotters::prelude::*;

use super::axis::LogAxis;
use super::pen::{self, ABOVE, BELOW, Canvas, Drawn, LEFT, PLOT, UNIT};
use crate::error::{Error, Result};

const HEADER: &str = "index,eigenvalue";
/// Most points of a drawn line: more fall on one another.
const DRAWN_POINTS: usize = 600;

/// Eigenvalues in descending order.
#[derive(Clone, Debug, PartialEq)]
pub struct Spectrum {
    /// The k of its file.
    pub number: u64,
    pub eigenvalues: Vec<f64>,
}

/// The spectra of a directory by number, none where there is none. A malformed file is [`Error::Corrupt`].
pub fn read(dir: &Path) -> Result<Vec<Spectrum>> {
    let mut spectra = Vec::new();
    for entry in fs::read_dir(dir).map_err(Error::io(dir))? {
        let path = entry.map_err(Error::io(dir))?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        let number = name.and_then(|name| name.strip_prefix("spectrum-")?.strip_suffix(".csv")?.parse().ok());
        let Some(number) = number else { continue };
        let text = fs::read_to_string(&path).map_err(|e| match e.kind() {
            io::ErrorKind::InvalidData => Error::Corrupt(format!("{}: it is not text", path.display())),
            _ => Error::io(&path)(e),
        })?;
        let eigenvalues = parse(&text).map_err(|why| Error::Corrupt(format!("{}: {why}", path.display())))?;
        spectra.push(Spectrum { number, eigenvalues });
    }
    spectra.sort_by_key(|spectrum| spectrum.number);
    Ok(spectra)
}

fn parse(text: &str) -> std::result::Result<Vec<f64>, String> {
    let mut lines = text.lines();
    if lines.next() != Some(HEADER) {
        return Err(format!("the first line must be `{HEADER}`"));
    }
    let mut eigenvalues: Vec<f64> = Vec::new();
    for (index, line) in (1_usize..).zip(lines) {
        let wrong = |what: &str| format!("line {}, `{line}`: {what}", index + 1);
        let (first, second) = line.split_once(',').ok_or_else(|| wrong("two fields are needed"))?;
        if first.parse() != Ok(index) {
            return Err(wrong(&format!("the index must be {index}")));
        }
        let value: Option<f64> = second.parse().ok().filter(|value: &f64| value.is_finite());
        let value = value.ok_or_else(|| wrong("the eigenvalue must be a finite number"))?;
        if eigenvalues.last().is_some_and(|before| value > *before) {
            return Err(wrong("eigenvalues must descend"));
        }
        eigenvalues.push(value);
    }
    if eigenvalues.is_empty() { Err("it has no eigenvalue".into()) } else { Ok(eigenvalues) }
}

impl Spectrum {
    /// The file again, as its figure has it beside.
    pub fn csv(&self) -> String {
        let lines = (1..).zip(&self.eigenvalues).map(|(index, value)| format!("{index},{value}\n"));
        format!("{HEADER}\n{}", lines.collect::<String>())
    }

    /// Index and logarithm can be taken of those above zero, which come first.
    pub fn positive(&self) -> &[f64] {
        &self.eigenvalues[..self.eigenvalues.partition_point(|value| *value > 0.0)]
    }

    /// Last index of the range the slope is fitted over, from 2: half of the length.
    pub fn fitted_to(&self) -> usize {
        (self.eigenvalues.len() / 2).min(self.positive().len())
    }

    /// Least-squares slope of log eigenvalue against log index from index 2 to half of the length; `None` with fewer
    /// than two points there.
    pub fn slope(&self) -> Option<f64> {
        let fitted = self.positive().get(1..self.fitted_to()).filter(|fitted| fitted.len() > 1)?;
        let points: Vec<(f64, f64)> = (2_u32..).zip(fitted).map(|(i, value)| (f64::from(i).ln(), value.ln())).collect();
        let n = points.len() as f64;
        let (x, y) = points.iter().fold((0.0, 0.0), |(x, y), point| (x + point.0 / n, y + point.1 / n));
        let products: f64 = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum();
        Some(products / points.iter().map(|point| (point.0 - x).powi(2)).sum::<f64>())
    }

    /// The eigenvalues against their index, log-log.
    pub fn svg(&self) -> io::Result<String> {
        let size = (LEFT + PLOT.0 + 24, ABOVE + PLOT.1 + BELOW);
        pen::svg(size, |root| self.draw(root, size.1))
    }

    fn draw(&self, root: &Canvas, height: i32) -> Drawn {
        let values = self.positive();
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
        if line.len() > 1 {
            root.draw(&PathElement::new(line, color.stroke_width(3 * UNIT as u32 / 2)))
        } else {
            Ok(())
        }
    }
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
