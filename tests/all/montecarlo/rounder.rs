//! Formats by value, as the sorted list of what they can hold, and noise laws by their definition.

use super::random::Random;
use super::{Law, Rule};

pub enum Rounder {
    Format {
        /// Every magnitude of the format (of a block's elements), ascending from 0.
        values: Vec<f64>,
        /// Exponent of the largest element under a shared scale; None: no shared scale.
        block: Option<i32>,
        scale: f64,
        stochastic: bool,
    },
    Noise {
        law: Law,
        deviation: f64,
        two_point: bool,
        shared: bool,
    },
}

/// Elements that share a scale in the MX formats.
const BLOCK: usize = 32;

impl Rounder {
    pub fn new(rule: &Rule) -> Rounder {
        match *rule {
            Rule::Noise { law, eps, two_point, shared } => {
                Rounder::Noise { law, deviation: eps.sqrt(), two_point, shared }
            }
            Rule::Format { name, scale, stochastic } => {
                let e4m3 = || float(3, 7, 448.0);
                let e5m2 = || float(2, 15, 57344.0);
                let (values, block) = match name {
                    "e4m3" => (e4m3(), None),
                    "e5m2" => (e5m2(), None),
                    "bf16" => (float(7, 127, 2f64.powi(60)), None), // far beyond any value of a test
                    "f16" => (float(10, 15, 65504.0), None),
                    "int8" => ((0..=127).map(f64::from).collect(), None),
                    "int4" => ((0..=7).map(f64::from).collect(), None),
                    "mxfp8" => (e4m3(), Some(8)),
                    "mxfp8-e5m2" => (e5m2(), Some(15)),
                    "mxfp4" => (float(1, 1, 6.0), Some(2)),
                    other => panic!("the simulation does not know {other}"),
                };
                Rounder::Format { values, block, scale, stochastic }
            }
        }
    }

    pub fn is_format(&self) -> bool {
        matches!(self, Rounder::Format { .. })
    }

    /// Rounds values that belong together, in place. `scalars`: they are one number per sample of a batch, which
    /// share a draw only when the rule says so; otherwise they are one vector.
    pub fn apply(&self, u: &mut [f64], scalars: bool, random: &mut Random) {
        match self {
            Rounder::Format { values, block: None, scale, stochastic } => {
                u.iter_mut().for_each(|u| *u = scale * round(values, *u / scale, *stochastic, random));
            }
            Rounder::Format { values, block: Some(emax), stochastic, .. } => {
                for block in u.chunks_mut(BLOCK) {
                    let largest = block.iter().fold(0.0, |a: f64, u| a.max(u.abs()));
                    if largest > 0.0 {
                        let scale = 2f64.powi(floor_log2(largest) - emax);
                        block.iter_mut().for_each(|u| *u = scale * round(values, *u / scale, *stochastic, random));
                    }
                }
            }
            Rounder::Noise { law, deviation, two_point, shared } => {
                let together = *shared || (*law == Law::Multiplicative && !scalars);
                let draw = |random: &mut Random| deviation * if *two_point { random.sign() } else { random.normal() };
                let common = draw(random);
                for u in u {
                    let e = if together { common } else { draw(random) };
                    *u = if *law == Law::Additive { *u + e } else { *u * (1.0 + e) };
                }
            }
        }
    }
}

/// Magnitudes of a binary format up to `max`, by exponent field and mantissa.
fn float(mantissa: u32, bias: i32, max: f64) -> Vec<f64> {
    let steps = 1 << mantissa;
    let row = |field: i32| {
        let value =
            move |m: i32| (f64::from(i32::from(field > 0)) + f64::from(m) / f64::from(steps)) * exp2(field, bias);
        (0..steps).map(value)
    };
    (0..).flat_map(row).take_while(|value| *value <= max).collect()
}

fn exp2(field: i32, bias: i32) -> f64 {
    2f64.powi(field.max(1) - bias)
}

/// The whole number e with 2^e <= a < 2^(e+1).
fn floor_log2(a: f64) -> i32 {
    let guess = a.log2().round() as i32;
    if 2f64.powi(guess) > a { guess - 1 } else { guess }
}

/// To one of the two neighbours: the nearer (a tie to the even code), or by chance in proportion to the distances.
/// Beyond the largest value there is one neighbour.
fn round(values: &[f64], u: f64, stochastic: bool, random: &mut Random) -> f64 {
    let magnitude = u.abs();
    let above = values.partition_point(|v| *v <= magnitude);
    if above == values.len() {
        return values[above - 1].copysign(u);
    }
    let (low, high) = (values[above - 1], values[above]);
    let fraction = (magnitude - low) / (high - low);
    let up = match stochastic {
        true => random.uniform() < fraction,
        false => fraction > 0.5 || (fraction == 0.5 && above.is_multiple_of(2)),
    };
    if up { high } else { low }.copysign(u)
}

#[test]
fn formats_hold_what_their_specifications_list() {
    let largest = |name| match Rounder::new(&Rule::Format { name, scale: 1.0, stochastic: false }) {
        Rounder::Format { values, .. } => (values.len(), values[1], values[values.len() - 1]),
        Rounder::Noise { .. } => unreachable!(),
    };
    assert_eq!(largest("e4m3"), (127, 2f64.powi(-9), 448.0));
    assert_eq!(largest("e5m2"), (124, 2f64.powi(-16), 57344.0));
    assert_eq!(largest("f16"), (31744, 2f64.powi(-24), 65504.0));
    assert_eq!(largest("mxfp4"), (8, 0.5, 6.0));
    assert_eq!(largest("bf16").1, 2f64.powi(-133));
}

#[test]
fn ties_go_to_the_even_code_and_blocks_share_a_power_of_two() {
    let random = &mut Random::new(0, 0);
    let mut rounded = |name, scale, mut u: Vec<f64>| {
        Rounder::new(&Rule::Format { name, scale, stochastic: false }).apply(&mut u, false, random);
        u
    };
    assert_eq!(rounded("e4m3", 1.0, vec![464.0, 1e4, -1.0625, 1.1875, 17.0]), [448.0, 448.0, -1.0, 1.25, 16.0]);
    assert_eq!(rounded("int4", 0.5, vec![0.25, 0.75, -9.0, 0.8]), [0.0, 1.0, -3.5, 1.0]);
    // The largest magnitude 7.9 gives the scale 1, in which it saturates.
    assert_eq!(rounded("mxfp4", 1.0, vec![7.9, 0.24, -2.5, 5.0]), [6.0, 0.0, -2.0, 4.0]);
    assert_eq!(rounded("mxfp8", 1.0, vec![1.0, 2f64.powi(-20)]), [1.0, 0.0]);
}
