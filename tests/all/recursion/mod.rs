//! The exact expected risk of full precision SGD once more, from whole matrices: the oracle of [`roundlaw::theory`].
//!
//! [`expected`] asks the library, [`expected_general`] uses nothing of it.

mod checks;
mod gains;
mod general;
mod methods;

pub use general::expected_general;
use roundlaw::theory::basis::Basis;
use roundlaw::theory::laws::Laws;
use roundlaw::theory::recursion::{Iterates, Recursion};
use roundlaw::theory::regression::{Inputs, Needs, Regression, Target};
use roundlaw::watch::Watch;

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
    pub batch: u32,
    /// The risk is that of the mean of `w_0 .. w_{T-1}`, not of the last iterate `w_T` (of no updates: of `w_0`).
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

/// The library's answer.
pub fn expected(problem: &Problem, training: &Training) -> Risk {
    let basis = basis(problem);
    let mut recursion = Recursion::new(&basis, &Laws::default(), training.batch, training.average).unwrap();
    training.steps.iter().for_each(|gamma| recursion.update(*gamma));
    let expected = if training.average { recursion.average().unwrap() } else { recursion.last() };
    Risk { excess: expected.excess, approximation: basis.approximation() }
}

/// What the library makes of a problem.
pub fn basis(problem: &Problem) -> Basis {
    let Problem { lambda, sketch, target, noise } = *problem;
    let inputs = Inputs { lambda, target: Target::Fixed(target), tail: 0.0, tail_label: 0.0, noise };
    let regression = Regression::new(&inputs, sketch, 1.0, Needs::default(), &Watch::default()).unwrap();
    Basis::new(&regression, &inputs).unwrap()
}

/// `Sigma = S H S^T` and `b = S H w*`.
pub fn sketched(problem: &Problem) -> (Vec<f64>, Vec<f64>) {
    let d = problem.lambda.len();
    let rows = || problem.sketch.chunks_exact(d);
    let weighted = |row: &[f64]| -> Vec<f64> { row.iter().zip(problem.lambda).map(|(s, l)| s * l).collect() };
    let sigma = rows().flat_map(|row| rows().map(move |other| dot(&weighted(row), other))).collect();
    (sigma, rows().map(|row| dot(&weighted(row), problem.target)).collect())
}

/// `w*^T H w*`.
pub fn energy(problem: &Problem) -> f64 {
    problem.lambda.iter().zip(problem.target).map(|(l, w)| l * w * w).sum()
}

pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
