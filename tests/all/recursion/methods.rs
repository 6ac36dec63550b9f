//! The recursion on M numbers and the one on M x M matrices are one, under every law that both can follow; and its
//! limit is the closed form.

use roundlaw::format::{Law, Noise};
use roundlaw::site::Site;
use roundlaw::theory::dense::{self, Matrices};
use roundlaw::theory::laws::{Method, SiteLaw};
use roundlaw::theory::recursion::Expected;
use roundlaw::theory::stability::settled;

use super::*;

const LAMBDA: [f64; 5] = [1.0, 0.45, 0.3, 0.21, 0.16];
const W: [f64; 5] = [0.7, -1.2, 0.4, 1.9, -0.3];
const SKETCH: [[f64; 5]; 3] = [[0.5, -0.3, 0.8, 0.1, 0.4], [-0.2, 0.9, 0.3, -0.6, 0.2], [0.7, 0.2, -0.4, 0.5, 0.9]];

fn law(noise: Noise, eps: f64, law: Law, shared: bool) -> Option<SiteLaw> {
    Some(SiteLaw { noise, eps, law, shared })
}

/// Laws at up to two sites, in all combinations of kinds.
fn all_laws() -> Vec<Laws> {
    const SITES: [Site; 8] = [
        Site::Data,
        Site::Feature,
        Site::FeatureGrad,
        Site::Label,
        Site::Parameter,
        Site::Activation,
        Site::Gradient,
        Site::Weight,
    ];
    let kinds = |site: Site| {
        let noises = [Noise::Additive, Noise::Relative, Noise::Multiplicative];
        let each = move |noise| [(noise, Law::Gaussian, false), (noise, Law::TwoPoint, site.is_scalar())];
        noises.into_iter().flat_map(each).map(|(noise, of, shared)| law(noise, 0.1, of, shared))
    };
    let mut all = vec![Laws::default()];
    for (k, first) in SITES.into_iter().enumerate() {
        for one in kinds(first) {
            for second in SITES.into_iter().skip(k) {
                for two in kinds(second) {
                    let mut laws = Laws::default();
                    laws.sites[first] = one;
                    laws.sites[second] = two;
                    all.push(laws);
                }
            }
        }
    }
    all.retain(Laws::is_exact);
    all
}

fn follow(mut recursion: impl Iterates) -> [Expected; 2] {
    (0..12).for_each(|t| recursion.update(if t < 7 { 0.2 } else { 0.1 }));
    [recursion.last(), recursion.average().unwrap()]
}

/// Of one sketch, or of none, by each method.
fn both(inputs: &Inputs, rows: Option<&[f64]>, laws: &Laws, batch: u32) -> [[Expected; 2]; 2] {
    let identity: Vec<f64> = (0..25).map(|k| f64::from(u8::from(k % 6 == 0))).collect();
    let needs = Needs { spread: true, rows: true };
    let regression = Regression::new(inputs, rows.unwrap_or(&identity), 1.0, needs, &Watch::default()).unwrap();
    let basis = match rows {
        Some(_) => Basis::new(&regression, inputs).unwrap(),
        None => Basis::coordinates(inputs),
    };
    let matrices = Matrices::new(&regression, &regression, &basis, inputs, laws).unwrap();
    let diagonal = follow(Recursion::new(&basis, laws, batch, true).unwrap());
    [diagonal, follow(dense::Recursion::new(&matrices, batch, true).unwrap())]
}

#[test]
fn both_methods_come_to_the_same() {
    let rows = SKETCH.concat();
    let variances = W.map(|w| w * w);
    let mut compared = [0, 0];
    for laws in all_laws() {
        for (target, tail) in [(Target::Fixed(&W), 0.0), (Target::Prior(&variances), 0.0), (Target::Fixed(&W), 0.2)] {
            let inputs = Inputs { lambda: &LAMBDA, target, tail, tail_label: tail, noise: 0.3 };
            for (k, sketch) in [Some(rows.as_slice()), None].into_iter().enumerate() {
                if laws.method(sketch.is_some()) != Method::Diagonal || sketch.is_none() && tail > 0.0 {
                    continue;
                }
                for batch in [1, 3] {
                    compared[k] += 1;
                    let [diagonal, dense] = both(&inputs, sketch, &laws, batch);
                    for (a, b) in diagonal.iter().zip(&dense) {
                        let near = |a: f64, b: f64| (a - b).abs() < 1e-11 * b.abs().max(1.0);
                        let same = near(a.excess, b.excess) && near(a.quantized_test, b.quantized_test);
                        assert!(same, "{laws:?}, {inputs:?}, B {batch}: {a:?} and {b:?}");
                    }
                }
            }
        }
    }
    assert!(compared.iter().all(|count| *count > 1000), "{compared:?}");
}

/// Without noise the weights come to the optimum: the excess to 0, up to the rounding of the energy, never below.
#[test]
fn an_excess_that_vanishes_is_not_negative() {
    let inputs = Inputs { lambda: &LAMBDA, target: Target::Fixed(&W), tail: 0.0, tail_label: 0.0, noise: 0.0 };
    let identity: Vec<f64> = (0..25).map(|k| f64::from(u8::from(k % 6 == 0))).collect();
    let regression = Regression::new(&inputs, &identity, 1.0, Needs::default(), &Watch::default()).unwrap();
    let (basis, laws) = (Basis::coordinates(&inputs), Laws::default());
    let matrices = Matrices::new(&regression, &regression, &basis, &inputs, &laws).unwrap();
    let vanishes = |mut recursion: Box<dyn Iterates + '_>| {
        let last = |_| {
            recursion.update(0.2);
            recursion.last()
        };
        let risks: Vec<Expected> = (0..3000).map(last).collect();
        assert!(risks.iter().all(|risks| risks.excess >= 0.0));
        let floor = risks[2000..].iter().map(|risks| risks.excess).fold(0.0, f64::max);
        println!("floor {floor:e} of {:e}", basis.energy);
        assert!(floor < 1e-14 * basis.energy, "{floor}");
        risks
    };
    let diagonal = vanishes(Box::new(Recursion::new(&basis, &laws, 2, false).unwrap()));
    assert!(diagonal.iter().all(|risks| risks.quantized_test == risks.excess));
    vanishes(Box::new(dense::Recursion::new(&matrices, 2, false).unwrap()));
    let never_asked = Recursion::new(&basis, &laws, 2, false).unwrap();
    assert!(never_asked.average().is_none() && dense::Recursion::new(&matrices, 2, false).unwrap().average().is_none());
}

/// With additive noise the features that training sees make a regression of their own, with more noise.
#[test]
fn the_risks_settle_at_the_closed_form() {
    let inputs = Inputs { lambda: &LAMBDA, target: Target::Fixed(&W), tail: 0.3, tail_label: 0.1, noise: 0.3 };
    let regression = Regression::new(&inputs, &SKETCH.concat(), 1.0, Needs::default(), &Watch::default()).unwrap();
    let basis = Basis::new(&regression, &inputs).unwrap();
    let mut noisy = Laws::default();
    noisy.sites[Site::Feature] = law(Noise::Additive, 0.15, Law::Gaussian, false);
    for (laws, batch) in [(Laws::default(), 1), (Laws::default(), 4), (noisy, 1), (noisy, 4)] {
        let mut recursion = Recursion::new(&basis, &laws, batch, false).unwrap();
        (0..20_000).for_each(|_| recursion.update(0.1));
        let (kappa, plateau) = settled(&basis, &laws, 0.1, batch).unwrap();
        let near = |a: f64, b: f64| (a - b).abs() < 1e-9 * b;
        let last = recursion.last();
        let same = near(last.excess, plateau.excess) && near(last.quantized_test, plateau.quantized_test);
        assert!(kappa > 0.0 && kappa < 1.0 && same, "{laws:?}, B {batch}: {last:?} and {plateau:?}");
        assert!(settled(&basis, &laws, 10.0, batch).unwrap().1.excess == f64::INFINITY);
    }
    let mut other = noisy;
    other.sites[Site::Gradient] = law(Noise::Additive, 0.1, Law::Gaussian, false);
    assert_eq!(settled(&basis, &other, 0.1, 1), None);
}
