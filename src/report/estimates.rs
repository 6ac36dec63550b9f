//! Means, medians and local slopes with their standard errors over seeds.
//!
//! The error of a mean is sd / sqrt(n), whatever the values' law. That of a slope follows by the delta method from the
//! variances of both means and their covariance over the seeds they share.

/// Share of a mean that one seed carries where it is heavy.
pub use crate::fit::HEAVY;
use crate::fit::{FEW, is_heavy};

/// What stands for the values of a point.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Center {
    #[default]
    Mean,
    /// Where means are carried by single seeds.
    Median,
}

impl Center {
    pub fn name(self) -> &'static str {
        match self {
            Center::Mean => "mean",
            Center::Median => "median",
        }
    }
}

/// The mean or the median over seeds.
#[derive(Clone, Debug)]
pub struct Estimate {
    /// By ascending seed.
    values: Vec<(u32, f64)>,
    pub center: f64,
    /// Its standard error; half the width of the narrowest interval of order statistics that holds a median with 68 %, of
    /// all values where none does. `None` with fewer than two seeds.
    pub se: Option<f64>,
    /// One seed carries more than [`HEAVY`] of the mean.
    pub is_heavy: bool,
    of: Center,
}

impl Estimate {
    /// `None` where the values have no finite center. `values` ascend in the seed, each seed once.
    pub fn new(values: Vec<(u32, f64)>, of: Center) -> Option<Estimate> {
        let plain: Vec<f64> = values.iter().map(|(_, value)| *value).collect();
        let (center, se) = match of {
            Center::Mean => (mean(plain.iter().copied())?, standard_error(&plain)),
            Center::Median => (median(&plain)?, median_error(&plain)),
        };
        // Shares are of what cannot be negative.
        let is_heavy = plain.len() >= FEW && plain.iter().all(|value| *value >= 0.0) && is_heavy(&plain);
        center.is_finite().then_some(Estimate { values, center, se: se.filter(|se| se.is_finite()), is_heavy, of })
    }

    /// Slope d log risk / d log x from a point that is `run` before this one in log x, and its standard error; `None` for
    /// risks at or below zero.
    pub fn slope_from(&self, from: &Estimate, run: f64) -> Option<(f64, Option<f64>)> {
        let slope = (self.center.ln() - from.center.ln()) / run;
        let has = from.center > 0.0 && self.center > 0.0 && run.is_finite() && slope.is_finite();
        has.then(|| (slope, self.slope_error(from, run)))
    }

    fn slope_error(&self, from: &Estimate, run: f64) -> Option<f64> {
        let relative = |a: &Estimate, b: &Estimate| Some(covariance(a, b)? / (a.center * b.center));
        let shared = if self.of == Center::Mean { relative(from, self)? } else { 0.0 };
        let variance = relative(from, from)? + relative(self, self)? - 2.0 * shared;
        // Points that share their scatter leave a rounding error, of either sign.
        Some(variance.max(0.0).sqrt() / run.abs()).filter(|se| se.is_finite())
    }
}

/// `None` of none.
pub fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (n, sum) = values.fold((0_u64, 0.0), |(n, sum), value| (n + 1, sum + value));
    (n > 0).then(|| sum / n as f64)
}

/// Of the mean: sd / sqrt(n).
fn standard_error(values: &[f64]) -> Option<f64> {
    let n = values.len() as f64;
    let mean = mean(values.iter().copied())?;
    let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
    (values.len() > 1).then(|| (squares / (n - 1.0) / n).sqrt())
}

/// `None` of none.
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (low, high) = (sorted.get(values.len().saturating_sub(1) / 2)?, sorted.get(values.len() / 2)?);
    Some((low + high) / 2.0)
}

/// Half the distance of two order statistics, as many from either end, that enclose the median with probability 0.68 at
/// least: the number of values below it is binomial. Of few values it is half the range.
fn median_error(values: &[f64]) -> Option<f64> {
    const COVERAGE: f64 = 0.68;
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let n = sorted.len();
    let log_choose = |k: usize| {
        let gamma = |k: usize| libm::lgamma(k as f64 + 1.0);
        gamma(n) - gamma(k) - gamma(n - k)
    };
    let probability = |k: usize| libm::exp(log_choose(k) - n as f64 * std::f64::consts::LN_2);
    // With k values left out at either end the median is inside unless at most k are below it, or above.
    let mut outside = 0.0;
    let mut left_out = 0;
    for k in 0..n / 2 {
        outside += 2.0 * probability(k);
        if 1.0 - outside < COVERAGE {
            break;
        }
        left_out = k;
    }
    (n > 1).then(|| (sorted[n - 1 - left_out] - sorted[left_out]) / 2.0)
}

/// Covariance of two centers over the seeds they share; none where they share fewer than two. `None` where either has no
/// error.
fn covariance(a: &Estimate, b: &Estimate) -> Option<f64> {
    let (se_a, se_b) = (a.se?, b.se?);
    if std::ptr::eq(a, b) {
        return Some(se_a * se_b);
    }
    let shared = shared(&a.values, &b.values);
    let n = shared.len() as f64;
    if shared.len() < 2 {
        return Some(0.0);
    }
    let (mean_a, mean_b) = shared.iter().fold((0.0, 0.0), |(sum_a, sum_b), (a, b)| (sum_a + a / n, sum_b + b / n));
    let products: f64 = shared.iter().map(|(a, b)| (a - mean_a) * (b - mean_b)).sum();
    Some(products / (n - 1.0) * n / (a.values.len() as f64 * b.values.len() as f64))
}

/// Pairs of the values at equal seeds.
fn shared(a: &[(u32, f64)], b: &[(u32, f64)]) -> Vec<(f64, f64)> {
    let mut b = b.iter().copied().peekable();
    let partner = |(seed, value): &(u32, f64)| {
        while b.next_if(|(other, _)| other < seed).is_some() {}
        b.next_if(|(other, _)| other == seed).map(|(_, other)| (*value, other))
    };
    a.iter().filter_map(partner).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_of_medians_hold_them_as_often_as_they_say() {
        // Of n numbers 0 to n - 1 half the distance says which order statistics were taken; Bin(n, 1/2) says how often
        // these enclose the median.
        for (n, left_out) in [(2, 0), (4, 0), (5, 0), (9, 2), (16, 5), (100, 44)] {
            let values: Vec<f64> = (0..n).map(f64::from).collect();
            let error = median_error(&values).unwrap();
            assert_eq!(error, f64::from(n - 1 - 2 * left_out) / 2.0, "{n}");
            let choose = |k: i32| (0..k).map(|i| f64::from(n - i) / f64::from(i + 1)).product::<f64>();
            let outside = |k: i32| 2.0 * (0..=k).map(choose).sum::<f64>() / 2.0_f64.powi(n);
            assert!(n < 5 || 1.0 - outside(left_out) >= 0.68, "{n}");
            assert!(n < 3 || 1.0 - outside(left_out + 1) < 0.68, "{n}");
        }
        assert_eq!(median_error(&[1.0]), None);
    }
}
