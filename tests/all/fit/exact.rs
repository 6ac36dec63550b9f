//! Exact means of a grid of recipes, over sketches and the law of the target: the truth that fits are compared with.

use std::sync::LazyLock;

use rayon::prelude::*;
use roundlaw::plan::ProblemPoint;
use roundlaw::problem::{prior, sketch_norm};
use roundlaw::random::Stream;
use roundlaw::risk::Truth;
use roundlaw::run::predict::inputs;
use roundlaw::theory::basis::Basis;
use roundlaw::theory::diagonal::Moments;
use roundlaw::theory::laws::Laws;
use roundlaw::theory::limit::limit;
use roundlaw::theory::recursion::{Iterates as _, Recursion};
use roundlaw::theory::regression::{Needs, Regression};
use roundlaw::{Config, Plan, Watch};

/// Places of the recipes.
pub const FINE: usize = 1;
pub const COARSE: usize = 2;
pub const FACTOR: usize = 3;
pub const GRADIENT: usize = 4;

/// Of one recipe, M and N, or of its limit.
#[derive(Clone, Copy, Debug, Default)]
pub struct State {
    pub excess: f64,
    pub overlap: f64,
}

/// Means by M, and by recipe, M and N.
#[derive(Clone, Debug)]
pub struct Exact {
    pub models: Vec<u32>,
    pub samples: Vec<u64>,
    pub approximation: Vec<f64>,
    pub signal: Vec<f64>,
    pub states: Vec<Vec<Vec<State>>>,
    /// By recipe and M; of the gradient's noise and of full precision there is no floor.
    pub limits: Vec<Vec<State>>,
}

fn config(sketches: u32, exponent: f64, step: f64, models: &str, samples: &str) -> Plan {
    let text = format!(
        r#"
        problem = {{ dim = 8192, spectrum = {{ kind = "power", exponent = {exponent:?} }}, noise = 0.5, tail = "closed" }}
        train = {{ model = {models}, samples = {samples}, step_size = {step:?} }}
        sweep = {{ seeds = {sketches}, seed = 4 }}
        [[recipe]]
        name = "fp32"
        [[recipe]]
        name = "fine"
        feature = {{ noise = "additive", eps = 0.001 }}
        [[recipe]]
        name = "coarse"
        feature = {{ noise = "additive", eps = 0.01 }}
        [[recipe]]
        name = "factor"
        feature = {{ noise = "multiplicative", eps = 0.1 }}
        [[recipe]]
        name = "gradient"
        gradient = {{ noise = "relative", eps = 0.3 }}
        "#
    );
    Plan::new(Config::parse(&text, &[]).unwrap()).unwrap()
}

/// Spectrum i^-1.5, M = 8 to 128, N = 4096 to 65536.
pub static A15: LazyLock<Exact> =
    LazyLock::new(|| Exact::new(&config(40, 1.5, 0.2, "[8, 16, 32, 64, 128]", "[4096, 16384, 65536]")));
/// The same of i^-2.
pub static A20: LazyLock<Exact> =
    LazyLock::new(|| Exact::new(&config(8, 2.0, 0.2, "[8, 16, 32, 64, 128]", "[4096, 16384, 65536]")));
/// The spectrum i^-1.5 at small M, and N of which the largest is far beyond the others.
pub static SMALL: LazyLock<Exact> =
    LazyLock::new(|| Exact::new(&config(6, 1.5, 0.2, "[8, 16, 32]", "[16384, 32768, 524288]")));

impl Exact {
    fn new(plan: &Plan) -> Exact {
        let point = &plan.points[0];
        let all: Vec<Exact> =
            (0..plan.config().seeds()).into_par_iter().map(|seed| Exact::of_sketch(plan, point, seed)).collect();
        // Where a sketch is too large for the step there is no mean.
        let all: Vec<Exact> = all.into_iter().filter(Exact::is_stable).collect();
        let mut mean = all[0].clone();
        let over = |of: &dyn Fn(&Exact) -> f64| all.iter().map(of).sum::<f64>() / all.len() as f64;
        let state = |of: &dyn Fn(&Exact) -> State| State {
            excess: over(&|exact| of(exact).excess),
            overlap: over(&|exact| of(exact).overlap),
        };
        for m in 0..mean.models.len() {
            mean.approximation[m] = over(&|exact| exact.approximation[m]);
            mean.signal[m] = over(&|exact| exact.signal[m]);
            for r in 0..mean.states.len() {
                mean.limits[r][m] = state(&|exact| exact.limits[r][m]);
                for n in 0..mean.samples.len() {
                    mean.states[r][m][n] = state(&|exact| exact.states[r][m][n]);
                }
            }
        }
        mean
    }

    /// Whether more samples make every excess smaller.
    fn is_stable(&self) -> bool {
        let falls = |of_n: &Vec<State>| of_n.windows(2).all(|pair| pair[1].excess < pair[0].excess);
        self.states.iter().flatten().all(falls)
    }

    fn of_sketch(plan: &Plan, point: &ProblemPoint, seed: u32) -> Exact {
        let truth = Truth::new(point, Stream::new(4, seed)).unwrap();
        let variances = prior(&point.problem, &truth.eigenvalues).unwrap();
        let inputs = inputs(&truth, Some(&variances));
        let (draw, watch) = (&point.sketches[0], Watch::default());
        let scale = sketch_norm(&point.problem, draw.rows).sqrt();
        let all = Regression::new(&inputs, &truth.draw(draw), scale, Needs::default(), &watch).unwrap();
        let models = point.models();
        let basis = |m: &u32| Basis::new(&all.leading(*m as usize), &inputs).unwrap();
        let bases: Vec<Basis> = models.iter().map(basis).collect();
        let (recipes, samples) = (plan.config().recipes(), plan.config().train().samples.clone());
        let step = plan.config().train().step_sizes[0];
        let laws: Vec<Laws> = recipes.iter().map(|recipe| Laws::of(&recipe.sites, &point.problem).unwrap()).collect();
        let states = |laws: &Laws| {
            let of_model = |basis: &Basis| samples.iter().map(|n| trained(basis, laws, step, *n)).collect();
            bases.iter().map(of_model).collect()
        };
        let limits = |laws: &Laws| {
            let settled = |basis: &Basis| match laws.have_limit(true) {
                true => limit(basis, laws),
                false => [0.0, basis.explained()],
            };
            bases.iter().map(settled).map(|[excess, overlap]| State { excess, overlap }).collect()
        };
        Exact {
            approximation: bases.iter().map(Basis::approximation).collect(),
            signal: bases.iter().map(Basis::explained).collect(),
            states: laws.iter().map(states).collect(),
            limits: laws.iter().map(limits).collect(),
            models,
            samples,
        }
    }
}

/// SGD of N samples, one at a time, with as many halvings of the step as N has.
fn trained(basis: &Basis, laws: &Laws, step: f64, samples: u64) -> State {
    let stage = (samples as f64 / (samples as f64).log2()).ceil() as u64;
    let mut recursion = Recursion::new(basis, laws, 1, false).unwrap();
    let cross = Moments::new(basis, laws).cross;
    let mut mean = vec![0.0; cross.len()];
    let mut left = samples;
    for halvings in 0.. {
        let (updates, gamma) = (left.min(stage), step / f64::from(1_u32 << halvings));
        (0..updates).for_each(|_| recursion.update(gamma));
        // E v = G b: of one stage G moves towards 1/h by (1 - gamma h) an update.
        for (mean, h) in mean.iter_mut().zip(&cross) {
            *mean = 1.0 / h + (*mean - 1.0 / h) * (1.0 - gamma * h).powi(updates as i32);
        }
        left -= updates;
        if left == 0 {
            break;
        }
    }
    let overlap = mean.iter().zip(&basis.signal).map(|(mean, signal)| mean * signal).sum();
    State { excess: recursion.last().excess, overlap }
}
