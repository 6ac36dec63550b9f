//! The simulation against the library's exact recursion, where that holds: every trial with its own sketch and target.

use super::*;
use crate::recursion::{Problem, Training, expected};

/// z-score of the mean of (simulated - exact) over trials.
///
/// More directions say more than full precision: a closed tail is an input of variance tau/M for every feature, and
/// additive noise on the features one of variance eps. What is judged on them is then the quantized-test risk.
fn z(case: &Case, isotropic: f64) -> f64 {
    let rounders = Rounders::new(&case.rules);
    let draws = Draws::new(case);
    let updates = case.samples / case.batch;
    let steps: Vec<f64> = (0..updates).map(|t| train::step(case, t, updates)).collect();
    let difference = |trial: u64| {
        let random = &mut Random::new(case.seed, trial);
        let world = draws.world(case, &rounders, random);
        let v = train::train(case, &draws, &world, &rounders, random);
        let model = world.sketch.len();
        let own = vec![isotropic; if isotropic > 0.0 { model } else { 0 }];
        let with = |a: &[f64], b: Vec<f64>| [a, b.as_slice()].concat();
        let row = |j: usize| with(&world.sketch[j], (0..own.len()).map(|k| f64::from(u8::from(j == k))).collect());
        let problem = Problem {
            lambda: &with(&draws.lambda, own.clone()),
            sketch: &(0..model).flat_map(row).collect::<Vec<f64>>(),
            target: &with(&world.target, vec![0.0; own.len()]),
            noise: case.noise * case.noise + draws.tail_label,
        };
        let training = Training { steps: &steps, batch: case.batch as u32, average: case.average };
        let exact = expected(&problem, &training);
        let risk = risk::exact(&draws, &world, &v, model);
        let noise_on_v = (isotropic - draws.tail / model as f64) * draw::dot(&v, &v);
        risk.reducible + noise_on_v - (exact.excess + exact.approximation + draws.tail_label)
    };
    let (mean, error) = mean(&(0..20_000).into_par_iter().map(difference).collect::<Vec<f64>>());
    mean / error
}

#[test]
fn simulation_has_the_exact_mean() {
    let closed = Case { closed: true, spectrum: Spectrum::Power(1.5), geometric: false, ..Case::default() };
    let tail = Draws::new(&closed).tail;
    let additive = |site| (site, Rule::Noise { law: Law::Additive, eps: 0.2, two_point: false, shared: false });
    let noisy = Case { rules: vec![additive(Site::Feature)], ..Case::default() };
    let cases = [
        ("last", Case { seed: 101, ..Case::default() }, 0.0),
        ("average", Case { seed: 102, average: true, geometric: false, ..Case::default() }, 0.0),
        ("batch", Case { seed: 103, batch: 4, step: 0.2, ..Case::default() }, 0.0),
        ("no sketch", Case { seed: 104, sketch: Sketch::None, dim: 12, model: 12, ..Case::default() }, 0.0),
        ("closed", Case { seed: 105, ..closed.clone() }, tail / closed.model as f64),
        ("additive", Case { seed: 106, ..noisy.clone() }, 0.2),
    ];
    for (name, case, isotropic) in cases {
        let z = z(&case, isotropic);
        println!("{name}: z = {z:.2}");
        assert!(z.abs() < 4.0, "{name}: z = {z}");
    }
    // Half the noise would be noticed.
    assert!(z(&noisy, 0.1).abs() > 8.0);
}

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
