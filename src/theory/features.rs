//! Second and fourth moments of noisy features as whole M x M matrices: [`super::diagonal`] says what they are.

use faer::{Mat, Scale};

use super::laws::{Factor, Laws, SiteLaw};
use super::regression::{Inputs, Regression, Target};
use crate::format::Noise;
use crate::site::Site;

/// What a batch does to the moments of the weights.
#[derive(Clone, Debug)]
pub struct Features {
    /// H = E[q' q^T], which is also the covariance of the features before their own laws.
    pub cross: Mat<f64>,
    /// E[q q^T], E[q' q'^T].
    pub read: Mat<f64>,
    pub gradient: Mat<f64>,
    /// Y.
    pub label: Mat<f64>,
    /// E y^2.
    energy: f64,
    /// E[z z^T] of features z before their own laws.
    second: Mat<f64>,
    data: Cumulants,
    feature: Option<SiteLaw>,
    feature_grad: Option<SiteLaw>,
}

/// What the law at the data adds to the fourth moments of Gaussian features.
#[derive(Clone, Debug)]
enum Cumulants {
    None,
    /// One factor for all of x: S H S^T, and p3 - p2 and p4 - p2^2 of the factor.
    Whole {
        sigma: Mat<f64>,
        third: f64,
        fourth: f64,
    },
    /// Each coordinate by itself: S in columns s_k, w* (of a prior its deviation), and by coordinate what multiplies
    /// s_k s_k^T E[w_k <s_k, v>] in C and s_k s_k^T E[<s_k, v>^2] in F.
    Each {
        rows: Mat<f64>,
        target: Vec<f64>,
        third: Vec<f64>,
        fourth: Vec<f64>,
    },
}

impl Features {
    /// `regression` is that of the sketch as it is read, with what [`Laws::needs`] asks for, and `columns` are its.
    pub(super) fn new(regression: &Regression, columns: &Mat<f64>, inputs: &Inputs, laws: &Laws) -> Features {
        let (m, lambda) = (regression.model(), inputs.lambda);
        let energy = inputs.energy() + inputs.noise;
        let bb = columns * columns.transpose();
        let mut second = regression.sigma.clone();
        let (mut label_share, mut data) = (2.0, Cumulants::None);
        let root = |k: usize| match inputs.target {
            Target::Fixed(w) => w[k],
            Target::Prior(variances) => variances[k].sqrt(),
        };
        let each = |third: &dyn Fn(f64) -> f64, fourth: &dyn Fn(f64) -> f64| Cumulants::Each {
            rows: regression.rows.clone().expect("a regression has its rows where the laws need them"),
            target: (0..lambda.len()).map(root).collect(),
            third: lambda.iter().map(|lambda| third(*lambda)).collect(),
            fourth: lambda.iter().map(|lambda| fourth(*lambda)).collect(),
        };
        let mut label = Mat::zeros(m, m);
        if let Some(law) = laws[Site::Data] {
            let Factor { p2, p3, p4 } = law.factor();
            let (third, fourth) = (p3 - p2, p4 - p2 * p2);
            match law.noise {
                Noise::Additive => {
                    let spread =
                        regression.spread.as_ref().expect("a regression has its spread where the laws need it");
                    second += Scale(law.eps) * spread;
                    let kurtosis = law.excess_kurtosis() * law.eps * law.eps;
                    if kurtosis != 0.0 {
                        data = each(&|_| 0.0, &|_| kurtosis);
                    }
                }
                Noise::Multiplicative => {
                    data = Cumulants::Whole { sigma: regression.sigma.clone(), third, fourth };
                    second = Scale(p2) * &second;
                    label_share *= p2;
                }
                Noise::Relative => {
                    data = each(&|lambda| 3.0 * third * lambda * lambda, &|lambda| 3.0 * fourth * lambda * lambda);
                    second = Scale(p2) * &second;
                    let signal = |k: usize| 2.0 * (p2 - 1.0) * lambda[k] * lambda[k] * inputs.second(k);
                    label = data.spread_of(&(0..lambda.len()).map(signal).collect::<Vec<f64>>());
                }
            }
        }
        (0..m).for_each(|j| second[(j, j)] += inputs.tail / m as f64);
        label += Scale(energy) * &second + Scale(label_share) * &bb;
        let [feature, feature_grad] = [Site::Feature, Site::FeatureGrad].map(|site| laws[site]);
        let [cross, read, gradient] = [(); 3].map(|()| second.clone());
        let mut features = Features { cross, read, gradient, label, energy, second, data, feature, feature_grad };
        features.join();
        features
    }

    /// The second moments and Y under the laws at the features.
    fn join(&mut self) {
        if let Some(law) = self.feature {
            self.read = noisy(&self.second, law, 1.0);
        }
        match (self.feature_grad, self.feature) {
            (Some(law), _) => {
                self.gradient = noisy(&self.second, law, 1.0);
                self.label = noisy(&self.label, law, self.energy);
            }
            (None, Some(law)) => {
                self.cross = self.read.clone();
                self.gradient = self.read.clone();
                self.label = noisy(&self.label, law, self.energy);
            }
            (None, None) => {}
        }
    }

    /// C and F of an update, of X = E[b v^T], A = E[v v^T] of v as it is read, and E[v] in the columns of b.
    pub fn moments(&self, x: &Mat<f64>, a: &Mat<f64>, mean: &Mat<f64>) -> (Mat<f64>, Mat<f64>) {
        let (c, f) = (self.mixed(x, mean), self.square(a));
        match (self.feature_grad, self.feature) {
            (None, None) => (c, f),
            (None, Some(law)) => self.alike(law, c, f, x, a),
            (Some(law), feature) => {
                let f = feature.map_or_else(|| f.clone(), |law| self.read_by_activations(law, &f, a));
                (noisy(&c, law, trace(x)), noisy(&f, law, product_trace(&self.read, a)))
            }
        }
    }

    /// C of the features before their own laws.
    fn mixed(&self, x: &Mat<f64>, mean: &Mat<f64>) -> Mat<f64> {
        let c = gaussian_mixed(&self.second, x);
        match &self.data {
            Cumulants::None => c,
            Cumulants::Whole { sigma, third, .. } => c + Scale(*third) * gaussian_mixed(sigma, x),
            Cumulants::Each { rows, target, third, .. } => {
                // Of a prior each coordinate has its own column of the mean.
                let column = |k: usize| mean.col(if mean.ncols() == 1 { 0 } else { k });
                let overlap = |k: usize| third[k] * target[k] * (rows.col(k).transpose() * column(k));
                c + self.data.spread_of(&(0..target.len()).map(overlap).collect::<Vec<f64>>())
            }
        }
    }

    /// F of the features before their own laws.
    fn square(&self, a: &Mat<f64>) -> Mat<f64> {
        let f = gaussian_square(&self.second, a);
        match &self.data {
            Cumulants::None => f,
            Cumulants::Whole { sigma, fourth, .. } => f + Scale(*fourth) * gaussian_square(sigma, a),
            Cumulants::Each { rows, fourth, .. } => {
                let turned = a * rows;
                let size = |k: usize| fourth[k] * (rows.col(k).transpose() * turned.col(k));
                f + self.data.spread_of(&(0..fourth.len()).map(size).collect::<Vec<f64>>())
            }
        }
    }

    /// C and F under a law at features that activations and gradient read alike.
    fn alike(&self, law: SiteLaw, c: Mat<f64>, f: Mat<f64>, x: &Mat<f64>, a: &Mat<f64>) -> (Mat<f64>, Mat<f64>) {
        let (h, eps, m) = (&self.second, law.eps, a.nrows());
        let Factor { p2, p3, p4 } = law.factor();
        match law.noise {
            Noise::Multiplicative => (Scale(p3) * &c, Scale(p4) * &f),
            Noise::Additive => {
                let ha = h * a;
                let mut c = c + Scale(eps) * (x + x.transpose());
                let mut f = f
                    + Scale(eps * trace(a)) * h
                    + Scale(2.0 * eps) * (&ha + ha.transpose())
                    + Scale(2.0 * eps * eps) * a;
                let kurtosis = law.excess_kurtosis() * eps * eps;
                for i in 0..m {
                    c[(i, i)] += eps * trace(x);
                    f[(i, i)] += eps * trace(&ha) + eps * eps * trace(a) + kurtosis * a[(i, i)];
                }
                (c, f)
            }
            // E[q_i q_j q_k q_l] of independent factors by which indices coincide; z is Gaussian.
            Noise::Relative => {
                let ha = h * a;
                let own = self.square(&diagonal(a));
                let fourth = p4 - 1.0 - 6.0 * eps;
                let mixed = |i: usize, j: usize| h[(i, i)] * x[(j, i)] + 2.0 * h[(i, j)] * x[(i, i)];
                let square = |i: usize, j: usize| h[(i, i)] * ha[(j, i)] + 2.0 * h[(i, j)] * ha[(i, i)];
                let pairs = |i: usize, j: usize| (h[(i, i)] * h[(j, j)] + 2.0 * h[(i, j)] * h[(i, j)]) * a[(i, j)];
                let c = Mat::from_fn(m, m, |i, j| {
                    let on = if i == j { p2 } else { 1.0 };
                    on * c[(i, j)] + eps * (mixed(i, j) + mixed(j, i))
                });
                let f = Mat::from_fn(m, m, |i, j| {
                    let (on, of_pairs) = if i == j { (p2, fourth - eps * eps) } else { (1.0, 2.0 * eps * eps) };
                    on * (f[(i, j)] + eps * own[(i, j)])
                        + of_pairs * pairs(i, j)
                        + 2.0 * eps * (square(i, j) + square(j, i))
                });
                (c, f)
            }
        }
    }

    /// F under a law at features that activations alone read.
    fn read_by_activations(&self, law: SiteLaw, f: &Mat<f64>, a: &Mat<f64>) -> Mat<f64> {
        match law.noise {
            Noise::Additive => f + Scale(law.eps * trace(a)) * &self.second,
            Noise::Relative => f + Scale(law.eps) * self.square(&diagonal(a)),
            Noise::Multiplicative => Scale(1.0 + law.eps) * f,
        }
    }
}

impl Cumulants {
    /// sum_k weights_k s_k s_k^T.
    fn spread_of(&self, weights: &[f64]) -> Mat<f64> {
        match self {
            Cumulants::Each { rows, .. } => {
                let weighted = Mat::from_fn(rows.nrows(), rows.ncols(), |j, k| rows[(j, k)] * weights[k]);
                &weighted * rows.transpose()
            }
            _ => Mat::zeros(0, 0),
        }
    }
}

/// E[z z^T y <z, w>] of Gaussian z with covariance h, averaged over w: X = E[b w^T].
fn gaussian_mixed(h: &Mat<f64>, x: &Mat<f64>) -> Mat<f64> {
    let hx = x * h;
    Scale(trace(x)) * h + &hx + hx.transpose()
}

/// E[z z^T <z, w>^2] of the same, A = E[w w^T].
fn gaussian_square(h: &Mat<f64>, a: &Mat<f64>) -> Mat<f64> {
    let ha = h * a;
    Scale(trace(&ha)) * h + Scale(2.0) * (&ha * h)
}

/// E[q q^T u] from S = E[z z^T u], where u does not know the noise of q and has the mean `mean`.
fn noisy(s: &Mat<f64>, law: SiteLaw, mean: f64) -> Mat<f64> {
    let m = s.nrows();
    match law.noise {
        Noise::Multiplicative => Scale(1.0 + law.eps) * s,
        Noise::Additive => Mat::from_fn(m, m, |i, j| s[(i, j)] + if i == j { law.eps * mean } else { 0.0 }),
        Noise::Relative => Mat::from_fn(m, m, |i, j| s[(i, j)] * if i == j { 1.0 + law.eps } else { 1.0 }),
    }
}

fn diagonal(a: &Mat<f64>) -> Mat<f64> {
    Mat::from_fn(a.nrows(), a.nrows(), |i, j| if i == j { a[(i, j)] } else { 0.0 })
}

pub(super) fn trace(a: &Mat<f64>) -> f64 {
    (0..a.nrows()).map(|i| a[(i, i)]).sum()
}

/// tr(a b) of symmetric matrices.
pub(super) fn product_trace(a: &Mat<f64>, b: &Mat<f64>) -> f64 {
    a.col_iter().zip(b.col_iter()).map(|(a, b)| a.transpose() * b).sum()
}
