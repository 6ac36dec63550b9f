//! What a measured spectrum tells of a power law.

use crate::store::MeasuredSpectrum;

impl MeasuredSpectrum {
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
}
