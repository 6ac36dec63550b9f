//! The second moments that a sketched regression problem comes to, at one model size.

use faer::linalg::matmul::triangular::{BlockStructure, matmul};
use faer::{Accum, Mat, Par, Side};

use crate::error::{Error, Result};
use crate::watch::Watch;

/// Columns of the sketch at a time.
const DEPTH: usize = 512;

/// w*: one vector, or independent entries of mean 0 with these variances.
#[derive(Clone, Copy, Debug)]
pub enum Target<'a> {
    Fixed(&'a [f64]),
    Prior(&'a [f64]),
}

/// A regression problem before its sketch.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// Spectrum of H, length D.
    pub lambda: &'a [f64],
    pub target: Target<'a>,
    /// Variances that a closed tail adds: to each feature, times M, and to the label.
    pub tail: f64,
    pub tail_label: f64,
    /// Variance of the label noise: sigma^2, not sigma.
    pub noise: f64,
}

/// What a recursion needs beyond Sigma and b.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// S S^T.
    pub spread: bool,
    /// S itself, and of a prior b in D columns.
    pub rows: bool,
}

impl Needs {
    /// What either needs.
    pub fn or(self, other: Needs) -> Needs {
        Needs { spread: self.spread || other.spread, rows: self.rows || other.rows }
    }
}

/// b = S H w*, the covariance of features and label.
#[derive(Clone, Debug)]
pub enum Signal {
    /// Itself, M x 1.
    Fixed(Mat<f64>),
    /// Of a prior, E b b^T, M x M.
    Prior(Mat<f64>),
}

/// Moments of z = S x and the label, without the closed tail's share in z.
#[derive(Clone, Debug)]
pub struct Regression {
    /// S H S^T, M x M.
    pub sigma: Mat<f64>,
    pub signal: Signal,
    /// S S^T, where it was asked for.
    pub spread: Option<Mat<f64>>,
    /// S, M x D, where it was asked for.
    pub rows: Option<Mat<f64>>,
}

impl Inputs<'_> {
    /// E <w*, x>^2 with the tail's share: that of the label without its noise.
    pub fn energy(&self) -> f64 {
        let second: f64 = match self.target {
            Target::Fixed(w) => self.lambda.iter().zip(w).map(|(lambda, w)| lambda * w * w).sum(),
            Target::Prior(variances) => self.lambda.iter().zip(variances).map(|(lambda, p)| lambda * p).sum(),
        };
        second + self.tail_label
    }

    /// E w_k^2.
    pub fn second(&self, k: usize) -> f64 {
        match self.target {
            Target::Fixed(w) => w[k] * w[k],
            Target::Prior(variances) => variances[k],
        }
    }
}

impl Regression {
    /// Of the sketch `rows` / `scale`, row-major with D columns. [`Error::Incomplete`] where the watch asks to end.
    pub fn new<T: Copy + Into<f64>>(
        inputs: &Inputs,
        rows: &[T],
        scale: f64,
        needs: Needs,
        watch: &Watch,
    ) -> Result<Regression> {
        let (lambda, m) = (inputs.lambda, rows.len() / inputs.lambda.len());
        let sums = |weight: &dyn Fn(usize) -> f64| gram(rows, lambda.len(), scale, weight, watch);
        let sigma = sums(&|k| lambda[k])?;
        let entry = |j: usize, k: usize| rows[j * lambda.len() + k].into() / scale;
        let signal = match inputs.target {
            Target::Fixed(w) => Signal::Fixed(signal(lambda, rows, scale, w)),
            Target::Prior(variances) => Signal::Prior(sums(&|k| lambda[k] * lambda[k] * variances[k])?),
        };
        let spread = needs.spread.then(|| sums(&|_| 1.0)).transpose()?;
        let rows = needs.rows.then(|| Mat::from_fn(m, lambda.len(), entry));
        Ok(Regression { sigma, signal, spread, rows })
    }

    /// That of the first `model` rows of the unscaled sketch, for sizes that are nested: entries have variance 1/M.
    pub fn leading(&self, model: usize) -> Regression {
        let ratio = self.sigma.nrows() as f64 / model as f64;
        let square = |of: &Mat<f64>| Mat::from_fn(model, model, |i, j| ratio * of[(i, j)]);
        let rows = |of: &Mat<f64>| Mat::from_fn(model, of.ncols(), |i, j| ratio.sqrt() * of[(i, j)]);
        Regression {
            sigma: square(&self.sigma),
            signal: match &self.signal {
                Signal::Fixed(b) => Signal::Fixed(rows(b)),
                Signal::Prior(bb) => Signal::Prior(square(bb)),
            },
            spread: self.spread.as_ref().map(square),
            rows: self.rows.as_ref().map(rows),
        }
    }

    /// M.
    pub fn model(&self) -> usize {
        self.sigma.nrows()
    }

    /// A matrix of columns c with E b b^T = sum c c^T: b itself, or of a prior the S H P^(1/2) of D columns where the
    /// rows are known, and else a root of M columns.
    pub fn columns(&self, inputs: &Inputs) -> Result<Mat<f64>> {
        match (&self.signal, &self.rows, inputs.target) {
            (Signal::Fixed(b), _, _) => Ok(b.clone()),
            (_, Some(rows), Target::Prior(variances)) => Ok(Mat::from_fn(rows.nrows(), rows.ncols(), |j, k| {
                rows[(j, k)] * inputs.lambda[k] * variances[k].sqrt()
            })),
            (Signal::Prior(bb), _, _) => {
                let (values, vectors) = eigen(bb)?;
                Ok(Mat::from_fn(values.len(), values.len(), |i, k| vectors[(i, k)] * values[k].max(0.0).sqrt()))
            }
        }
    }
}

/// b = S H w*, M x 1, of the sketch `rows` / `scale`, row-major with D columns.
pub fn signal<T: Copy + Into<f64>>(lambda: &[f64], rows: &[T], scale: f64, target: &[f64]) -> Mat<f64> {
    let entry = |j: usize, k: usize| rows[j * lambda.len() + k].into() / scale;
    let sum = |j| (0..lambda.len()).map(|k| entry(j, k) * lambda[k] * target[k]).sum();
    Mat::from_fn(rows.len() / lambda.len(), 1, |j, _| sum(j))
}

/// sum_k weight(k) s_k s_k^T over the columns s_k of `rows` / `scale`; weights are not negative.
fn gram<T: Copy + Into<f64>>(
    rows: &[T],
    dim: usize,
    scale: f64,
    weight: &dyn Fn(usize) -> f64,
    watch: &Watch,
) -> Result<Mat<f64>> {
    let m = rows.len() / dim;
    let mut gram = Mat::<f64>::zeros(m, m);
    for start in (0..dim).step_by(DEPTH) {
        watch.ask()?;
        let roots: Vec<f64> = (start..dim.min(start + DEPTH)).map(|k| weight(k).sqrt() / scale).collect();
        let panel = Mat::from_fn(m, roots.len(), |j, k| rows[j * dim + start + k].into() * roots[k]);
        use BlockStructure::{Rectangular, TriangularLower};
        let (lower, whole) = (TriangularLower, Rectangular);
        matmul(gram.as_mut(), lower, Accum::Add, &panel, whole, panel.transpose(), whole, 1.0, Par::Seq);
    }
    Ok(Mat::from_fn(m, m, |i, j| gram[(i.max(j), i.min(j))]))
}

/// Sigma^-1 b of one target in the eigenbasis of S H S^T, with this variance of a closed tail in each feature; directions
/// that Sigma does not see stay 0.
pub fn optimum((values, vectors): &Eigen, b: &Mat<f64>, tail: f64) -> Vec<f64> {
    let largest = values.iter().copied().fold(0.0, f64::max) + tail;
    let dust = largest * f64::EPSILON * values.len() as f64;
    let along = |(i, s): (usize, &f64)| {
        let seen = s + tail > dust;
        if seen { vectors.col(i).transpose() * b.col(0) / (s + tail) } else { 0.0 }
    };
    let turned: Vec<f64> = values.iter().enumerate().map(along).collect();
    (0..values.len()).map(|j| (0..values.len()).map(|i| vectors[(j, i)] * turned[i]).sum()).collect()
}

/// Eigenvalues, ascending, and eigenvectors in columns.
pub type Eigen = (Vec<f64>, Mat<f64>);

/// Those of a symmetric matrix.
///
/// # Errors
/// [`Error::Input`] for a matrix that is not finite, [`Error::Other`] where they are not found.
pub fn eigen(matrix: &Mat<f64>) -> Result<Eigen> {
    let finite = matrix.col_iter().all(|column| column.iter().all(|value| value.is_finite()));
    if !finite {
        return Err(Error::Input("the moments of the problem are beyond f64: allowed are finite ones".into()));
    }
    let eigen = matrix
        .self_adjoint_eigen(Side::Lower)
        .map_err(|e| Error::Other(format!("the eigenvalues of Sigma were not found: {e:?}")))?;
    let values = (0..matrix.nrows()).map(|i| eigen.S().column_vector()[i]).collect();
    Ok((values, eigen.U().to_owned()))
}
