//! The regression problem in numbers: spectrum, target, and the exact risk of a weight vector.
//!
//! Everything a row holds is computed here, in f64 loops of fixed order, whichever adapter ran.

use crate::codec::{floor48, round_significand};
use crate::config::{Problem, Sketch, Target};
use crate::normal::normal;
use crate::random::{Purpose, Stream};

/// Eigenvalues of the covariance H.
pub struct Spectrum {
    /// lambda_i, 37 significant bits, 0 where the scale is 0.
    pub lambda: Vec<f64>,
    /// s_i = f32(sqrt lambda_i), with the floor of 2^-48.
    pub scales: Vec<f32>,
}

/// The spectrum lambda_i = i^-exponent.
pub fn spectrum(problem: &Problem) -> Spectrum {
    let (mut lambda, mut scales) = (Vec::new(), Vec::new());
    for i in 1..=problem.dim {
        let value = round37(libm::pow(f64::from(i), -problem.exponent));
        let scale = f32::from_bits(floor48((value.sqrt() as f32).to_bits()));
        scales.push(scale);
        lambda.push(if scale == 0.0 { 0.0 } else { value });
    }
    Spectrum { lambda, scales }
}

/// 37 significant bits: times two 8-bit entries of G a product is exact in f64.
fn round37(value: f64) -> f64 {
    let bits = value.to_bits();
    let half = (1u64 << 15) - 1 + ((bits >> 16) & 1);
    f64::from_bits((bits + half) >> 16 << 16)
}

/// w* on 8 significant bits.
pub fn target(problem: &Problem, stream: &Stream) -> Vec<f32> {
    let draw = |i: u32| match problem.target {
        Target::Ones => 1.0,
        Target::Gaussian => {
            let drawn = normal(stream.word(i, 0, Purpose::Target as u32)).to_bits();
            f32::from_bits(floor48(round_significand(drawn, 8)))
        }
    };
    (0..problem.dim).map(draw).collect()
}

/// Entry (row, column) of the unit-variance sketch G, on 8 significant bits.
pub fn sketch_entry(stream: &Stream, row: u32, column: u32) -> f32 {
    let drawn = normal(stream.word(column, row, Purpose::Sketch as u32)).to_bits();
    f32::from_bits(floor48(round_significand(drawn, 8)))
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
/// With Gram = G H G^T = L L^T and y = L^-1 G H w*: approximation(M) = w*^T H w* - sum_{j<M} y_j^2 and
/// excess(v) = |L^T v / sqrt M - y|^2, without the cancellation of the direct form.
pub struct Evaluator {
    /// Row j holds L_jk for k <= j at stride `model`; for sketch `none` its diagonal alone.
    factor: Vec<f64>,
    y: Vec<f64>,
    model: usize,
    total: f64,
    sketched: bool,
}

impl Evaluator {
    /// `sketch` holds the clean G, row-major model x D (empty for sketch `none`).
    pub fn new(problem: &Problem, spectrum: &Spectrum, target: &[f32], sketch: &[f32], model: u32) -> Evaluator {
        let model = model as usize;
        let mut total = 0.0;
        for (lambda, w) in spectrum.lambda.iter().zip(target) {
            total += lambda * f64::from(*w) * f64::from(*w);
        }
        if problem.sketch == Sketch::None {
            let factor: Vec<f64> = spectrum.lambda.iter().map(|l| l.sqrt()).collect();
            let y = factor.iter().zip(target).map(|(l, w)| l * f64::from(*w)).collect();
            return Evaluator { factor, y, model, total, sketched: false };
        }
        let (mut factor, mut y) = gram(&spectrum.lambda, target, sketch, model);
        cholesky(&mut factor, &mut y, model);
        Evaluator { factor, y, model, total, sketched: true }
    }

    /// Risk of the weights `v` of model size `v.len()`.
    pub fn risk(&self, v: &[f64]) -> Risk {
        let m = v.len();
        let mut excess = 0.0;
        if !self.sketched {
            for ((l, y), v) in self.factor.iter().zip(&self.y).zip(v) {
                let difference = l * v - y;
                excess += difference * difference;
            }
            return Risk { excess, reducible: excess, approximation: 0.0 };
        }
        let mut projected = vec![0.0; m];
        for (j, v) in v.iter().enumerate() {
            let row = &self.factor[j * self.model..j * self.model + j + 1];
            for (sum, l) in projected.iter_mut().zip(row) {
                *sum += l * v;
            }
        }
        let (mut explained, root) = (0.0, (m as f64).sqrt());
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
        if !self.sketched {
            return self.factor.iter().zip(&self.y).map(|(l, y)| if *l == 0.0 { 0.0 } else { y / l }).collect();
        }
        let mut v = vec![0.0; m];
        for j in (0..m).rev() {
            let pivot = self.factor[j * self.model + j];
            let known: f64 = (j + 1..m).map(|k| self.factor[k * self.model + j] * v[k]).sum();
            v[j] = if pivot == 0.0 { 0.0 } else { (self.y[j] - known) / pivot };
        }
        v.iter().map(|v| v * (m as f64).sqrt()).collect()
    }
}

/// Lower triangle of G H G^T and the vector G H w*, both summed over coordinates in ascending order.
fn gram(lambda: &[f64], target: &[f32], sketch: &[f32], model: usize) -> (Vec<f64>, Vec<f64>) {
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
                b[j] += weighted * f64::from(target[start + i]);
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
