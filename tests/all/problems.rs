//! Simulated risks against an independent simulation in f64, over the range of problems and recipes.
//!
//! Both sides give means over independent seeds: two samples, compared in units of their standard error.

pub mod compare;
mod features;
mod rows;

use crate::montecarlo::{Case, Law, Rule, Site, Sketch, Spectrum, Target};
use compare::{agrees, agrees_and_not_with};

const GAUSSIAN: bool = false;
const TWO_POINT: bool = true;

fn law(law: Law, eps: f64, two_point: bool) -> Rule {
    Rule::Noise { law, eps, two_point, shared: false }
}

fn shared(law: Law, eps: f64, two_point: bool) -> Rule {
    Rule::Noise { law, eps, two_point, shared: true }
}

fn nearest(name: &'static str, scale: f64) -> Rule {
    Rule::Format { name, scale, stochastic: false }
}

fn stochastic(name: &'static str, scale: f64) -> Rule {
    Rule::Format { name, scale, stochastic: true }
}

fn ramp(n: usize, f: impl Fn(f64) -> f64) -> Vec<f64> {
    (0..n).map(|i| f(i as f64)).collect()
}

#[test]
fn power_nested() {
    agrees(&Case { seed: 1, sibling: Some(12), ..Case::default() });
}

/// The two-point noise of a batch's labels is one draw.
#[test]
fn exponential_ones_not_nested() {
    agrees(&Case {
        seed: 2,
        trials: 8000,
        spectrum: Spectrum::Exponential(0.1),
        target: Target::Ones,
        sketch: Sketch::Gaussian { nested: false },
        sibling: Some(12),
        samples: 128,
        batch: 4,
        step: 0.05,
        geometric: false,
        average: true,
        rules: vec![(Site::Label, shared(Law::Additive, 1.0, TWO_POINT))],
        ..Case::default()
    });
}

#[test]
fn logarithmic_source_closed() {
    let case = Case {
        seed: 3,
        spectrum: Spectrum::Logarithmic(2.0),
        target: Target::Source(1.5),
        closed: true,
        batch: 4,
        step: 0.1,
        rules: vec![
            (Site::Label, law(Law::Relative, 0.3, GAUSSIAN)),
            (Site::Activation, shared(Law::Multiplicative, 0.3, GAUSSIAN)),
        ],
        ..Case::default()
    };
    agrees_and_not_with(&case, &Case { target: Target::Source(1.8), ..case.clone() });
}

/// The file holds more rows of S than the model reads.
#[test]
fn everything_from_files() {
    let row = |j: usize| ramp(24, |i| (1.0 + 3.7 * j as f64 + 1.3 * i).sin() * 0.5);
    agrees(&Case {
        seed: 4,
        trials: 16000,
        dim: 24,
        spectrum: Spectrum::File(ramp(24, |i| 1.0 / (1.0 + i))),
        target: Target::File(ramp(24, |i| (i + 1.0).cos() + 0.25)),
        sketch: Sketch::File((0..8).map(row).collect()),
        batch: 2,
        geometric: false,
        average: true,
        rules: vec![(Site::Feature, nearest("f16", 16777216.0)), (Site::Gradient, law(Law::Relative, 0.5, TWO_POINT))],
        ..Case::default()
    });
}

#[test]
fn no_sketch_relative_data() {
    agrees(&Case {
        seed: 5,
        trials: 8000,
        dim: 12,
        model: 12,
        target: Target::Ones,
        sketch: Sketch::None,
        geometric: false,
        average: true,
        rules: vec![
            (Site::Data, law(Law::Relative, 0.2, GAUSSIAN)),
            (Site::Parameter, law(Law::Additive, 0.05, GAUSSIAN)),
        ],
        ..Case::default()
    });
}

#[test]
fn power_closed() {
    let case = Case {
        seed: 6,
        spectrum: Spectrum::Power(1.5),
        closed: true,
        rules: vec![(Site::Feature, stochastic("e4m3", 256.0)), (Site::FeatureGrad, stochastic("f16", 4194304.0))],
        ..Case::default()
    };
    agrees_and_not_with(&case, &Case { closed: false, ..case.clone() });
}

#[test]
fn exponential_source_closed_not_nested() {
    agrees(&Case {
        seed: 7,
        dim: 16,
        spectrum: Spectrum::Exponential(0.3),
        target: Target::Source(2.0),
        sketch: Sketch::Gaussian { nested: false },
        closed: true,
        step: 0.05,
        rules: vec![(Site::Data, stochastic("e5m2", 32768.0)), (Site::Weight, stochastic("f16", 1048576.0))],
        ..Case::default()
    });
}

#[test]
fn sketch_with_one_factor() {
    let rules = |eps| {
        vec![
            (Site::Sketch, law(Law::Multiplicative, eps, TWO_POINT)),
            (Site::Weight, law(Law::Additive, 0.002, GAUSSIAN)),
        ]
    };
    let case = Case { seed: 8, target: Target::Ones, rules: rules(0.2), ..Case::default() };
    agrees_and_not_with(&case, &Case { rules: rules(0.4), ..case.clone() });
}

#[test]
fn sketch_with_noise_per_entry() {
    agrees(&Case {
        seed: 9,
        spectrum: Spectrum::Power(1.5),
        rules: vec![
            (Site::Sketch, law(Law::Additive, 0.2, TWO_POINT)),
            (Site::Weight, law(Law::Relative, 0.003, TWO_POINT)),
        ],
        ..Case::default()
    });
}

/// The two readings of a feature err independently; one reading would shrink the weights.
#[test]
fn features_read_twice() {
    let feature = (Site::Feature, law(Law::Multiplicative, 0.3, GAUSSIAN));
    let gradient = (Site::FeatureGrad, law(Law::Relative, 0.2, TWO_POINT));
    let case = Case { seed: 10, target: Target::Ones, rules: vec![feature.clone(), gradient], ..Case::default() };
    agrees_and_not_with(&case, &Case { rules: vec![feature], ..case.clone() });
}

/// Blocks of 32 and of 8 along the batch.
#[test]
fn blocks_along_the_batch() {
    agrees(&Case {
        seed: 11,
        samples: 160,
        batch: 40,
        step: 0.3,
        geometric: false,
        rules: vec![
            (Site::Feature, nearest("mxfp8", 1.0)),
            (Site::FeatureGrad, stochastic("mxfp4", 1.0)),
            (Site::Label, stochastic("mxfp4", 1.0)),
        ],
        ..Case::default()
    });
}

/// Blocks of 32 and of 8 along D = M.
#[test]
fn blocks_along_the_weights() {
    agrees(&Case {
        seed: 12,
        dim: 40,
        model: 40,
        spectrum: Spectrum::Power(0.7),
        trials: 8000,
        sketch: Sketch::None,
        step: 0.05,
        rules: vec![
            (Site::Data, nearest("mxfp4", 1.0)),
            (Site::Parameter, stochastic("mxfp4", 1.0)),
            (Site::Weight, stochastic("mxfp8-e5m2", 1.0)),
        ],
        ..Case::default()
    });
}

#[test]
fn integers() {
    let weight =
        |rule| vec![(Site::Data, stochastic("int8", 0.25)), (Site::Sketch, nearest("int4", 1.0)), (Site::Weight, rule)];
    let case = Case { seed: 13, rules: weight(stochastic("int8", 0.0625)), ..Case::default() };
    agrees_and_not_with(&case, &Case { rules: weight(nearest("int8", 0.0625)), ..case.clone() });
}

#[test]
fn scalars_in_formats() {
    agrees(&Case {
        seed: 14,
        batch: 2,
        rules: vec![
            (Site::Label, stochastic("e5m2", 65536.0)),
            (Site::Activation, nearest("e4m3", 512.0)),
            (Site::Gradient, stochastic("int4", 1.0)),
        ],
        ..Case::default()
    });
}

#[test]
fn weights_with_one_factor() {
    agrees(&Case {
        seed: 15,
        trials: 12000,
        target: Target::Ones,
        rules: vec![
            (Site::Parameter, law(Law::Multiplicative, 0.4, TWO_POINT)),
            (Site::Weight, law(Law::Multiplicative, 0.002, GAUSSIAN)),
        ],
        ..Case::default()
    });
}

#[test]
fn noisy_data() {
    agrees(&Case {
        seed: 16,
        sketch: Sketch::Gaussian { nested: false },
        rules: vec![
            (Site::Data, law(Law::Additive, 0.02, TWO_POINT)),
            (Site::Parameter, law(Law::Relative, 0.5, GAUSSIAN)),
            (Site::Weight, nearest("bf16", 1.0)),
        ],
        ..Case::default()
    });
}

/// Without noise the updates shrink until the nearest weight is the old one.
#[test]
fn weights_that_stagnate() {
    let case = Case {
        seed: 25,
        trials: 8000,
        dim: 4,
        model: 4,
        spectrum: Spectrum::Exponential(0.1),
        target: Target::Ones,
        noise: 0.02,
        sketch: Sketch::None,
        samples: 256,
        step: 0.02,
        geometric: false,
        rules: vec![(Site::Weight, nearest("bf16", 1.0))],
        ..Case::default()
    };
    agrees_and_not_with(&case, &Case { rules: vec![(Site::Weight, stochastic("bf16", 1.0))], ..case.clone() });
}

/// Only factors show whether they are shared: additive noise meets features of mean 0, sample by sample.
fn batch_of_eight(seed: u64, rules: Vec<(Site, Rule)>) -> Case {
    Case { seed, batch: 8, step: 0.2, geometric: false, target: Target::Ones, rules, ..Case::default() }
}

#[test]
fn draws_of_a_batch() {
    let rules = |gradient| {
        vec![
            (Site::Label, shared(Law::Multiplicative, 0.1, GAUSSIAN)),
            (Site::Activation, shared(Law::Additive, 1.0, TWO_POINT)),
            (Site::Gradient, gradient),
        ]
    };
    let case = batch_of_eight(21, rules(shared(Law::Relative, 0.8, TWO_POINT)));
    agrees_and_not_with(&case, &batch_of_eight(22, rules(law(Law::Relative, 0.8, TWO_POINT))));
}

#[test]
fn draws_of_each_sample() {
    let rules = |noise: fn(Law, f64, bool) -> Rule| {
        vec![
            (Site::Label, noise(Law::Relative, 1.0, TWO_POINT)),
            (Site::Activation, law(Law::Multiplicative, 0.3, TWO_POINT)),
            (Site::Gradient, law(Law::Additive, 1.0, GAUSSIAN)),
        ]
    };
    agrees_and_not_with(&batch_of_eight(23, rules(law)), &batch_of_eight(24, rules(shared)));
}
