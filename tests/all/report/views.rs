//! Views: seeds are averaged and nothing else; what differs is told apart or splits.

use super::*;
use roundlaw::report::{Style, sections, variable};
use roundlaw::store::StoredBaselines;
use roundlaw::store::predictions::ExpectedRisks;

/// Two laws at three eps each, and full precision.
fn laws() -> Vec<Row> {
    let mut rows = power_law("fp32", &[16], &[1000], 4);
    for (law, factor) in [("additive", 1.0), ("multiplicative", 2.0)] {
        for (place, eps) in [0.001, 0.01, 0.1].into_iter().enumerate() {
            for mut row in power_law(&format!("{law}{eps}"), &[16], &[1000], 4) {
                row.formats[Site::Feature] = Some(format!("{law} eps={eps} law=gaussian"));
                row.eps[Site::Feature] = Some(eps);
                row.reducible = row.reducible.map(|risk| risk + factor * eps);
                row.cell = row.cell * 8 + place as u64;
                row.run_id = row.run_id * 8 + place as u64;
                rows.push(row);
            }
        }
    }
    rows
}

#[test]
fn recipes_of_one_law_are_a_line_against_eps() {
    let report = report_of(&laws());
    let keys = report.table.keys();
    let charts = View::new("eps", Risk::Reducible, &["family"], 0).charts(&report.table, &keys);
    assert_eq!(charts.len(), 1);
    let lines = &charts[0].lines;
    let found: Vec<(&str, Vec<f64>, bool)> = lines
        .iter()
        .map(|line| (line.name.as_str(), line.points.iter().map(|point| point.x).collect(), line.across))
        .collect();
    assert_eq!(found[1], ("feature additive", vec![0.001, 0.01, 0.1], false));
    assert_eq!(found[2], ("feature multiplicative", vec![0.001, 0.01, 0.1], false));
    assert_eq!((found[0].0, found[0].2, lines[0].points.len()), ("fp32", true, 1));
    // What they add is eps, and twice that, seed by seed.
    let charts = View::new("eps", Risk::Difference, &["family"], 0).charts(&report.table, &keys);
    for (line, factor) in charts[0].lines.iter().zip([1.0, 2.0]) {
        for point in &line.points {
            assert!((point.y.unwrap() - factor * point.x).abs() < 1e-12 && point.se.unwrap() < 1e-12);
        }
    }
}

#[test]
fn every_cell_is_in_the_families_of_the_page() {
    let rows = power_law("r", &[16, 32, 64], &[1000, 2000, 4000, 8000], 3);
    let report = report_of(&rows);
    let sections = sections(&report.table, &report.table.keys(), 0);
    let families = sections.iter().find(|section| section.title.starts_with("Every model size")).unwrap();
    for (chart, lines) in families.charts.iter().zip([4, 3]) {
        assert_eq!((chart.lines.len(), chart.points().count()), (lines, 12));
        assert!(chart.lines.iter().enumerate().all(|(k, line)| line.style == Style::Ramp { place: k, of: lines }));
    }
    // Equal compute: 64 x 1000 = 32 x 2000 = 16 x 4000 and twice that; no other product has three sizes.
    let equal = sections.iter().find(|section| section.title.starts_with("At equal compute")).unwrap();
    let names: Vec<&str> = equal.charts[0].lines.iter().map(|line| line.name.as_str()).collect();
    assert_eq!(names, ["M N = 64000", "M N = 128000"]);
}

#[test]
fn effective_samples_are_those_of_the_schedule() {
    let mut rows = power_law("r", &[16], &[1024], 2);
    let at = |rows: &[Row]| charts_of(rows, "neff", Risk::Reducible)[0].lines[0].points[0].x;
    assert_eq!(at(&rows), 1024.0);
    rows.iter_mut().for_each(|row| (row.schedule, row.batch) = ("geometric".into(), 4));
    // 1024 / log2(1024 / 4).
    assert_eq!(at(&rows), 128.0);
}

#[test]
fn rows_before_the_end_are_points_against_samples_seen() {
    let mut rows = power_law("r", &[16], &[1000], 3);
    for (place, seen) in [250, 500].into_iter().enumerate() {
        for mut row in power_law("r", &[16], &[1000], 3) {
            (row.seen, row.reducible) = (seen, row.reducible.map(|risk| risk * 1000.0 / seen as f64));
            row.run_id += place as u64;
            row.cell += 1 + place as u64;
            rows.push(row);
        }
    }
    for x in ["seen", "neff"] {
        let xs: Vec<f64> = charts_of(&rows, x, Risk::Reducible)[0].lines[0].points.iter().map(|p| p.x).collect();
        assert_eq!(xs, [250.0, 500.0, 1000.0]);
    }
    // No other axis shows them, and the geometric schedule has no N_eff before its end.
    assert_eq!(charts_of(&rows, "model", Risk::Reducible)[0].points().count(), 1);
    rows.iter_mut().for_each(|row| row.schedule = "geometric".into());
    assert_eq!(charts_of(&rows, "neff", Risk::Reducible)[0].points().count(), 1);
}

#[test]
fn what_is_expected_stands_behind_the_points() {
    let rows = power_law("r", &[16], &[1000], 4);
    let mut report = report_of(&rows);
    for row in &rows {
        let excess = Some(row.reducible.unwrap() - 1e-4 * f64::from(row.seed_index));
        report.table.expect(&ExpectedRisks {
            cell: row.cell,
            seed_index: row.seed_index,
            seen: row.seen,
            output: "last",
            excess,
            quantized_test: None,
            is_matched: false,
        });
    }
    let keys = report.table.keys();
    let of = |risk| View::new("model", risk, &["recipe"], 0).charts(&report.table, &keys);
    // These rows have no approximation, so nothing is expected of their reducible risk.
    assert_eq!(of(Risk::Reducible)[0].lines[0].points[0].expected, None);
    let mut rows = rows;
    rows.iter_mut().for_each(|row| row.approximation = Some(0.0));
    let mut again = report_of(&rows);
    for row in &rows {
        let excess = Some(row.reducible.unwrap() - 1e-4 * f64::from(row.seed_index));
        let (cell, seed_index, seen) = (row.cell, row.seed_index, row.seen);
        let risks =
            ExpectedRisks { cell, seed_index, seen, output: "last", excess, quantized_test: None, is_matched: false };
        again.table.expect(&risks);
    }
    let keys = again.table.keys();
    let of = |risk| View::new("model", risk, &["recipe"], 0).charts(&again.table, &keys)[0].lines[0].points[0].clone();
    let (point, residual) = (of(Risk::Reducible), of(Risk::Residual));
    // Expected are 0, 1, 2 and 3 e-4 less: 1.5e-4 on average.
    let expected = point.y.unwrap() - 1.5e-4;
    assert!((point.expected.unwrap() - expected).abs() < 1e-12);
    assert!((residual.y.unwrap() - 1.5e-4 / expected).abs() < 1e-12);
}

#[test]
fn the_guide_has_the_slope_of_theory() {
    let mut rows = power_law("r", &[16, 32], &[1000, 2000], 2);
    let slope = |rows: &[Row], x| charts_of(rows, x, Risk::Reducible)[0].guide.as_ref().map(|guide| guide.slope);
    // The last iterate of a constant step stays where its noise keeps it.
    assert_eq!((slope(&rows, "model"), slope(&rows, "neff")), (None, None));
    rows.iter_mut().for_each(|row| row.schedule = "geometric".into());
    // a = 1.5: M^-(a-1), N_eff^-(a-1)/a.
    assert_eq!(
        (slope(&rows, "model"), slope(&rows, "neff"), slope(&rows, "samples")),
        (Some(-0.5), Some(-0.5 / 1.5), None)
    );
    // A source of 2.25 learns faster in M; in N_eff the variance of noisy labels rules.
    rows.iter_mut().for_each(|row| (row.target, row.target_exponent) = ("source".into(), Some(2.25)));
    assert_eq!((slope(&rows, "model"), slope(&rows, "neff")), (Some(-1.25), Some(-0.5 / 1.5)));
    rows.iter_mut().for_each(|row| row.noise = 0.0);
    assert_eq!(slope(&rows, "neff"), Some(-1.25 / 1.5));
    // Beyond a + 1 the law is another.
    rows.iter_mut().for_each(|row| row.target_exponent = Some(2.5));
    assert_eq!(slope(&rows, "model"), None);
    assert!(variable("neff").unwrap().is_number() && !variable("recipe").unwrap().is_number());
    assert!(variable("tensor").is_none());
}

#[test]
fn no_line_joins_cells_of_different_settings() {
    // B = 1 and 4 have different N_eff at every N, so no two cells have one x.
    let mut rows = power_law("r", &[16, 32], &[64, 256, 1024], 2);
    let mut other = rows.clone();
    other.iter_mut().for_each(|row| (row.batch, row.cell, row.run_id) = (4, row.cell + 1, row.run_id + 500));
    rows.extend(other);
    rows.iter_mut().for_each(|row| row.schedule = "geometric".into());
    for chart in charts_of(&rows, "neff", Risk::Reducible) {
        assert!(
            chart.points().count() == 3 && ["B = 1", "B = 4"].iter().any(|batch| chart.title.contains(batch)),
            "{chart:?}"
        );
    }
    assert_eq!(charts_of(&rows, "neff", Risk::Reducible).len(), 4);
    // At each M and B one line over N.
    let charts = charts_of(&rows, "samples", Risk::Reducible);
    assert_eq!(charts.iter().map(|chart| chart.points().count()).collect::<Vec<_>>(), [3; 4]);
    // Without a sketch M goes with D: one line against D.
    let mut rows = Vec::new();
    for dim in [50_u32, 100, 200] {
        for mut row in power_law("r", &[dim], &[1000], 2) {
            (row.dim, row.sketch_kind) = (dim, "none".into());
            rows.push(row);
        }
    }
    let charts = charts_of(&rows, "dim", Risk::Reducible);
    assert_eq!((charts.len(), charts[0].points().count()), (1, 3));
}

#[test]
fn two_directories_of_equal_settings_stay_apart() {
    let rows = power_law("r", &[16, 32], &[1000], 2);
    let mut report = Report::default();
    for directory in ["a", "b"] {
        report.open(directory);
        in_order(&rows).for_each(|row| report.add(&row.unwrap()));
    }
    let view = View::new("model", Risk::Reducible, &["recipe"], 0);
    assert_eq!(view.charts(&report.table, &report.table.keys()).len(), 2);
    let by_directory = View::new("model", Risk::Reducible, &["directory"], 0);
    let charts = by_directory.charts(&report.table, &report.table.keys());
    assert_eq!(charts[0].lines.iter().map(|line| line.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
}

#[test]
fn what_held_out_risks_have_to_beat_are_lines_across() {
    let mut rows = power_law("r", &[16, 32], &[1000], 4);
    for row in &mut rows {
        row.held_out = row.reducible.take();
        (row.spectrum, row.target) = ("covariates x.npy".into(), "labels y.npy".into());
    }
    let mut report = report_of(&rows);
    let own = StoredBaselines {
        spectrum: "covariates x.npy".into(),
        target: "labels y.npy".into(),
        mean: 1.0,
        ridge: 0.25,
        penalty: 0.1,
        rows: 100,
        dim: 64,
    };
    let other = StoredBaselines { target: "labels z.npy".into(), mean: 9.0, ..own.clone() };
    report.table.compare(vec![other, own]);
    let charts = View::new("model", Risk::HeldOut, &["recipe"], 0).charts(&report.table, &report.table.keys());
    let across: Vec<(&str, Option<f64>)> =
        charts[0].lines.iter().filter(|line| line.across).map(|line| (line.name.as_str(), line.points[0].y)).collect();
    assert_eq!(across, [("mean label", Some(1.0)), ("ridge, 64 covariates, 100 rows", Some(0.25))]);
    // No other risk has them, and they are no cells of their own.
    report.table.baselines.clear();
    let charts = View::new("model", Risk::HeldOut, &["recipe"], 0).charts(&report.table, &report.table.keys());
    assert!(charts[0].lines.iter().all(|line| !line.across));
}

#[test]
fn what_theory_makes_one_curve_is_one() {
    // u^-1/3 at u = N / M^1.5, over M^0.5: a constant step's average, N_eff = N.
    let mut rows = power_law("fp32", &[16, 64, 256], &[1000, 4000, 16_000], 2);
    for row in &mut rows {
        let model = f64::from(row.model);
        let risk = (row.samples as f64 / model.powf(1.5)).powf(-1.0 / 3.0) / model.sqrt();
        row.output = "average".into();
        row.reducible = Some(risk);
    }
    let view = View::new("neff_collapsed", Risk::Collapsed, &["recipe", "model"], 0);
    let charts = |rows: &[Row]| {
        let report = report_of(rows);
        view.charts(&report.table, &report.table.keys())
    };
    let found = charts(&rows);
    assert_eq!((found.len(), found[0].lines.len(), found[0].points().count()), (1, 3, 9));
    for point in found[0].points() {
        assert!((point.y.unwrap() * point.x.powf(1.0 / 3.0) - 1.0).abs() < 1e-12, "{point:?}");
    }
    // Labels with noise learn at their own rate: no curve, but where b = a.
    rows.iter_mut().for_each(|row| (row.target, row.target_exponent) = ("source".into(), Some(2.0)));
    assert!(charts(&rows).is_empty());
    rows.iter_mut().for_each(|row| row.noise = 0.0);
    // M^(b-1) = M, where it was M^0.5.
    let of_256 = |charts: &[Chart]| charts[0].lines[2].points[0].y.unwrap();
    assert!((of_256(&charts(&rows)) / of_256(&found) - 16.0).abs() < 1e-9);
    // A recipe has a place where a fit gives its size.
    rows.iter_mut().for_each(|row| row.formats[Site::Feature] = Some("e4m3".into()));
    assert!(charts(&rows).is_empty());
}

#[test]
fn laws_that_share_an_eps_are_not_joined_against_it() {
    let report = report_of(&laws());
    let charts = View::new("eps", Risk::Reducible, &["model"], 0).charts(&report.table, &report.table.keys());
    let found: Vec<(bool, usize)> =
        charts.iter().map(|chart| (chart.title.contains("feature"), chart.points().count())).collect();
    assert_eq!(found, [(false, 1), (true, 3), (true, 3)]);
}

#[test]
fn differences_of_both_signs_keep_their_decades() {
    // What it adds falls from 1e-1 to 1e-4 in N, and below that it helps.
    let mut rows = power_law("fp32", &[16], &[1000, 2000, 4000, 8000, 16_000], 2);
    let mut other = rows.clone();
    for row in &mut other {
        let added = [1e-1, 1e-2, 1e-3, 1e-4, -1e-4][(row.samples / 1000).ilog2() as usize];
        row.recipe = "r".into();
        row.formats[Site::Feature] = Some("e4m3".into());
        row.reducible = row.reducible.map(|risk| risk + added);
        (row.cell, row.run_id) = (row.cell + 100, row.run_id + 1000);
    }
    rows.extend(other);
    let dir = tempfile::tempdir().unwrap();
    let views = vec![View::new("samples", Risk::Difference, &["recipe"], 0)];
    let options = ReportOptions { views, ..ReportOptions::default() };
    let svg = read(&report_of(&rows).write(dir.path(), &options).unwrap()[0]);
    let texts = texts(&svg);
    for tick in ["0", "10⁻¹", "10⁻³", "−10⁻⁴"] {
        assert!(texts.iter().any(|text| text == tick), "{tick} in {texts:?}");
    }
}
