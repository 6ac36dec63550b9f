//! Which constant steps SGD survives in mean square.

/// kappa = sum_i gamma h_i / (B (2 - gamma h_i (1 + 1/B))) over the eigenvalues h_i >= 0 of the features' covariance, for
/// Gaussian features and batches of B fresh samples: the second moment of the weights stays bounded iff kappa < 1.
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
