//! The library's recursion against the matrix form, and against training that is simulated from ambient inputs.

use roundlaw::config::Config;
use roundlaw::plan::Plan;
use roundlaw::theory::schedule;
use roundlaw::theory::stability::kappa;

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
        for steps in [halving(0.1, 9, 50), vec![0.05; 33], vec![0.1], vec![]] {
            for (batch, average) in [(1, false), (1, true), (4, false), (4, true)] {
                let training = Training { steps: &steps, batch, average };
                let (fast, slow) = (expected(&problem, &training), expected_general(&problem, &training, true));
                let near = |a: f64, b: f64| (a - b).abs() <= 1e-10 * b.abs().max(1e-3);
                assert!(near(fast.excess, slow.excess), "M {m}, B {batch}: {fast:?}, {slow:?}");
                assert!(near(fast.approximation, slow.approximation), "M {m}: {fast:?}, {slow:?}");
            }
        }
    }
}

/// Steps that are halved after every `stage` updates.
fn halving(gamma: f64, stage: usize, updates: usize) -> Vec<f64> {
    (0..updates).map(|t| gamma * 0.5f64.powi((t / stage) as i32)).collect()
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
            w = plus(&w, gamma / f64::from(training.batch), &gradient);
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
    // The trace is beyond the largest eigenvalue; past 0.25 of its inverse the risk is heavy-tailed.
    let trace: f64 = sketched(&problem).0.iter().step_by(4).sum();
    let steps = halving(0.2 / trace, 4, 12);
    for (batch, average) in [(1, false), (1, true), (4, false)] {
        let training = Training { steps: &steps, batch, average };
        let (mean, deviation) = simulated(&problem, &training, 200_000);
        let z = |risk: Risk| (mean - risk.excess) / deviation;
        let exact = z(expected(&problem, &training));
        let dropped = z(expected_general(&problem, &training, false));
        println!("B {batch}, average {average}: z = {exact:.2}, without the fourth moment {dropped:.2}");
        assert!(exact.abs() < 4.0, "B {batch}, average {average}: z = {exact}");
        assert!(dropped.abs() > 4.0, "B {batch}, average {average}: z = {dropped}");
    }
}

#[test]
fn no_updates_leave_the_whole_energy() {
    let [lambda, sketch, target] = draw(3, 9, 4);
    let problem = Problem { lambda: &lambda, sketch: &sketch, target: &target, noise: 1.0 };
    let risk = expected(&problem, &Training { steps: &[], batch: 1, average: true });
    assert!(risk.approximation < 1e-12, "nine features explain four inputs: {risk:?}");
    assert!((risk.excess - energy(&problem)).abs() < 1e-12, "{risk:?}");
}

/// The steps of the only trajectory of a plan with batches of two.
fn planned(schedule: &str, gamma: f64, updates: usize) -> Vec<f64> {
    let text = format!(
        "[problem]\ndim = 4\nspectrum = {{ kind = \"power\", exponent = 1.0 }}\n[train]\nmodel = 2\nbatch = 2\n\
         samples = {}\nschedule = \"{schedule}\"\nstep_size = {gamma:?}\n[[recipe]]\nname = \"fp32\"\n",
        2 * updates
    );
    let plan = Plan::new(Config::parse(&text, &[]).unwrap()).unwrap();
    schedule::steps(&plan.points[0].trajectories[0]).take(updates).collect()
}

#[test]
fn geometric_steps_halve_after_each_of_log_t_stages() {
    assert_eq!(planned("geometric", 1.0, 8), [1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.25, 0.25]);
    assert_eq!(planned("geometric", 0.5, 2), [0.5, 0.5]);
    assert_eq!(planned("geometric", 0.5, 1), [0.5]);
    assert_eq!(planned("geometric", 1.0, 16)[12..], [0.125; 4]);
    assert_eq!(planned("constant", 0.25, 1000), [0.25; 1000]);
}

#[test]
fn the_risk_settles_where_kappa_says_and_grows_beyond_it() {
    let [lambda, sketch, target] = draw(4, 5, 9);
    let problem = Problem { lambda: &lambda, sketch: &sketch, target: &target, noise: 0.7 };
    let basis = basis(&problem);
    for batch in [1, 4] {
        let of = |gamma: f64| kappa(basis.curvatures(), gamma, batch);
        let excess = |gamma: f64, updates: usize| {
            expected(&problem, &Training { steps: &vec![gamma; updates], batch, average: false }).excess
        };
        for gamma in [0.01, 0.1] {
            let plateau = (0.7 + basis.approximation()) * of(gamma) / (1.0 - of(gamma));
            let settled = excess(gamma, 200_000);
            assert!((settled - plateau).abs() < 1e-6 * plateau, "step {gamma}, B {batch}: {settled}, {plateau}");
        }
        // The edge lies between steps that are close to each other.
        let edge = (1..).map(|k| 0.001 * f64::from(k)).find(|gamma| of(*gamma) >= 1.0).unwrap();
        assert!(excess(0.9 * edge, 20_000) < 1e3, "step {edge}, B {batch}");
        assert!(excess(1.1 * edge, 20_000) > 1e6, "step {edge}, B {batch}");
    }
}

#[test]
fn moments_that_are_none_are_refused() {
    let [lambda, mut sketch, target] = draw(4, 5, 9);
    let problem = Problem { lambda: &lambda, sketch: &sketch, target: &target, noise: 0.7 };
    assert!(Recursion::new(&basis(&problem), &Laws::default(), 0, false).is_err());
    sketch[7] = f64::NAN;
    let inputs = Inputs { lambda: &lambda, target: Target::Fixed(&target), tail: 0.0, tail_label: 0.0, noise: 0.7 };
    let regression = Regression::new(&inputs, &sketch, 1.0, Needs::default(), &Watch::default()).unwrap();
    assert!(Basis::new(&regression, &inputs).is_err());
}
