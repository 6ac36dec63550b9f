//! Spectra: of features, and what one that was measured tells of a power law.

use std::io;

use super::figure::spectrum::{self, Named};
use crate::store::MeasuredSpectrum;

/// Eigenvalues of the second moments of features, clean and as recipes read them, of seed index 0.
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureSpectra {
    /// The settings of the problem, as figures say them.
    pub problem: String,
    pub model: u32,
    /// Name and eigenvalues, descending: Sigma first, then the features of recipes.
    pub named: Vec<(String, Vec<f64>)>,
}

/// A power law fitted to a part of a spectrum.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PowerLaw {
    /// d log eigenvalue / d log index.
    pub slope: f64,
    /// Logarithm of the eigenvalue at index 1, by the line.
    pub start: f64,
    /// The indices it was fitted over.
    pub from: usize,
    pub to: usize,
}

impl MeasuredSpectrum {
    /// Index and logarithm can be taken of those above zero, which come first.
    pub fn positive(&self) -> &[f64] {
        &self.eigenvalues[..self.eigenvalues.partition_point(|value| *value > 0.0)]
    }

    /// Eigenvalues up to the noise floor: those above what rounding of the data and of the eigenvalues leaves, 1e-6 of
    /// the largest.
    pub fn above_floor(&self) -> &[f64] {
        const FLOOR: f64 = 1e-6;
        let largest = self.eigenvalues.first().copied().unwrap_or(0.0);
        &self.eigenvalues[..self.eigenvalues.partition_point(|value| *value > 0.0 && *value >= FLOOR * largest)]
    }

    /// Least squares of log eigenvalue against log index from index 2 to half of those above the noise floor; `None`
    /// with fewer than two points there. The first is left out: it often stands apart.
    pub fn power_law(&self) -> Option<PowerLaw> {
        let to = self.above_floor().len() / 2;
        let fitted = self.eigenvalues.get(1..to).filter(|fitted| fitted.len() > 1)?;
        let points: Vec<(f64, f64)> = (2_u32..).zip(fitted).map(|(i, value)| (f64::from(i).ln(), value.ln())).collect();
        let n = points.len() as f64;
        let (x, y) = points.iter().fold((0.0, 0.0), |(x, y), point| (x + point.0 / n, y + point.1 / n));
        let products: f64 = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum();
        let slope = products / points.iter().map(|point| (point.0 - x).powi(2)).sum::<f64>();
        Some(PowerLaw { slope, start: y - slope * x, from: 2, to })
    }

    /// The eigenvalues above the noise floor as a figure, the fitted law dashed.
    pub fn svg(&self, source: &str) -> io::Result<String> {
        let law = self.power_law();
        let at = |law: &PowerLaw, index: usize| (index as f64, (law.start + law.slope * (index as f64).ln()).exp());
        let fitted = law.as_ref().map(|law| [at(law, law.from), at(law, law.to)]);
        let note = match &law {
            None => String::new(),
            Some(law) => {
                let slope = format!("{:.3}", law.slope).replace('-', "−");
                format!("dashed: slope {slope}, least squares over indices {} to {}", law.from, law.to)
            }
        };
        let shown = self.above_floor();
        let cut = self.eigenvalues.len() - shown.len();
        let left = if cut > 0 { format!("{cut} below 1e-6 of the largest are left out") } else { String::new() };
        let notes: Vec<String> = [note, left, source.to_owned()].into_iter().filter(|note| !note.is_empty()).collect();
        let title = "Spectrum of the covariates";
        spectrum::svg(title, &notes, &[Named { name: "covariates", values: shown }], fitted)
    }
}
