//! Beyond a thousand seeds errors go by formula, and join those of the bootstrap.

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
    let panels = panels_of(&rows(seeds));
    panels[0].charts[0].series[0].points.iter().map(|p| (p.se.unwrap(), p.slope_se)).collect()
}

#[test]
fn the_formula_is_that_of_paired_means() {
    let seeds = 1001;
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
fn the_formula_joins_the_bootstrap() {
    // One seed apart, on either side of the limit; 1000 resamples give an error to 2.2 %.
    for (formula, bootstrap) in errors(1001).into_iter().zip(errors(1000)) {
        assert!((formula.0 / bootstrap.0 - 1.0).abs() < 4.0 * 0.0224, "{formula:?} {bootstrap:?}");
        if let (Some(formula), Some(bootstrap)) = (formula.1, bootstrap.1) {
            assert!((formula / bootstrap - 1.0).abs() < 4.0 * 0.0224, "{formula} {bootstrap}");
        }
    }
}

#[test]
fn common_factors_leave_no_slope_error_and_strangers_no_covariance() {
    let panels = panels_of(&power_law("r", &[16, 32], &[1000], 1500));
    let point = &panels[0].charts[0].series[0].points[1];
    assert!(point.slope_se.unwrap() < 1e-8 && point.se.unwrap() > 0.0);
    // Disjoint seeds: variances add.
    let mut rows = power_law("r", &[16, 32], &[1000], 1500);
    rows.retain(|row| (row.model == 16) == (row.seed_index < 750));
    let points = &panels_of(&rows)[0].charts[0].series[0].points;
    let relative = |i: usize| points[i].se.unwrap() / points[i].mean.unwrap();
    let expected = relative(0).hypot(relative(1)) / 2.0_f64.ln();
    assert!((points[1].slope_se.unwrap() / expected - 1.0).abs() < 1e-9);
}

#[test]
fn few_seeds_keep_their_numbers() {
    // Known answers of the bootstrap over six seeds, in order of the points: their errors and those of the slopes.
    let known = [
        (0.003635616189522445, None),
        (0.000577536096678174, Some(0.023644507385041928)),
        (0.00018906876711369662, Some(0.027622299085182173)),
    ];
    // The logarithms of slopes may differ in their last bit from system to system.
    let near = |a: f64, b: f64| (a / b - 1.0).abs() < 1e-11;
    for ((se, slope_se), (known_se, known_slope_se)) in errors(6).into_iter().zip(known) {
        assert!(near(se, known_se), "{se}");
        assert_eq!(slope_se.is_some(), known_slope_se.is_some());
        assert!(slope_se.zip(known_slope_se).is_none_or(|(a, b)| near(a, b)), "{slope_se:?}");
    }
}
