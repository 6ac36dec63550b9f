//! The simulation against the library's exact expected risk: every site, law and option, each world with its own sketch
//! and target.

use roundlaw::format;
use roundlaw::site::Site as LibrarySite;
use roundlaw::theory::basis::Basis;
use roundlaw::theory::dense::{self, Matrices};
use roundlaw::theory::laws::{Laws, Method, SiteLaw};
use roundlaw::theory::recursion::{Expected, Iterates, Recursion};
use roundlaw::theory::regression::{self, Inputs, Regression};
use roundlaw::watch::Watch;

use super::draw::World;
use super::*;

const WORLDS: u64 = 40;
const TRIALS: u64 = 500;

/// A case, whether its target is averaged over, and what it is called.
struct Trial {
    name: &'static str,
    case: Case,
    prior: bool,
}

/// The laws of a case, their variances times `factor`.
fn laws(case: &Case, factor: f64) -> Laws {
    let mut laws = Laws::default();
    for (site, rule) in &case.rules {
        match *rule {
            _ if *site == Site::Sketch => laws.rounds_sketch = true,
            Rule::Noise { law, eps, two_point, shared } => {
                let noise = match law {
                    Law::Additive => format::Noise::Additive,
                    Law::Relative => format::Noise::Relative,
                    Law::Multiplicative => format::Noise::Multiplicative,
                };
                let law = if two_point { format::Law::TwoPoint } else { format::Law::Gaussian };
                laws.sites[LibrarySite::ALL[*site as usize]] = Some(SiteLaw { noise, eps: eps * factor, law, shared });
            }
            Rule::Format { .. } => panic!("a format is no law"),
        }
    }
    laws
}

/// By the method that the library would choose.
fn expected(trial: &Trial, draws: &Draws, world: &World, laws: &Laws) -> Expected {
    let case = &trial.case;
    let target = match trial.prior && !draws.fixed_target {
        true => regression::Target::Prior(&draws.target),
        false => regression::Target::Fixed(&world.target),
    };
    let (lambda, noise) = (draws.lambda.as_slice(), case.noise * case.noise);
    let inputs = Inputs { lambda, target, tail: draws.tail, tail_label: draws.tail_label, noise };
    let is_sketched = !matches!(case.sketch, Sketch::None);
    let needs = laws.needs(trial.prior);
    let of = |rows: &[Vec<f64>]| Regression::new(&inputs, &rows.concat(), 1.0, needs, &Watch::default()).unwrap();
    let clean = of(&world.sketch);
    let basis = if is_sketched { Basis::new(&clean, &inputs).unwrap() } else { Basis::coordinates(&inputs) };
    let batch = case.batch as u32;
    match laws.method(is_sketched) {
        Method::Diagonal => follow(case, Recursion::new(&basis, laws, batch, case.average).unwrap()),
        Method::Dense => {
            let matrices = Matrices::new(&of(&world.read), &clean, &basis, &inputs, laws).unwrap();
            follow(case, dense::Recursion::new(&matrices, batch, case.average).unwrap())
        }
    }
}

fn follow(case: &Case, mut recursion: impl Iterates) -> Expected {
    let updates = case.samples / case.batch;
    (0..updates).for_each(|t| recursion.update(train::step(case, t, updates)));
    if case.average { recursion.average().unwrap() } else { recursion.last() }
}

/// z-scores of the mean of (simulated - expected), of the excess and of the quantized test, by the library with each of
/// `laws`.
fn scores(trial: &Trial, laws: &[Laws]) -> Vec<[f64; 2]> {
    let case = &trial.case;
    let (rounders, draws) = (Rounders::new(&case.rules), Draws::new(case));
    let world = |number: u64| {
        let world = draws.world(case, &rounders, &mut Random::new(case.seed, number));
        let expected: Vec<Expected> = laws.iter().map(|laws| expected(trial, &draws, &world, laws)).collect();
        let one = |k: u64| {
            let random = &mut Random::new(case.seed, WORLDS + number * TRIALS + k);
            let target = match trial.prior {
                true => draws.world(case, &rounders, random).target,
                false => world.target.clone(),
            };
            let World { sketch, read, .. } = &world;
            let own =
                World { target, sketch: sketch.clone(), read: read.clone(), train: Vec::new(), held_out: Vec::new() };
            let v = train::train(case, &draws, &own, &rounders, random);
            let risk = risk::exact(&draws, &own, &v, case.model);
            let known = case.noise * case.noise + risk.reducible - risk.excess;
            [risk.excess, train::test_loss(case, &draws, &own, &rounders, &v, random) - known]
        };
        (0..TRIALS).map(|k| (one(k), expected.clone())).collect::<Vec<_>>()
    };
    let results: Vec<([f64; 2], Vec<Expected>)> = (0..WORLDS).into_par_iter().flat_map_iter(world).collect();
    let z = |differences: Vec<f64>| {
        let (mean, error) = mean(&differences);
        mean / error
    };
    let of = |l: usize| {
        let excess = results.iter().map(|(simulated, expected)| simulated[0] - expected[l].excess);
        let test = results.iter().map(|(simulated, expected)| simulated[1] - expected[l].quantized_test);
        [z(excess.collect()), z(test.collect())]
    };
    (0..laws.len()).map(of).collect()
}

fn noise(law: Law, eps: f64, two_point: bool, shared: bool) -> Rule {
    Rule::Noise { law, eps, two_point, shared }
}

const GAUSSIAN: bool = false;
const TWO_POINT: bool = true;

/// Every law at every site, with the options that change how it enters.
fn trials() -> Vec<Trial> {
    use Law::{Additive, Multiplicative, Relative};
    let base = Case { step: 0.08, samples: 48, geometric: false, test_samples: 4, ..Case::default() };
    let batch = Case { batch: 4, step: 0.2, samples: 64, ..base.clone() };
    let none = Case { sketch: Sketch::None, dim: 6, target: Target::Ones, step: 0.1, ..base.clone() };
    let closed = Case { closed: true, spectrum: Spectrum::Power(1.5), dim: 12, step: 0.05, ..base.clone() };
    let one = |site, law, eps, two_point| vec![(site, noise(law, eps, two_point, false))];
    let with = |case: &Case, rules: Vec<(Site, Rule)>| Case { rules, ..case.clone() };
    let mut trials = Vec::new();
    let mut add = |name, case: Case, prior| {
        let seed = 301 + trials.len() as u64;
        trials.push(Trial { name, case: Case { seed, ..case }, prior });
    };
    add("nothing, halved steps", Case { geometric: true, ..base.clone() }, false);
    add("nothing, average of batches", Case { average: true, ..batch.clone() }, false);
    add("nothing, prior, closed tail", closed.clone(), true);
    add("additive data", with(&base, one(Site::Data, Additive, 0.05, GAUSSIAN)), false);
    add("additive two-point data, prior", with(&base, one(Site::Data, Additive, 0.1, TWO_POINT)), true);
    add("relative data", with(&base, one(Site::Data, Relative, 0.1, GAUSSIAN)), false);
    add(
        "relative two-point data, average, prior",
        with(&Case { average: true, ..base.clone() }, one(Site::Data, Relative, 0.2, TWO_POINT)),
        true,
    );
    add("multiplicative data, closed tail", with(&closed, one(Site::Data, Multiplicative, 0.1, GAUSSIAN)), false);
    add(
        "multiplicative data, relative parameter",
        with(
            &closed,
            vec![
                (Site::Data, noise(Multiplicative, 0.2, TWO_POINT, false)),
                (Site::Parameter, noise(Relative, 0.4, GAUSSIAN, false)),
            ],
        ),
        true,
    );
    add("additive sketch, prior", with(&base, one(Site::Sketch, Additive, 0.3, GAUSSIAN)), true);
    add(
        "multiplicative sketch, additive feature",
        with(
            &batch,
            vec![
                (Site::Sketch, noise(Multiplicative, 0.3, TWO_POINT, false)),
                (Site::Feature, noise(Additive, 0.2, GAUSSIAN, false)),
            ],
        ),
        false,
    );
    add(
        "additive feature, average",
        with(&Case { average: true, ..base.clone() }, one(Site::Feature, Additive, 0.3, GAUSSIAN)),
        false,
    );
    add("additive two-point feature, batches", with(&batch, one(Site::Feature, Additive, 0.4, TWO_POINT)), false);
    add("relative feature, closed tail", with(&closed, one(Site::Feature, Relative, 0.2, GAUSSIAN)), false);
    add("relative two-point feature, prior", with(&base, one(Site::Feature, Relative, 0.3, TWO_POINT)), true);
    add(
        "multiplicative feature, average, prior",
        with(&Case { average: true, ..base.clone() }, one(Site::Feature, Multiplicative, 0.1, GAUSSIAN)),
        true,
    );
    add(
        "multiplicative feature on additive two-point data",
        with(
            &base,
            vec![
                (Site::Data, noise(Additive, 0.1, TWO_POINT, false)),
                (Site::Feature, noise(Multiplicative, 0.2, TWO_POINT, false)),
            ],
        ),
        false,
    );
    add(
        "additive feature_grad, relative feature on relative data",
        with(
            &base,
            vec![
                (Site::Data, noise(Relative, 0.1, GAUSSIAN, false)),
                (Site::Feature, noise(Relative, 0.4, GAUSSIAN, false)),
                (Site::FeatureGrad, noise(Additive, 0.3, TWO_POINT, false)),
            ],
        ),
        false,
    );
    add(
        "relative feature_grad, multiplicative feature",
        with(
            &batch,
            vec![
                (Site::Feature, noise(Multiplicative, 0.2, GAUSSIAN, false)),
                (Site::FeatureGrad, noise(Relative, 0.6, GAUSSIAN, false)),
            ],
        ),
        false,
    );
    add(
        "multiplicative feature_grad, additive feature",
        with(
            &base,
            vec![
                (Site::Feature, noise(Additive, 0.2, GAUSSIAN, false)),
                (Site::FeatureGrad, noise(Multiplicative, 0.6, TWO_POINT, false)),
            ],
        ),
        true,
    );
    add(
        "relative label, gradient additive, batches",
        with(
            &batch,
            vec![
                (Site::Label, noise(Relative, 0.5, GAUSSIAN, false)),
                (Site::Gradient, noise(Additive, 0.5, TWO_POINT, false)),
            ],
        ),
        false,
    );
    add("shared relative label", with(&batch, vec![(Site::Label, noise(Relative, 0.5, TWO_POINT, true))]), false);
    add(
        "additive label, relative activation",
        with(
            &base,
            vec![
                (Site::Label, noise(Additive, 0.5, GAUSSIAN, false)),
                (Site::Activation, noise(Relative, 0.8, GAUSSIAN, false)),
            ],
        ),
        false,
    );
    add(
        "shared relative activation",
        with(&batch, vec![(Site::Activation, noise(Relative, 0.8, GAUSSIAN, true))]),
        false,
    );
    add(
        "additive activation, relative gradient, average",
        with(
            &Case { average: true, ..batch.clone() },
            vec![
                (Site::Activation, noise(Additive, 0.8, TWO_POINT, false)),
                (Site::Gradient, noise(Relative, 0.6, GAUSSIAN, false)),
            ],
        ),
        false,
    );
    add(
        "shared gradient on shared label and activation",
        with(
            &batch,
            vec![
                (Site::Label, noise(Relative, 0.3, GAUSSIAN, true)),
                (Site::Activation, noise(Multiplicative, 0.3, GAUSSIAN, true)),
                (Site::Gradient, noise(Multiplicative, 0.4, GAUSSIAN, true)),
            ],
        ),
        true,
    );
    add("additive parameter, batches", with(&batch, one(Site::Parameter, Additive, 0.1, GAUSSIAN)), false);
    add(
        "multiplicative parameter, multiplicative weight",
        with(
            &base,
            vec![
                (Site::Parameter, noise(Multiplicative, 0.6, TWO_POINT, false)),
                (Site::Weight, noise(Multiplicative, 0.01, GAUSSIAN, false)),
            ],
        ),
        false,
    );
    add(
        "additive weight, average",
        with(&Case { average: true, ..base.clone() }, one(Site::Weight, Additive, 0.003, GAUSSIAN)),
        false,
    );
    add("relative weight, prior", with(&base, one(Site::Weight, Relative, 0.02, TWO_POINT)), true);
    add(
        "no sketch, relative feature and parameter",
        with(
            &none,
            vec![
                (Site::Feature, noise(Relative, 0.4, GAUSSIAN, false)),
                (Site::Parameter, noise(Relative, 0.4, GAUSSIAN, false)),
            ],
        ),
        false,
    );
    add(
        "no sketch, relative data, additive feature",
        with(
            &Case { batch: 2, ..none.clone() },
            vec![
                (Site::Data, noise(Relative, 0.3, TWO_POINT, false)),
                (Site::Feature, noise(Additive, 0.2, TWO_POINT, false)),
            ],
        ),
        false,
    );
    add(
        "no sketch, additive data, average",
        with(
            &Case { average: true, ..none.clone() },
            vec![
                (Site::Data, noise(Additive, 0.2, TWO_POINT, false)),
                (Site::FeatureGrad, noise(Relative, 0.4, GAUSSIAN, false)),
            ],
        ),
        false,
    );
    trials
}

#[test]
fn simulations_have_the_expected_mean() {
    let (mut squares, mut wrong, mut unnoticed) = (Vec::new(), Vec::new(), Vec::new());
    for trial in trials() {
        let (name, own) = (trial.name, laws(&trial.case, 1.0));
        // A law that the recursion takes for half of itself is noticed.
        let z = scores(&trial, &[own, laws(&trial.case, 0.5)]);
        println!(
            "{name}: z = {:.2} and {:.2}; with half the noise {:.1} and {:.1}",
            z[0][0], z[0][1], z[1][0], z[1][1]
        );
        squares.extend(z[0].map(|z| z * z));
        wrong.extend(z[0].iter().any(|z| z.abs() > 4.0).then_some(name));
        let has_law = own != laws(&trial.case, 0.5);
        unnoticed.extend((has_law && z[1].iter().all(|z| z.abs() < 6.0)).then_some(name));
    }
    let rms = (squares.iter().sum::<f64>() / squares.len() as f64).sqrt();
    println!("rms z = {rms:.2} of {}", squares.len());
    assert!(wrong.is_empty(), "{wrong:?} differ from what is expected");
    assert!(unnoticed.is_empty(), "half the noise of {unnoticed:?} passes for all of it");
    assert!(squares.len() >= 60 && rms < 1.4, "rms z = {rms}");
}
