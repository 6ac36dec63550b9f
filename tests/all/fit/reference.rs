//! Exact means over sketches, fitted: the numbers of a study that drew its own sketches, within 3 %.

use roundlaw::Watch;
use roundlaw::fit::{Fit, Size, Type, fit};

use super::exact::{A15, COARSE, Exact, FACTOR, FINE, GRADIENT, SMALL};
use super::synthetic::{means, with_limits};

fn size(fit: &Fit, recipe: usize, model: u32) -> &Size {
    fit.sizes.iter().find(|size| (size.recipe, size.model) == (recipe, model)).unwrap()
}

#[track_caller]
fn near(found: f64, expected: f64) {
    assert!((found / expected - 1.0).abs() < 0.03, "{found}, not {expected}");
}

/// Of seeds that are all alike: a share of 0.3 is carried by none of four.
fn fitted(exact: &Exact) -> Fit {
    fit(&means(exact), 40, &Watch::default()).unwrap()
}

#[test]
fn floors_and_sizes_of_exact_means_are_those_of_the_study() {
    let exact = &*A15;
    near(exact.approximation[4], 0.331075);
    near(exact.states[0][4][2].excess, 0.003785);
    let fit = fitted(exact);
    // F2, F, M_total with its systematic interval, M_total of F, and the gain over full precision.
    let rows = [
        (FINE, 0.008102, 0.008775, [121.89, 119.93, 123.88], 121.40, 1.0185),
        (COARSE, 0.108175, 0.107741, [72.25, 71.27, 73.25], 72.40, 1.0761),
        (FACTOR, 0.019083, 0.018854, [114.28, 112.15, 116.45], 114.43, 1.0988),
        (GRADIENT, 0.000571, 0.0, [127.55, 125.19, 129.96], 128.00, 0.9994),
    ];
    for (recipe, read, floor, [value, low, high], _, gain) in rows {
        let size = size(&fit, recipe, 128);
        let estimate = size.estimate.unwrap();
        near(estimate.floor.value, read);
        near(size.m_total.value.unwrap(), value);
        // Of the interval its width is told, and that the value lies in the middle.
        let [own_low, own_value, own_high] =
            [size.m_total.low, size.m_total.value, size.m_total.high].map(|end| end.unwrap().ln());
        near(own_high - own_low, (high / low).ln());
        assert!((own_high + own_low - 2.0 * own_value).abs() < 1e-9);
        near(estimate.gain, gain);
        if floor > 0.0 {
            near(exact.limits[recipe][4].excess, floor);
        }
    }
    near(size(&fit, FACTOR, 128).estimate.unwrap().share, 0.9663);
    near(size(&fit, COARSE, 128).estimate.unwrap().share, 0.1055);
    near(size(&fit, FACTOR, 128).m_gc.value.unwrap(), 127.22);
    near(size(&fit, COARSE, 128).m_gc.value.unwrap(), 76.02);
    // With closed forms.
    let closed = fit_closed(exact);
    for (recipe, _, _, _, true_size, _) in &rows[..3] {
        let found = size_of(&closed, *recipe);
        near(found.m_total.value.unwrap(), *true_size);
        assert!(found.is_closed_form && found.m_total.low == found.m_total.value);
    }
}

/// What four times the features win of the risk where training has ended, over what they win in full precision, and over
/// what a gain leaves of that: 1 where the floor is a gain, below it where the model is smaller.
fn kappa(risks: [f64; 2], approximation: [f64; 2], phi: f64) -> f64 {
    (risks[0] - risks[1]) / (approximation[0] - approximation[1]) / (1.0 - phi)
}

#[test]
fn what_larger_models_win_is_that_of_the_study() {
    let exact = &*A15;
    let fit = fitted(exact);
    // Of F2, and of F.
    let rows = [(FINE, 0.9798, 0.9779), (COARSE, 0.7724, 0.7736), (FACTOR, 0.9992, 1.0), (GRADIENT, 0.9983, 1.0)];
    let approximation = [exact.approximation[2], exact.approximation[4]];
    for (recipe, read, expected) in rows {
        let of = |model: u32| size(&fit, recipe, model).estimate.unwrap();
        let (small, large) = (of(32), of(128));
        let risks = [small, large].map(|own| own.approximation + own.floor.value);
        near(kappa(risks, approximation, large.floor.value / large.signal), read);
        let limits = [2, 4].map(|m| exact.limits[recipe][m].excess);
        let risks = [0, 1].map(|k| approximation[k] + limits[k]);
        near(kappa(risks, approximation, limits[1] / exact.signal[4]), expected);
    }
}

fn fit_closed(exact: &Exact) -> Fit {
    fit(&with_limits(means(exact), exact), 40, &Watch::default()).unwrap()
}

fn size_of(fit: &Fit, recipe: usize) -> &Size {
    size(fit, recipe, 128)
}

/// A factor of variance eps makes of v* the weights v* / (1 + eps): all of its floor is gain, and the size is kept.
#[test]
fn the_closed_form_of_a_factor_is_gain_alone() {
    let fit = fit_closed(&A15);
    for model in [32, 64, 128] {
        let found = size(&fit, FACTOR, model);
        let estimate = found.estimate.unwrap();
        let c = 0.1 / 1.1;
        assert!((estimate.floor.value / estimate.signal / (c * c) - 1.0).abs() < 1e-9);
        assert!((estimate.share - 1.0).abs() < 1e-9 && (estimate.m_gc.value / f64::from(model) - 1.0).abs() < 1e-9);
        assert_eq!(found.kind, Type::Gain, "{model}");
    }
    assert_eq!(size(&fit, COARSE, 128).kind, Type::Size);
}

/// Relative noise of the gradient makes eps times as many samples count for nothing: k_N = 1 / (1 + eps).
#[test]
fn noise_of_the_gradient_takes_its_share_of_the_data() {
    let fit = fitted(&SMALL);
    let k_n = size(&fit, GRADIENT, 8).k_n.unwrap();
    near(k_n.value.unwrap(), 0.7695);
    near(0.7695, 1.0 / 1.3);
    let exact = &*SMALL;
    assert!(exact.limits[GRADIENT][0].excess == 0.0 && size(&fit, GRADIENT, 8).kind == Type::NoFloor);
}
