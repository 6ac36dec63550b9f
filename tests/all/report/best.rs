//! The best step size of a point is chosen by the even seeds and reported on the odd ones.

use super::*;

const STEPS: [f64; 3] = [0.05, 0.1, 0.2];

/// Rows of one cell at each step size, from the risks of its seeds; `None` diverged.
fn rows(model: u32, risks: [&[Option<f64>]; 3]) -> Vec<Row> {
    let mut rows = Vec::new();
    for (place, (step_size, risks)) in STEPS.into_iter().zip(risks).enumerate() {
        for (seed, risk) in (0..).zip(risks) {
            let mut row = row("r", model, 100, seed, *risk);
            row.step_size = step_size;
            row.cell = row.cell * 3 + place as u64;
            row.run_id = u64::from(seed) * 1_000_000 + u64::from(model) * 3 + place as u64;
            rows.push(row);
        }
    }
    rows
}

fn some(risks: [f64; 4]) -> [Option<f64>; 4] {
    risks.map(Some)
}

/// The charts of the groups that choose.
fn chosen(rows: &[Row]) -> Vec<Chart> {
    charts_of(rows, "model", Risk::Reducible).into_iter().filter(|chart| !chart.best_of.is_empty()).collect()
}

fn best(rows: &[Row]) -> Vec<Point> {
    let charts = chosen(rows);
    assert_eq!((charts.len(), charts[0].best_of.as_slice()), (1, STEPS.as_slice()));
    charts[0].lines[0].points.clone()
}

#[test]
fn seeds_that_choose_do_not_report() {
    // Over all seeds 0.1 has the lowest mean (0.5); the even seeds choose 0.2 (0.2), whose odd seeds have 1.1;
    // the even seeds' own mean, the lowest of all that could be shown, would be 0.2.
    let risks = [some([2.0, 3.0, 2.0, 3.0]), some([0.5, 0.4, 0.5, 0.6]), some([0.1, 1.0, 0.3, 1.2])];
    let point = &best(&rows(16, risks.each_ref().map(|r| &r[..])))[0];
    assert_eq!((point.step_size, point.runs, point.diverged), (Some(0.2), 2, 0));
    assert!((point.y.unwrap() - 1.1).abs() < 1e-15);
    // sd / sqrt(2) of 1.0 and 1.2.
    assert!((point.se.unwrap() - 0.1).abs() < 1e-15, "{:?}", point.se);
}

#[test]
fn a_step_size_with_a_diverged_even_seed_is_not_eligible() {
    let mut risks = [some([2.0, 3.0, 2.0, 3.0]), some([1.0, 1.5, 1.0, 2.5]), some([0.1, 0.1, 0.1, 0.1])];
    risks[2][2] = None;
    let point = &best(&rows(16, risks.each_ref().map(|r| &r[..])))[0];
    assert_eq!((point.step_size, point.y), (Some(0.1), Some(2.0)));
    // A diverged odd seed does not change the choice; it takes the mean away.
    risks[1][3] = None;
    let point = &best(&rows(16, risks.each_ref().map(|r| &r[..])))[0];
    assert_eq!((point.step_size, point.y, point.se), (Some(0.1), None, None));
    assert_eq!((point.diverged, point.runs), (1, 2));
    // Without an eligible step size the even seeds of the largest are shown: one of two diverged.
    (risks[0][0], risks[1][0]) = (None, None);
    let point = &best(&rows(16, risks.each_ref().map(|r| &r[..])))[0];
    assert_eq!((point.step_size, point.y), (None, None));
    assert_eq!((point.diverged, point.runs), (1, 2));
}

#[test]
fn each_point_has_its_own_step_size_and_the_csv_names_it() {
    let low = [Some(0.25); 4];
    let high = [Some(1.0); 4];
    let mut all = rows(16, [&low, &high, &high]);
    all.extend(rows(64, [&high, &high, &low]));
    let points = best(&all);
    assert_eq!(points.iter().map(|p| p.step_size).collect::<Vec<_>>(), [Some(0.05), Some(0.2)]);
    assert_eq!(points[1].slope, Some(0.0));
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &all);
    // The page shows what was chosen, and every step size on an axis of its own.
    let csv = read(&dir.path().join("figures/01-reducible-model.csv"));
    assert_eq!(column(&csv, "step_size"), ["best", "best"]);
    assert_eq!(column(&csv, "chosen_step_size"), ["0.05", "0.2"]);
    let svg = read(&dir.path().join("figures/01-reducible-model.svg"));
    assert!(svg.contains("γ best of 0.05, 0.1, 0.2 (chosen on even seeds, shown on odd)"));
    let steps = read(&dir.path().join("figures/02-reducible-step_size.csv"));
    assert_eq!(column(&steps, "step_size"), ["0.05", "0.1", "0.2"]);
    assert!(column(&steps, "chosen_step_size").iter().all(String::is_empty));
}

#[test]
fn one_odd_seed_has_a_mean_and_no_error_and_one_seed_has_no_such_panel() {
    let point = &best(&rows(16, [&[Some(1.0), Some(3.0)], &[Some(2.0), Some(0.1)], &[Some(4.0), Some(0.2)]]))[0];
    assert_eq!((point.step_size, point.y, point.se), (Some(0.05), Some(3.0), None));
    let alone = rows(16, [&[Some(1.0)], &[Some(2.0)], &[Some(3.0)]]);
    assert!(chosen(&alone).is_empty());
}

#[test]
fn only_what_shares_everything_else_competes() {
    let mut all = rows(16, [&[Some(1.0); 2], &[Some(2.0); 2], &[Some(3.0); 2]]);
    for row in &mut all {
        row.batch = if row.step_size == 0.2 { 2 } else { 1 };
    }
    assert_eq!(chosen(&all).iter().map(|chart| chart.best_of.clone()).collect::<Vec<_>>(), [[0.05, 0.1]]);
}
