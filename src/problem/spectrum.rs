//! The spectrum in numbers: eigenvalues, scales of the draws, and the closed tail.

use super::{Problem, Spectrum, Tail, Target};
use crate::codec::flush48;

/// Eigenvalues of the covariance H.
pub struct Eigenvalues {
    /// lambda_i, 37 significant bits, 0 where the scale is 0.
    pub lambda: Vec<f64>,
    /// s_i = f32(sqrt lambda_i), with the floor of 2^-48.
    pub scales: Vec<f32>,
}

/// lambda_i of the spectrum; for covariates from a file the mean squares of their columns, which no draw uses.
pub fn eigenvalues(problem: &Problem) -> Eigenvalues {
    let dim = problem.dim as usize;
    let (mut lambda, mut scales) = (Vec::with_capacity(dim), Vec::with_capacity(dim));
    for value in spectrum(problem) {
        let (value, scale) = eigenvalue(value);
        lambda.push(value);
        scales.push(scale);
    }
    Eigenvalues { lambda, scales }
}

/// The `count` largest eigenvalues and the sum of all, without holding those of a formula; for covariates from a file
/// the largest mean squares of their columns.
pub fn leading_eigenvalues(problem: &Problem, count: usize) -> (Vec<f64>, f64) {
    if matches!(problem.spectrum, Spectrum::File(_) | Spectrum::Covariates(_)) {
        let mut all = eigenvalues(problem).lambda;
        all.sort_by(|a, b| b.total_cmp(a));
        let trace = all.iter().sum();
        all.truncate(count);
        return (all, trace);
    }
    let mut first = Vec::new();
    let sum = spectrum(problem).map(|value| eigenvalue(value).0).inspect(|lambda| {
        if first.len() < count {
            first.push(*lambda);
        }
    });
    let trace = sum.sum();
    (first, trace)
}

/// lambda_1 .. lambda_D before any rounding.
fn spectrum(problem: &Problem) -> Box<dyn Iterator<Item = f64> + '_> {
    let numbered = (1..=problem.dim).map(|i| spectrum_at(&problem.spectrum, i));
    match &problem.spectrum {
        Spectrum::File(input) => Box::new(input.values.iter().map(|lambda| f64::from(*lambda))),
        Spectrum::Covariates(covariates) => Box::new(covariates.second_moments().into_iter()),
        _ => Box::new(numbered),
    }
}

/// lambda_i of a spectrum that a formula or a file gives.
pub(super) fn spectrum_at(spectrum: &Spectrum, i: u32) -> f64 {
    match spectrum {
        Spectrum::Power { exponent } => libm::pow(f64::from(i), -exponent),
        Spectrum::Exponential { rate } => libm::exp(-rate * f64::from(i - 1)),
        Spectrum::Logarithmic { exponent } => logarithmic(f64::from(i), *exponent),
        Spectrum::File(input) => f64::from(input.values[i as usize - 1]),
        Spectrum::Covariates(_) => 0.0,
    }
}

/// lambda_i as the rows know it, and its scale s_i.
pub(super) fn eigenvalue(value: f64) -> (f64, f32) {
    let value = round37(value);
    let scale = f32::from_bits(flush48((value.sqrt() as f32).to_bits()));
    (if scale == 0.0 { 0.0 } else { value }, scale)
}

fn logarithmic(i: f64, exponent: f64) -> f64 {
    libm::pow(libm::log(i + 1.0), -exponent) / i
}

/// 37 significant bits: times two 8-bit entries of G a product is exact in f64.
fn round37(value: f64) -> f64 {
    let bits = value.to_bits();
    let half = (1u64 << 15) - 1 + ((bits >> 16) & 1);
    f64::from_bits((bits + half) >> 16 << 16)
}

/// What the coordinates beyond D add: 0 for an open tail.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TailVariance {
    /// tau, the sum of their eigenvalues: over M it is the variance in every feature.
    pub features: f64,
    /// tau_y, the sum of their lambda_i E w_i^2: the variance in the label.
    pub label: f64,
}

/// The closed tail's share of features and label.
pub fn tail(problem: &Problem) -> TailVariance {
    if problem.tail == Tail::Open {
        return TailVariance::default();
    }
    let d = f64::from(problem.dim);
    let features = match &problem.spectrum {
        Spectrum::Power { exponent } => power_tail(d, *exponent),
        Spectrum::Exponential { rate } => libm::exp(-rate * d) / -libm::expm1(-rate),
        Spectrum::Logarithmic { exponent } => logarithmic_tail(d, *exponent),
        Spectrum::File(_) | Spectrum::Covariates(_) => f64::INFINITY,
    };
    let label = match &problem.target {
        Target::Gaussian | Target::Ones => features,
        Target::Source { exponent } => power_tail(d, *exponent),
        Target::File(_) | Target::Labels(_) => 0.0,
    };
    TailVariance { features, label }
}

/// sum_{i > d} i^-a: a hundred terms, then Euler and Maclaurin's formula (DLMF 25.11.43).
fn power_tail(d: f64, a: f64) -> f64 {
    if a <= 1.0 {
        return f64::INFINITY;
    }
    let n = d + 100.0;
    let integral = libm::pow(n, 1.0 - a) / (a - 1.0);
    let corrections = libm::pow(n, -a) / 2.0 + a * libm::pow(n, -a - 1.0) / 12.0;
    (1..100).rev().map(|k| libm::pow(d + f64::from(k), -a)).fold(integral + corrections, |sum, term| sum + term)
}

/// sum_{i > d} i^-1 log^-e(i + 1): 65,536 terms, then the integral from half a step before the next one on,
/// with 1/x = 1/(x + 1) + 1/(x (x + 1)).
fn logarithmic_tail(d: f64, e: f64) -> f64 {
    if e <= 1.0 {
        return f64::INFINITY;
    }
    const TERMS: u32 = 1 << 16;
    let next = d + f64::from(TERMS) + 1.5;
    let log = libm::log(next);
    let integral = libm::pow(log, 1.0 - e) / (e - 1.0) + libm::pow(log, -e) / next;
    (1..=TERMS).rev().fold(integral, |sum, k| sum + logarithmic(d + f64::from(k), e))
}

/// Standard deviation of the label's noise; `tail` as [`tail`] gives it.
pub fn label_deviation(problem: &Problem, tail: TailVariance) -> f32 {
    match problem.tail {
        Tail::Open => problem.noise as f32,
        Tail::Closed => {
            let deviation = (problem.noise * problem.noise + tail.label).sqrt() as f32;
            f32::from_bits(flush48(deviation.to_bits()))
        }
    }
}
