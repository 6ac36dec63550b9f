//! The law that features and labels are drawn from is that of z = S x and y = <x, w*> + sigma n given S.

use rayon::prelude::*;
use roundlaw::cpu;
use roundlaw::plan::{Cohort, Label, Plan};
use roundlaw::random::{Stream, normal::normal, user_purpose};
use roundlaw::risk::{CohortRisk, JointLaw, Truth};
use roundlaw::run::rows;
use roundlaw::watch::Watch;

use super::plan;
use crate::montecarlo::mean;

/// Sizes, and what differs between problems.
fn text(problem: &str, seeds: u32) -> String {
    format!(
        "[problem]\ndim = 40\nnoise = 0.5\nsampling = \"feature\"\n{problem}\n[train]\nmodel = [6, 17]\nsamples = [48]\n\
         step_size = [0.1]\nschedule = \"constant\"\n[[recipe]]\nname = \"fp32\"\n[sweep]\nseeds = {seeds}\nseed = 21\n"
    )
}

const PROBLEMS: [&str; 4] = [
    "spectrum = { kind = \"power\", exponent = 1.5 }",
    "spectrum = { kind = \"power\", exponent = 1.5 }\ntail = \"closed\"",
    "spectrum = { kind = \"power\", exponent = 1.2 }\nsketch = { kind = \"gaussian\", nested = false }\n\
     target = { kind = \"source\", exponent = 1.3 }",
    "spectrum = { kind = \"exponential\", rate = 0.1 }\ntail = \"closed\"\ntarget = { kind = \"ones\" }",
];

/// Second moments of z and y by the law, and by the sketch: E z z^T = S (H + eps I) S^T + (tau/M) I with noise eps at x, E z y = S H w*, E y^2.
#[test]
fn its_second_moments_are_those_of_the_sketch() {
    let head = "sampling = { kind = \"head\", coordinates = 13 }";
    for (problem, sampling) in PROBLEMS.into_iter().flat_map(|p| [(p, "sampling = \"feature\""), (p, head)]) {
        let noisy = "[[recipe]]\nname = \"noisy\"\ndata = { noise = \"additive\", eps = 0.05 }\n";
        let recipe = if sampling == head { "" } else { noisy };
        let plan = plan(&(text(problem, 1).replace("sampling = \"feature\"", sampling) + recipe));
        let (point, stream) = (&plan.points[0], Stream::new(21, 0));
        let (laws, grams) = JointLaw::all(point, &stream, &Watch::default()).unwrap();
        // The exact risks have the sums of all coordinates, without noise.
        assert_eq!(grams.len(), if sampling == head { 0 } else { point.sketches.len() });
        assert_eq!(laws.len(), if sampling == head { 1 } else { 2 } * point.sketches.len());
        let truth = Truth::new(point, stream).unwrap();
        let lambda = &truth.eigenvalues.lambda;
        for &Label { model, law } in &point.labels {
            let (law, added) = (&laws[law], point.laws[law].added);
            assert!(added == 0.0 || (added - 0.05).abs() < 1e-8, "{added}");
            let (columns, literal, reads) = (law.columns(), point.problem.literal() as usize, law.read_by(model));
            // Variance of what is drawn.
            let h = |i: usize| if i < literal { lambda[i] } else { 1.0 };
            let f = |j: u32, i: usize| f64::from(law.factor[j as usize * columns + i]) / f64::from(model).sqrt();
            let u = |i: usize| law.coefficients.iter().map(|piece| f64::from(piece[i])).sum::<f64>();
            let sketch = truth.sketch(model).unwrap();
            let s = |j: u32| &sketch[j as usize * 40..][..40];
            let same = |found: f64, must: f64| assert!((found - must).abs() < 3e-7, "{problem}: {found} and {must}");
            for j in 0..model {
                for k in 0..model {
                    let of_law: f64 = (0..reads).map(|i| h(i) * f(j, i) * f(k, i)).sum();
                    let products = lambda.iter().zip(s(j)).zip(s(k));
                    let of_sketch: f64 = products.map(|((h, a), b)| (h + added) * a * b).sum();
                    let tail = if j == k { point.tail.features / f64::from(model) } else { 0.0 };
                    same(of_law, of_sketch + tail);
                }
                let of_law: f64 = (0..reads).map(|i| h(i) * f(j, i) * u(i)).sum();
                let of_sketch: f64 = lambda.iter().zip(s(j)).zip(&truth.target).map(|((h, a), w)| h * a * w).sum();
                same(of_law, of_sketch);
            }
            let e = f64::from(law.deviation(model));
            let of_sketch: f64 = lambda.iter().zip(&truth.target).map(|(h, w)| h * w * w).sum();
            let energy = of_sketch + point.tail.label + 0.25;
            let of_law = (0..reads).map(|i| h(i) * u(i) * u(i)).sum::<f64>() + e * e;
            assert!((of_law - energy).abs() < 1e-6 * energy, "{problem}: {of_law} and {energy}");
        }
    }
}

/// What a simulation in f64 makes of the law.
#[derive(Clone, Copy)]
enum Simulated {
    AsDrawn,
    /// L^T in place of L.
    Transposed,
    /// The label's noise without what the features do not explain.
    NoiseAlone,
}

/// The excess after training on draws of the law in f64, other normals than the program's.
fn simulated(plan: &Plan, model: u32, seed_index: u32, how: Simulated) -> f64 {
    let (point, stream) = (&plan.points[0], Stream::new(21, seed_index));
    let (laws, _) = JointLaw::all(point, &stream, &Watch::default()).unwrap();
    let law = &laws[point.draw_of(model).unwrap()];
    let (m, rows, scale) = (model as usize, law.rows(), f64::from(model).sqrt());
    let entry = |j: usize, k: usize| {
        let (j, k) = if matches!(how, Simulated::Transposed) { (k, j) } else { (j, k) };
        f64::from(law.factor[j * rows + k]) / scale
    };
    let e = if matches!(how, Simulated::NoiseAlone) { 0.5 } else { f64::from(law.deviation(model)) };
    let u: Vec<f64> = (0..m).map(|k| law.coefficients.iter().map(|piece| f64::from(piece[k])).sum()).collect();
    let mut v = vec![0.0; m];
    for t in 0..48 {
        let n: Vec<f64> = (0..=m as u32).map(|k| normal(stream.word(k, t, user_purpose(1))).into()).collect();
        let z: Vec<f64> = (0..m).map(|j| (0..m).map(|k| entry(j, k) * n[k]).sum()).collect();
        let y = u.iter().zip(&n).map(|(u, n)| u * n).sum::<f64>() + e * n[m];
        let residual = y - z.iter().zip(&v).map(|(z, v)| z * v).sum::<f64>();
        v.iter_mut().zip(&z).for_each(|(v, z)| *v += 0.1 * residual * z);
    }
    let risk = CohortRisk::new(plan, Cohort { point: 0, seed_index }).unwrap();
    risk.risk(&v).unwrap().unwrap().excess
}

#[test]
fn a_wrong_factor_or_deviation_shows() {
    const SEEDS: u32 = 4000;
    let (plan, model) = (plan(&text(PROBLEMS[1], SEEDS)), 6);
    let index = plan.points[0].trajectories.iter().position(|trajectory| trajectory.model == model).unwrap();
    let program = |seed_index| {
        let cohort = Cohort { point: 0, seed_index };
        let states = cpu::execute(&plan, &[cohort], &Watch::default()).unwrap().remove(0);
        let state = states.iter().find(|state| state.trajectory == index).unwrap();
        let v = rows::last(state);
        CohortRisk::new(&plan, cohort).unwrap().risk(&v).unwrap().unwrap().excess
    };
    let ours: Vec<f64> = (0..SEEDS).into_par_iter().map(program).collect();
    let z = |how| {
        let difference = |seed: u32| ours[seed as usize] - simulated(&plan, model, seed, how);
        let (mean, error) = mean(&(0..SEEDS).into_par_iter().map(difference).collect::<Vec<f64>>());
        println!("z = {:.2}", mean / error);
        mean / error
    };
    assert!(z(Simulated::AsDrawn).abs() < 4.0);
    assert!(z(Simulated::Transposed).abs() > 8.0);
    assert!(z(Simulated::NoiseAlone).abs() > 8.0);
}
