//! Eigenvalues, scales and target of a cohort, from their definitions: a second computation beside that of
//! [`crate::problem`], which every adapter reads. They have the formulas' functions of libm, the random words and the
//! normals in common, and nothing else.

use crate::problem::{Problem, Spectrum, Target};
use crate::random::normal::normal;
use crate::random::{Purpose, Stream};

/// What the samples and the exact risks of a cohort are made of. Empty with covariates from a file.
pub struct Truth {
    /// lambda_i on 37 significant bits, 0 where s_i is; D of them.
    pub lambda: Vec<f64>,
    /// s_i = f32(sqrt lambda_i).
    pub scales: Vec<f32>,
    /// w* in pieces of 8 significant bits, the largest first.
    pub pieces: Vec<Vec<f32>>,
}

impl Truth {
    pub fn new(problem: &Problem, stream: &Stream) -> Truth {
        if problem.covariates().is_some() {
            return Truth { lambda: Vec::new(), scales: Vec::new(), pieces: Vec::new() };
        }
        let (mut lambda, mut scales) = (Vec::new(), Vec::new());
        for i in 1..=problem.dim {
            let value = significant(eigenvalue(&problem.spectrum, i), 37);
            let scale = floored(value.sqrt() as f32);
            scales.push(scale);
            lambda.push(if scale == 0.0 { 0.0 } else { value });
        }
        let pieces = target(problem, &lambda, stream);
        Truth { lambda, scales, pieces }
    }

    /// w*, the sum of its pieces.
    pub fn target(&self) -> Vec<f64> {
        (0..self.lambda.len()).map(|i| self.pieces.iter().map(|piece| f64::from(piece[i])).sum()).collect()
    }
}

/// lambda_i, i from 1, before any rounding.
fn eigenvalue(spectrum: &Spectrum, i: u32) -> f64 {
    let number = f64::from(i);
    match spectrum {
        Spectrum::Power { exponent } => libm::pow(number, -exponent),
        Spectrum::Exponential { rate } => libm::exp(-rate * (number - 1.0)),
        Spectrum::Logarithmic { exponent } => libm::pow(libm::log(number + 1.0), -exponent) / number,
        Spectrum::File(input) => f64::from(input.values[i as usize - 1]),
        Spectrum::Covariates(_) => 0.0,
    }
}

fn target(problem: &Problem, lambda: &[f64], stream: &Stream) -> Vec<Vec<f32>> {
    let draw = |i: usize| normal(stream.word(i as u32, 0, Purpose::Target as u32));
    let (entries, pieces): (Vec<f32>, usize) = match &problem.target {
        Target::Ones => (vec![1.0; lambda.len()], 1),
        // One piece of 8 bits, and no more of the draw than that.
        Target::Gaussian => ((0..lambda.len()).map(draw).collect(), 1),
        Target::Source { exponent } => {
            // lambda_i E w_i^2 = i^-b.
            let deviation = |i: usize| (libm::pow(i as f64 + 1.0, -exponent) / lambda[i]).sqrt();
            let entry = |i: usize| if lambda[i] == 0.0 { 0.0 } else { deviation(i) as f32 * draw(i) };
            ((0..lambda.len()).map(entry).collect(), 3)
        }
        Target::File(input) => (input.values.to_vec(), 3),
        Target::Labels(_) => (Vec::new(), 0),
    };
    let mut rest: Vec<f32> = entries.into_iter().map(floored).collect();
    let mut piece = || {
        let own: Vec<f32> = rest.iter().map(|&rest| floored(significant(rest.into(), 8) as f32)).collect();
        rest.iter_mut().zip(&own).for_each(|(rest, own)| *rest -= own);
        own
    };
    (0..pieces).map(|_| piece()).collect()
}

/// The nearest number of `bits` significant bits, ties to even.
fn significant(value: f64, bits: i32) -> f64 {
    let (_, exponent) = libm::frexp(value);
    libm::ldexp(libm::ldexp(value, bits - exponent).round_ties_even(), exponent - bits)
}

/// +0 for magnitudes below 2^-48.
fn floored(value: f32) -> f32 {
    if f64::from(value.abs()) < libm::ldexp(1.0, -48) { 0.0 } else { value }
}
