//! The quantized-test risk estimates what it says: the excess on quantized features.

use rayon::prelude::*;
use roundlaw::config::Config;
use roundlaw::cpu;
use roundlaw::plan::{Cohort, Plan};
use roundlaw::risk::CohortRisk;
use roundlaw::run::rows::{self, Origin};
use roundlaw::store::row::Row;
use roundlaw::watch::Watch;

const CONFIG: &str = r#"
[problem]
dim = 60
spectrum = { kind = "power", exponent = 1.5 }
noise = 0.7
[train]
model = [12]
samples = [64]
step_size = [0.1]
quantized_test = true
test_samples = 1000
[[recipe]]
name = "fp32"
[[recipe]]
name = "additive features"
feature = { noise = "additive", eps = 0.05, law = "gaussian" }
[sweep]
seeds = 400
seed = 3
"#;

fn plan() -> Plan {
    Plan::new(Config::parse(CONFIG, &[]).unwrap()).unwrap()
}

/// Per seed: the row of each recipe and |v|^2.
fn rows(plan: &Plan) -> Vec<Vec<(Row, f64)>> {
    (0..plan.config().sweep().seeds)
        .into_par_iter()
        .map(|seed_index| {
            let cohort = Cohort { point: 0, seed_index };
            let raw = cpu::execute(plan, &[cohort], &Watch::default()).unwrap().remove(0);
            let norm = |t: usize| -> f64 { rows::last(&raw[t]).iter().map(|v| v * v).sum() };
            let norms = [norm(0), norm(1)];
            let risk = CohortRisk::new(plan, cohort).unwrap();
            rows::rows(plan, cohort, &risk, &raw, false, &Origin::default(), &Watch::default())
                .unwrap()
                .into_iter()
                .zip(norms)
                .collect()
        })
        .collect()
}

#[test]
fn its_mean_is_the_excess_plus_the_variance_of_the_added_noise() {
    let all = rows(&plan());
    for (recipe, eps) in [(0, 0.0), (1, 0.05)] {
        let (mut sum, mut variance) = (0.0, 0.0);
        for seed in &all {
            let (row, norm) = &seed[recipe];
            let expected = row.excess.unwrap() + eps * norm;
            let exact = row.quantized_test_exact.unwrap();
            assert!((exact - expected).abs() < 1e-6 * expected, "{exact} and {expected}");
            sum += row.quantized_test.unwrap() - expected;
            variance += row.quantized_test_se.unwrap().powi(2);
        }
        let z = sum / variance.sqrt();
        println!("recipe {recipe}: z = {z:.2}");
        assert!(z.abs() < 4.0, "recipe {recipe}: z = {z}");
    }
    // The added noise is seen: without its variance the second recipe is far off.
    let (sum, variance) = all.iter().fold((0.0, 0.0), |(sum, variance), seed| {
        let row = &seed[1].0;
        (sum + row.quantized_test.unwrap() - row.excess.unwrap(), variance + row.quantized_test_se.unwrap().powi(2))
    });
    assert!(sum / f64::sqrt(variance) > 8.0, "{}", sum / f64::sqrt(variance));
}
