//! What a plan will cost, and what in it a user would regret.

use crate::config::{Problem, Sketch};
use crate::cpu::tile_samples;
use crate::error::{Error, Result};
use crate::format::{Range, Spec};
use crate::plan::{Cell, Plan, Point};
use crate::problem::{Evaluator, sketch_entry, spectrum, target};
use crate::random::Stream;
use crate::row::Site;

/// Work and time of one seed index over all problem points.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cost {
    /// Normal draws, f32 multiply-adds of projections, and element-steps of training.
    pub draws: f64,
    pub projections: f64,
    pub steps: f64,
    /// Core-seconds on the `cpu` adapter, from the rates in docs/benchmarks.md.
    pub seconds_per_seed: f64,
    /// Core-seconds of the scalar reference.
    pub reference_seconds_per_seed: f64,
}

/// Core-nanoseconds per draw, per projection multiply-add, per element-step: the fast CPU code, the reference.
const FAST: [f64; 3] = [1.3, 0.02, 1.5];
const SCALAR: [f64; 3] = [5.0, 0.9, 6.0];

/// Cost of a plan, per seed index.
pub fn cost(plan: &Plan) -> Cost {
    let mut cost = Cost::default();
    for point in &plan.points {
        let (d, m, n) = (f64::from(point.problem.dim), f64::from(point.model), point.samples as f64);
        let sketched = point.problem.sketch == Sketch::Gaussian;
        let words = 1.0 + point.pairs.iter().filter(|pair| pair.data.is_set()).count() as f64;
        cost.draws += n * d * words;
        if sketched {
            cost.draws += m * d;
            cost.projections += n * d * m * point.pairs.len() as f64 + d * m * m / 2.0;
        }
        for trajectory in &point.trajectories {
            let sites = trajectory.ops.iter().filter(|op| op.is_set()).count() as f64;
            cost.steps += trajectory.samples as f64 * f64::from(trajectory.model) * (1.0 + sites);
        }
        for feature in &point.features {
            cost.steps += n * f64::from(feature.model);
        }
    }
    let time = |rates: [f64; 3]| 1e-9 * (cost.draws * rates[0] + cost.projections * rates[1] + cost.steps * rates[2]);
    Cost { seconds_per_seed: time(FAST), reference_seconds_per_seed: time(SCALAR), ..cost }
}

/// Bytes of one cohort in flight, and of a whole sweep with `threads` cohorts at once.
pub fn memory(plan: &Plan, threads: u64) -> (u64, u64) {
    let test = u64::from(plan.config.train.quantized_test.unwrap_or(0));
    let cohort = plan.points.iter().map(|point| cohort_bytes(point, test)).max().unwrap_or(0);
    (cohort, cohort.saturating_mul(threads))
}

fn cohort_bytes(point: &Point, test_samples: u64) -> u64 {
    let (d, m) = (u64::from(point.problem.dim), u64::from(point.model));
    let rows: u64 = point.trajectories.iter().map(|t| 3 * 4 * u64::from(t.model) * t.rows.len() as u64).sum();
    let features: u64 =
        point.features.iter().map(|f| (4 * u64::from(f.model) + 12) * (point.block + test_samples)).sum();
    let state: u64 = point.trajectories.iter().map(|t| 24 * u64::from(t.model)).sum();
    let pairs = point.pairs.len() as u64;
    let (sketch, gram) = match point.problem.sketch {
        Sketch::Gaussian => (m.saturating_mul(d).saturating_mul(4 * (pairs + 1)), 8 * m * m),
        Sketch::None => (0, 0),
    };
    let tile = pairs * 4 * d * tile_samples(point.problem.dim) as u64;
    let projected = pairs * m * 4 * point.block;
    [16 * d, tile, rows, features, state, sketch, gram, projected]
        .iter()
        .fold(0, |sum, part| u64::saturating_add(sum, *part))
}

/// What `plan` and `sweep` warn of, one line each.
pub fn warnings(plan: &Plan) -> Vec<String> {
    let mut warnings = Vec::new();
    for point in &plan.points {
        for recipe in &plan.config.recipes {
            for (site, bits, deviation) in [(Site::Data, 16, 1.0), (Site::Sketch, 8, 1.0)] {
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
    let lambda = spectrum(&point.problem).lambda;
    match point.problem.sketch {
        Sketch::Gaussian => below(lambda.iter().sum::<f64>() / f64::from(point.model)),
        Sketch::None => lambda.iter().map(|l| below(*l)).sum::<f64>() / lambda.len() as f64,
    }
}

/// The power of two that brings the smallest normal value to a tenth of the features' deviation.
fn hinted_scale(point: &Point, range: &Range) -> f64 {
    let trace: f64 = spectrum(&point.problem).lambda.iter().sum();
    let deviation = (trace / f64::from(point.model)).sqrt();
    libm::exp2(libm::floor(libm::log2(0.1 * deviation / range.min_normal)))
}

/// Eigenvalues of the features' covariance, roughly: lambda_i plus the isotropic share of the tail.
fn feature_spectrum(problem: &Problem, model: u32) -> Vec<f64> {
    let lambda = spectrum(problem).lambda;
    if problem.sketch == Sketch::None {
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
    let stream = Stream::new(plan.config.sweep.seed, 0);
    let (setting, w) = (spectrum(problem), target(problem, &stream));
    let rows = if problem.sketch == Sketch::Gaussian { point.model } else { 0 };
    let sketch: Vec<f32> = (0..rows)
        .flat_map(|j| (0..problem.dim).map(move |i| (j, i)))
        .map(|(j, i)| sketch_entry(&stream, j, i))
        .collect();
    let evaluator = Evaluator::new(problem, &setting, &w, &sketch, point.model);
    let mine = |cell: &&Cell| plan.config.problems[cell.problem] == *problem;
    let smallest = plan.cells.iter().filter(mine).map(|cell| cell.model).min().unwrap_or(point.model);
    let mut warnings = Vec::new();
    for model in [smallest, point.model] {
        let largest = evaluator.optimum(model as usize).iter().fold(0.0f64, |max, v| max.max(v.abs()));
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

/// Refuses a plan that needs more memory than the machine has, naming both.
pub fn fits(plan: &Plan, threads: u64) -> Result<()> {
    let (cohort, total) = memory(plan, threads);
    let Some(installed) = installed_memory() else { return Ok(()) };
    if total <= installed {
        return Ok(());
    }
    let gib = |bytes: u64| bytes as f64 / (1u64 << 30) as f64;
    Err(Error::Input(format!(
        "problem.dim and train.model need {:.1} GiB ({:.1} GiB per cohort, {threads} at once), the machine has {:.1} GiB: \
         allowed are smaller problem.dim or train.model, or RAYON_NUM_THREADS=1",
        gib(total),
        gib(cohort),
        gib(installed)
    )))
}

/// Bytes of memory, where the system tells.
fn installed_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("MemTotal:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok()?.checked_mul(1024)
}
