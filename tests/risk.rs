//! The factor form of the risk agrees with the direct form sum_i lambda_i ((S^T v)_i - w*_i)^2.

use roundlaw::config::{Problem, Sketch, Target};
use roundlaw::problem::{Evaluator, Spectrum, spectrum};
use roundlaw::random::threefry4x32;

fn problem(dim: u32, exponent: f64, sketch: Sketch) -> Problem {
    Problem { dim, exponent, target: Target::Gaussian, noise: 1.0, sketch }
}

/// Values in [-1, 1) on eight significant bits, as the draws are.
fn values(count: usize, tag: u32) -> Vec<f32> {
    let word = |i: usize| threefry4x32([5, 6, 7, 8], [i as u32, tag, 0, 0])[0];
    (0..count).map(|i| (word(i) >> 24) as f32 / 128.0 - 1.0).collect()
}

fn direct(lambda: &[f64], w: &[f32], g: &[f32], v: &[f64]) -> f64 {
    let scale = 1.0 / (v.len() as f64).sqrt();
    let dim = lambda.len();
    (0..dim)
        .map(|i| {
            let seen: f64 = v.iter().enumerate().map(|(j, v)| f64::from(g[j * dim + i]) * scale * v).sum();
            lambda[i] * (seen - f64::from(w[i])).powi(2)
        })
        .sum()
}

fn compare(spectrum: &Spectrum, g: &[f32], models: &[usize], largest: usize) {
    let dim = spectrum.lambda.len();
    let w = values(dim, 1);
    let evaluator = Evaluator::new(&problem(dim as u32, 1.0, Sketch::Gaussian), spectrum, &w, g, largest as u32);
    for &m in models {
        let v: Vec<f64> = values(m, 2).iter().map(|v| f64::from(*v)).collect();
        let (risk, expected) = (evaluator.risk(&v), direct(&spectrum.lambda, &w, g, &v));
        assert!((risk.reducible - expected).abs() <= 1e-9 * expected, "M = {m}: {} and {expected}", risk.reducible);
        let optimum = evaluator.risk(&evaluator.optimum(m));
        assert!(optimum.excess <= 1e-9 * expected, "M = {m}: v* has excess {}", optimum.excess);
    }
}

#[test]
fn power_spectra_and_nested_models() {
    for exponent in [1.0, 2.0] {
        let setting = spectrum(&problem(300, exponent, Sketch::Gaussian));
        compare(&setting, &values(40 * 300, 3), &[1, 2, 17, 40], 40);
    }
}

#[test]
fn an_exponential_spectrum_loses_directions() {
    let lambda: Vec<f64> = (0..64).map(|i| libm::exp2(f64::from(-2 * i))).collect();
    let scales = lambda.iter().map(|l| l.sqrt() as f32).collect();
    compare(&Spectrum { lambda, scales }, &values(48 * 64, 4), &[1, 16, 48], 48);
}

#[test]
fn as_many_rows_as_coordinates() {
    compare(&spectrum(&problem(24, 1.5, Sketch::Gaussian)), &values(24 * 24, 5), &[1, 23, 24], 24);
}

#[test]
fn a_repeated_row_adds_no_direction() {
    let mut g = values(10 * 50, 6);
    let (first, rest) = g.split_at_mut(7 * 50);
    rest[..50].copy_from_slice(&first[2 * 50..3 * 50]);
    compare(&spectrum(&problem(50, 1.0, Sketch::Gaussian)), &g, &[3, 8, 10], 10);
}

#[test]
fn without_a_sketch_the_risk_is_a_weighted_distance() {
    let setting = spectrum(&problem(9, 2.0, Sketch::None));
    let w = values(9, 1);
    let evaluator = Evaluator::new(&problem(9, 2.0, Sketch::None), &setting, &w, &[], 9);
    let v: Vec<f64> = values(9, 2).iter().map(|v| f64::from(*v)).collect();
    let expected: f64 = (0..9).map(|i| setting.lambda[i] * (v[i] - f64::from(w[i])).powi(2)).sum();
    let risk = evaluator.risk(&v);
    assert!((risk.excess - expected).abs() <= 1e-12 * expected);
    assert_eq!(risk.approximation, 0.0);
}
