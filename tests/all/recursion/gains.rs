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
    feature: f64,
    feature_grad: Option<f64>,
    label: Does,
    parameter: Does,
    activation: Does,
    gradient: Does,
}

/// Excess and quantized test of v+ = v + GAMMA q' r with z ~ N(0, h), y = w z + N(0, noise), from E v and E v^2.
fn written_out(sites: &Sites, h: f64, w: f64, noise: f64) -> [f64; 2] {
    let Sites { data, feature, feature_grad, label, parameter, activation, gradient } = *sites;
    let read = data * feature;
    let taken = feature_grad.map_or(read, |gain| data * gain);
    // r = g (l y - a z v + e) + e', where e has a part that grows with z.
    let (l, a) = (label.0, activation.0 * read * parameter.0);
    let own = gradient.0 * gradient.0 * (label.1 + activation.1) + gradient.1;
    let of_z = gradient.0 * gradient.0 * (activation.0 * read).powi(2) * parameter.1;
    let (mut mean, mut square) = (0.0, 0.0);
    for _ in 0..UPDATES {
        let drift = l * w * h - a * h * mean;
        let residual =
            l * l * (3.0 * w * w * h * h + h * noise) - 6.0 * l * a * w * h * h * mean + 3.0 * a * a * h * h * square;
        let kick = gradient.0 * gradient.0 * residual + h * own + 3.0 * h * h * of_z;
        let step = GAMMA * taken;
        square += 2.0 * step * gradient.0 * (l * w * h * mean - a * h * square) + step * step * kick;
        mean += step * gradient.0 * drift;
    }
    let risk = |gain: f64| h * (gain * gain * square - 2.0 * gain * w * mean + w * w);
    [risk(1.0), risk(read)]
}

#[test]
fn a_run_with_gains_is_one_without_of_other_steps_and_weights() {
    let (h, w, noise) = (0.8, 1.3, 0.4);
    let inputs = Inputs { lambda: &[h], target: Target::Fixed(&[w]), tail: 0.0, tail_label: 0.0, noise };
    let regression = Regression::new(&inputs, &[1.0], 1.0, Needs::default(), &Watch::default()).unwrap();
    let basis = Basis::new(&regression, &inputs).unwrap();
    for feature_grad in [None, Some(0.85)] {
        let sites = Sites {
            data: 0.9,
            feature: 1.1,
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
        put(Site::Feature, (sites.feature, 0.0));
        put(Site::Label, sites.label);
        put(Site::Parameter, sites.parameter);
        put(Site::Activation, sites.activation);
        put(Site::Gradient, sites.gradient);
        if let Some(gain) = feature_grad {
            put(Site::FeatureGrad, (gain, 0.0));
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
