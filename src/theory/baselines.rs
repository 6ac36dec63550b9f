//! What any model on covariates from a file has to beat: the mean label, and ridge regression on the covariates themselves.

use faer::{Mat, Side};

use super::measured::{ROWS, SIZE};
use crate::error::{Error, Result};
use crate::problem::Covariates;

/// Held-out risks of predictors that are no runs, in squared units of y.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Baselines {
    /// The mean label of the training rows, whatever x.
    pub mean: f64,
    /// Ridge regression on x, all D columns, in f64 and without an intercept, as the runs have none.
    pub ridge: f64,
    /// Its penalty, of (1/n) |X b - y|^2 + penalty |b|^2: that of least generalised cross-validation (Golub, Heath and
    /// Wahba 1979).
    pub penalty: f64,
    /// Training rows that it was fitted to.
    pub rows: usize,
}

/// Penalties that are tried, as parts of the largest eigenvalue: 10^-9 to 10, four a decade.
fn penalties(largest: f64) -> impl Iterator<Item = f64> {
    (-36..=4).map(move |k| largest * libm::exp10(f64::from(k) / 4.0))
}

/// The baselines of covariates: ridge on at most 16,384 training rows, evenly spaced, or 2048 where there are more columns.
///
/// # Errors
/// [`Error::Other`] where the eigenvalues are not found.
pub fn baselines(covariates: &Covariates) -> Result<Baselines> {
    let all = covariates.training();
    let mean = all.iter().map(|row| f64::from(covariates.label(*row))).sum::<f64>() / all.len() as f64;
    let is_tall = covariates.dim() <= SIZE;
    let n = all.len().min(if is_tall { ROWS } else { SIZE });
    // Evenly spaced: a file may be sorted by its labels.
    let row = |k: usize| all[k * all.len() / n];
    let x = Mat::from_fn(n, covariates.dim(), |k, i| f64::from(covariates.row(row(k))[i]));
    let y = Mat::from_fn(n, 1, |k, _| f64::from(covariates.label(row(k))));
    // X = U S W^T: of the smaller of X^T X and X X^T come W or U; u = U^T y either way.
    let gram = if is_tall { x.transpose() * &x } else { &x * x.transpose() };
    let failed = |e| Error::Other(format!("the eigenvalues of the covariates were not found: {e:?}"));
    let found = gram.self_adjoint_eigen(Side::Lower).map_err(failed)?;
    let squares: Vec<f64> = found.S().column_vector().iter().map(|square| square.max(0.0)).collect();
    let turned = if is_tall { found.U().transpose() * (x.transpose() * &y) } else { found.U().transpose() * &y };
    let largest = squares.iter().copied().fold(0.0, f64::max);
    let has = |k: &usize| squares[*k] > largest * f64::EPSILON * n as f64;
    let kept: Vec<usize> = (0..squares.len()).filter(has).collect();
    let u = |k: usize| if is_tall { turned[(k, 0)] / squares[k].sqrt() } else { turned[(k, 0)] };
    let energy: f64 = (0..n).map(|k| y[(k, 0)] * y[(k, 0)]).sum();
    let inside: f64 = kept.iter().map(|k| u(*k).powi(2)).sum();
    let outside = if kept.len() < n { (energy - inside).max(0.0) } else { 0.0 };
    let score = |penalty: f64| {
        // Of what lies along a direction the penalty leaves this share; what lies along none stays whole.
        let share = |k: &usize| penalty * n as f64 / (squares[*k] + penalty * n as f64);
        let left = outside + kept.iter().map(|k| (u(*k) * share(k)).powi(2)).sum::<f64>();
        let freedom = (n - kept.len()) as f64 + kept.iter().map(share).sum::<f64>();
        left / (freedom * freedom)
    };
    let tried = penalties(largest / n as f64).map(|penalty| (score(penalty), penalty));
    let (_, penalty) =
        tried.filter(|(score, _)| score.is_finite()).min_by(|a, b| a.0.total_cmp(&b.0)).unwrap_or_default();
    let damped = Mat::from_fn(squares.len(), 1, |k, _| match squares[k] + penalty * n as f64 {
        0.0 => 0.0,
        sum => turned[(k, 0)] / sum,
    });
    let weights = found.U() * damped;
    let weights = if is_tall { weights } else { x.transpose() * weights };
    let held = || (0..covariates.held_rows()).map(|k| covariates.held_row(k));
    let risk = |of: &dyn Fn(u32) -> f64| {
        let squares = held().map(|row| (f64::from(covariates.label(row)) - of(row)).powi(2));
        squares.sum::<f64>() / covariates.held_rows() as f64
    };
    let ridge = |row| covariates.row(row).iter().enumerate().map(|(i, x)| f64::from(*x) * weights[(i, 0)]).sum();
    Ok(Baselines { mean: risk(&|_| mean), ridge: risk(&ridge), penalty, rows: n })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::Input;

    fn covariates(
        rows: usize,
        dim: usize,
        of: impl Fn(usize, usize) -> f32,
        label: impl Fn(usize) -> f32,
    ) -> Covariates {
        let values = (0..rows * dim).map(|k| of(k / dim, k % dim)).collect();
        let x = Input::of("x", vec![rows, dim], values);
        let labels = Input::of("y", vec![rows], (0..rows).map(label).collect());
        Covariates::new(x, labels, false, 0.25, false)
    }

    /// Small integers without a pattern.
    fn scatter(k: usize, i: usize) -> f32 {
        let word = (k as u32).wrapping_mul(0x9E37_79B9) ^ (i as u32).wrapping_mul(0x85EB_CA6B);
        let word = (word ^ (word >> 15)).wrapping_mul(0xC2B2_AE35);
        ((word >> 28) as f32) - 7.5
    }

    #[test]
    fn a_linear_label_is_learnt_and_the_mean_is_not() {
        let label = |k: usize| 2.0 * scatter(k, 0) - scatter(k, 2);
        let found = baselines(&covariates(400, 4, scatter, label)).unwrap();
        // Uniform on 16 values a step apart: variance 21.25; of the label 5 times that.
        assert!(found.ridge < 1e-9 && (found.mean / 106.25 - 1.0).abs() < 0.2, "{found:?}");
        assert_eq!(found.rows, 300);
    }

    #[test]
    fn a_label_without_a_pattern_is_left_alone() {
        // Of 300 rows of noise in 40 columns least squares would leave 1 / (1 - 40 / 300) of the variance and more.
        let found = baselines(&covariates(400, 40, scatter, |k| scatter(k, 1000))).unwrap();
        assert!((found.ridge / found.mean - 1.0).abs() < 0.03, "{found:?}");
        assert!(found.penalty > 10.0, "{found:?}");
    }

    #[test]
    fn as_many_directions_as_rows_leave_no_interpolation() {
        // 45 rows in 60 columns, labels of noise alone: without a penalty every one is met, and the held-out risk is large.
        let found = baselines(&covariates(60, 60, scatter, |k| scatter(k, 1000))).unwrap();
        assert!(found.penalty > 1.0 && found.ridge < 1.3 * found.mean, "{found:?}");
    }

    #[test]
    fn both_sides_of_the_matrix_give_one_ridge() {
        // More columns than are diagonalised: the same data once with columns of zeros beside them.
        let label = |k: usize| scatter(k, 0) + 0.5 * scatter(k, 3000);
        let narrow = baselines(&covariates(60, 8, scatter, label)).unwrap();
        let of = |k, i| if i < 8 { scatter(k, i) } else { 0.0 };
        let wide = baselines(&covariates(60, SIZE + 1, of, label)).unwrap();
        assert!((narrow.ridge / wide.ridge - 1.0).abs() < 1e-9, "{narrow:?} {wide:?}");
        assert!((narrow.penalty / wide.penalty - 1.0).abs() < 1e-9);
    }
}
