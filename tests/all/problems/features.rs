//! The risk on quantized test features: measured, in closed form, and simulated.

use rayon::prelude::*;
use roundlaw::config::Config;
use roundlaw::cpu;
use roundlaw::plan::{Cohort, Plan};
use roundlaw::risk::CohortRisk;
use roundlaw::run::rows::{self, Origin};
use roundlaw::store::row::Row;
use roundlaw::watch::Watch;

use super::compare::agrees_and_not_with;
use crate::montecarlo::{Case, Law, Rule, Site, Spectrum, mean};

/// Every law at the data, at the features, and at both with a noisy sketch, on a closed tail.
fn config() -> String {
    let mut text = r#"
[problem]
dim = 30
spectrum = { kind = "power", exponent = 1.5 }
tail = "closed"
[train]
model = [8]
samples = [128]
step_size = [0.1]
quantized_test = true
test_samples = 200
[sweep]
seeds = 2000
seed = 41
"#
    .to_string();
    for noise in ["additive", "relative", "multiplicative"] {
        for law in ["gaussian", "two-point"] {
            let rule = format!("{{ noise = {noise:?}, eps = 0.1, law = {law:?} }}");
            let sketch = "sketch = { noise = \"additive\", eps = 0.05 }";
            let recipe =
                |sites: &str, lines: String| format!("[[recipe]]\nname = \"{noise} {law} {sites}\"\n{lines}\n");
            text += &recipe("data", format!("data = {rule}"));
            text += &recipe("feature", format!("feature = {rule}"));
            text += &recipe("both", format!("data = {rule}\nfeature = {rule}\n{sketch}"));
        }
    }
    text
}

#[test]
fn measured_and_closed_form() {
    let plan = Plan::new(Config::parse(&config(), &[]).unwrap()).unwrap();
    let rows = |seed_index| {
        let cohort = Cohort { point: 0, seed_index };
        let raw = cpu::execute(&plan, &[cohort], &Watch::default()).unwrap().remove(0);
        let risk = CohortRisk::new(&plan, cohort).unwrap();
        rows::rows(&plan, cohort, &risk, &raw, false, &Origin::default(), &Watch::default()).unwrap()
    };
    let all: Vec<Vec<Row>> = (0..plan.config().sweep().seeds).into_par_iter().map(rows).collect();
    for recipe in 0..plan.config().recipes().len() {
        let z = |from: &dyn Fn(&Row) -> f64| {
            let difference = |rows: &Vec<Row>| rows[recipe].quantized_test.unwrap() - from(&rows[recipe]);
            let (mean, error) = mean(&all.iter().map(difference).collect::<Vec<f64>>());
            mean / error
        };
        // The errors over test samples have the right size: their squares, seed by seed, average 1.
        let square = |rows: &Vec<Row>| {
            let row = &rows[recipe];
            ((row.quantized_test.unwrap() - row.quantized_test_exact.unwrap()) / row.quantized_test_se.unwrap()).powi(2)
        };
        let (chi, _) = mean(&all.iter().map(square).collect::<Vec<f64>>());
        let (exact, clean) = (z(&|row| row.quantized_test_exact.unwrap()), z(&|row| row.excess.unwrap()));
        let name = &all[0][recipe].recipe;
        println!("{name}: z = {exact:.2}, of the clean excess {clean:.1}; mean square {chi:.2}");
        assert!(exact.abs() < 4.0, "{name}: z = {exact}");
        assert!(clean > 8.0, "{name}: the noise goes unnoticed, z = {clean}");
        assert!((chi - 1.0).abs() < 0.25, "{name}: mean square {chi}");
    }
}

#[test]
fn simulated() {
    let noise = |law, eps, two_point| Rule::Noise { law, eps, two_point, shared: false };
    let rules = |eps| {
        vec![(Site::Data, noise(Law::Multiplicative, eps, true)), (Site::Feature, noise(Law::Relative, eps, false))]
    };
    let (spectrum, closed, test_samples) = (Spectrum::Power(1.5), true, 24);
    let case = Case { seed: 42, spectrum, closed, test_samples, step: 0.05, rules: rules(0.1), ..Case::default() };
    agrees_and_not_with(&case, &Case { rules: rules(0.2), ..case.clone() });
}
