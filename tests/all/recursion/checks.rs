//! The two recursions against each other, and against training that is simulated from ambient inputs.

use super::general::{plus, solve, times};
use super::*;

/// SplitMix64 with Box-Muller: independent of every generator under test.
struct Normal(u64);

impl Normal {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((bits ^ (bits >> 31)) >> 11) as f64 + 0.5
    }

    fn fill(&mut self, out: &mut [f64]) {
        for pair in out.chunks_mut(2) {
            let radius = (-2.0 * (self.uniform() * 0.5f64.powi(53)).ln()).sqrt();
            let (sin, cos) = (self.uniform() * 0.5f64.powi(53) * std::f64::consts::TAU).sin_cos();
            pair.iter_mut().zip([cos, sin]).for_each(|(o, turn)| *o = radius * turn);
        }
    }
}

/// Spectrum `i^-1.5`, a Gaussian sketch and a Gaussian target.
fn draw(seed: u64, m: usize, d: usize) -> [Vec<f64>; 3] {
    let lambda = (1..=d).map(|i| (i as f64).powf(-1.5)).collect();
    let (mut sketch, mut target) = (vec![0.0; m * d], vec![0.0; d]);
    let mut normal = Normal(seed);
    normal.fill(&mut sketch);
    normal.fill(&mut target);
    sketch.iter_mut().for_each(|s| *s /= (m as f64).sqrt());
    [lambda, sketch, target]
}

#[test]
fn the_diagonal_recursion_is_the_matrix_recursion() {
    for (seed, (m, d)) in [(1, 4), (2, 5), (3, 6), (5, 12), (8, 40)].into_iter().enumerate() {
        let [lambda, sketch, target] = draw(seed as u64, m, d);
        let problem = Problem { lambda: &lambda, sketch: &sketch, target: &target, noise: 0.3 };
        for steps in [geometric(0.1, 50), constant(0.05, 33), constant(0.1, 1), vec![]] {
            for (batch, average) in [(1, false), (1, true), (4, false), (4, true)] {
                for fourth_moment in [true, false] {
                    let training = Training { steps: &steps, batch, average };
                    let fast = expected(&problem, &training, fourth_moment);
                    let slow = expected_general(&problem, &training, fourth_moment);
                    let near = |a: f64, b: f64| (a - b).abs() <= 1e-10 * b.abs().max(1e-3);
                    assert!(near(fast.excess, slow.excess), "M {m}, B {batch}: {fast:?}, {slow:?}");
                    assert!(near(fast.approximation, slow.approximation), "M {m}: {fast:?}, {slow:?}");
                }
            }
        }
    }
}

/// Mean and standard error of the excess risk over independent runs on ambient inputs: neither the reduction to
/// M dimensions nor any moment is taken for granted.
fn simulated(problem: &Problem, training: &Training, runs: usize) -> (f64, f64) {
    let (sigma, b) = sketched(problem);
    let (m, d) = (b.len(), problem.lambda.len());
    let best = solve(sigma.clone(), b);
    let mut normal = Normal(100);
    let mut x = vec![0.0; d + 1]; // the last draw is the label noise
    let (mut total, mut squares) = (0.0, 0.0);
    for _ in 0..runs {
        let (mut w, mut sum) = (vec![0.0; m], vec![0.0; m]);
        for gamma in training.steps {
            sum.iter_mut().zip(&w).for_each(|(s, w)| *s += w);
            let mut gradient = vec![0.0; m];
            for _ in 0..training.batch {
                normal.fill(&mut x);
                x.iter_mut().zip(problem.lambda).for_each(|(x, l)| *x *= l.sqrt());
                let z: Vec<f64> = problem.sketch.chunks_exact(d).map(|row| dot(row, &x[..d])).collect();
                let residual = dot(problem.target, &x[..d]) + problem.noise.sqrt() * x[d] - dot(&w, &z);
                gradient.iter_mut().zip(&z).for_each(|(g, z)| *g += residual * z);
            }
            w = plus(&w, gamma / training.batch as f64, &gradient);
        }
        let scale = 1.0 / training.steps.len() as f64;
        let judged = if training.average { sum.iter().map(|s| s * scale).collect() } else { w };
        let error = plus(&judged, -1.0, &best);
        let excess = dot(&error, &times(&sigma, &error, m));
        total += excess;
        squares += excess * excess;
    }
    let mean = total / runs as f64;
    (mean, ((squares / runs as f64 - mean * mean) / runs as f64).sqrt())
}

#[test]
fn simulation_agrees_and_notices_a_missing_fourth_moment() {
    let [lambda, sketch, target] = draw(7, 3, 6);
    let problem = Problem { lambda: &lambda, sketch: &sketch, target: &target, noise: 0.1 };
    let (sigma, b) = sketched(&problem);
    let largest = diagonalize(sigma, b).0.into_iter().fold(0.0, f64::max);
    let steps = geometric(0.2 / largest, 12); // beyond 0.25 the risk is heavy-tailed
    for (batch, average) in [(1, false), (1, true), (4, false)] {
        let training = Training { steps: &steps, batch, average };
        let (mean, deviation) = simulated(&problem, &training, 200_000);
        let z = |fourth| (mean - expected(&problem, &training, fourth).excess) / deviation;
        let (exact, dropped) = (z(true), z(false));
        println!("B {batch}, average {average}: z = {exact:.2}, without the fourth moment {dropped:.2}");
        assert!(exact.abs() < 4.0, "B {batch}, average {average}: z = {exact}");
        assert!(dropped.abs() > 4.0, "B {batch}, average {average}: z = {dropped}");
    }
}

#[test]
fn no_updates_leave_the_whole_energy() {
    let [lambda, sketch, target] = draw(3, 9, 4);
    let problem = Problem { lambda: &lambda, sketch: &sketch, target: &target, noise: 1.0 };
    let risk = expected(&problem, &Training { steps: &[], batch: 1, average: true }, true);
    assert!(risk.approximation < 1e-12, "nine features explain four inputs: {risk:?}");
    assert!((risk.excess - energy(&problem)).abs() < 1e-12, "{risk:?}");
}

#[test]
fn geometric_steps_halve_after_each_stage() {
    assert_eq!(geometric(1.0, 8), [1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.25, 0.25]);
    assert_eq!(geometric(0.5, 2), [0.5, 0.5]);
    assert_eq!(geometric(0.5, 1), [0.5]);
    assert!(geometric(0.5, 0).is_empty());
    assert_eq!(geometric(1.0, 16)[12..], [0.125; 4]);
}
