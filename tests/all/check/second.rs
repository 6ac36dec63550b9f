//! The second computation of the risks: it agrees with every plan's, and finds what is wrong in any of their sources.

use roundlaw::config::Config;
use roundlaw::cpu;
use roundlaw::plan::{Cohort, Plan, ProblemPoint, Snapshot};
use roundlaw::problem::{Input, Sketch};
use roundlaw::random::Stream;
use roundlaw::risk::{CohortRisk, Truth};
use roundlaw::run::check::{self, Mismatch, Second, Stage};
use roundlaw::run::rows::{self, Origin};
use roundlaw::store::row::Row;
use roundlaw::watch::Watch;

use crate::plans;

const COHORT: Cohort = Cohort { point: 0, seed_index: 1 };

const MEASURED: &str = r#"
[problem]
dim = 150
spectrum = { kind = "power", exponent = 1.5 }
target = { kind = "source", exponent = 1.4 }
noise = 0.3
[train]
model = [7, 30]
samples = [32, 128]
schedule = "constant"
output = ["last", "average"]
checkpoints = "log2"
quantized_test = true
test_samples = 100
[[recipe]]
name = "e4m3 features"
feature = { format = "e4m3", scale = 0.0625 }
[[recipe]]
name = "noise"
data = { noise = "additive", eps = 0.01 }
[[recipe]]
name = "mxfp4 sketch"
sketch = "mxfp4"
[sweep]
seeds = 2
"#;

fn plan(text: &str) -> Plan {
    Plan::new(Config::parse(text, &[]).unwrap()).unwrap()
}

fn states(plan: &Plan) -> Vec<Snapshot> {
    cpu::execute(plan, &[COHORT], &Watch::default()).unwrap().remove(0)
}

fn confirmed(plan: &Plan, used: &Plan, truth: Option<&Truth>) -> Result<Vec<Row>, Box<Mismatch>> {
    let confirmed =
        check::confirmed(plan, COHORT, &states(plan).into(), (used, truth), &Origin::default(), &Watch::default());
    confirmed.unwrap().map_err(Box::new)
}

/// What the check says when the risks come from this truth.
fn with(plan: &Plan, alter: impl FnOnce(&mut Truth)) -> Mismatch {
    let mut truth = Truth::of(plan, COHORT).unwrap();
    alter(&mut truth);
    *confirmed(plan, plan, Some(&truth)).unwrap_err()
}

/// And when it is of a problem point that is not quite the plan's.
fn with_point(plan: &Plan, alter: impl FnOnce(&mut ProblemPoint)) -> Mismatch {
    let mut point = plan.points[0].clone();
    alter(&mut point);
    let truth = Truth { point: &point, ..Truth::of(plan, COHORT).unwrap() };
    *confirmed(plan, plan, Some(&truth)).unwrap_err()
}

#[track_caller]
fn is_of_draws(mismatch: &Mismatch, place: &str, index: usize) {
    assert_eq!((mismatch.stage, mismatch.seen, mismatch.first_update), (Stage::Draws, None, None));
    assert_eq!((mismatch.difference.place.as_str(), mismatch.difference.index), (place, index));
    assert!(mismatch.line().contains("before the first update"), "{}", mismatch.line());
}

#[test]
fn every_kind_of_plan_agrees() {
    let mut seen = [0; 3];
    for case in 0..60 {
        let plan = plans::random(case);
        let rows = confirmed(&plan, &plan, Truth::of(&plan, COHORT).as_ref());
        let rows = rows.unwrap_or_else(|mismatch| panic!("case {case}: {}", mismatch.line()));
        seen[0] += rows.iter().filter(|row| row.excess.is_some()).count();
        seen[1] += rows.iter().filter(|row| row.held_out.is_some()).count();
        seen[2] += rows.iter().filter(|row| row.diverged_at.is_some()).count();
    }
    assert!(seen.iter().all(|&rows| rows > 20), "rows with risks, with held-out rows, diverged: {seen:?}");
    let plan = plan(MEASURED);
    let rows = confirmed(&plan, &plan, Truth::of(&plan, COHORT).as_ref()).unwrap();
    assert!(rows.iter().all(|row| row.quantized_test.is_some() && row.signal.is_some()));
}

#[test]
fn one_bit_of_the_eigenvalues_or_of_the_target() {
    let plan = plan(MEASURED);
    let flipped = |value: &mut f64| *value = f64::from_bits(value.to_bits() ^ 1);
    is_of_draws(&with(&plan, |truth| flipped(&mut truth.eigenvalues.lambda[149])), "eigenvalues", 149);
    is_of_draws(&with(&plan, |truth| flipped(&mut truth.target[31])), "target", 31);
}

#[test]
fn another_sketch_or_one_bit_of_it() {
    let wrong = with(&plan(MEASURED), |truth| truth.stream = Stream::new(0, 9));
    assert_eq!((wrong.stage, wrong.difference.place.as_str()), (Stage::Draws, "sketch"));
    let separate = MEASURED.replace("[train]", "sketch = { kind = \"gaussian\", nested = false }\n[train]");
    let wrong = with(&plan(&separate), |truth| truth.stream = Stream::new(0, 9));
    assert_eq!((wrong.stage, wrong.difference.place.as_str()), (Stage::Draws, "sketch"));

    let values: Vec<f32> = (0..30 * 150).map(|i| (i as f32).sin()).collect();
    let of = |values| Sketch::File(Input::of("sketch", vec![30, 150], values));
    let mut plan = plan(MEASURED);
    plan.points[0].problem.sketch = of(values.clone());
    // Columns are compared 64 at a time: the last entry is in the last of them.
    for index in [1, 65 + 7 * 150, 30 * 150 - 1] {
        let mut values = values.clone();
        values[index] = f32::from_bits(values[index].to_bits() ^ 1);
        is_of_draws(&with_point(&plan, |point| point.problem.sketch = of(values)), "sketch", index);
    }
}

#[test]
fn a_wrong_test_sample() {
    let plan = plan(MEASURED);
    // Labels have more noise, or a feature is rounded otherwise.
    let labels = with_point(&plan, |point| point.problem.noise = 0.31);
    is_of_draws(&labels, "label of test sample 0", 0);
    let features = with_point(&plan, |point| point.features[0].scale *= 2.0);
    assert!(features.difference.place.starts_with("test sample 0, feature set 0"), "{features:?}");
}

#[test]
fn a_wrong_sketch_of_the_closed_form() {
    let plan = plan(MEASURED);
    let rounded = plan.points[0].pairs.iter().position(|pair| pair.sketch.is_set()).unwrap();
    let wrong = with_point(&plan, |point| point.pairs[rounded].sketch = roundlaw::format::QuantOp::none());
    assert_eq!((wrong.stage, wrong.difference.place.clone()), (Stage::Draws, format!("sketch of pair {rounded}")));
}

#[test]
fn held_out_rows_of_another_file() {
    // Plan number 40 and some others read covariates from files.
    let own = (0..60).map(plans::random).find(|plan| plan.points[0].problem.covariates().is_some()).unwrap();
    let mut other = own.clone();
    let mut altered = other.points[0].problem.covariates().unwrap().as_ref().clone();
    let labels = altered.labels.values.iter().map(|label| label + 1.0).collect();
    altered.labels = Input::of("labels", altered.labels.shape.clone(), labels);
    other.points[0].problem.spectrum = roundlaw::problem::Spectrum::Covariates(altered.into());
    is_of_draws(&confirmed(&own, &other, None).unwrap_err(), "label of test sample 0", 0);
}

#[test]
fn a_wrong_factor_of_the_risk() {
    // The factor gets a tail that the problem has not: nothing drawn differs.
    let wrong = with_point(&plan(MEASURED), |point| point.tail.features = 1e-6);
    assert_eq!((wrong.stage, wrong.difference.place.as_str()), (Stage::Risks, "excess"));
    assert!(wrong.seen.is_some() && wrong.line().contains("the definition gives"), "{}", wrong.line());
}

type Column = (&'static str, fn(&mut Row) -> &mut Option<f64>);

const COLUMNS: [Column; 9] = [
    ("excess", |row| &mut row.excess),
    ("reducible", |row| &mut row.reducible),
    ("approximation", |row| &mut row.approximation),
    ("signal", |row| &mut row.signal),
    ("overlap", |row| &mut row.overlap),
    ("quantized_test", |row| &mut row.quantized_test),
    ("quantized_test_se", |row| &mut row.quantized_test_se),
    ("held_out", |row| &mut row.held_out),
    ("held_out_se", |row| &mut row.held_out_se),
];

#[test]
fn a_wrong_risk_in_any_column_of_any_last_row() {
    let of_file = (0..60).map(plans::random).find(|plan| plan.points[0].problem.covariates().is_some()).unwrap();
    let mut found = std::collections::BTreeSet::new();
    for plan in [plan(MEASURED), of_file] {
        let (states, watch) = (states(&plan), Watch::default());
        let mut second = Second::new(&plan, COHORT, &states);
        let truth = Truth::of(&plan, COHORT);
        let risk = CohortRisk::from_truth(&plan, COHORT, truth.as_ref(), &[], &watch, |draw, used, _| {
            second.sketch(draw, used, &watch)
        })
        .unwrap();
        assert_eq!(second.draws_difference(&risk, &watch).unwrap(), None);
        let rows = rows::rows(&plan, COHORT, &risk, &states, true, &Origin::default(), &watch).unwrap();
        assert_eq!(second.row_difference(&rows), None);
        let last = rows.iter().enumerate().filter(|(_, row)| row.is_final() && row.diverged_at.is_none());
        for (at, row) in last {
            for (name, place) in COLUMNS {
                let altered = |value: Option<f64>| {
                    let mut rows = rows.clone();
                    *place(&mut rows[at]) = value;
                    second.row_difference(&rows)
                };
                let Some(value) = *place(&mut row.clone()) else {
                    assert!(altered(Some(1.0)).is_some(), "{name}: a risk that does not exist");
                    continue;
                };
                found.insert(name);
                for wrong in [Some(value * (1.0 + 1e-7)), None, Some(f64::NAN), Some(f64::INFINITY), Some(-value)] {
                    let (index, difference) = altered(wrong).unwrap_or_else(|| panic!("{name} = {wrong:?}: not found"));
                    assert_eq!((index, difference.place.as_str()), (at, name));
                }
                assert_eq!(altered(Some(value * (1.0 + 1e-13))), None, "{name}: rounding is no difference");
            }
        }
        // Of the rows before the last ones some are computed again, too.
        let mut altered = rows.clone();
        let early = |row: &&mut Row| row.seen < 32 && row.diverged_at.is_none();
        altered.iter_mut().filter(early).for_each(|row| *row = Row { excess: None, held_out: None, ..row.clone() });
        assert_eq!(second.row_difference(&altered).is_some(), altered.iter().any(|row| row.seen < 32));
    }
    assert_eq!(found.len(), COLUMNS.len(), "{found:?}");
}
