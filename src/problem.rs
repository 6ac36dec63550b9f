//! The regression problem in numbers: spectrum, target, and the exact risk of a weight vector.
//!
//! Everything a row holds is computed here, in f64 loops of fixed order, whichever adapter ran.

use crate::codec::{floor48, piece, round_significand};
use crate::config::{Problem, Sketch, Spectrum, Tail, Target};
use crate::error::{Error, Result};
use crate::normal::normal;
use crate::random::{Purpose, Stream};

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

/// The first `count` of the eigenvalues and the sum of all, without holding them.
pub fn leading_eigenvalues(problem: &Problem, count: usize) -> (Vec<f64>, f64) {
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
fn spectrum_at(spectrum: &Spectrum, i: u32) -> f64 {
    match spectrum {
        Spectrum::Power { exponent } => libm::pow(f64::from(i), -exponent),
        Spectrum::Exponential { rate } => libm::exp(-rate * f64::from(i - 1)),
        Spectrum::Logarithmic { exponent } => logarithmic(f64::from(i), *exponent),
        Spectrum::File(input) => f64::from(input.values[i as usize - 1]),
        Spectrum::Covariates(_) => 0.0,
    }
}

/// lambda_i as the rows know it, and its scale s_i.
fn eigenvalue(value: f64) -> (f64, f32) {
    let value = round37(value);
    let scale = f32::from_bits(floor48((value.sqrt() as f32).to_bits()));
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

/// Sum of the eigenvalues beyond D, and of lambda_i E w_i^2 beyond D: 0 for an open tail.
pub fn tail(problem: &Problem) -> (f64, f64) {
    if problem.tail == Tail::Open {
        return (0.0, 0.0);
    }
    let d = f64::from(problem.dim);
    let eigenvalues = match &problem.spectrum {
        Spectrum::Power { exponent } => power_tail(d, *exponent),
        Spectrum::Exponential { rate } => libm::exp(-rate * d) / -libm::expm1(-rate),
        Spectrum::Logarithmic { exponent } => logarithmic_tail(d, *exponent),
        Spectrum::File(_) | Spectrum::Covariates(_) => f64::INFINITY,
    };
    let explained = match &problem.target {
        Target::Gaussian | Target::Ones => eigenvalues,
        Target::Source { exponent } => power_tail(d, *exponent),
        Target::File(_) | Target::Labels(_) => 0.0,
    };
    (eigenvalues, explained)
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
pub fn label_deviation(problem: &Problem, tail: (f64, f64)) -> f32 {
    match problem.tail {
        Tail::Open => problem.noise as f32,
        Tail::Closed => (problem.noise * problem.noise + tail.1).sqrt() as f32,
    }
}

/// w* as pieces of 8 significant bits whose sum it is, the largest first: one for gaussian and ones, else three.
pub fn target(problem: &Problem, eigenvalues: &Eigenvalues, stream: &Stream) -> Vec<Vec<f32>> {
    let word = |i: usize| stream.word(i as u32, 0, Purpose::Target as u32);
    let dim = problem.dim as usize;
    match &problem.target {
        Target::Ones => vec![vec![1.0; dim]],
        Target::Gaussian => {
            let draw = |i| f32::from_bits(floor48(round_significand(normal(word(i)).to_bits(), 8)));
            vec![(0..dim).map(draw).collect()]
        }
        Target::Source { exponent } => {
            let deviation = |i: usize| source_deviation(i as u32 + 1, eigenvalues.lambda[i], *exponent);
            let draw = |i: usize| deviation(i) as f32 * normal(word(i));
            pieces(&(0..dim).map(draw).collect::<Vec<f32>>(), &[8; 3])
        }
        Target::File(input) => pieces(&input.values, &[8; 3]),
        Target::Labels(_) => Vec::new(),
    }
}

/// Standard deviation of w_i under the source condition lambda_i E w_i^2 = i^-b; 0 where lambda_i is.
fn source_deviation(i: u32, lambda: f64, b: f64) -> f64 {
    if lambda == 0.0 { 0.0 } else { (libm::pow(f64::from(i), -b) / lambda).sqrt() }
}

/// The largest of these deviations; without a file, indices a thousandth apart stand for their neighbours, whose
/// deviations are smooth in i, so that a list of large problems is checked in a moment.
fn largest_deviation(problem: &Problem, b: f64) -> f64 {
    let dim = problem.dim;
    let is_file = matches!(problem.spectrum, Spectrum::File(_));
    let next = |i: &u32| (*i < dim).then(|| if is_file { i + 1 } else { i.saturating_add(1 + i / 1024).min(dim) });
    let deviation = |i: u32| source_deviation(i, eigenvalue(spectrum_at(&problem.spectrum, i)).0, b);
    std::iter::successors(Some(1), next).map(deviation).fold(0.0, f64::max)
}

/// Each value cut into pieces of so many significant bits.
fn pieces(values: &[f32], bits: &[u32]) -> Vec<Vec<f32>> {
    let mut rest: Vec<f32> = values.iter().map(|value| f32::from_bits(floor48(value.to_bits()))).collect();
    bits.iter().map(|&bits| rest.iter_mut().map(|rest| piece(rest, bits)).collect()).collect()
}

/// What the pieces add up to, exactly.
pub fn total(pieces: &[Vec<f32>], dim: usize) -> Vec<f64> {
    let mut sum = vec![0.0; dim];
    for piece in pieces {
        sum.iter_mut().zip(piece).for_each(|(sum, w)| *sum += f64::from(*w));
    }
    sum
}

/// Refuses a problem whose numbers leave the range of the arithmetic; noise and sketch do not matter.
pub fn check(problem: &Problem) -> Result<()> {
    let (beyond, explained) = tail(problem);
    if !beyond.is_finite() || !explained.is_finite() {
        return Err(Error::Input(
            "problem.tail = \"closed\" needs a tail with a finite sum: allowed are power and logarithmic spectra of exponent \
             above 1, exponential ones of rate above 0, and source targets of exponent above 1"
                .into(),
        ));
    }
    let deviation = beyond.max(explained).sqrt();
    if deviation > libm::ldexp(1.0, 20) {
        return Err(Error::Input(format!(
            "problem.tail = \"closed\": with this spectrum and target the tail has the standard deviation {deviation:e}, allowed \
             is up to 2^20: a larger exponent or rate"
        )));
    }
    if let Target::Source { exponent } = problem.target {
        let largest = largest_deviation(problem, exponent);
        if largest > libm::ldexp(1.0, 20) {
            return Err(Error::Input(format!(
                "problem.target.exponent = {exponent}: with this spectrum the largest entry of w* has the standard deviation \
                 {largest:e}, allowed is up to 2^20: a larger exponent, a flatter spectrum or a smaller problem.dim"
            )));
        }
    }
    Ok(())
}

/// Entry (row, column) of the unit-variance sketch G on 8 significant bits, or of the file's S.
pub fn sketch_entry(sketch: &Sketch, stream: &Stream, pass: u32, row: u32, column: u32) -> f32 {
    let bits = match sketch {
        Sketch::File(input) => input.values[row as usize * input.shape[1] + column as usize].to_bits(),
        _ => {
            let word = stream.word_of_pass(column, row, Purpose::Sketch as u32, pass);
            round_significand(normal(word).to_bits(), 8)
        }
    };
    f32::from_bits(floor48(bits))
}

/// The features of model size M are the sketch's over the root of this: M, or for a file M over its rows.
pub fn sketch_norm(problem: &Problem, model: u32) -> f64 {
    match &problem.sketch {
        Sketch::Gaussian { .. } => f64::from(model),
        Sketch::None => 1.0,
        Sketch::File(input) => f64::from(model) / input.shape[0] as f64,
    }
}

/// Risks of one weight vector.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Risk {
    pub excess: f64,
    /// excess + approximation.
    pub reducible: f64,
    pub approximation: f64,
}

/// Exact risk of any weights of one cohort, for every nested model size.
///
/// With Gram = G H G^T + tau I = L L^T (tau: the closed tail) and y = L^-1 G H w*:
/// approximation(M) = w*^T H w* + tau_y - sum_{j<M} y_j^2 and excess(v) = |L^T v / sqrt M - y|^2, without the
/// cancellation of the direct form.
pub struct Evaluator {
    /// Row j holds L_jk for k <= j at stride `model`; for sketch `none` its diagonal alone.
    factor: Vec<f64>,
    y: Vec<f64>,
    model: usize,
    total: f64,
    /// Root of [`sketch_norm`] by M; `None` without a sketch.
    norm: Option<f64>,
}

impl Evaluator {
    /// `target` holds w*, `sketch` the clean G, row-major model x D (empty for sketch `none`); `tail` as [`tail`]
    /// gives it.
    pub fn new(
        problem: &Problem,
        (tau, tau_y): (f64, f64),
        eigenvalues: &Eigenvalues,
        target: &[f64],
        sketch: &[f32],
        model: u32,
    ) -> Evaluator {
        let mut total = 0.0;
        for (lambda, w) in eigenvalues.lambda.iter().zip(target) {
            total += lambda * w * w;
        }
        total += tau_y;
        let size = model as usize;
        if !problem.is_sketched() {
            let factor: Vec<f64> = eigenvalues.lambda.iter().map(|l| l.sqrt()).collect();
            let y = factor.iter().zip(target).map(|(l, w)| l * w).collect();
            return Evaluator { factor, y, model: size, total, norm: None };
        }
        let (mut factor, mut y) = gram(&eigenvalues.lambda, target, sketch, size);
        if tau > 0.0 {
            // The tail has variance tau/M in a feature that is the sketch's over the root of the norm.
            let unscaled = tau * sketch_norm(problem, model) / f64::from(model);
            (0..size).for_each(|j| factor[j * size + j] += unscaled);
        }
        cholesky(&mut factor, &mut y, size);
        Evaluator { factor, y, model: size, total, norm: Some(sketch_norm(problem, model) / f64::from(model)) }
    }

    /// Risk of the weights `v` of model size `v.len()`.
    pub fn risk(&self, v: &[f64]) -> Risk {
        let m = v.len();
        let mut excess = 0.0;
        let Some(norm) = self.norm else {
            for ((l, y), v) in self.factor.iter().zip(&self.y).zip(v) {
                let difference = l * v - y;
                excess += difference * difference;
            }
            return Risk { excess, reducible: excess, approximation: 0.0 };
        };
        let mut projected = vec![0.0; m];
        for (j, v) in v.iter().enumerate() {
            let row = &self.factor[j * self.model..j * self.model + j + 1];
            for (sum, l) in projected.iter_mut().zip(row) {
                *sum += l * v;
            }
        }
        let (mut explained, root) = (0.0, (m as f64 * norm).sqrt());
        for (sum, y) in projected.iter().zip(&self.y) {
            let difference = sum / root - y;
            excess += difference * difference;
            explained += y * y;
        }
        let approximation = (self.total - explained).max(0.0);
        Risk { excess, reducible: excess + approximation, approximation }
    }

    /// The minimiser v* for model size `m`: sqrt(M) L^-T y.
    pub fn optimum(&self, m: usize) -> Vec<f64> {
        let Some(norm) = self.norm else {
            return self.factor.iter().zip(&self.y).map(|(l, y)| if *l == 0.0 { 0.0 } else { y / l }).collect();
        };
        let mut v = vec![0.0; m];
        for j in (0..m).rev() {
            let pivot = self.factor[j * self.model + j];
            let known: f64 = (j + 1..m).map(|k| self.factor[k * self.model + j] * v[k]).sum();
            v[j] = if pivot == 0.0 { 0.0 } else { (self.y[j] - known) / pivot };
        }
        v.iter().map(|v| v * (m as f64 * norm).sqrt()).collect()
    }
}

/// Lower triangle of G H G^T and the vector G H w*, both summed over coordinates in ascending order.
fn gram(lambda: &[f64], target: &[f64], sketch: &[f32], model: usize) -> (Vec<f64>, Vec<f64>) {
    let dim = lambda.len();
    let (mut gram, mut b) = (vec![0.0; model * model], vec![0.0; model]);
    // Columns of G are widened once per tile, so that the inner loop runs over contiguous outputs.
    const TILE: usize = 64;
    let mut columns = vec![0.0f64; TILE * model];
    for start in (0..dim).step_by(TILE) {
        let tile = TILE.min(dim - start);
        for j in 0..model {
            for i in 0..tile {
                columns[i * model + j] = f64::from(sketch[j * dim + start + i]);
            }
        }
        for j in 0..model {
            let row = &mut gram[j * model..j * model + j + 1];
            for i in 0..tile {
                let column = &columns[i * model..(i + 1) * model];
                let weighted = lambda[start + i] * column[j];
                b[j] += weighted * target[start + i];
                for (sum, g) in row.iter_mut().zip(column) {
                    *sum += weighted * g;
                }
            }
        }
    }
    (gram, b)
}

/// In place: the lower triangle becomes L, `b` becomes L^-1 b. A pivot at most 2^-44 of its diagonal entry adds
/// no direction: its column, diagonal entry and y are 0.
fn cholesky(a: &mut [f64], b: &mut [f64], n: usize) {
    for j in 0..n {
        for k in 0..=j {
            let (head, tail) = a.split_at_mut(j * n);
            let row_j = &mut tail[..=j];
            if k < j {
                let row_k = &head[k * n..k * n + k + 1];
                let mut sum = row_j[k];
                for i in 0..k {
                    sum -= row_j[i] * row_k[i];
                }
                row_j[k] = if row_k[k] == 0.0 { 0.0 } else { sum / row_k[k] };
            } else {
                let diagonal = row_j[j];
                let mut pivot = diagonal;
                for l in &row_j[..j] {
                    pivot -= l * l;
                }
                row_j[j] = if pivot <= diagonal * libm::ldexp(1.0, -44) { 0.0 } else { pivot.sqrt() };
            }
        }
        let row = &a[j * n..j * n + j + 1];
        let mut sum = b[j];
        for i in 0..j {
            sum -= row[i] * b[i];
        }
        b[j] = if row[j] == 0.0 { 0.0 } else { sum / row[j] };
    }
}
