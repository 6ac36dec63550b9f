//! Covariates from a file: both sides read the same rows and are judged on the same held-out ones.

use roundlaw::problem::Spectrum;

use super::compare::{agrees_and_not_with, plan};
use crate::montecarlo::{Case, Law, Rows, Rule, Site};

const ROWS: usize = 300;
const COLUMNS: usize = 10;

/// Neither Gaussian nor stationary: the law of the labels drifts from the first row to the last.
fn drifting(permuted: Option<Vec<usize>>) -> Rows {
    // Weyl sequences: equidistributed, and nobody's random numbers.
    let uniform = |row: usize, column: usize| ((row + 1) as f64 * (column as f64 + 2.0).sqrt()).fract() - 0.5;
    let x: Vec<Vec<f64>> =
        (0..ROWS).map(|r| (0..COLUMNS).map(|c| 3.0 * uniform(r, c) / (1.0 + c as f64).sqrt()).collect()).collect();
    let label = |(r, x): (usize, &Vec<f64>)| x[0] * (1.0 - 2.0 * r as f64 / ROWS as f64) + x[1] + x[2] * x[3];
    let y = x.iter().enumerate().map(label).collect();
    Rows { x, y, held_out: 0.1, permuted }
}

fn case(seed: u64, rows: Rows) -> Case {
    let feature = Rule::Format { name: "e4m3", scale: 256.0, stochastic: true };
    let label = Rule::Noise { law: Law::Additive, eps: 0.1, two_point: false, shared: false };
    Case {
        seed,
        trials: 8000,
        dim: COLUMNS,
        rows: Some(rows),
        samples: 256,
        batch: 2,
        geometric: false,
        rules: vec![(Site::Feature, feature), (Site::Label, label)],
        ..Case::default()
    }
}

/// Which rows judge permuted ones is the program's choice, the same for every seed.
fn held_out() -> Vec<usize> {
    let plan = plan(&case(0, drifting(Some(Vec::new()))));
    let Spectrum::Covariates(rows) = &plan.config().problems()[0].spectrum else { panic!("rows of a file") };
    (0..rows.held_rows()).map(|k| rows.held_row(k) as usize).collect()
}

fn last() -> Vec<usize> {
    (270..300).collect()
}

#[test]
fn rows_in_the_order_of_the_file() {
    agrees_and_not_with(&case(31, drifting(None)), &case(32, drifting(Some(last()))));
}

#[test]
fn rows_in_random_orders() {
    let held = held_out();
    assert_eq!(held.len(), 30);
    assert!(held.iter().any(|row| *row < 100) && held.iter().any(|row| *row >= 200), "{held:?}");
    agrees_and_not_with(&case(33, drifting(Some(held))), &case(34, drifting(Some(last()))));
}
