//! Means, local slopes and their standard errors over seeds: by bootstrap where seeds are few, by formula where they are many.
//!
//! The bootstrap costs `RESAMPLES` passes over the seeds of every point. What it is for, the skew of small
//! samples, is gone long before a thousand seeds: beyond, the error of a mean is sd / sqrt(n), and that of a slope
//! follows by the delta method from the variances of both means and their covariance over the seeds they share.

use super::bootstrap::{Resamples, standard_error};

/// Most seeds of a panel whose errors are bootstrapped.
pub const BOOTSTRAP_SEEDS: usize = 1000;

/// How the standard errors of one panel are made.
#[derive(Clone, Debug)]
pub enum Errors {
    Bootstrap(Resamples),
    Formula,
}

/// The mean of a point, and what its errors follow from.
#[derive(Clone, Debug)]
pub struct Estimate {
    /// By ascending seed.
    values: Vec<(u32, f64)>,
    pub mean: f64,
    /// Means of the resamples, empty where errors go by formula.
    means: Vec<f64>,
}

impl Errors {
    /// For a panel with these seeds, in any order.
    pub fn new(seeds: impl Iterator<Item = u32>) -> Errors {
        let mut seeds: Vec<u32> = seeds.collect();
        seeds.sort_unstable();
        seeds.dedup();
        match seeds.len() {
            0..=BOOTSTRAP_SEEDS => Errors::Bootstrap(Resamples::new(seeds)),
            _ => Errors::Formula,
        }
    }

    /// `None` where the values have no finite mean. `values` ascend in the seed, each seed once.
    pub fn estimate(&self, values: Vec<(u32, f64)>) -> Option<Estimate> {
        let mean = values.iter().map(|(_, value)| value).sum::<f64>() / values.len() as f64;
        if !mean.is_finite() {
            return None;
        }
        let means = match self {
            Errors::Bootstrap(resamples) => resamples.means(&values),
            Errors::Formula => Vec::new(),
        };
        Some(Estimate { values, mean, means })
    }

    /// Standard error of a mean; `None` with fewer than two seeds.
    pub fn of_mean(&self, point: &Estimate) -> Option<f64> {
        match self {
            Errors::Bootstrap(_) => standard_error(&point.means, point.values.len()),
            Errors::Formula => finite(covariance_of_means(point, point)?.sqrt()),
        }
    }

    /// Standard error of the local slope between points `run` apart in log x; `None` where either has fewer than
    /// two seeds.
    pub fn of_slope(&self, from: &Estimate, to: &Estimate, run: f64) -> Option<f64> {
        match self {
            Errors::Bootstrap(_) => {
                let pairs = from.means.iter().zip(&to.means);
                let slopes: Vec<f64> = pairs.filter_map(|(&from, &to)| local_slope(from, to, run)).collect();
                standard_error(&slopes, from.values.len().min(to.values.len()))
            }
            Errors::Formula => {
                let relative = |a: &Estimate, b: &Estimate| Some(covariance_of_means(a, b)? / (a.mean * b.mean));
                let variance = relative(from, from)? + relative(to, to)? - 2.0 * relative(from, to)?;
                // Points that share their scatter leave a rounding error, of either sign.
                finite(variance.max(0.0).sqrt() / run.abs())
            }
        }
    }
}

/// Slope of the risk between two points `run` apart in log x; risks at or below zero have none.
pub fn local_slope(from: f64, to: f64, run: f64) -> Option<f64> {
    let slope = (to.ln() - from.ln()) / run;
    (from > 0.0 && to > 0.0 && run.is_finite() && slope.is_finite()).then_some(slope)
}

/// Covariance of two means over the seeds they share; no covariance where they share fewer than two. `None` where
/// either has fewer than two seeds.
fn covariance_of_means(a: &Estimate, b: &Estimate) -> Option<f64> {
    let least = a.values.len().min(b.values.len());
    if least < 2 {
        return None;
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

fn finite(value: f64) -> Option<f64> {
    Some(value).filter(|v| v.is_finite())
}
