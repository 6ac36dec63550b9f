//! The recursion straight from its matrix form: slow, and the check of the library's.

use super::{Problem, Risk, Training, dot, energy, sketched};

/// The same number from whole M x M moments of the weights themselves, O(M^3) per update: no change of basis and no
/// `v*` in the recursion. It needs an invertible Sigma.
///
/// `fourth_moment = false` leaves out `2 Sigma C Sigma / B`, the Gaussian fourth moment: an error that a comparison with
/// a simulation has to notice.
///
/// The second moment `a` is `E[w w^T]`, the mean is `G b`, `X = b (G b)^T`; for the average, `J = E[s w^T]` and
/// `sum = E[s s^T]` with s the running sum.
pub fn expected_general(problem: &Problem, training: &Training, fourth_moment: bool) -> Risk {
    let (sigma, b) = sketched(problem);
    let m = b.len();
    let best = solve(sigma.clone(), b.clone());
    let approximation = energy(problem) - dot(&b, &best);
    let label = energy(problem) + problem.noise;
    let bb = outer(&b, &b);
    let zero = vec![0.0; m * m];
    let (mut a, mut g) = (zero.clone(), zero.clone());
    let (mut j, mut sum, mut sum_g) = (zero.clone(), zero.clone(), zero);

    let inverse_batch = 1.0 / f64::from(training.batch);
    for &gamma in training.steps {
        // The sum takes w_t in before w_t moves.
        sum = plus(&sum, 1.0, &plus(&plus(&j, 1.0, &transpose(&j, m)), 1.0, &a));
        j = plus(&j, 1.0, &a);
        sum_g = plus(&sum_g, 1.0, &g);
        let sum_b = outer(&times(&sum_g, &b, m), &b);
        j = plus(&plus(&j, -gamma, &times(&j, &sigma, m)), gamma, &sum_b);

        let x = outer(&b, &times(&g, &b, m));
        let sigma_a = times(&sigma, &a, m);
        let x_sigma = times(&x, &sigma, m);
        let t2 = plus(&plus(&bb, -1.0, &x_sigma), -1.0, &transpose(&x_sigma, m));
        let t2 = plus(&t2, 1.0, &times(&sigma_a, &sigma, m));
        let residual = label - 2.0 * trace(&x, m) + trace(&sigma_a, m);
        let fourth = if fourth_moment { 2.0 } else { 0.0 };
        let drift = plus(&x, -1.0, &sigma_a);
        a = plus(&a, gamma, &plus(&drift, 1.0, &transpose(&drift, m)));
        a = plus(&a, gamma * gamma * inverse_batch * residual, &sigma);
        a = plus(&a, gamma * gamma * inverse_batch * fourth, &t2);
        a = plus(&a, gamma * gamma * (1.0 - inverse_batch), &t2);
        let sigma_g = times(&sigma, &g, m);
        g = plus(&g, -gamma, &sigma_g);
        (0..m).for_each(|i| g[i * m + i] += gamma);
    }
    let updates = training.steps.len() as f64;
    if training.average && updates > 0.0 {
        a = sum.iter().map(|v| v / (updates * updates)).collect();
        g = sum_g.iter().map(|v| v / updates).collect();
    }
    let mean = times(&g, &b, m);
    let excess = trace(&times(&sigma, &a, m), m) - 2.0 * dot(&b, &mean) + dot(&b, &best);
    Risk { excess, approximation }
}

/// `matrix^-1 right` for a symmetric positive definite matrix, which needs no pivots.
pub fn solve(mut matrix: Vec<f64>, mut right: Vec<f64>) -> Vec<f64> {
    let m = right.len();
    for p in 0..m {
        for i in (0..m).filter(|&i| i != p) {
            let factor = matrix[i * m + p] / matrix[p * m + p];
            (p..m).for_each(|k| matrix[i * m + k] -= factor * matrix[p * m + k]);
            right[i] -= factor * right[p];
        }
    }
    (0..m).map(|i| right[i] / matrix[i * m + i]).collect()
}

fn outer(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().flat_map(|a| b.iter().map(move |b| a * b)).collect()
}

pub fn plus(a: &[f64], factor: f64, b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a + factor * b).collect()
}

/// The product of an m x m matrix with a matrix of m rows, or with a column.
pub fn times(a: &[f64], b: &[f64], m: usize) -> Vec<f64> {
    let columns = b.len() / m;
    let entry = |i: usize, j: usize| (0..m).map(|k| a[i * m + k] * b[k * columns + j]).sum();
    (0..b.len()).map(|at| entry(at / columns, at % columns)).collect()
}

fn transpose(a: &[f64], m: usize) -> Vec<f64> {
    (0..m * m).map(|at| a[at % m * m + at / m]).collect()
}

fn trace(a: &[f64], m: usize) -> f64 {
    (0..m).map(|i| a[i * m + i]).sum()
}
