//! Simulated risks have the exact expected value, each seed against its own sketch and target.

use rayon::prelude::*;
use roundlaw::config::{Config, Output};
use roundlaw::cpu;
use roundlaw::plan::{Cohort, Plan};
use roundlaw::risk::{CohortRisk, Truth};
use roundlaw::run::rows::Source;
use roundlaw::theory::schedule;
use roundlaw::watch::Watch;

use crate::recursion::{Problem, Training, expected, expected_general};

struct Case {
    sampling: &'static str,
    dim: u32,
    model: u32,
    samples: u64,
    batch: u32,
    exponent: f64,
    schedule: &'static str,
    output: &'static str,
}

const SEEDS: u32 = 20_000;

fn plan(case: &Case) -> Plan {
    let text = format!(
        "[problem]\ndim = {}\nspectrum = {{ kind = \"power\", exponent = {:?} }}\nsampling = {:?}\n[train]\nmodel = [{}]\n\
         samples = [{}]\nbatch = [{}]\nstep_size = [0.1]\nschedule = \"{}\"\noutput = [\"{}\"]\n[[recipe]]\nname = \"fp32\"\n\
         [sweep]\nseeds = {SEEDS}\nseed = 11\n",
        case.dim, case.exponent, case.sampling, case.model, case.samples, case.batch, case.schedule, case.output
    );
    Plan::new(Config::parse(&text, &[]).unwrap()).unwrap()
}

/// z-scores of the mean of (simulated - exact) over seeds; with `dropped` also without the fourth moment's term.
fn scores(case: &Case, dropped: bool) -> (f64, f64) {
    let plan = plan(case);
    let trajectory = &plan.points[0].trajectories[0];
    let output = if case.output == "last" { Output::Last } else { Output::Average };
    let updates = (case.samples / u64::from(case.batch)) as usize;
    let steps: Vec<f64> = schedule::steps(trajectory).take(updates).collect();
    let differences: Vec<(f64, f64)> = (0..SEEDS)
        .into_par_iter()
        .map(|seed_index| {
            let cohort = Cohort { point: 0, seed_index };
            let raw = cpu::execute(&plan, &[cohort], &Watch::default()).unwrap().remove(0);
            let weights = Source::of(&raw, trajectory, case.samples, output).weights();
            let risk = CohortRisk::new(&plan, cohort).unwrap();
            let simulated = risk.risk(&weights).unwrap().unwrap().excess;
            let truth = Truth::of(&plan, cohort).unwrap();
            let sketch = truth.sketch(case.model).unwrap();
            let lambda = &truth.eigenvalues.lambda;
            let problem = Problem { lambda, sketch: &sketch, target: &truth.target, noise: 1.0 };
            let training = Training { steps: &steps, batch: case.batch, average: output == Output::Average };
            let exact = expected(&problem, &training).excess;
            // By a recursion that forgets the Gaussian fourth moment.
            let without = if dropped { expected_general(&problem, &training, false).excess } else { exact };
            (simulated - exact, simulated - without)
        })
        .collect();
    let z = |values: Vec<f64>| {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let variance = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / (n - 1.0);
        mean / (variance / n).sqrt()
    };
    (z(differences.iter().map(|d| d.0).collect()), z(differences.iter().map(|d| d.1).collect()))
}

fn agrees(case: Case) {
    let (z, _) = scores(&case, false);
    println!("z = {z:.2}");
    assert!(z.abs() < 4.0, "z = {z}");
}

#[test]
fn geometric_last_iterate() {
    let (schedule, output) = ("geometric", "last");
    agrees(Case { sampling: "ambient", dim: 64, model: 8, samples: 256, batch: 1, exponent: 2.0, schedule, output });
}

#[test]
fn constant_average_of_batches() {
    let (schedule, output) = ("constant", "average");
    agrees(Case { sampling: "ambient", dim: 64, model: 8, samples: 256, batch: 4, exponent: 2.0, schedule, output });
}

#[test]
fn wider_and_flatter() {
    let (schedule, output) = ("geometric", "last");
    agrees(Case { sampling: "ambient", dim: 128, model: 16, samples: 512, batch: 1, exponent: 1.5, schedule, output });
}

#[test]
fn drawn_features() {
    let (sampling, schedule, output) = ("feature", "constant", "average");
    agrees(Case { sampling, dim: 64, model: 8, samples: 256, batch: 1, exponent: 1.5, schedule, output });
}

#[test]
fn the_fourth_moment_shows() {
    let (schedule, output) = ("constant", "last");
    let (z, without) = scores(
        &Case { sampling: "ambient", dim: 64, model: 8, samples: 32, batch: 1, exponent: 2.0, schedule, output },
        true,
    );
    println!("z = {z:.2}, without the fourth moment {without:.2}");
    assert!(z.abs() < 4.0, "z = {z}");
    assert!(without.abs() > 8.0, "without the fourth moment z = {without}");
}
