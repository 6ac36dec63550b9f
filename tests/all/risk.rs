//! The factor form of the risk agrees with the direct form sum_i lambda_i ((S^T v)_i - w*_i)^2.

use roundlaw::config::Config;
use roundlaw::plan::{Cohort, Plan};
use roundlaw::problem::{Eigenvalues, Problem, Sampling, Sketch, Spectrum, Tail, TailVariance, Target, eigenvalues};
use roundlaw::random::threefry4x32;
use roundlaw::risk::{CohortRisk, Evaluator, Gram, Truth};
use roundlaw::theory::basis::Basis;
use roundlaw::theory::regression::{self, Inputs, Needs, Regression, Signal};
use roundlaw::watch::Watch;

const OPEN: TailVariance = TailVariance { features: 0.0, label: 0.0 };

fn problem(dim: u32, exponent: f64, sketch: Sketch) -> Problem {
    let spectrum = Spectrum::Power { exponent };
    Problem {
        dim,
        spectrum,
        target: Target::Gaussian,
        noise: 1.0,
        sketch,
        sampling: Sampling::Ambient,
        tail: Tail::Open,
    }
}

fn gaussian(dim: u32, exponent: f64) -> Problem {
    problem(dim, exponent, Sketch::Gaussian { nested: true })
}

fn wide(values: Vec<f32>) -> Vec<f64> {
    values.into_iter().map(f64::from).collect()
}

/// Values in [-1, 1) on eight significant bits, as the draws are.
fn values(count: usize, tag: u32) -> Vec<f32> {
    let word = |i: usize| threefry4x32([5, 6, 7, 8], [i as u32, tag, 0, 0])[0];
    (0..count).map(|i| (word(i) >> 24) as f32 / 128.0 - 1.0).collect()
}

fn direct(lambda: &[f64], w: &[f64], g: &[f32], v: &[f64]) -> f64 {
    let scale = 1.0 / (v.len() as f64).sqrt();
    let dim = lambda.len();
    (0..dim)
        .map(|i| {
            let seen: f64 = v.iter().enumerate().map(|(j, v)| f64::from(g[j * dim + i]) * scale * v).sum();
            lambda[i] * (seen - w[i]).powi(2)
        })
        .sum()
}

/// w*^T H w*, b^T v and v^T Sigma v by their sums.
fn moments(lambda: &[f64], w: &[f64], g: &[f32], v: &[f64]) -> (f64, f64, f64) {
    let scale = 1.0 / (v.len() as f64).sqrt();
    let dim = lambda.len();
    (0..dim).fold((0.0, 0.0, 0.0), |(energy, overlap, explained), i| {
        let seen: f64 = v.iter().enumerate().map(|(j, v)| f64::from(g[j * dim + i]) * scale * v).sum();
        (energy + lambda[i] * w[i] * w[i], overlap + lambda[i] * seen * w[i], explained + lambda[i] * seen * seen)
    })
}

fn compare(spectrum: &Eigenvalues, g: &[f32], models: &[usize], largest: usize) {
    let dim = spectrum.lambda.len();
    let w = wide(values(dim, 1));
    let watch = Watch::default();
    let gram = Gram::new(&spectrum.lambda, &w, g, largest, &watch).unwrap();
    let evaluator = Evaluator::new(&gaussian(dim as u32, 1.0), OPEN, spectrum, &w, Some(gram), &watch).unwrap();
    for &m in models {
        let v = wide(values(m, 2));
        let (risk, expected) = (evaluator.risk(&v), direct(&spectrum.lambda, &w, g, &v));
        assert!((risk.reducible - expected).abs() <= 1e-9 * expected, "M = {m}: {} and {expected}", risk.reducible);
        let (energy, overlap, explained) = moments(&spectrum.lambda, &w, g, &v);
        let close = |name: &str, found: f64, expected: f64| {
            assert!((found - expected).abs() <= 1e-9 * (energy + explained), "M = {m}, {name}: {found} and {expected}");
        };
        close("overlap", risk.overlap, overlap);
        close("signal", risk.signal, energy - risk.approximation);
        close("excess", risk.excess, explained - 2.0 * overlap + risk.signal);
        let optimum = evaluator.risk(&evaluator.optimum(m));
        assert!(optimum.excess <= 1e-9 * expected, "M = {m}: v* has excess {}", optimum.excess);
    }
}

#[test]
fn power_spectra_and_nested_models() {
    for exponent in [1.0, 2.0] {
        let setting = eigenvalues(&gaussian(300, exponent));
        compare(&setting, &values(40 * 300, 3), &[1, 2, 17, 40], 40);
    }
}

#[test]
fn an_exponential_spectrum_loses_directions() {
    let lambda: Vec<f64> = (0..64).map(|i| libm::exp2(f64::from(-2 * i))).collect();
    let scales = lambda.iter().map(|l| l.sqrt() as f32).collect();
    compare(&Eigenvalues { lambda, scales }, &values(48 * 64, 4), &[1, 16, 48], 48);
}

#[test]
fn as_many_rows_as_coordinates() {
    compare(&eigenvalues(&gaussian(24, 1.5)), &values(24 * 24, 5), &[1, 23, 24], 24);
}

#[test]
fn a_repeated_row_adds_no_direction() {
    let mut g = values(10 * 50, 6);
    let (first, rest) = g.split_at_mut(7 * 50);
    rest[..50].copy_from_slice(&first[2 * 50..3 * 50]);
    compare(&eigenvalues(&gaussian(50, 1.0)), &g, &[3, 8, 10], 10);
}

#[test]
fn without_a_sketch_the_risk_is_a_weighted_distance() {
    let setting = eigenvalues(&problem(9, 2.0, Sketch::None));
    let w = wide(values(9, 1));
    let evaluator =
        Evaluator::new(&problem(9, 2.0, Sketch::None), OPEN, &setting, &w, None, &Watch::default()).unwrap();
    let v = wide(values(9, 2));
    let expected: f64 = (0..9).map(|i| setting.lambda[i] * (v[i] - w[i]).powi(2)).sum();
    let risk = evaluator.risk(&v);
    assert!((risk.excess - expected).abs() <= 1e-12 * expected);
    assert_eq!(risk.approximation, 0.0);
}

/// Sigma, b and the energy say the same as the risk: its minimiser solves Sigma v = b, and what that explains of the
/// energy leaves the approximation error.
#[test]
fn the_moments_of_a_cohort_are_those_of_its_risk() {
    for (problem, train) in [
        ("dim = 40", "model = [3, 17]"),
        ("dim = 40\ntail = \"closed\"", "model = [3, 17]"),
        ("dim = 40\nsketch = { kind = \"gaussian\", nested = false }\ntarget = { kind = \"ones\" }", "model = [3, 17]"),
        ("dim = 17\nsketch = { kind = \"none\" }", ""),
    ] {
        let text = format!(
            "[problem]\n{problem}\nspectrum = {{ kind = \"power\", exponent = 1.5 }}\nnoise = 0.3\n[train]\n{train}\n\
             samples = 8\n[[recipe]]\nname = \"a\"\n[sweep]\nseeds = 3\n"
        );
        let plan = Plan::new(Config::parse(&text, &[]).unwrap_or_else(|error| panic!("{error}: {text}"))).unwrap();
        let cohort = Cohort { point: 0, seed_index: 2 };
        let (truth, risk) = (Truth::of(&plan, cohort).unwrap(), CohortRisk::new(&plan, cohort).unwrap());
        for trajectory in &plan.points[0].trajectories {
            let m = trajectory.model as usize;
            let (lambda, tail) = (&truth.eigenvalues.lambda, plan.points[0].tail);
            let inputs = Inputs {
                lambda,
                target: regression::Target::Fixed(&truth.target),
                tail: tail.features,
                tail_label: tail.label,
                noise: 0.09,
            };
            let optimum = risk.optimum(m).unwrap().unwrap();
            let best = risk.risk(&optimum).unwrap().unwrap();
            let close = |found: f64, expected: f64| (found - expected).abs() < 1e-9 * inputs.energy();
            let Some(sketch) = truth.sketch(trajectory.model) else {
                let basis = Basis::coordinates(&inputs);
                assert!(close(basis.explained(), best.signal) && basis.approximation() == 0.0, "{problem}");
                continue;
            };
            let regression = Regression::new(&inputs, &sketch, 1.0, Needs::default(), &Watch::default()).unwrap();
            let basis = Basis::new(&regression, &inputs).unwrap();
            assert!(close(basis.explained(), best.signal), "{problem}, M = {m}");
            assert!(close(basis.approximation(), best.approximation), "{problem}, M = {m}");
            let Signal::Fixed(b) = &regression.signal else { panic!("the target is one vector") };
            for j in 0..m {
                let product: f64 = (0..m).map(|k| regression.sigma[(j, k)] * optimum[k]).sum();
                let of_tail = tail.features / m as f64 * optimum[j];
                assert!(close(product + of_tail, b[(j, 0)]), "{problem}, M = {m}");
            }
            // Of other weights b^T v.
            let v = wide(values(m, 2));
            let other = risk.risk(&v).unwrap().unwrap();
            assert!(close(other.overlap, (0..m).map(|j| b[(j, 0)] * v[j]).sum()), "{problem}, M = {m}");
            // The leading rows of a larger sketch, rescaled, are a smaller one.
            if plan.points[0].sketches.len() == 1 && m == 17 {
                let smaller =
                    Regression::new(&inputs, &truth.sketch(3).unwrap(), 1.0, Needs::default(), &Watch::default());
                let [smaller, leading] =
                    [smaller.unwrap(), regression.leading(3)].map(|r| Basis::new(&r, &inputs).unwrap());
                assert!(close(smaller.explained(), leading.explained()), "{problem}");
                assert!(
                    smaller.curvatures().zip(leading.curvatures()).all(|(a, b)| (a - b).abs() < 1e-12 * a),
                    "{problem}"
                );
            }
        }
        assert!(truth.sketch(18).is_none(), "no such model size");
    }
}

const SIZES: [(&str, &[u32]); 3] = [
    ("dim = 9\nsketch = { kind = \"gaussian\", nested = true }", &[3, 7]),
    ("dim = 9\nsketch = { kind = \"gaussian\", nested = false }", &[7, 3]),
    ("dim = 9\nsketch = { kind = \"none\" }", &[]),
];

fn plan_of(problem: &str, models: &[u32]) -> Plan {
    let model = if models.is_empty() { String::new() } else { format!("model = {models:?}\n") };
    let text = format!(
        "[problem]\n{problem}\nspectrum = {{ kind = \"power\", exponent = 1.5 }}\n[train]\n{model}samples = 8\n\
         [[recipe]]\nname = \"a\"\n[sweep]\nseeds = 3\n"
    );
    Plan::new(Config::parse(&text, &[]).unwrap_or_else(|error| panic!("{error}: {text}"))).unwrap()
}

/// Each size by the direct form under its own S, which for separate draws is another one; other sizes are refused.
#[test]
fn the_risk_is_that_of_the_size_and_of_no_other() {
    for (problem, models) in SIZES {
        let plan = plan_of(problem, models);
        let cohort = Cohort { point: 0, seed_index: 1 };
        let (truth, risk) = (Truth::of(&plan, cohort).unwrap(), CohortRisk::new(&plan, cohort).unwrap());
        let lambda = &truth.eigenvalues.lambda;
        let sizes = if models.is_empty() { &[9] } else { models };
        for &model in sizes {
            let v = wide(values(model as usize, 2));
            let s = truth.sketch(model);
            assert_eq!(s.is_none(), models.is_empty(), "S is there with a sketch");
            let seen = |i: usize| {
                s.as_ref().map_or_else(|| v[i], |s| v.iter().enumerate().map(|(j, v)| s[j * 9 + i] * v).sum())
            };
            let expected: f64 = (0..9).map(|i| lambda[i] * (seen(i) - truth.target[i]).powi(2)).sum();
            let found = risk.risk(&v).unwrap().unwrap().reducible;
            assert!((found - expected).abs() <= 1e-9 * expected, "{problem}, M = {model}: {found} and {expected}");
            assert_eq!(risk.held_out(&v).unwrap(), None, "no rows are held out");
        }
        for size in [0, 1, 5, 8, 10, 1 << 32 | 3] {
            let allowed = if models.is_empty() { "9" } else { "3, 7" };
            let message = format!("weights of model size {size}: allowed are those of the plan, {allowed}");
            assert_eq!(risk.optimum(size).unwrap_err().to_string(), message);
            if size <= 10 {
                let v = vec![0.0; size];
                assert_eq!(risk.risk(&v).unwrap_err().to_string(), message);
                assert_eq!(risk.held_out(&v).unwrap_err().to_string(), message);
            }
        }
        let error = CohortRisk::new(&plan, Cohort { point: 1, seed_index: 0 }).err().unwrap().to_string();
        assert_eq!(error, "a cohort of problem point 1: allowed are those of the plan, 0 to 0");
    }
}

#[test]
fn a_size_without_a_draw_has_no_sketch() {
    let sizes = |(problem, models): (&str, &[u32])| {
        let plan = plan_of(problem, models);
        let truth = Truth::of(&plan, Cohort { point: 0, seed_index: 0 }).unwrap();
        [0, 1, 3, 5, 7, 8, 9].into_iter().filter(|model| truth.sketch(*model).is_some()).collect()
    };
    let found: [Vec<u32>; 3] = SIZES.map(sizes);
    // Of nested sizes every one up to the largest, of separate draws their own, without a sketch none.
    assert_eq!(found[0], [1, 3, 5, 7]);
    assert_eq!(found[1], [3, 7]);
    assert_eq!(found[2], [0; 0]);
}

#[test]
fn a_closed_tail_adds_its_share_of_every_feature_and_of_the_label() {
    let closed = Problem { tail: Tail::Closed, ..gaussian(200, 2.0) };
    let tail = roundlaw::problem::tail(&closed);
    let TailVariance { features: tau, label: tau_y } = tail;
    // zeta(2) less its first 200 terms.
    let expected = std::f64::consts::PI.powi(2) / 6.0 - (1..=200).map(|i| 1.0 / f64::from(i * i)).sum::<f64>();
    assert!((tau - expected).abs() < 1e-13 && tau == tau_y, "{tau} and {expected}");
    let (setting, w, g) = (eigenvalues(&closed), wide(values(200, 1)), values(30 * 200, 3));
    let gram = Gram::new(&setting.lambda, &w, &g, 30, &Watch::default()).unwrap();
    let evaluator = Evaluator::new(&closed, tail, &setting, &w, Some(gram), &Watch::default()).unwrap();
    for m in [1, 12, 30] {
        let v = wide(values(m, 2));
        let noise = tau / m as f64 * v.iter().map(|v| v * v).sum::<f64>() + tau_y;
        let (risk, expected) = (evaluator.risk(&v), direct(&setting.lambda, &w, &g, &v) + noise);
        assert!((risk.reducible - expected).abs() <= 1e-9 * expected, "M = {m}: {} and {expected}", risk.reducible);
    }
}

#[test]
fn tails_of_every_spectrum_are_what_more_terms_add() {
    let of = |dim: u32, spectrum: Spectrum| {
        let problem = Problem { spectrum, tail: Tail::Closed, ..gaussian(dim, 2.0) };
        (roundlaw::problem::tail(&problem).features, eigenvalues(&problem).lambda.iter().sum::<f64>())
    };
    let spectra: [fn() -> Spectrum; 4] = [
        || Spectrum::Power { exponent: 1.5 },
        || Spectrum::Exponential { rate: 0.01 },
        || Spectrum::Logarithmic { exponent: 2.0 },
        || Spectrum::Power { exponent: 3.0 },
    ];
    for spectrum in spectra {
        let ((beyond, within), (later, more)) = (of(100, spectrum()), of(10_000, spectrum()));
        let (added, dropped) = (more - within, beyond - later);
        assert!((added - dropped).abs() < 1e-6 * beyond, "{:?}: {added} and {dropped}", spectrum());
    }
}
