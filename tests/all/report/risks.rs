//! Which risk a chart shows, and how quantized test features are compared.

use super::*;

#[test]
fn held_out_risk_stands_in_where_no_run_has_another() {
    let mut rows = power_law("r", &[16, 32], &[1000, 2000], 4);
    for row in &mut rows {
        row.held_out = row.reducible.take().map(|risk| 2.0 * risk);
        (row.excess, row.approximation) = (None, None);
    }
    let reducible = points_of(&power_law("r", &[16, 32], &[1000, 2000], 4));
    let charts = charts_of(&rows, "model", Risk::HeldOut);
    for (point, other) in charts[0].lines[0].points.iter().zip(&reducible) {
        assert!((point.y.unwrap() / other.y.unwrap() - 2.0).abs() < 1e-12);
    }
    let dir = tempfile::tempdir().unwrap();
    let paths = write(dir.path(), &rows);
    assert!(
        paths[1].ends_with("figures/01-held_out-model.svg") && paths[3].ends_with("figures/02-held_out-samples.svg")
    );
    assert!(read(&paths[1]).contains("held-out risk") && !read(&paths[1]).contains("reducible"));
    let html = read(&paths[0]);
    assert!(html.contains("<figcaption>Held-out risk against model size M: N = 2000, r."), "{html}");

    // One reducible risk makes it the page's risk; the runs without have none then.
    rows[0].reducible = Some(1.0);
    let paths = write(dir.path(), &rows);
    assert!(paths[1].ends_with("figures/01-reducible-model.svg"));
}

#[test]
fn a_reducible_risk_is_never_mixed_with_a_held_out_one() {
    let mut rows = power_law("r", &[16, 32], &[1000], 2);
    rows.iter_mut().for_each(|row| row.held_out = Some(50.0));
    let dir = tempfile::tempdir().unwrap();
    let csv = read(&write(dir.path(), &rows)[2]);
    assert!(column(&csv, "value").iter().all(|value| value.parse::<f64>().unwrap() < 1.0), "{csv}");
}

#[test]
fn differences_are_of_the_seeds_that_both_have() {
    // The scatter of a seed is 10 % of the risk and the same for both recipes; the second adds 0.25 and 0.35 by turns.
    let mut rows = power_law("base", &[16, 32], &[1000], 6);
    let mut other = power_law("more", &[16, 32], &[1000], 6);
    for row in &mut other {
        row.reducible = row.reducible.map(|risk| risk + if row.seed_index % 2 == 0 { 0.25 } else { 0.35 });
    }
    other.retain(|row| row.seed_index != 5);
    rows.extend(other);
    let charts = charts_of(&rows, "model", Risk::Difference);
    assert_eq!((charts[0].lines.len(), charts[0].baseline.as_deref()), (1, Some("base")));
    let point = &charts[0].lines[0].points[0];
    // Seeds 0 to 4: 0.25 three times, 0.35 twice.
    assert_eq!(point.seeds, 5);
    assert!((point.y.unwrap() - 0.29).abs() < 1e-12);
    assert!((point.se.unwrap() - (0.003_f64 / 5.0).sqrt()).abs() < 1e-12, "{:?}", point.se);
    // To the other recipe: the same with the other sign.
    let report = report_of(&rows);
    let view = View::new("model", Risk::Difference, &["recipe"], 1);
    let back = &view.charts(&report.table, &report.table.keys())[0].lines[0];
    assert!(back.name == "base" && (back.points[0].y.unwrap() + 0.29).abs() < 1e-12);
}

#[test]
fn a_pair_has_diverged_where_either_run_has() {
    let mut rows = power_law("base", &[16], &[1000], 4);
    rows.extend(power_law("more", &[16], &[1000], 4));
    for row in rows.iter_mut().filter(|row| row.recipe == "base" && row.seed_index == 1) {
        (row.reducible, row.diverged_at) = (None, Some(3));
    }
    let point = charts_of(&rows, "model", Risk::Difference)[0].lines[0].points[0].clone();
    assert_eq!((point.y, point.runs, point.diverged), (None, 4, 1));
    // A difference below zero is nobody's share of a mean.
    for row in rows.iter_mut() {
        (row.reducible, row.diverged_at) = (Some(if row.recipe == "base" { 2.0 } else { 1.0 }), None);
    }
    let point = charts_of(&rows, "model", Risk::Difference)[0].lines[0].points[0].clone();
    assert!(point.y == Some(-1.0) && !point.is_heavy && point.slope.is_none());
}

#[test]
fn one_factor_is_taken_out_of_a_gain() {
    // Weights v* / 1.25 at every seed: b^T v = V / 1.25, v^T Sigma v = V / 1.25^2, so the excess is V (1 - 1/1.25)^2.
    let mut rows = power_law("r", &[16], &[1000], 4);
    for row in &mut rows {
        let (signal, approximation) = (2.0 + f64::from(row.seed_index), 0.5);
        let excess = signal * 0.2_f64.powi(2);
        (row.signal, row.overlap) = (Some(signal), Some(signal / 1.25));
        (row.approximation, row.excess, row.reducible) =
            (Some(approximation), Some(excess), Some(approximation + excess));
    }
    let point = charts_of(&rows, "model", Risk::GainCorrected)[0].lines[0].points[0].clone();
    assert!((point.y.unwrap() - 0.5).abs() < 1e-12, "{point:?}");
    let excess = charts_of(&rows, "model", Risk::Excess)[0].lines[0].points[0].clone();
    assert!((excess.y.unwrap() - 3.5 * 0.04).abs() < 1e-12, "{excess:?}");
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
    let dir = tempfile::tempdir().unwrap();
    let html = read(&write(dir.path(), &rows)[0]);
    let table = html.split("<h2>Quantized test features, sampled and exact</h2>").nth(1).unwrap();
    assert!(table.contains("<h3>At M = 32, N = 2000</h3>"));
    assert!(table.contains("3.20000e0 ± 2.1e0</td><td class=\"n\">3.00000e0</td><td class=\"n\">2.00</td>"));
    assert!(table.contains("<td>plain</td><td class=\"n\">3.20000e0 ± 2.1e0</td><td class=\"n\">–</td>"));

    // A diverged run has no test: no mean then.
    for row in rows.iter_mut().filter(|row| row.seed_index == 1) {
        (row.quantized_test, row.quantized_test_exact, row.reducible) = (None, None, None);
        row.diverged_at = Some(3);
    }
    let html = read(&write(dir.path(), &rows)[0]);
    let table = html.split("<h2>Quantized test features, sampled and exact</h2>").nth(1).unwrap();
    assert!(table.contains("<td>r</td><td class=\"n\">1/2 diverged</td><td class=\"n\">–</td><td class=\"n\">–</td>"));
    // Rows without any have no table.
    let html = read(&write(dir.path(), &power_law("r", &[16], &[1000], 2))[0]);
    assert!(!html.contains("sampled and exact"));
}
