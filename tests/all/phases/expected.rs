//! Rows of runs in phases, and of tails, have the means that `predict` says.

use std::collections::BTreeMap;

use roundlaw::run::predict::{PredictOptions, predict};
use roundlaw::watch::Watch;
use roundlaw::{SweepOptions, open_adapter, sweep};

use super::plan;

/// Excess of the mean of v_s .. v_{t-1} of single samples on these coordinates, w* = 1 in each: with e = v - w*,
/// E e_i e_j = 0, and E e_i(s) e_i(t) = (1 - gamma lambda_i)^(t - s) E e_i(s)^2. `noise` is the variance of a label before
/// each update.
fn mean_excess(lambda: &[f64], gamma: f64, noise: &[f64], start: usize) -> f64 {
    let mut square = vec![1.0; lambda.len()];
    let mut squares = Vec::new();
    for noise in noise {
        squares.push(square.clone());
        let all: f64 = lambda.iter().zip(&square).map(|(l, a)| l * a).sum();
        for (l, a) in lambda.iter().zip(&mut square) {
            *a += -2.0 * gamma * l * *a + gamma * gamma * (2.0 * l * l * *a + l * all + l * noise);
        }
    }
    let count = (noise.len() - start) as f64;
    let of = |(i, l): (usize, &f64)| {
        let pair = |s: usize, t: usize| (1.0 - gamma * l).powi(s.abs_diff(t) as i32) * squares[s.min(t)][i];
        let sum: f64 =
            (start..noise.len()).flat_map(|s| (start..noise.len()).map(move |t| (s, t))).map(|(s, t)| pair(s, t)).sum();
        l * sum / (count * count)
    };
    lambda.iter().enumerate().map(of).sum()
}

/// Runs of T = 31 begin their tail behind update 15, and a phase begins amid some of the tails.
#[test]
fn tails_of_odd_runs_have_the_expected_excess() {
    let plan = plan(
        "[problem]\ndim = 3\nspectrum = { kind = \"power\", exponent = 1.0 }\ntarget = { kind = \"ones\" }\nnoise = 0.5\n\
         sketch = { kind = \"none\" }\n[train]\nsamples = [31, 62, 64]\nschedule = \"constant\"\nstep_size = 0.125\n\
         output = \"tail\"\n[sweep]\nseeds = 1\n[[recipe]]\nname = \"a\"\n\
         then = [{ from = 20, label = { noise = \"additive\", eps = 0.75 } }]\n",
    );
    assert_eq!(plan.points[0].trajectories.len(), 1);
    let predicted = predict(&plan, &PredictOptions { prior: false, budget: f64::INFINITY }, &Watch::default()).unwrap();
    let mut cells = 0;
    for (_, place, found) in predicted.by_seed() {
        let samples = plan.cells()[place.cell as usize].samples as usize;
        let noise: Vec<f64> = (0..samples).map(|t| if t < 20 { 0.25 } else { 1.0 }).collect();
        let of = |start| mean_excess(&[1.0, 1.0 / 2.0, 1.0 / 3.0], 0.125, &noise, start);
        let (found, expected) = (found.risks.unwrap().excess, of(samples / 2));
        assert!((found / expected - 1.0).abs() < 1e-6, "N = {samples}: {found}, not {expected}");
        assert!((found / of(samples / 2 + 1) - 1.0).abs() > 1e-3);
        cells += 1;
    }
    assert_eq!(cells, 3);
}

/// Each N of one trajectory has a tail of its own to follow.
#[test]
fn tails_take_their_part_of_a_budget() {
    let seconds = |output: &str| {
        let plan = plan(&format!(
            "[problem]\ndim = 64\nspectrum = {{ kind = \"power\", exponent = 1.0 }}\nsketch = {{ kind = \"none\" }}\n[train]\n\
             samples = [600000001, 800000000, 1000000000]\nschedule = \"constant\"\noutput = {output}\n[sweep]\n\
             seeds = 1000\n[[recipe]]\nname = \"a\"\n"
        ));
        let predicted = predict(&plan, &PredictOptions { prior: false, budget: 0.0 }, &Watch::default()).unwrap();
        let (_, status) = predicted.inexact().next().unwrap();
        let reason = status.reason().unwrap();
        let seconds = reason.split("about ").nth(1).and_then(|text| text.split(' ').next()).unwrap();
        seconds.parse::<f64>().unwrap()
    };
    let (last, average) = (seconds("\"last\""), seconds("\"average\""));
    // Halves of 0.6, 0.8 and 1 times the longest.
    for (found, expected) in
        [(seconds("\"tail\""), last + 1.2 * average), (seconds("[\"tail\", \"average\"]"), 2.2 * average)]
    {
        assert!((found / expected - 1.0).abs() < 1e-2, "{found} seconds, not {expected}");
    }
}

/// The first phase has a law to stand for it.
#[test]
fn a_reason_is_that_of_the_phase_without_a_law() {
    let plan = plan(
        "[problem]\ndim = 24\nspectrum = { kind = \"power\", exponent = 1.5 }\n[train]\nmodel = 4\nsamples = 64\n[sweep]\n\
         seeds = 2\n[[recipe]]\nname = \"weight\"\ndata = \"e4m3\"\nthen = [{ from = 0.5, weight = \"e4m3\" }]\n\
         [[recipe]]\nname = \"label\"\nthen = [{ from = 0.5, label = \"e4m3\" }]\n",
    );
    let predicted = predict(&plan, &PredictOptions { prior: false, budget: f64::INFINITY }, &Watch::default()).unwrap();
    let found: Vec<_> = predicted.inexact().map(|(_, status)| (status.name(), status.reason().unwrap())).collect();
    assert_eq!(
        found,
        [("none", "phase 1: a number format at weight"), ("matched", "phase 1: a number format at label")]
    );
}

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
