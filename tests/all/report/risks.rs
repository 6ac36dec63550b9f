//! Which risk a panel shows, and how quantized test features are compared.

use super::*;
use roundlaw::report::RiskKind;

#[test]
fn held_out_risk_stands_in_where_no_run_has_another() {
    let mut rows = power_law("r", &[16, 32], &[1000, 2000], 4);
    for row in &mut rows {
        row.held_out = row.reducible.take().map(|risk| 2.0 * risk);
        (row.excess, row.approximation) = (None, None);
    }
    let points = |rows: &[Row]| panels_of(rows)[0].charts[0].series[0].points.clone();
    let reducible = points(&power_law("r", &[16, 32], &[1000, 2000], 4));
    for (point, other) in points(&rows).iter().zip(&reducible) {
        assert!((point.mean.unwrap() / other.mean.unwrap() - 2.0).abs() < 1e-12);
    }
    let dir = tempfile::tempdir().unwrap();
    let paths = write(dir.path(), &rows);
    assert!(read(&paths[1]).contains("held-out risk") && !read(&paths[1]).contains("reducible"));
    assert!(read(&paths[2]).lines().skip(1).all(|line| line.ends_with(",held_out,")));
    let html = read(&paths[0]);
    assert!(html.contains("<figcaption>Held-out risk (mean squared error on held-out rows) against model size M"));

    // One reducible risk makes it the panel's risk; the runs without have none then.
    rows[0].reducible = Some(1.0);
    let panels = panels_of(&rows);
    assert_eq!(panels[0].risk, RiskKind::Reducible);
    assert!(panels[0].charts[0].series[0].points.iter().all(|point| point.mean.is_none()));
}

#[test]
fn a_reducible_risk_is_never_mixed_with_a_held_out_one() {
    let mut rows = power_law("r", &[16, 32], &[1000], 2);
    rows.iter_mut().for_each(|row| row.held_out = Some(50.0));
    let panels = panels_of(&rows);
    assert_eq!(panels[0].risk, RiskKind::Reducible);
    assert!(panels[0].charts[0].series[0].points[0].mean.unwrap() < 1.0);
}

#[test]
fn the_target_exponent_tells_panels_apart() {
    let mut rows = power_law("r", &[16, 32], &[1000], 2);
    let mut other = rows.clone();
    rows.iter_mut().for_each(|row| row.target_exponent = Some(1.5));
    other.iter_mut().for_each(|row| {
        row.target_exponent = Some(2.5);
        row.run_id += 500;
    });
    rows.extend(other);
    let dir = tempfile::tempdir().unwrap();
    let html = read(&write(dir.path(), &rows)[0]);
    assert!(html.contains("Panel 1: target_exponent 1.5<") && html.contains("Panel 2: target_exponent 2.5<"));
}

#[test]
fn quantized_tests_are_compared_seed_by_seed() {
    // Exact values scatter widely over seeds; the samples differ from them by 0.1 and 0.3: 0.2 +- 0.1, z = 2.
    let mut rows = power_law("r", &[16, 32], &[1000, 2000], 2);
    rows.extend(power_law("plain", &[16, 32], &[1000, 2000], 2));
    for row in &mut rows {
        let exact = if row.seed_index == 0 { 1.0 } else { 5.0 };
        row.quantized_test = Some(exact + if row.seed_index == 0 { 0.1 } else { 0.3 });
        row.quantized_test_exact = (row.recipe == "r").then_some(exact);
        if (row.model, row.samples) != (32, 2000) {
            row.quantized_test = Some(f64::MAX);
        }
    }
    let panels = panels_of(&rows);
    let lines = &panels[0].tests;
    assert_eq!(lines.len(), 2);
    let r = lines.iter().find(|line| line.recipe == "r").unwrap();
    assert_eq!((r.model, r.samples, r.runs, r.exact), (32, 2000, 2, Some(3.0)));
    assert!((r.mean.unwrap() - 3.2).abs() < 1e-12 && (r.se.unwrap() - 2.1).abs() < 1e-12);
    assert!((r.z.unwrap() - 2.0).abs() < 1e-12);
    let plain = lines.iter().find(|line| line.recipe == "plain").unwrap();
    assert_eq!((plain.mean, plain.exact, plain.z), (r.mean, None, None));
    let dir = tempfile::tempdir().unwrap();
    let html = read(&write(dir.path(), &rows)[0]);
    assert!(html.contains("<h4>Excess risk on quantized test features, at M = 32, N = 2000</h4>"));
    assert!(html.contains("3.20000e0 ± 2.1e0</td><td class=\"n\">3.00000e0</td><td class=\"n\">2.00</td>"));

    // A diverged run has no test: no mean then.
    for row in rows.iter_mut().filter(|row| row.seed_index == 1) {
        (row.quantized_test, row.quantized_test_exact, row.reducible) = (None, None, None);
        row.diverged_at = Some(3);
    }
    let line = &panels_of(&rows)[0].tests[0];
    assert_eq!((line.mean, line.exact, line.z, line.diverged), (None, None, None, 1));
    // Rows without any have no table.
    assert!(panels_of(&power_law("r", &[16], &[1000], 2))[0].tests.is_empty());
}
