//! Means over seeds of the program's rows beside means over trials of the simulation.

use rayon::prelude::*;
use roundlaw::config::Config;
use roundlaw::cpu;
use roundlaw::plan::{Cohort, Plan};
use roundlaw::risk::CohortRisk;
use roundlaw::run::rows::{self, Origin};
use roundlaw::store::row::Row;
use roundlaw::watch::Watch;

use crate::montecarlo::{Case, mean};

pub fn plan(case: &Case) -> Plan {
    let dir = tempfile::tempdir().unwrap();
    let text = case.config(dir.path());
    Plan::new(Config::parse(&text, &[]).unwrap_or_else(|error| panic!("{error}: {text}"))).unwrap()
}

fn column(row: &Row, name: &str) -> f64 {
    let value = match name {
        "reducible" => row.reducible,
        "excess" => row.excess,
        "quantized_test" => row.quantized_test,
        "held_out" => row.held_out,
        other => panic!("no column {other}"),
    };
    value.expect("no run of these problems diverges")
}

/// The program's results, seed by seed, in the order of [`Case::columns`].
pub fn measured(case: &Case) -> Vec<Vec<f64>> {
    let plan = plan(case);
    (0..case.trials as u32)
        .into_par_iter()
        .map(|seed_index| {
            let cohort = Cohort { point: 0, seed_index };
            let raw = cpu::execute(&plan, &[cohort], &Watch::default()).unwrap().remove(0);
            let risk = CohortRisk::new(&plan, cohort).unwrap();
            let rows = rows::rows(&plan, cohort, &risk, &raw, false, &Origin::default(), &Watch::default()).unwrap();
            let row = rows.iter().find(|row| row.model as usize == case.model).unwrap();
            case.columns().iter().map(|name| column(row, name)).collect()
        })
        .collect()
}

/// z-score of each column between two sets of results; with `certain` both means are known to about 1 %.
fn scores(case: &Case, ours: &[Vec<f64>], theirs: &[Vec<f64>], certain: bool) -> Vec<f64> {
    let mut scores = Vec::new();
    for (at, name) in case.columns().iter().enumerate() {
        let moments = |results: &[Vec<f64>]| mean(&results.iter().map(|r| r[at]).collect::<Vec<f64>>());
        let ((a, se_a), (b, se_b)) = (moments(ours), moments(theirs));
        let z = (a - b) / se_a.hypot(se_b);
        println!("  {name}: {a:.5} and {b:.5}, SE {:.2} % and {:.2} %, z = {z:.2}", 100.0 * se_a / a, 100.0 * se_b / b);
        assert!(!certain || se_a.max(se_b) < 0.012 * b, "{name} is too uncertain to say anything");
        scores.push(z);
    }
    scores
}

/// Asserts equal means.
pub fn agrees(case: &Case) {
    same(case);
}

/// Asserts equal means; returns the program's results.
fn same(case: &Case) -> Vec<Vec<f64>> {
    let ours = measured(case);
    for z in scores(case, &ours, &case.simulate(), true) {
        assert!(z.abs() < 4.0, "z = {z}");
    }
    ours
}

/// Asserts equal means, and that the test would fail if the program simulated `wrong` instead.
pub fn agrees_and_not_with(case: &Case, wrong: &Case) {
    let ours = same(case);
    println!("  of the wrong model");
    let wrong = scores(case, &ours, &wrong.simulate(), false);
    assert!(wrong.iter().any(|z| z.abs() > 8.0), "the wrong model goes unnoticed: z = {wrong:?}");
}
