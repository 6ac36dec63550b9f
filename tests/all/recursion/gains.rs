//! Gains at every site, and errors beside them: one weight, whose moments are written out.

use roundlaw::format::{Law, Noise};
use roundlaw::site::{PerSite, Site};
use roundlaw::theory::dense::{self, Matrices};
use roundlaw::theory::laws::SiteLaw;
use roundlaw::theory::matched::Measured;

use super::*;

const GAMMA: f64 = 0.07;
const UPDATES: u32 = 9;

/// What a site that rounds does: q = gain u + e, the variance of e.
type Does = (f64, f64);

struct Sites {
    data: f64,
    feature: Does,
    feature_grad: Option<Does>,
    label: Does,
    parameter: Does,
    activation: Does,
    gradient: Does,
}

/// Excess and quantized test of v+ = v + GAMMA q' r with z ~ N(0, h), y = w z + N(0, noise), from E v and E v^2: q = a z
/// + e as activations read it, q' = t z + e' as the gradient does, both normal.
fn written_out(sites: &Sites, h: f64, w: f64, noise: f64) -> [f64; 2] {
    let Sites { data, feature, feature_grad, label, parameter, activation, gradient } = *sites;
    let a = data * feature.0;
    let read = a * a * h + feature.1;
    let (t, taken, both) = match feature_grad {
        None => (a, read, read),
        Some((gain, error)) => (data * gain, (data * gain).powi(2) * h + error, data * gain * a * h),
    };
    // r = g (l y - p q v + e) + e', where e has a part that grows with q.
    let (l, p, g) = (label.0, activation.0 * parameter.0, gradient.0);
    let own = g * g * (label.1 + activation.1) + gradient.1;
    let of_label = taken * (w * w * h + noise) + 2.0 * (t * w * h).powi(2);
    let of_mixed = taken * a * w * h + 2.0 * both * t * w * h;
    let of_square = taken * read + 2.0 * both * both;
    let (mut mean, mut square) = (0.0, 0.0);
    for _ in 0..UPDATES {
        let residual = l * l * of_label - 2.0 * l * p * mean * of_mixed
            + (p * p * square + activation.0 * activation.0 * parameter.1) * of_square;
        let (kick, step) = (g * g * residual + taken * own, GAMMA * g);
        let drift = l * t * w * h - p * both * mean;
        square += 2.0 * step * (l * t * w * h * mean - p * both * square) + GAMMA * GAMMA * kick;
        mean += step * drift;
    }
    [h * (square - 2.0 * w * mean + w * w), read * square - 2.0 * a * w * h * mean + w * w * h]
}

#[test]
fn a_run_with_gains_is_one_without_of_other_steps_and_weights() {
    let (h, w, noise) = (0.8, 1.3, 0.4);
    let inputs = Inputs { lambda: &[h], target: Target::Fixed(&[w]), tail: 0.0, tail_label: 0.0, noise };
    let regression = Regression::new(&inputs, &[1.0], 1.0, Needs::default(), &Watch::default()).unwrap();
    let basis = Basis::new(&regression, &inputs).unwrap();
    for feature_grad in [None, Some((0.85, 0.07))] {
        let sites = Sites {
            data: 0.9,
            feature: (1.1, 0.06),
            feature_grad,
            label: (0.8, 0.03),
            parameter: (0.7, 0.05),
            activation: (1.2, 0.02),
            gradient: (0.95, 0.04),
        };
        let mut measured = PerSite::from_fn(|_| None);
        let mut laws = Laws::default();
        let mut put = |site: Site, (gain, error): Does| {
            measured[site] = Some(Measured { gain, error, square: 1.0 });
            laws.sites[site] = Some(SiteLaw { noise: Noise::Additive, eps: 0.0, law: Law::Gaussian, shared: false });
        };
        put(Site::Feature, sites.feature);
        put(Site::Label, sites.label);
        put(Site::Parameter, sites.parameter);
        put(Site::Activation, sites.activation);
        put(Site::Gradient, sites.gradient);
        if let Some(does) = feature_grad {
            put(Site::FeatureGrad, does);
        }
        measured[Site::Data] = Some(Measured { gain: sites.data, error: 0.0, square: 1.0 });
        let laws = laws.matched(&measured);
        let expected = written_out(&sites, h, w, noise);
        let matrices = Matrices::new(&regression, &regression, &basis, &inputs, &laws).unwrap();
        let mut recursions: [Box<dyn Iterates + '_>; 2] = [
            Box::new(Recursion::new(&basis, &laws, 1, false).unwrap()),
            Box::new(dense::Recursion::new(&matrices, 1, false).unwrap()),
        ];
        for recursion in &mut recursions {
            (0..UPDATES).for_each(|_| recursion.update(GAMMA));
            let found = recursion.last();
            for (found, expected) in [found.excess, found.quantized_test].into_iter().zip(expected) {
                assert!((found / expected - 1.0).abs() < 1e-12, "{found} and {expected}, {feature_grad:?}");
            }
        }
    }
}
