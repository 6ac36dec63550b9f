//! The simulation against sums that are known.

use super::*;

#[test]
fn a_tail_is_the_rest_of_the_whole_sum() {
    let near = |a: f64, b: f64| assert!((a / b - 1.0).abs() < 1e-7, "{a} {b}");
    let tail = |spectrum, dim| Draws::new(&Case { spectrum, dim, closed: true, ..Case::default() }).tail;
    let pi = std::f64::consts::PI;
    near(tail(Spectrum::Power(2.0), 3), pi * pi / 6.0 - 1.0 - 0.25 - 1.0 / 9.0);
    near(tail(Spectrum::Exponential(0.5), 4), (-2.0f64).exp() / (1.0 - (-0.5f64).exp()));
    // Two cuts of one logarithmic sum.
    let terms: f64 = (11..=500).map(|i| 1.0 / (f64::from(i) * f64::from(i + 1).ln().powi(2))).sum();
    near(tail(Spectrum::Logarithmic(2.0), 10), terms + tail(Spectrum::Logarithmic(2.0), 500));
}
