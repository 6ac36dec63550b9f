//! The measured spectrum of covariates from a file: eigenvalues of their second-moment matrix.

use faer::{Mat, Side};

use crate::error::{Error, Result};
use crate::problem::Covariates;

/// Rows that are read, and the largest matrix that is diagonalised.
pub const ROWS: usize = 16_384;
pub(super) const SIZE: usize = 2048;

/// Eigenvalues, descending, of the second-moment matrix (1/n) X^T X of the first n training rows, at most `most`, as
/// the runs read them. With more than 2048 columns n is at most 2048, or `most`: the non-zero ones are also the
/// eigenvalues of the smaller matrix (1/n) X X^T.
pub fn eigenvalues(covariates: &Covariates, most: usize) -> Result<Vec<f64>> {
    let tall = covariates.dim() <= SIZE.min(most);
    let n = covariates.training_rows().min(if tall { most } else { SIZE.min(most) });
    let rows = covariates.training();
    let x = Mat::from_fn(n, covariates.dim(), |k, i| f64::from(covariates.row(rows[k])[i]));
    let gram = if tall { x.transpose() * &x } else { &x * x.transpose() };
    let eigenvalues = gram
        .self_adjoint_eigenvalues(Side::Lower)
        .map_err(|e| Error::Other(format!("the eigenvalues of the covariates were not found: {e:?}")))?;
    // Rounding may leave a zero eigenvalue just below 0.
    Ok(eigenvalues.iter().rev().map(|eigenvalue| (eigenvalue / n as f64).max(0.0)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::Input;

    #[test]
    fn eigenvalues_of_two_orthogonal_directions() {
        // Rows (3, 4) and (4, -3), in turns: second moments with the eigenvalues 25/2 each; the first twice: 25 and 0.
        let of = |rows: &[[f32; 2]]| {
            let values: Vec<f32> = rows.iter().flatten().copied().collect();
            let x = Input::of("x", vec![rows.len(), 2], values);
            let labels = Input::of("y", vec![rows.len()], vec![0.0; rows.len()]);
            eigenvalues(&Covariates::new(x, labels, false, 0.3, false), ROWS).unwrap()
        };
        let close = |found: Vec<f64>, expected: [f64; 2]| {
            assert!(found.iter().zip(expected).all(|(found, e)| (found - e).abs() < 1e-12), "{found:?}");
        };
        close(of(&[[3.0, 4.0], [4.0, -3.0], [9.0, 9.0]]), [12.5, 12.5]);
        close(of(&[[3.0, 4.0], [3.0, 4.0], [9.0, 9.0]]), [25.0, 0.0]);
    }
}
