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
