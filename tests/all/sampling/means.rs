//! Means over seeds of runs on drawn features, beside means of a simulation in f64 that draws x, all of it.

use crate::montecarlo::{Case, Law, Rule, Site, Sketch, Spectrum, Target};
use crate::problems::compare::{agrees, agrees_and_not_with};

fn law(law: Law, eps: f64, two_point: bool) -> Rule {
    Rule::Noise { law, eps, two_point, shared: false }
}

fn stochastic(name: &'static str, scale: f64) -> Rule {
    Rule::Format { name, scale, stochastic: true }
}

#[test]
fn a_closed_tail_and_formats() {
    let case = Case {
        seed: 61,
        sampling: "\"feature\"",
        spectrum: Spectrum::Power(1.5),
        closed: true,
        sibling: Some(12),
        rules: vec![(Site::Feature, stochastic("e4m3", 256.0)), (Site::Weight, stochastic("f16", 1048576.0))],
        ..Case::default()
    };
    agrees_and_not_with(&case, &Case { closed: false, ..case.clone() });
}

#[test]
fn a_sketch_of_each_size_and_batches() {
    agrees(&Case {
        seed: 62,
        sampling: "\"feature\"",
        trials: 8000,
        dim: 16,
        spectrum: Spectrum::Exponential(0.1),
        target: Target::Source(1.5),
        sketch: Sketch::Gaussian { nested: false },
        sibling: Some(9),
        samples: 128,
        batch: 4,
        average: true,
        geometric: false,
        rules: vec![(Site::Label, law(Law::Additive, 0.5, false)), (Site::Gradient, law(Law::Relative, 0.3, true))],
        ..Case::default()
    });
}

/// The label has no noise but what the features do not explain, and the file more rows of S than the model reads.
#[test]
fn files_and_no_noise() {
    let row = |j: usize| (0..24).map(|i| (1.0 + 3.7 * j as f64 + 1.3 * i as f64).sin() * 0.5).collect();
    let case = Case {
        seed: 63,
        sampling: "\"feature\"",
        trials: 16000,
        dim: 24,
        noise: 0.0,
        spectrum: Spectrum::File((0..24).map(|i| 1.0 / (1.0 + f64::from(i))).collect()),
        target: Target::File((0..24).map(|i| (f64::from(i) + 1.0).cos() + 0.25).collect()),
        sketch: Sketch::File((0..8).map(row).collect()),
        rules: vec![(Site::Parameter, law(Law::Additive, 0.05, false))],
        ..Case::default()
    };
    agrees_and_not_with(&case, &Case { noise: 0.5, ..case.clone() });
}

#[test]
fn one_factor_of_x_and_quantized_test_features() {
    let rules =
        |eps| vec![(Site::Data, law(Law::Multiplicative, eps, true)), (Site::Feature, law(Law::Relative, eps, false))];
    let case = Case {
        seed: 64,
        sampling: "\"feature\"",
        spectrum: Spectrum::Power(1.5),
        test_samples: 24,
        step: 0.05,
        rules: rules(0.1),
        ..Case::default()
    };
    agrees_and_not_with(&case, &Case { rules: rules(0.2), ..case.clone() });
}

#[test]
fn noise_that_is_added_to_x() {
    let rules = |eps| vec![(Site::Data, law(Law::Additive, eps, false))];
    let case = Case {
        seed: 66,
        sampling: "\"feature\"",
        spectrum: Spectrum::Power(1.5),
        closed: true,
        sibling: Some(12),
        batch: 2,
        test_samples: 24,
        step: 0.05,
        rules: rules(0.05),
        ..Case::default()
    };
    agrees_and_not_with(&case, &Case { rules: rules(0.1), ..case.clone() });
}

/// A head has the law of x of which the first coordinates are rounded, and no others.
#[test]
fn a_head_that_a_format_rounds() {
    let case = Case {
        seed: 65,
        sampling: "{ kind = \"head\", coordinates = 10 }",
        head: Some(10),
        spectrum: Spectrum::Power(1.0),
        closed: false,
        sibling: Some(9),
        rules: vec![(Site::Data, stochastic("int4", 0.5))],
        ..Case::default()
    };
    agrees_and_not_with(&case, &Case { head: None, ..case.clone() });
}
