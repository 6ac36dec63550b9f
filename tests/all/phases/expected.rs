//! Rows of runs in phases, and of tails, have the means that `predict` says.

use std::collections::BTreeMap;

use roundlaw::run::predict::{PredictOptions, predict};
use roundlaw::watch::Watch;
use roundlaw::{SweepOptions, open_adapter, sweep};

use super::plan;

/// Laws that come, change and go, in directions that are alike and others; formats whose errors are those of laws, with
/// gains of their own from phase to phase; a sketch that is read otherwise in all of them.
const RECIPES: &str = r#"
[[recipe]]
name = "alike"
feature = { noise = "additive", eps = 0.5 }
[[recipe.then]]
from = 0.5
feature = "fp32"
activation = { noise = "relative", eps = 0.5 }

[[recipe]]
name = "data"
data = { noise = "relative", eps = 0.3 }
sketch = { noise = "multiplicative", eps = 0.1 }
[[recipe.then]]
from = 12
data = "fp32"
weight = { noise = "additive", eps = 0.02 }
[[recipe.then]]
from = 0.8
data = { noise = "additive", eps = 0.1, law = "two-point" }
weight = "fp32"

[[recipe]]
name = "formats"
feature = { format = "int8", step = 2.0, rounding = "dither" }
label = { format = "int8", step = 2.0, rounding = "dither" }
[[recipe.then]]
from = 0.4
feature = { noise = "additive", eps = 0.05 }
label = "fp32"
gradient = { format = "int8", step = 4.0, rounding = "dither" }
"#;

/// By row of a cell, of the sweep of these settings against what is expected of `recipes`.
fn z_scores(train: &str, seeds: u32, recipes: &str) -> Vec<(String, f64)> {
    let of = |recipes: &str| {
        plan(&format!(
            "[problem]\ndim = 24\nspectrum = {{ kind = \"power\", exponent = 1.5 }}\nnoise = 0.5\n[train]\nmodel = [3, 6]\n\
         {train}\nquantized_test = true\ntest_samples = 2\n[sweep]\nseeds = {seeds}\nseed = 5\ncheck = \"off\"\n{recipes}"
        ))
    };
    let (plan, other) = (of(RECIPES), of(recipes));
    let options = PredictOptions { prior: false, budget: f64::INFINITY };
    let predicted = predict(&other, &options, &Watch::default()).unwrap();
    let mut expected = BTreeMap::new();
    for (seed_index, place, found) in predicted.by_seed() {
        let risks = found.risks.unwrap();
        let key = (seed_index, place.cell, place.seen, place.output.to_owned());
        assert!(expected.insert(key, [risks.excess, risks.quantized_test]).is_none());
    }
    let mut differences: BTreeMap<String, [Vec<f64>; 2]> = BTreeMap::new();
    let mut count = 0;
    sweep(&plan, open_adapter("cpu").unwrap().as_ref(), &SweepOptions::default(), |cohort| {
        for row in cohort.rows {
            count += 1;
            let [excess, test] = expected[&(row.seed_index, row.cell, row.seen, row.output.clone())];
            let found = row.quantized_test_exact.or(row.quantized_test).unwrap();
            let key = format!("{}, M = {}, N = {}, {} {}", row.recipe, row.model, row.samples, row.seen, row.output);
            let [own, of_test] = differences.entry(key).or_default();
            own.push(row.excess.unwrap() - excess);
            of_test.push(found - test);
        }
        Ok(())
    })
    .unwrap();
    assert_eq!(count, expected.len(), "every row has a prediction");
    let z = |values: &[f64]| {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0);
        mean / (variance / n).sqrt()
    };
    let of = |(key, [excess, test]): (String, [Vec<f64>; 2])| {
        [(format!("{key}: excess"), z(&excess)), (format!("{key}: quantized test"), z(&test))]
    };
    differences.into_iter().flat_map(of).collect()
}

#[test]
fn phases_and_tails_have_the_expected_means() {
    let mut squares = Vec::new();
    for train in [
        "samples = [30, 60]\nschedule = \"constant\"\nstep_size = 0.02\noutput = [\"last\", \"average\", \"tail\"]\n\
         checkpoints = [20]",
        "samples = [64]\nbatch = 2\nschedule = \"geometric\"\nstep_size = 0.04\noutput = [\"tail\", \"last\"]",
    ] {
        for (key, z) in z_scores(train, 600, RECIPES) {
            assert!(z.abs() < 4.0, "{key}: z = {z}");
            squares.push(z * z);
        }
    }
    let rms = (squares.iter().sum::<f64>() / squares.len() as f64).sqrt();
    println!("rms z = {rms:.2} of {}", squares.len());
    assert!(squares.len() > 80 && rms < 1.3, "rms z = {rms}");
}

/// The same rows against runs that stay in their first phase, and against phases that begin where they do not.
#[test]
fn what_no_phase_changes_and_what_changes_elsewhere_is_noticed() {
    let train = "samples = [60]\nschedule = \"constant\"\nstep_size = 0.02\noutput = [\"last\", \"tail\"]";
    let largest = |recipes: &str, recipe: &str| {
        let z = z_scores(train, 600, recipes);
        z.into_iter().filter(|(key, _)| key.starts_with(recipe)).fold(0.0f64, |most, (_, z)| most.max(z.abs()))
    };
    let late = |start: &str, at: &str| (format!("from = {start}\n"), format!("from = {at}\n"));
    let moved = |starts: [&str; 4]| {
        let own = ["0.5", "12", "0.8", "0.4"].into_iter().zip(starts).map(|(own, start)| late(own, start));
        own.fold(RECIPES.to_owned(), |text, (own, start)| text.replace(&own, &start))
    };
    let (without, elsewhere) = (moved(["59", "58", "59", "59"]), moved(["0.9", "44", "0.8", "0.9"]));
    for recipe in ["alike", "data", "formats"] {
        let (without, elsewhere) = (largest(&without, recipe), largest(&elsewhere, recipe));
        println!("{recipe}: z = {without:.1} without phases, {elsewhere:.1} with others");
        assert!(without > 4.5 && elsewhere > 4.5, "{recipe}");
    }
}
