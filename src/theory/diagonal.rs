//! Second and fourth moments of noisy features, in a basis in which all of them are diagonal.
//!
//! Every fourth moment of Gaussian features is a product of second ones; a law that is not Gaussian, or that
//! multiplies, adds its cumulant. With A = E[w w^T], X = E[b w^T], q the features as activations read them and q' as
//! the gradient does,
//!
//! Y = E[q' q'^T y^2], C = E[q' q'^T y <q, w>], F = E[q' q'^T <q, w>^2]
//!
//! give the moment of an update, E[q' q'^T (y - <q, w>)^2] = Y - 2 C + F.

use super::basis::Basis;
use super::laws::{Factor, Laws, SiteLaw};
use crate::format::Noise;
use crate::site::Site;

/// c_0 + c_1 s_i: a matrix that is a polynomial of S H S^T.
type Polynomial = [f64; 2];

/// Diagonals of the moments of the features. What sums over all directions has polynomials; a direction's own part is a
/// vector.
#[derive(Clone, Debug)]
pub struct Moments {
    /// E[q' q^T], E[q q^T], E[q' q'^T].
    pub cross: Vec<f64>,
    pub read: Vec<f64>,
    pub gradient: Vec<f64>,
    /// Y.
    pub label: Vec<f64>,
    /// C = (d_0 + d_1 s_i) sum_k X_kk + own_mixed_i X_ii.
    pub mixed: Polynomial,
    pub own_mixed: Vec<f64>,
    /// F = sum over p, q of f_pq s_i^p sum_k s_k^q A_kk, and own_square_i A_ii.
    pub square: [Polynomial; 2],
    pub own_square: Vec<f64>,
}

/// The same while laws are joined to it: `second` is E[q q^T].
struct Joined<'a> {
    basis: &'a Basis,
    second: Polynomial,
    label: Vec<f64>,
    mixed: Polynomial,
    own_mixed: Vec<f64>,
    square: [Polynomial; 2],
    own_square: Vec<f64>,
}

impl Moments {
    /// Of the features of a recipe whose method is [`super::laws::Method::Diagonal`].
    pub fn new(basis: &Basis, laws: &Laws) -> Moments {
        let mut joined = Joined::gaussian(basis, laws[Site::Data]);
        let data = joined.second;
        let own = |second: Polynomial| basis.eigenvalues.iter().map(|s| second[0] + second[1] * s).collect();
        let Some(gradient) = laws[Site::FeatureGrad] else {
            if let Some(law) = laws[Site::Feature] {
                joined.join(law);
            }
            let [cross, read, gradient] = [(); 3].map(|()| own(joined.second));
            return joined.finish(cross, read, gradient);
        };
        if let Some(law) = laws[Site::Feature] {
            joined.read(law);
        }
        let read = joined.second;
        joined.take(gradient);
        let noisy = match gradient.noise {
            Noise::Additive => [data[0] + gradient.eps, data[1]],
            Noise::Relative | Noise::Multiplicative => data.map(|c| c * (1.0 + gradient.eps)),
        };
        joined.finish(own(data), own(read), own(noisy))
    }
}

impl<'a> Joined<'a> {
    /// Features S x and a closed tail, under the law at the data.
    fn gaussian(basis: &'a Basis, data: Option<SiteLaw>) -> Joined<'a> {
        let s = || basis.eigenvalues.iter();
        let energy = basis.energy + basis.noise;
        let (mut second, mut factor, mut whole, mut own) = ([basis.tail, 1.0], Factor::ONE, false, 0.0);
        match data {
            None => {}
            // Without a sketch alone: each coordinate has its own.
            Some(law) if law.noise == Noise::Additive => {
                second[0] += law.eps;
                own = law.excess_kurtosis() * law.eps * law.eps;
            }
            Some(law) => (factor, whole) = (law.factor(), law.noise == Noise::Multiplicative),
        }
        second[1] *= factor.p2;
        let Factor { p2, p3, p4 } = factor;
        let h = |s: &f64| second[0] + second[1] * s;
        // Cumulants that a factor adds: of all coordinates together, or of each alone.
        let (third, fourth) = (p3 - p2, p4 - p2 * p2);
        let times = if whole { 2.0 } else { 3.0 };
        let label = s().zip(&basis.signal).map(|(s, bb)| h(s) * energy + 2.0 * p2 * bb).collect();
        let own_mixed = s().map(|s| 2.0 * h(s) + times * third * s).collect();
        let own_square = s().map(|s| 2.0 * h(s) * h(s) + times * fourth * s * s + own).collect();
        let (mut mixed, mut square) = (second, second.map(|p| second.map(|q| p * q)));
        if whole {
            mixed[1] += third;
            square[1][1] += fourth;
        }
        Joined { basis, second, label, mixed, own_mixed, square, own_square }
    }

    /// A law at features that activations and gradient read alike.
    fn join(&mut self, law: SiteLaw) {
        let Factor { p2, p3, p4 } = law.factor();
        match law.noise {
            Noise::Additive => {
                let (eps, h) = (law.eps, self.second);
                for (own, s) in self.own_square.iter_mut().zip(&self.basis.eigenvalues) {
                    *own += 4.0 * eps * (h[0] + h[1] * s) + (2.0 + law.excess_kurtosis()) * eps * eps;
                }
                for (p, h) in h.iter().enumerate() {
                    self.square[p][0] += eps * h;
                    self.square[0][p] += eps * h;
                }
                self.square[0][0] += eps * eps;
                self.own_mixed.iter_mut().for_each(|own| *own += 2.0 * eps);
                self.mixed[0] += eps;
                let energy = self.basis.energy + self.basis.noise;
                self.label.iter_mut().for_each(|label| *label += eps * energy);
                self.second[0] += eps;
            }
            Noise::Multiplicative => {
                self.scale([p2, p3, p4]);
                self.second = self.second.map(|c| c * p2);
            }
            // Without a sketch, of Gaussian features.
            Noise::Relative => {
                let h = self.second;
                self.scale([p2, p2, p2 * p2]);
                for (i, s) in self.basis.eigenvalues.iter().enumerate() {
                    let h = h[0] + h[1] * s;
                    self.own_mixed[i] += 3.0 * (p3 - p2) * h;
                    self.own_square[i] += 3.0 * (p4 - p2 * p2) * h * h;
                }
                self.second = h.map(|c| c * p2);
            }
        }
    }

    /// A law at features that activations alone read.
    fn read(&mut self, law: SiteLaw) {
        match law.noise {
            Noise::Additive => {
                (0..2).for_each(|p| self.square[p][0] += law.eps * self.second[p]);
                self.second[0] += law.eps;
            }
            Noise::Relative | Noise::Multiplicative => {
                let p2 = law.factor().p2;
                self.scale([1.0, 1.0, p2]);
                self.second = self.second.map(|c| c * p2);
            }
        }
    }

    /// A law at features that the gradient alone reads; `second` is that of the activations.
    fn take(&mut self, law: SiteLaw) {
        match law.noise {
            Noise::Additive => {
                let energy = self.basis.energy + self.basis.noise;
                self.label.iter_mut().for_each(|label| *label += law.eps * energy);
                self.mixed[0] += law.eps;
                (0..2).for_each(|q| self.square[0][q] += law.eps * self.second[q]);
            }
            Noise::Relative | Noise::Multiplicative => self.scale([law.factor().p2; 3]),
        }
    }

    /// Y, C and F times these.
    fn scale(&mut self, [y, c, f]: [f64; 3]) {
        self.label.iter_mut().for_each(|label| *label *= y);
        self.mixed.iter_mut().chain(&mut self.own_mixed).for_each(|mixed| *mixed *= c);
        self.square.iter_mut().flatten().chain(&mut self.own_square).for_each(|square| *square *= f);
    }

    fn finish(self, cross: Vec<f64>, read: Vec<f64>, gradient: Vec<f64>) -> Moments {
        let Joined { label, mixed, own_mixed, square, own_square, .. } = self;
        Moments { cross, read, gradient, label, mixed, own_mixed, square, own_square }
    }
}
