//! Errors of means, medians and slopes.

use super::*;

/// Three M whose risks share a part of their scatter, and an M of its own seeds' scatter.
fn rows(seeds: u32) -> Vec<Row> {
    let mut rows = Vec::new();
    for (model, own) in [(16, 1), (64, 2), (256, 3)] {
        for seed in 0..seeds {
            let risk = (1.0 + 0.4 * scatter(seed, 0) + 0.3 * scatter(seed, own)) / f64::from(model);
            rows.push(row("r", model, 100, seed, Some(risk)));
        }
    }
    rows
}

fn errors(seeds: u32) -> Vec<(f64, Option<f64>)> {
    points_of(&rows(seeds)).iter().map(|p| (p.se.unwrap(), p.slope_se)).collect()
}

#[test]
fn the_formula_is_that_of_paired_means() {
    let seeds = 101;
    let n = f64::from(seeds);
    let points: Vec<Vec<f64>> = [16, 64, 256]
        .map(|m| rows(seeds).iter().filter(|r| r.model == m).map(|r| r.reducible.unwrap()).collect())
        .into();
    let mean = |p: &[f64]| p.iter().sum::<f64>() / n;
    let covariance =
        |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| (x - mean(a)) * (y - mean(b))).sum::<f64>() / (n - 1.0) / n;
    for (place, (se, slope_se)) in errors(seeds).into_iter().enumerate() {
        let to = &points[place];
        assert!((se / covariance(to, to).sqrt() - 1.0).abs() < 1e-9);
        let Some(slope_se) = slope_se else {
            assert_eq!(place, 0);
            continue;
        };
        // The error of the mean of paired relative deviations, over ln 4: pairing makes it smaller than apart.
        let from = &points[place - 1];
        let paired: Vec<f64> = from.iter().zip(to).map(|(f, t)| t / mean(to) - f / mean(from)).collect();
        let expected = covariance(&paired, &paired).sqrt() / 4.0_f64.ln();
        assert!((slope_se / expected - 1.0).abs() < 1e-6, "{slope_se} {expected}");
    }
}

#[test]
fn common_factors_leave_no_slope_error_and_strangers_no_covariance() {
    let point = &points_of(&power_law("r", &[16, 32], &[1000], 1500))[1];
    assert!(point.slope_se.unwrap() < 1e-8 && point.se.unwrap() > 0.0);
    // Disjoint seeds: variances add.
    let mut rows = power_law("r", &[16, 32], &[1000], 1500);
    rows.retain(|row| (row.model == 16) == (row.seed_index < 750));
    let points = points_of(&rows);
    let relative = |i: usize| points[i].se.unwrap() / points[i].y.unwrap();
    let expected = relative(0).hypot(relative(1)) / 2.0_f64.ln();
    assert!((points[1].slope_se.unwrap() / expected - 1.0).abs() < 1e-9);
}

#[test]
fn medians_stand_where_single_seeds_carry_held_out_means() {
    let held_out = |risks: [f64; 5]| -> Vec<Row> {
        let of = |(seed, risk): (u32, f64)| {
            let mut row = row("r", 16, 100, seed, None);
            (row.held_out, row.diverged_at) = (Some(risk), None);
            row
        };
        (0..).zip(risks).map(of).collect()
    };
    // None of five equals 30 % of the mean; the mean of the next is carried by one.
    let charts = charts_of(&held_out([1.0, 1.1, 0.9, 1.2, 0.8]), "model", Risk::HeldOut);
    let point = &charts[0].lines[0].points[0];
    assert_eq!((charts[0].center.name(), point.is_heavy), ("mean", false));
    assert!((point.y.unwrap() - 1.0).abs() < 1e-15);
    let charts = charts_of(&held_out([1.0, 1.1, 0.9, 100.0, 0.8]), "model", Risk::HeldOut);
    let point = &charts[0].lines[0].points[0];
    assert_eq!((charts[0].center.name(), point.y), ("median", Some(1.0)));
    // Of five the second and the fourth enclose the median with 20/32 only, the first and the last with 30/32.
    assert!((point.se.unwrap() - 49.6).abs() < 1e-12, "{:?}", point.se);
    // Simulated risks keep their means, and say which are heavy.
    let heavy: Vec<Row> = (0..).zip([1.0, 1.1, 0.9, 100.0]).map(|(s, r)| row("r", 16, 100, s, Some(r))).collect();
    let point = &points_of(&heavy)[0];
    assert!(point.is_heavy && (point.y.unwrap() - 25.75).abs() < 1e-12);
}
