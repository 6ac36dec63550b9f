//! The exact expected risk of full-precision one-pass SGD on one sketch and one target, in f64.
//!
//! Gaussian inputs make the sketched problem a well-specified regression: with `z = S x`, `Sigma = S H S^T`,
//! `b = S H w*` and `v* = Sigma^-1 b`, the label is `y = <v*, z> + xi`, `xi` independent of `z` with variance
//! `noise + A`. Only first and second moments of the weights enter the expected risk, and they follow a linear
//! recursion. [`expected`] runs it on M numbers, [`expected_general`] on whole matrices.

mod checks;
mod general;

pub use general::expected_general;

/// One sketched regression problem, seen from one seed.
pub struct Problem<'a> {
    /// Spectrum of the input covariance `H`, length D.
    pub lambda: &'a [f64],
    /// Sketch `S`, M x D row-major, already scaled by `1/sqrt(M)`.
    pub sketch: &'a [f64],
    /// Target `w*`, length D.
    pub target: &'a [f64],
    /// Variance of the label noise (`sigma^2`, not `sigma`).
    pub noise: f64,
}

/// How the weights are trained from zero.
pub struct Training<'a> {
    /// Step size of each update; their number is the number of updates T.
    pub steps: &'a [f64],
    /// Fresh samples per update.
    pub batch: usize,
    /// CohortRisk the mean of `w_0 .. w_{T-1}` instead of the last iterate `w_T` (of no updates: `w_0`).
    pub average: bool,
}

/// The two parts of the risk above the label noise.
#[derive(Clone, Copy, Debug)]
pub struct Risk {
    /// Expected `(w - v*)^T Sigma (w - v*)`.
    pub excess: f64,
    /// `A`, what the best `v*` in the sketch misses.
    pub approximation: f64,
}

/// The expected risk, O(M) per update.
///
/// The error `d = w - v*` obeys `d+ = d - gamma/B sum z (<z, d> - xi)`, so its second moment C obeys
/// `C+ = C - gamma (Sigma C + C Sigma) + gamma^2 [(Sigma r2 + 2 Sigma C Sigma) / B + (1 - 1/B) Sigma C Sigma]`,
/// `r2 = noise + A + tr(Sigma C)`. Where Sigma is diagonal each term maps entry (i, i) of C to entry (i, i), and
/// `r2` and the risk read only the diagonal: off-diagonal entries never come back. The same holds for the moments
/// of the running sum s, `E[s+ d+^T] = (E[s d^T] + C) (I - gamma Sigma)`.
///
/// `fourth_moment = false` leaves out `2 Sigma C Sigma`, the Gaussian fourth moment: the error that a comparison
/// with a simulation has to notice. Directions that Sigma does not see (M > D) count as
/// learnt.
///
/// # Panics
/// On lengths that do not fit together, an empty batch, or a sketch that is not finite.
pub fn expected(problem: &Problem, training: &Training, fourth_moment: bool) -> Risk {
    assert!(training.batch > 0, "a batch needs a sample");
    let (sigma, b) = sketched(problem);
    let (eigenvalues, b) = diagonalize(sigma, b);
    // Eigenvalues that are rounding dust carry no energy; dividing by them would invent some.
    let largest = eigenvalues.iter().copied().fold(0.0, f64::max);
    let dust = largest * f64::EPSILON * b.len() as f64;
    let error = |(&h, &b): (&f64, &f64)| if h > dust { (b / h).powi(2) } else { 0.0 };
    let mut error: Vec<f64> = eigenvalues.iter().zip(&b).map(error).collect();
    let approximation = (energy(problem) - dot(&eigenvalues, &error)).max(0.0);

    let inverse_batch = 1.0 / training.batch as f64;
    let fourth = if fourth_moment { 2.0 } else { 0.0 };
    let square = 1.0 - inverse_batch + fourth * inverse_batch;
    let mut sum = vec![0.0; b.len()]; // diagonal of E[s s^T], s = d_0 + .. + d_{t-1}
    let mut cross = vec![0.0; b.len()]; // diagonal of E[s d_t^T]
    for &gamma in training.steps {
        if training.average {
            for i in 0..b.len() {
                sum[i] += 2.0 * cross[i] + error[i];
                cross[i] = (cross[i] + error[i]) * (1.0 - gamma * eigenvalues[i]);
            }
        }
        let residual = problem.noise + approximation + dot(&eigenvalues, &error);
        let kick = gamma * gamma * inverse_batch * residual;
        for (error, &h) in error.iter_mut().zip(&eigenvalues) {
            let step = gamma * h;
            *error = *error * (1.0 - 2.0 * step + square * step * step) + kick * h;
        }
    }
    let updates = training.steps.len() as f64;
    let excess = if training.average && updates > 0.0 {
        dot(&eigenvalues, &sum) / (updates * updates)
    } else {
        dot(&eigenvalues, &error)
    };
    Risk { excess, approximation }
}

/// The same step for every update.
pub fn constant(gamma: f64, updates: usize) -> Vec<f64> {
    vec![gamma; updates]
}

/// Step t is `gamma 2^-floor(t / stage)`: about `log2 T` stages of `ceil(T / log2 T)` updates each.
pub fn geometric(gamma: f64, updates: usize) -> Vec<f64> {
    let stage = match updates {
        0 | 1 => 1,
        _ => (updates as f64 / (updates as f64).log2()).ceil() as usize,
    };
    (0..updates).map(|t| gamma * 0.5f64.powi((t / stage) as i32)).collect()
}

/// `Sigma = S H S^T` and `b = S H w*`.
fn sketched(problem: &Problem) -> (Vec<f64>, Vec<f64>) {
    let d = problem.lambda.len();
    assert!(d > 0 && problem.sketch.len().is_multiple_of(d), "the sketch is not M x {d}");
    assert_eq!(problem.target.len(), d, "the target and the spectrum differ in length");
    let m = problem.sketch.len() / d;
    let (mut sigma, mut b) = (vec![0.0; m * m], vec![0.0; m]);
    for (i, row) in problem.sketch.chunks_exact(d).enumerate() {
        let weighted: Vec<f64> = row.iter().zip(problem.lambda).map(|(s, l)| s * l).collect();
        b[i] = dot(&weighted, problem.target);
        for (j, other) in problem.sketch.chunks_exact(d).enumerate().take(i + 1) {
            sigma[i * m + j] = dot(&weighted, other);
            sigma[j * m + i] = sigma[i * m + j];
        }
    }
    (sigma, b)
}

/// `w*^T H w*`.
fn energy(problem: &Problem) -> f64 {
    problem.lambda.iter().zip(problem.target).map(|(l, w)| l * w * w).sum()
}

/// Eigenvalues of a symmetric matrix and the vector in its eigenbasis, by cyclic Jacobi rotations. The vector
/// is turned along, so that no matrix of eigenvectors is kept.
fn diagonalize(mut matrix: Vec<f64>, mut vector: Vec<f64>) -> (Vec<f64>, Vec<f64>) {
    let m = vector.len();
    let scale = dot(&matrix, &matrix);
    for _ in 0..50 {
        let off: f64 = (0..m).flat_map(|i| (0..i).map(move |j| i * m + j)).map(|k| matrix[k] * matrix[k]).sum();
        if off <= 1e-34 * scale {
            return ((0..m).map(|i| matrix[i * m + i]).collect(), vector);
        }
        for p in 0..m {
            for q in p + 1..m {
                rotate(&mut matrix, &mut vector, p, q);
            }
        }
    }
    panic!("Jacobi rotations do not converge: the sketch is not finite");
}

/// Turns coordinates p and q so that entry (p, q) vanishes.
fn rotate(matrix: &mut [f64], vector: &mut [f64], p: usize, q: usize) {
    let m = vector.len();
    let off = matrix[p * m + q];
    if off == 0.0 {
        return;
    }
    let theta = (matrix[q * m + q] - matrix[p * m + p]) / (2.0 * off);
    let tan = theta.signum() / (theta.abs() + theta.hypot(1.0));
    let cos = 1.0 / tan.hypot(1.0);
    let sin = tan * cos;
    let (pp, qq) = (matrix[p * m + p] - tan * off, matrix[q * m + q] + tan * off);
    for k in 0..m {
        let (u, v) = (matrix[p * m + k], matrix[q * m + k]);
        let (u, v) = (cos * u - sin * v, sin * u + cos * v);
        (matrix[p * m + k], matrix[q * m + k]) = (u, v);
        (matrix[k * m + p], matrix[k * m + q]) = (u, v);
    }
    (matrix[p * m + p], matrix[q * m + q]) = (pp, qq);
    (matrix[p * m + q], matrix[q * m + p]) = (0.0, 0.0);
    (vector[p], vector[q]) = (cos * vector[p] - sin * vector[q], sin * vector[p] + cos * vector[q]);
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
