//! Which constant steps SGD survives in mean square, and where it settles.

use super::basis::Basis;
use super::laws::Laws;
use super::recursion::Expected;
use crate::format::{Law, Noise};
use crate::site::Site;

/// kappa = sum_i gamma h_i / (B (2 - gamma h_i (1 + 1/B))) over the eigenvalues h_i >= 0 of the features' covariance,
/// for Gaussian features and batches of B fresh samples: the second moment of the weights stays bounded iff kappa < 1.
/// Infinite where gamma h_i (1 + 1/B) >= 2 for some h_i, when that direction grows by itself.
///
/// The expected excess risk then settles at sigma_eff^2 kappa / (1 - kappa), sigma_eff^2 being the label noise and the
/// approximation error: it is the fixed point of [`super::recursion::Recursion`]. For B = 1 the condition is the one of
/// the LMS filter (Feuer and Weinstein, "Convergence analysis of LMS filters with uncorrelated Gaussian data", IEEE
/// Transactions on Acoustics, Speech and Signal Processing 33(1), 1985), whose step is gamma/2.
pub fn kappa(eigenvalues: impl IntoIterator<Item = f64>, gamma: f64, batch: u32) -> f64 {
    let b = f64::from(batch);
    let term = |h: f64| gamma * h / (b * (2.0 - gamma * h * (1.0 + 1.0 / b)));
    eigenvalues.into_iter().map(term).try_fold(0.0, |sum, t| (t >= 0.0).then_some(sum + t)).unwrap_or(f64::INFINITY)
}

/// Where the expected risks of the last iterate settle with a constant step, and the kappa of the features as training
/// sees them: full precision, and additive Gaussian noise at the features, which makes a regression of its own of them
/// with the curvatures h_i = s_i + tail + eps, the optimum b_i / h_i and more noise. `None` of other laws. Both risks
/// are infinite from kappa = 1 on.
pub fn settled(basis: &Basis, laws: &Laws, gamma: f64, batch: u32) -> Option<(f64, Expected)> {
    let is_set = |site: &Site| laws[*site].is_some() || laws.rounds_sketch;
    let eps = match laws[Site::Feature] {
        _ if Site::ALL.iter().filter(|site| **site != Site::Feature).any(is_set) => return None,
        None => 0.0,
        Some(law) if law.noise == Noise::Additive && law.law == Law::Gaussian => law.eps,
        Some(_) => return None,
    };
    let b = f64::from(batch);
    let kappa = kappa(basis.curvatures().map(|h| h + eps), gamma, batch);
    let explained = |eps: f64| {
        basis
            .signal
            .iter()
            .zip(basis.curvatures())
            .filter(|(signal, _)| **signal > 0.0)
            .map(move |(signal, h)| signal / (h + eps))
            .sum::<f64>()
    };
    let residual = basis.energy + basis.noise - explained(eps);
    if kappa >= 1.0 {
        return Some((kappa, Expected { excess: f64::INFINITY, quantized_test: f64::INFINITY }));
    }
    let level = residual / (1.0 - kappa);
    let excess = basis.signal.iter().zip(basis.curvatures()).map(|(signal, clean)| {
        let h = clean + eps;
        let spread = gamma * level / (b * (2.0 - gamma * h * (1.0 + 1.0 / b)));
        // signal is 0 where Sigma sees nothing.
        let missed = if *signal > 0.0 { signal * (1.0 / h - 1.0 / clean).powi(2) } else { 0.0 };
        clean * (spread + missed)
    });
    let quantized_test = level - basis.noise - basis.approximation();
    Some((kappa, Expected { excess: excess.sum(), quantized_test }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_direction_is_stable_below_two_thirds_of_the_curvature() {
        // One Gaussian feature of variance 1, B = 1: E (1 - gamma z^2)^2 = 1 - 2 gamma + 3 gamma^2 < 1.
        assert!(kappa([1.0], 0.666, 1) < 1.0 && kappa([1.0], 0.667, 1) > 1.0);
        // Large batches: |1 - gamma| < 1.
        assert!(kappa([1.0], 1.99, 10_000) < 1.0 && kappa([1.0], 2.0, 10_000) == f64::INFINITY);
        assert_eq!(kappa([0.0, 0.0], 1.0, 1), 0.0);
    }
}
