//! The best step size of a point is chosen by the even seeds and reported on the odd ones.

use super::*;
use roundlaw::report::{CurvePoint, STEP_SIZE};

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

fn best(rows: &[Row]) -> Vec<CurvePoint> {
    let mut panels = panels_of(rows);
    let panel = panels.pop().unwrap();
    assert_eq!((panels.len(), panel.settings.get(STEP_SIZE)), (3, "best"));
    assert_eq!(panel.best_of, STEPS);
    assert!(panels.iter().all(|other| other.best_of.is_empty()));
    panel.charts[0].series[0].points.clone()
}

#[test]
fn seeds_that_choose_do_not_report() {
    // Over all seeds 0.1 has the lowest mean (0.5); the even seeds choose 0.2 (0.2), whose odd seeds have 1.1;
    // the even seeds' own mean, the lowest of all that could be shown, would be 0.2.
    let risks = [some([2.0, 3.0, 2.0, 3.0]), some([0.5, 0.4, 0.5, 0.6]), some([0.1, 1.0, 0.3, 1.2])];
    let point = &best(&rows(16, risks.each_ref().map(|r| &r[..])))[0];
    assert_eq!((point.step_size, point.runs, point.diverged), (Some(0.2), 2, 0));
    assert!((point.mean.unwrap() - 1.1).abs() < 1e-15);
    // sd / sqrt(2) of 1.0 and 1.2, up to the resampling.
    assert!((point.se.unwrap() / 0.1 - 1.0).abs() < 0.1, "{:?}", point.se);
}

#[test]
fn a_step_size_with_a_diverged_even_seed_is_not_eligible() {
    let mut risks = [some([2.0, 3.0, 2.0, 3.0]), some([1.0, 1.5, 1.0, 2.5]), some([0.1, 0.1, 0.1, 0.1])];
    risks[2][2] = None;
    let point = &best(&rows(16, risks.each_ref().map(|r| &r[..])))[0];
    assert_eq!((point.step_size, point.mean), (Some(0.1), Some(2.0)));
    // A diverged odd seed does not change the choice; it takes the mean away.
    risks[1][3] = None;
    let point = &best(&rows(16, risks.each_ref().map(|r| &r[..])))[0];
    assert_eq!((point.step_size, point.mean, point.se), (Some(0.1), None, None));
    assert_eq!((point.diverged, point.runs), (1, 2));
    // Without an eligible step size: one even seed of two diverged at each of three.
    (risks[0][0], risks[1][0]) = (None, None);
    let point = &best(&rows(16, risks.each_ref().map(|r| &r[..])))[0];
    assert_eq!((point.step_size, point.mean), (None, None));
    assert_eq!((point.diverged, point.runs), (3, 6));
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
    let csv = read(&dir.path().join("figures/panel-4-model.csv"));
    let place = csv.lines().next().unwrap().split(',').position(|c| c == STEP_SIZE).unwrap();
    let lines: Vec<Vec<&str>> = csv.lines().skip(1).map(|line| line.split(',').collect()).collect();
    assert_eq!(lines.iter().map(|l| l[place]).collect::<Vec<_>>(), ["best", "best"]);
    assert_eq!(lines.iter().map(|l| *l.last().unwrap()).collect::<Vec<_>>(), ["0.05", "0.2"]);
    let single = read(&dir.path().join("figures/panel-1-model.csv"));
    assert!(single.lines().skip(1).all(|line| line.ends_with(",reducible,")));
    let html = read(&dir.path().join("report.html"));
    assert!(html.contains("Panel 4: best over step_size 0.05, 0.1, 0.2 (chosen on even seeds, reported on odd)"));
}

#[test]
fn one_odd_seed_has_a_mean_and_no_error_and_one_seed_has_no_such_panel() {
    let point = &best(&rows(16, [&[Some(1.0), Some(3.0)], &[Some(2.0), Some(0.1)], &[Some(4.0), Some(0.2)]]))[0];
    assert_eq!((point.step_size, point.mean, point.se), (Some(0.05), Some(3.0), None));
    let alone = rows(16, [&[Some(1.0)], &[Some(2.0)], &[Some(3.0)]]);
    assert_eq!(panels_of(&alone).len(), 3);
}

#[test]
fn only_what_shares_everything_else_competes() {
    let mut all = rows(16, [&[Some(1.0); 2], &[Some(2.0); 2], &[Some(3.0); 2]]);
    for row in &mut all {
        row.batch = if row.step_size == 0.2 { 2 } else { 1 };
    }
    let panels = panels_of(&all);
    assert_eq!(panels.len(), 4);
    assert_eq!(panels[3].best_of, [0.05, 0.1]);
}
