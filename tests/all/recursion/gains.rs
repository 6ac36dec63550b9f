//! Gains at every site, and errors beside them: one weight, whose moments are written out.

use roundlaw::format::{Law, Noise};
use roundlaw::site::{PerSite, Site};
use roundlaw::theory::dense::{self, Matrices};
use roundlaw::theory::laws::SiteLaw;
use roundlaw::theory::matched::Measured;
use roundlaw::theory::recursion::{Expected, Phases};

use super::*;

const GAMMA: f64 = 0.07;
const UPDATES: u32 = 9;

/// What a site that rounds does: q = gain u + e, the variance of e.
type Does = (f64, f64);

#[derive(Clone, Copy)]
struct Sites {
    data: f64,
    feature: Does,
    feature_grad: Option<Does>,
    label: Does,
    parameter: Does,
    activation: Does,
    gradient: Does,
}

const SITES: Sites = Sites {
    data: 0.9,
    feature: (1.1, 0.06),
    feature_grad: None,
    label: (0.8, 0.03),
    parameter: (0.7, 0.05),
    activation: (1.2, 0.02),
    gradient: (0.95, 0.04),
};

/// z ~ N(0, H), y = W z + N(0, NOISE).
const H: f64 = 0.8;
const W: f64 = 1.3;
const NOISE: f64 = 0.4;

/// Moments of a weight v and of the sum s of iterates: E v, E v^2, E s, E s v, E s^2.
#[derive(Clone, Copy, Default)]
struct Moments {
    mean: f64,
    square: f64,
    sum: f64,
    cross: f64,
    sum_square: f64,
}

impl Moments {
    /// v+ = v + GAMMA q' r behind s+ = s + v, where q = a z + e as activations read it, q' = t z + e' as the gradient does,
    /// both normal.
    fn update(&mut self, sites: &Sites) {
        let Sites { data, feature, feature_grad, label, parameter, activation, gradient } = *sites;
        let (h, w) = (H, W);
        let a = data * feature.0;
        let read = a * a * h + feature.1;
        let (t, taken, both) = match feature_grad {
            None => (a, read, read),
            Some((gain, error)) => (data * gain, (data * gain).powi(2) * h + error, data * gain * a * h),
        };
        // r = g (l y - p q v + e) + e', where e has a part that grows with q.
        let (l, p, g) = (label.0, activation.0 * parameter.0, gradient.0);
        let own = g * g * (label.1 + activation.1) + gradient.1;
        let of_label = taken * (w * w * h + NOISE) + 2.0 * (t * w * h).powi(2);
        let of_mixed = taken * a * w * h + 2.0 * both * t * w * h;
        let of_square = taken * read + 2.0 * both * both;
        let Moments { mean, square, sum, cross, sum_square } = *self;
        let residual = l * l * of_label - 2.0 * l * p * mean * of_mixed
            + (p * p * square + activation.0 * activation.0 * parameter.1) * of_square;
        let (kick, step) = (g * g * residual + taken * own, GAMMA * g);
        let (to, from) = (step * l * t * w * h, step * p * both);
        self.sum = sum + mean;
        self.sum_square = sum_square + 2.0 * cross + square;
        self.cross = (cross + square) * (1.0 - from) + to * self.sum;
        self.square = square + 2.0 * (to * mean - from * square) + GAMMA * GAMMA * kick;
        self.mean = mean + to - from * mean;
    }

    /// Excess and quantized test of the mean of `count` iterates of these moments, read as the activations of `test` do.
    fn judged(mean: f64, square: f64, count: f64, test: &Sites) -> [f64; 2] {
        let (mean, square) = (mean / count, square / count / count);
        let (h, w, a) = (H, W, test.data * test.feature.0);
        let read = a * a * h + test.feature.1;
        [h * (square - 2.0 * w * mean + w * w), read * square - 2.0 * a * w * h * mean + w * w * h]
    }
}

/// The laws that stand for what the sites do.
fn laws(sites: &Sites) -> Laws {
    let mut measured = PerSite::from_fn(|_| None);
    let mut laws = Laws::default();
    let mut put = |site: Site, (gain, error): Does| {
        measured[site] = Some(Measured { gain, error, square: 1.0, pairs: 1.0 });
        laws.sites[site] = Some(SiteLaw { noise: Noise::Additive, eps: 0.0, law: Law::Gaussian, shared: false });
    };
    put(Site::Feature, sites.feature);
    put(Site::Label, sites.label);
    put(Site::Parameter, sites.parameter);
    put(Site::Activation, sites.activation);
    put(Site::Gradient, sites.gradient);
    sites.feature_grad.into_iter().for_each(|does| put(Site::FeatureGrad, does));
    measured[Site::Data] = Some(Measured { gain: sites.data, error: 0.0, square: 1.0, pairs: 1.0 });
    laws.matched(&measured)
}

/// A recursion through phases, its last iterate and its average behind the first updates.
fn follow<R: Phases>(recursion: R, laws: &[R::Laws]) -> [Expected; 2] {
    let mut recursion = recursion.tested(*laws.last().unwrap());
    for (number, laws) in laws.iter().enumerate() {
        if number > 0 {
            recursion.change(*laws);
        }
        for update in 0..UPDATES {
            if (number, update) == BEGINS {
                recursion.begin_average();
            }
            recursion.update(GAMMA);
        }
    }
    [recursion.last(), recursion.average().unwrap()]
}

/// Phase and update at which averages begin: amid gains that change behind it.
const BEGINS: (usize, u32) = (0, 4);

#[test]
fn a_run_with_gains_is_one_without_of_other_steps_and_weights() {
    let inputs = Inputs { lambda: &[H], target: Target::Fixed(&[W]), tail: 0.0, tail_label: 0.0, noise: NOISE };
    let regression = Regression::new(&inputs, &[1.0], 1.0, Needs::default(), &Watch::default()).unwrap();
    let basis = Basis::new(&regression, &inputs).unwrap();
    let other =
        Sites { data: 1.2, feature_grad: Some((0.85, 0.07)), label: (1.4, 0.1), parameter: (1.0, 0.2), ..SITES };
    for phases in [&[SITES][..], &[other], &[SITES, other], &[other, SITES, Sites { feature: (0.6, 0.3), ..SITES }]] {
        let (mut moments, mut tail) = (Moments::default(), Moments::default());
        let mut count = 0.0;
        for (number, sites) in phases.iter().enumerate() {
            for update in 0..UPDATES {
                if (number, update) == BEGINS {
                    tail = Moments { mean: moments.mean, square: moments.square, ..Moments::default() };
                    count = 0.0;
                }
                moments.update(sites);
                tail.update(sites);
                count += 1.0;
            }
        }
        let test = &phases[phases.len() - 1];
        let last = Moments::judged(moments.mean, moments.square, 1.0, test);
        let average = Moments::judged(tail.sum, tail.sum_square, count, test);
        let laws: Vec<Laws> = phases.iter().map(laws).collect();
        let matrices = |laws: &Laws| Matrices::new(&regression, &regression, &basis, &inputs, laws).unwrap();
        let matrices: Vec<Matrices> = laws.iter().map(matrices).collect();
        let of_phases: Vec<&Matrices> = matrices.iter().collect();
        for found in [
            follow(Recursion::new(&basis, &laws[0], 1, false).unwrap(), &laws),
            follow(dense::Recursion::new(&matrices[0], 1, false).unwrap(), &of_phases),
        ] {
            for (found, expected) in found.into_iter().zip([last, average]) {
                for (found, expected) in [found.excess, found.quantized_test].into_iter().zip(expected) {
                    let near = (found / expected - 1.0).abs() < 1e-12;
                    assert!(near, "{found} and {expected}, {} phases", phases.len());
                }
            }
        }
    }
}
