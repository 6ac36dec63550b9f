//! The target w* in numbers.

use super::spectrum::{eigenvalue, spectrum_at};
use super::{Eigenvalues, Problem, Spectrum, Target};
use crate::codec::{component, flush48, round_significand};
use crate::random::normal::normal;
use crate::random::{Purpose, Stream};

/// w* as components of 8 significant bits whose sum it is, the largest first: one for gaussian and ones, else three.
pub fn target(problem: &Problem, eigenvalues: &Eigenvalues, stream: &Stream) -> Vec<Vec<f32>> {
    let word = |i: usize| stream.word(i as u32, 0, Purpose::Target as u32);
    let dim = problem.dim as usize;
    match &problem.target {
        Target::Ones => vec![vec![1.0; dim]],
        Target::Gaussian => {
            let draw = |i| f32::from_bits(flush48(round_significand(normal(word(i)).to_bits(), 8)));
            vec![(0..dim).map(draw).collect()]
        }
        Target::Source { exponent } => {
            let deviation = |i: usize| source_deviation(i as u32 + 1, eigenvalues.lambda[i], *exponent);
            let draw = |i: usize| deviation(i) as f32 * normal(word(i));
            components(&(0..dim).map(draw).collect::<Vec<f32>>(), &[8; 3])
        }
        Target::File(input) => components(&input.values, &[8; 3]),
        Target::Labels(_) => Vec::new(),
    }
}

/// E w_i^2 of a target that is drawn per seed, its entries being independent and of mean 0; `None` of one that is not.
pub fn prior(problem: &Problem, eigenvalues: &Eigenvalues) -> Option<Vec<f64>> {
    let variance = |(i, lambda): (usize, &f64)| match problem.target {
        Target::Source { exponent } => source_deviation(i as u32 + 1, *lambda, exponent).powi(2),
        _ => 1.0,
    };
    has_prior(problem).then(|| eigenvalues.lambda.iter().enumerate().map(variance).collect())
}

/// Whether the target is drawn per seed.
pub fn has_prior(problem: &Problem) -> bool {
    matches!(problem.target, Target::Gaussian | Target::Source { .. })
}

/// Standard deviation of w_i under the source condition lambda_i E w_i^2 = i^-b; 0 where lambda_i is.
fn source_deviation(i: u32, lambda: f64, b: f64) -> f64 {
    if lambda == 0.0 { 0.0 } else { (libm::pow(f64::from(i), -b) / lambda).sqrt() }
}

/// The largest of these deviations; without a file, indices a thousandth apart stand for their neighbours, whose
/// deviations are smooth in i, so that a list of large problems is checked in a moment.
pub(super) fn largest_deviation(problem: &Problem, b: f64) -> f64 {
    let dim = problem.dim;
    let is_file = matches!(problem.spectrum, Spectrum::File(_));
    let next = |i: &u32| (*i < dim).then(|| if is_file { i + 1 } else { i.saturating_add(1 + i / 1024).min(dim) });
    let deviation = |i: u32| source_deviation(i, eigenvalue(spectrum_at(&problem.spectrum, i)).0, b);
    std::iter::successors(Some(1), next).map(deviation).fold(0.0, f64::max)
}

/// Each value split into components of so many significant bits.
pub fn components(values: &[f32], bits: &[u32]) -> Vec<Vec<f32>> {
    let mut rest: Vec<f32> = values.iter().map(|value| f32::from_bits(flush48(value.to_bits()))).collect();
    bits.iter().map(|&bits| rest.iter_mut().map(|rest| component(rest, bits)).collect()).collect()
}

/// What the components add up to, exactly.
pub fn total(components: &[Vec<f32>], dim: usize) -> Vec<f64> {
    let mut sum = vec![0.0; dim];
    for component in components {
        sum.iter_mut().zip(component).for_each(|(sum, w)| *sum += f64::from(*w));
    }
    sum
}
