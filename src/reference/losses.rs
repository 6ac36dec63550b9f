//! Squared errors of a weight vector over samples, their mean and its standard error.

use super::Sample;
use super::risk::{Bounded, ROUNDING};

/// The errors (y - <z, v>)^2 over the samples so far, by Welford's recurrence.
pub struct Losses {
    /// Number of the feature that the weights read, and of its pair.
    feature: usize,
    pair: usize,
    count: f64,
    mean: f64,
    /// Sum of squared deviations from the mean.
    squares: f64,
    /// Sum of the squared magnitudes that the errors are differences of.
    largest: f64,
    /// A value of some z, or of its x, is no number.
    is_nan: bool,
}

impl Losses {
    pub fn new(feature: usize, pair: usize) -> Losses {
        Losses { feature, pair, count: 0.0, mean: 0.0, squares: 0.0, largest: 0.0, is_nan: false }
    }

    pub fn add(&mut self, sample: &Sample, v: &[f64]) {
        let (z, counts) = &sample.features[self.feature];
        self.is_nan |= counts.nan + sample.data[self.pair].nan > 0;
        let (mut activation, mut magnitude) = (0.0, f64::from(sample.y[self.feature].abs()));
        for (z, v) in z.iter().zip(v) {
            let product = f64::from(*z) * v;
            activation += product;
            magnitude += product.abs();
        }
        let loss = (f64::from(sample.y[self.feature]) - activation).powi(2);
        self.count += 1.0;
        let deviation = loss - self.mean;
        self.mean += deviation / self.count;
        self.squares += deviation * (loss - self.mean);
        self.largest += magnitude * magnitude;
    }

    /// `None` where some feature is no number.
    pub fn mean(&self) -> Option<Bounded> {
        (!self.is_nan).then(|| self.bounded(self.mean))
    }

    /// `None` with a single sample, too.
    pub fn error(&self) -> Option<Bounded> {
        let has = !self.is_nan && self.count > 1.0;
        has.then(|| self.bounded((self.squares / (self.count - 1.0) / self.count).sqrt()))
    }

    fn bounded(&self, value: f64) -> Bounded {
        Bounded { value, rounding: ROUNDING * self.largest / (self.count - 1.0).max(1.0) }
    }
}
