//! What in a plan a user would regret.

use crate::codec::apply;
use crate::config::Problem;
use crate::cpu;
use crate::format::{Op, Range, Spec};
use crate::plan::{Cell, Plan, Point, TRAIN_SITES};
use crate::problem::eigenvalues;
use crate::random::Stream;
use crate::results::Judge;
use crate::row::{Counts, Site};

/// What `plan` and `sweep` warn of, one line each.
pub fn warnings(plan: &Plan) -> Vec<String> {
    let mut warnings = Vec::new();
    for point in &plan.points {
        let (data, sketch) = point.problem.grids();
        for recipe in &plan.config.recipes {
            for (site, bits, deviation) in [(Site::Data, data, 1.0), (Site::Sketch, sketch, 1.0)] {
                if let Some(range) = recipe.sites[site as usize].as_ref().and_then(Spec::range)
                    && finer(&range, bits, deviation)
                {
                    warnings.push(format!(
                        "recipe {:?}: the format at {} is finer than the {bits}-bit grid of the draws and changes little",
                        recipe.name,
                        site.name()
                    ));
                }
            }
            if let Some(range) = recipe.sites[Site::Feature as usize].as_ref().and_then(Spec::range) {
                let share = share_below(point, range.min_normal);
                if share > 0.1 {
                    warnings.push(format!(
                        "recipe {:?}: {:.0} % of the features at M = {} fall below the format's smallest normal value \
                         {:e}; hint: scale (or step), as scale = {:e}",
                        recipe.name,
                        100.0 * share,
                        point.model,
                        range.min_normal,
                        hinted_scale(point, &range)
                    ));
                }
            }
        }
        warnings.extend(step_warnings(plan, point));
        warnings.extend(weight_warnings(plan, point));
        warnings.extend(saturation_warnings(plan, point));
    }
    warnings.sort();
    warnings.dedup();
    warnings
}

fn finer(range: &Range, bits: u32, deviation: f64) -> bool {
    match range.fixed {
        true => range.min_normal <= libm::ldexp(deviation, -(bits as i32)),
        false => range.significand >= bits,
    }
}

/// Mean share of features |z_j| < `bound`: z is Gaussian of variance tr(H)/M (each its own without a sketch).
fn share_below(point: &Point, bound: f64) -> f64 {
    let below = |variance: f64| libm::erf(bound / (2.0 * variance).sqrt());
    let lambda = eigenvalues(&point.problem).lambda;
    match point.problem.is_sketched() {
        true => below(lambda.iter().sum::<f64>() / f64::from(point.model)),
        false => lambda.iter().map(|l| below(*l)).sum::<f64>() / lambda.len() as f64,
    }
}

/// The power of two that brings the smallest normal value to a tenth of the features' deviation.
fn hinted_scale(point: &Point, range: &Range) -> f64 {
    let trace: f64 = eigenvalues(&point.problem).lambda.iter().sum();
    let deviation = (trace / f64::from(point.model)).sqrt();
    libm::exp2(libm::floor(libm::log2(0.1 * deviation / range.min_normal)))
}

/// Eigenvalues of the features' covariance, roughly: lambda_i plus the isotropic share of the tail.
fn feature_spectrum(problem: &Problem, model: u32) -> Vec<f64> {
    let lambda = eigenvalues(problem).lambda;
    if !problem.is_sketched() {
        return lambda;
    }
    let m = model as usize;
    let tail: f64 = lambda[m..].iter().sum::<f64>() / m as f64;
    lambda[..m].iter().map(|l| l + tail).collect()
}

/// kappa = sum_i gamma h_i / (B (2 - gamma h_i (1 + 1/B))): mean-square stable iff every term is positive and
/// the sum is below 1.
fn step_warnings(plan: &Plan, point: &Point) -> Vec<String> {
    let h = feature_spectrum(&point.problem, point.model);
    let mut warnings = Vec::new();
    for &gamma in &plan.config.train.step_sizes {
        for &batch in &plan.config.train.batches {
            let b = f64::from(batch);
            let terms = h.iter().map(|h| gamma * h / (b * (2.0 - gamma * h * (1.0 + 1.0 / b))));
            let kappa: f64 = if terms.clone().all(|t| t >= 0.0) { terms.sum() } else { f64::INFINITY };
            if kappa >= 0.5 {
                let state = if kappa >= 1.0 { "beyond" } else { "near" };
                warnings.push(format!(
                    "train.step_size = {gamma} with batch {batch} is {state} the edge of mean-square stability \
                     (kappa = {kappa:.2}, stable below 1): risks will be heavy-tailed or diverge"
                ));
            }
        }
    }
    warnings
}

/// A fixed range at the weight or parameter site must hold the optimum v*.
fn weight_warnings(plan: &Plan, point: &Point) -> Vec<String> {
    let problem = &point.problem;
    let limited: Vec<(&str, Site, Range)> = plan
        .config
        .recipes
        .iter()
        .flat_map(|recipe| [Site::Parameter, Site::Weight].map(|site| (recipe, site)))
        .filter_map(|(recipe, site)| {
            let range = recipe.sites[site as usize].as_ref().and_then(Spec::range)?;
            Some((recipe.name.as_str(), site, range))
        })
        .collect();
    // The optimum of seed 0 stands for the expected one; beyond this size it would cost more than a warning.
    let work = f64::from(problem.dim) * f64::from(point.model).powi(2);
    if limited.is_empty() || work > 2e9 {
        return Vec::new();
    }
    let Some(judge) = Judge::of_optimum(plan, point) else { return Vec::new() };
    let mine = |cell: &&Cell| plan.config.problems[cell.problem] == *problem;
    let smallest = plan.cells.iter().filter(mine).map(|cell| cell.model).min().unwrap_or(point.model);
    let mut warnings = Vec::new();
    for model in [smallest, point.model] {
        let largest = judge.optimum(model as usize).iter().fold(0.0f64, |max, v| max.max(v.abs()));
        for (name, site, range) in &limited {
            if largest > range.max {
                warnings.push(format!(
                    "recipe {name:?}: the largest value of the format at {}, {}, saturates the optimum v* at M = {model} \
                     (largest entry {largest:.2}); hint: a larger step or scale",
                    site.name(),
                    range.max
                ));
            }
        }
    }
    warnings
}

/// Samples that tell how much a recipe saturates, and the multiply-adds they may cost.
const PILOT: u64 = 64;
const PILOT_WORK: f64 = 5e9;
/// Share of saturated values from which a recipe is warned of.
const HEAVY: f64 = 0.01;

/// Recipes that clip more than 1 % of what a site sees in the first samples of seed index 0. Activations start at 0
/// and residuals as the labels, so the latter stand for both.
fn saturation_warnings(plan: &Plan, point: &Point) -> Vec<String> {
    let (samples, seed) = (PILOT.min(point.samples), plan.config.sweep.seed);
    let work = f64::from(point.problem.dim) * f64::from(point.model) * (samples * point.pairs.len() as u64) as f64;
    if work > PILOT_WORK {
        return Vec::new();
    }
    let tiles = cpu::samples(seed, point, 0, (0, samples));
    let labels: Vec<f32> = tiles.iter().flat_map(|tile| tile.y.iter().copied()).collect();
    let stream = Stream::new(seed, 0);
    let sketches: Vec<Counts> = (0..point.pairs.len()).map(|p| cpu::sketch_counts(point, p, &stream)).collect();
    let mut warnings = Vec::new();
    for trajectory in &point.trajectories {
        let feature = &point.features[trajectory.feature];
        let entries = u64::from(point.rows(feature.pair)) * u64::from(point.problem.dim);
        let data = cpu::data_counts(&tiles, feature.pair);
        let features = cpu::feature_counts(&tiles, trajectory.feature);
        let scalar = |site: Site| {
            let op: &Op = &trajectory.ops[TRAIN_SITES.iter().position(|s| *s == site)?];
            let counts = apply(op, &mut labels.clone(), |b| stream.word(0, b as u32, op.purpose));
            Some((site, counts, samples))
        };
        let seen = [
            Some((Site::Data, data, samples * u64::from(point.problem.dim))),
            Some((Site::Sketch, sketches[feature.pair], entries)),
            Some((Site::Feature, features, samples * u64::from(feature.model))),
            scalar(Site::Label),
            scalar(Site::Gradient),
        ];
        for (site, counts, elements) in seen.into_iter().flatten() {
            let share = counts.saturated as f64 / elements.max(1) as f64;
            if share > HEAVY {
                warnings.push(format!(
                    "recipe {:?}: {:.1} % of the values at {} are beyond the format's largest one and saturate (M = {}); \
                     hint: a larger scale or step",
                    plan.config.recipes[trajectory.recipe].name,
                    100.0 * share,
                    site.name(),
                    trajectory.model
                ));
            }
        }
    }
    warnings
}
