//! Where training settles as N grows.

use super::basis::Basis;
use super::diagonal::Moments;
use super::laws::{Laws, Method};
use crate::site::Site;

/// Sites whose noise moves the optimum; that of all others averages out as steps shrink.
const MOVING: [Site; 3] = [Site::Data, Site::Feature, Site::FeatureGrad];

impl Laws {
    /// Whether noise is at sites that move the optimum, at no others, and treats all directions alike.
    pub fn have_limit(&self, is_sketched: bool) -> bool {
        let (moving, others): (Vec<Site>, Vec<Site>) = Site::ALL.into_iter().partition(|site| MOVING.contains(site));
        let is_set = |site: &Site| self[*site].is_some();
        let is_alone = moving.iter().any(is_set) && !others.iter().any(is_set) && !self.rounds_sketch;
        is_alone && self.method(is_sketched) == Method::Diagonal
    }
}

/// Excess (v_q - v*)^T Sigma (v_q - v*) and overlap b^T v_q of v_q = E[q' q^T]^-1 b, which SGD with vanishing steps
/// comes to, of laws that [have a limit](Laws::have_limit). In squared units of y.
///
/// One factor per vector of variance eps gives v* / (1 + eps), and additive noise (Sigma + eps I)^-1 b.
pub fn limit(basis: &Basis, laws: &Laws) -> [f64; 2] {
    let (mut excess, mut overlap) = (0.0, 0.0);
    let moments = Moments::new(basis, laws);
    for ((cross, clean), signal) in moments.cross.iter().zip(basis.curvatures()).zip(&basis.signal) {
        if *signal > 0.0 {
            excess += clean * signal * (1.0 / cross - 1.0 / clean).powi(2);
            overlap += signal / cross;
        }
    }
    [excess, overlap]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::{Law, Noise};
    use crate::theory::laws::SiteLaw;
    use crate::theory::recursion::{Iterates as _, Recursion};

    fn laws(sites: &[(Site, Noise, f64)]) -> Laws {
        let mut laws = Laws::default();
        for (site, noise, eps) in sites {
            laws.sites[*site] = Some(SiteLaw { noise: *noise, eps: *eps, law: Law::Gaussian, shared: false });
        }
        laws
    }

    #[test]
    fn long_training_ends_at_the_limit() {
        let eigenvalues = vec![0.02, 0.3, 1.0];
        let basis = Basis {
            eigenvalues,
            tail: 0.01,
            signal: vec![4e-4, 0.05, 0.6],
            energy: 1.0,
            noise: 0.1,
            is_sketched: true,
        };
        use Noise::{Additive, Multiplicative};
        for sites in [
            &[(Site::Feature, Additive, 0.1)][..],
            &[(Site::Feature, Multiplicative, 0.2)],
            &[(Site::Data, Multiplicative, 0.3), (Site::Feature, Additive, 0.05)],
            // The gradient reads features with noise of its own: what the two share is the data's.
            &[(Site::Data, Multiplicative, 0.3), (Site::FeatureGrad, Additive, 0.4)],
        ] {
            let laws = laws(sites);
            assert!(laws.have_limit(true), "{sites:?}");
            let mut recursion = Recursion::new(&basis, &laws, 1, false).unwrap();
            for halvings in 0..12 {
                let gamma = 0.1 / f64::from(1 << halvings);
                (0..30_000).for_each(|_| recursion.update(gamma));
            }
            let [excess, overlap] = limit(&basis, &laws);
            let found = recursion.last().excess;
            assert!((found / excess - 1.0).abs() < 0.01, "{sites:?}: {found}, not {excess}");
            assert!(overlap > 0.0 && overlap < basis.explained(), "{sites:?}");
        }
    }

    #[test]
    fn noise_elsewhere_and_noise_that_prefers_directions_have_none() {
        assert!(!laws(&[]).have_limit(true));
        assert!(!laws(&[(Site::Gradient, Noise::Relative, 0.1)]).have_limit(true));
        assert!(!laws(&[(Site::Feature, Noise::Additive, 0.1), (Site::Weight, Noise::Additive, 0.1)]).have_limit(true));
        assert!(!laws(&[(Site::Feature, Noise::Relative, 0.1)]).have_limit(true));
        // Without a sketch each coordinate is a direction of its own.
        assert!(laws(&[(Site::Feature, Noise::Relative, 0.1)]).have_limit(false));
    }
}
