//! What in a plan a user would regret.

mod pilot;
mod work;

use self::work::{DRAW, FUNCTION};
use crate::error::Result;
use crate::format::{Range, Spec};
use crate::plan::{Plan, ProblemPoint, SketchDraw};
use crate::problem::leading_eigenvalues;
use crate::problem::{Sampling, Sketch};
use crate::risk::CohortRisk;
use crate::site::{Grids, Site};
use crate::theory::{measured, stability};
use crate::watch::Watch;

/// Rows of a file that tell its largest eigenvalues well enough for a warning.
const MEASURED: usize = 512;
/// Warnings that are spelled out.
const SPELLED: usize = 50;

/// What `plan` and `sweep` warn of, one line each. [`crate::error::Error::Incomplete`] where the watch asks to end.
pub fn warnings(plan: &Plan, watch: &Watch) -> Result<Vec<String>> {
    let (mut warnings, mut clipped) = (Vec::new(), pilot::Clipped::default());
    let (mut work, mut spectrum): (f64, Option<Features>) = (0.0, None);
    for (index, point) in plan.points.iter().enumerate() {
        // Points that differ in their last keys alone are neighbours and share a spectrum.
        let known = spectrum.take().filter(|known| known.is_of(point));
        work += if known.is_none() { FUNCTION * f64::from(point.problem.dim) } else { 0.0 };
        let train = &plan.config.train;
        let own = if point.problem.is_sketched() { 1.0 } else { f64::from(point.model) };
        work += FUNCTION * own * plan.config.recipes.len() as f64;
        work += (train.step_sizes.len() * train.batches.len()) as f64 * f64::from(point.model);
        work += pilot::work(point).unwrap_or(0.0) + optimum_work(plan, point).unwrap_or(0.0);
        if index > 0 && work > work::PLAN {
            warnings.push(format!(
                "problem: only the first {index} of {} points were looked through for warnings",
                plan.points.len()
            ));
            break;
        }
        let features = known.unwrap_or_else(|| Features::new(point));
        warnings.extend(grid_warnings(plan, point));
        warnings.extend(head_warnings(plan, point));
        if !matches!(point.problem.sketch, Sketch::File(_)) {
            // A user's sketch has features of its own deviations.
            warnings.extend(small_features(plan, point, &features));
            warnings.extend(step_warnings(plan, &features));
        }
        warnings.extend(weight_warnings(plan, point, watch)?);
        pilot::try_out(plan, index, &mut clipped, watch)?;
        spectrum = Some(features);
    }
    warnings.extend(clipped.warnings());
    warnings.sort();
    warnings.dedup();
    let more = warnings.len().saturating_sub(SPELLED);
    if more > 0 {
        warnings.truncate(SPELLED);
        warnings.push(format!("{more} more warnings are left out"));
    }
    Ok(warnings)
}

/// What the features of one spectrum are like.
struct Features<'a> {
    of: &'a ProblemPoint,
    /// The largest eigenvalues of H, as many as the largest M; those measured of a file; all of them without a sketch.
    leading: Vec<f64>,
    /// Sum of all, a closed tail included.
    trace: f64,
}

impl<'a> Features<'a> {
    fn new(point: &'a ProblemPoint) -> Features<'a> {
        let (mut leading, trace) = leading_eigenvalues(&point.problem, point.model as usize);
        if let Some(measured) = point.problem.covariates().and_then(|c| measured::eigenvalues(c, MEASURED).ok()) {
            leading = measured;
            leading.resize(point.model as usize, 0.0);
        }
        Features { of: point, leading, trace: trace + point.tail.features }
    }

    fn is_of(&self, point: &ProblemPoint) -> bool {
        let (own, other) = (&self.of.problem, &point.problem);
        (own.dim, &own.spectrum, own.tail) == (other.dim, &other.spectrum, other.tail) && self.of.model == point.model
    }

    /// Mean share of features |z_j| < `bound`: z is Gaussian of variance tr(H)/M (each its own without a sketch).
    fn share_below(&self, bound: f64) -> f64 {
        let below = |variance: f64| if variance > 0.0 { libm::erf(bound / (2.0 * variance).sqrt()) } else { 0.0 };
        match self.of.problem.is_sketched() {
            true => below(self.trace / f64::from(self.of.model)),
            false => self.leading.iter().map(|l| below(*l)).sum::<f64>() / self.leading.len() as f64,
        }
    }

    fn deviation(&self) -> f64 {
        (self.trace / f64::from(self.of.model)).sqrt()
    }

    /// Eigenvalues of the features' covariance, roughly: lambda_i plus the isotropic share of the rest.
    fn covariance(&self) -> impl Iterator<Item = f64> + Clone {
        let rest = match self.of.problem.is_sketched() {
            true => (self.trace - self.leading.iter().sum::<f64>()).max(0.0) / f64::from(self.of.model),
            false => 0.0,
        };
        self.leading.iter().map(move |l| l + rest)
    }
}

/// What every recipe does at these sites, once for each phase that changes it, with how messages call that phase.
fn specs<'a>(plan: &'a Plan, sites: &'a [Site]) -> impl Iterator<Item = (String, Site, &'a Spec)> {
    plan.config.recipes.iter().flat_map(move |recipe| {
        recipe.phases().enumerate().flat_map(move |(number, own)| {
            let new = sites.iter().filter(move |site| recipe.is_new(number, **site));
            new.filter_map(move |&site| Some((recipe.called(number), site, own[site].as_ref()?)))
        })
    })
}

/// Formats that round the first coordinates alone.
fn head_warnings(plan: &Plan, point: &ProblemPoint) -> Vec<String> {
    let Sampling::Head { coordinates } = point.problem.sampling else { return Vec::new() };
    let warning = |called: String| {
        format!(
            "{called}: approximate: the format at data rounds the first {coordinates} of {} coordinates, by \
             problem.sampling",
            point.problem.dim
        )
    };
    let formats = specs(plan, &[Site::Data]).filter(|(_, _, spec)| matches!(spec, Spec::Format(_)));
    formats.map(|(called, ..)| warning(called)).collect()
}

/// Formats finer than the grid of what they round.
fn grid_warnings(plan: &Plan, point: &ProblemPoint) -> Vec<String> {
    let Grids { data, sketch } = point.problem.grids();
    let mut warnings = Vec::new();
    for (called, site, spec) in specs(plan, &[Site::Data, Site::Sketch]) {
        let bits = if site == Site::Data { data } else { sketch };
        let is_there = site == Site::Data || point.problem.is_sketched();
        if spec.range().is_some_and(|range| is_there && finer(&range, bits)) {
            warnings.push(format!(
                "{called}: the format at {} is finer than the {bits}-bit grid of the draws and changes little",
                site.name()
            ));
        }
    }
    warnings
}

/// A float format that keeps every bit of values between 2^-10 and 2^3, which draws of deviation 1 hardly leave.
fn finer(range: &Range, bits: u32) -> bool {
    !range.fixed && range.significand >= bits && range.max >= 8.0 && range.min_normal <= libm::ldexp(1.0, -10)
}

fn small_features(plan: &Plan, point: &ProblemPoint, features: &Features) -> Vec<String> {
    let mut warnings = Vec::new();
    for (called, _, spec) in specs(plan, &[Site::Feature]) {
        let Some(range) = spec.range() else { continue };
        // What is rounded up or down at random is not lost below it.
        if spec.is_unbiased() {
            continue;
        }
        let share = features.share_below(range.min_normal);
        if share > 0.1 {
            warnings.push(format!(
                "{called}: {:.0} % of the features at M = {} fall below the format's smallest normal value {:e}; \
                 hint: feature.{}",
                100.0 * share,
                point.model,
                range.min_normal,
                hint(spec, &range, features.deviation())
            ));
        }
    }
    warnings
}

/// The option that brings the smallest normal value to a tenth of the features' deviation; more bits where that would clip
/// what lies within three deviations.
fn hint(spec: &Spec, range: &Range, deviation: f64) -> String {
    let Spec::Format(quantizer) = spec else { return String::new() };
    let (key, least) = if range.fixed { ("step", -48) } else { ("scale", -32) };
    let exponent = libm::ilogb(quantizer.scale) + libm::floor(libm::log2(0.1 * deviation / range.min_normal)) as i32;
    let option = libm::ldexp(1.0, exponent.max(least));
    match range.fixed && range.max / quantizer.scale * option < 3.0 * deviation {
        true => "format with more bits, no step holds small features and large ones".into(),
        false => format!("{key} = {option:e}"),
    }
}

/// Steps near the edge of mean-square stability, or beyond it.
fn step_warnings(plan: &Plan, features: &Features) -> Vec<String> {
    let mut warnings = Vec::new();
    for &gamma in &plan.config.train.step_sizes {
        for &batch in &plan.config.train.batches {
            let kappa = stability::kappa(features.covariance(), gamma, batch);
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

/// Recipes whose fixed range at the weight or parameter site must hold the optimum v*.
fn limited(plan: &Plan) -> Vec<(String, Site, Range)> {
    let specs = specs(plan, &[Site::Parameter, Site::Weight]);
    specs.filter_map(|(called, site, spec)| Some((called, site, spec.range()?))).collect()
}

/// Multiply-adds of the optimum; `None` where nothing asks for it, or it costs more than a warning is worth.
fn optimum_work(plan: &Plan, point: &ProblemPoint) -> Option<f64> {
    let rows = |draw: &SketchDraw| f64::from(draw.rows);
    let entry: f64 = point.sketches.iter().map(|draw| rows(draw) * (DRAW + rows(draw) / 2.0)).sum();
    let work = f64::from(point.problem.dim) * (FUNCTION + entry);
    (!limited(plan).is_empty() && work <= work::POINT).then_some(work)
}

/// The optimum of seed index 0 stands for the expected one.
fn weight_warnings(plan: &Plan, point: &ProblemPoint, watch: &Watch) -> Result<Vec<String>> {
    let risk = optimum_work(plan, point).and_then(|_| CohortRisk::of_optimum(plan, point, watch));
    let Some(risk) = risk.transpose()? else { return Ok(Vec::new()) };
    let smallest = point.trajectories.iter().map(|trajectory| trajectory.model).min().unwrap_or(point.model);
    let mut warnings = Vec::new();
    for model in [smallest, point.model] {
        let Ok(Some(optimum)) = risk.optimum(model as usize) else { continue };
        let largest = optimum.iter().fold(0.0f64, |max, v| max.max(v.abs()));
        for (called, site, range) in limited(plan) {
            if largest > range.max {
                warnings.push(format!(
                    "{called}: the largest value of the format at {}, {}, saturates the optimum v* at M = {model} \
                     (largest entry {largest:.2}); hint: a larger {}",
                    site.name(),
                    range.max,
                    if range.fixed { "step" } else { "scale" }
                ));
            }
        }
    }
    Ok(warnings)
}
