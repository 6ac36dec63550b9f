//! The first samples of seed index 0, tried out: what they saturate, and what they overflow.

use std::collections::BTreeSet;

use super::work::{self, DRAW, FUNCTION};
use crate::cpu;
use crate::error::Result;
use crate::format::{Layout, Spec};
use crate::plan::{Cohort, Pair, Plan, ProblemPoint, spec_at};
use crate::site::{Counts, RunSize, Site};
use crate::watch::Watch;

/// Samples tried, and the feature entries they may fill.
const SAMPLES: u64 = 64;
const ENTRIES: u64 = 1 << 26;
/// Multiply-adds of the pilot; `None` where no format is counted, or it costs more than a warning is worth.
pub fn work(point: &ProblemPoint) -> Option<f64> {
    let samples = SAMPLES.min(point.samples);
    let entries: u64 = point.features.iter().map(|feature| u64::from(feature.model) * samples).sum();
    let rows = |pair: usize| if point.problem.is_sketched() { f64::from(point.rows(pair)) } else { 0.0 };
    let products = |(p, pair): (usize, &Pair)| {
        rows(p) * (2.0 * DRAW + 0.1 * (samples * pair.splitting.products.len() as u64) as f64)
    };
    let pairs: f64 = point.pairs.iter().enumerate().map(products).sum();
    let work = f64::from(point.problem.dim) * (FUNCTION + DRAW * samples as f64 + pairs) + DRAW * entries as f64;
    let counted = point.pairs.iter().any(|pair| pair.data.is_counted() || pair.sketch.is_counted())
        || point.features.iter().any(|feature| feature.op.is_counted())
        || point.trajectories.iter().any(|t| t.ops.by_site().iter().any(|(_, op)| op.is_counted()));
    (counted && entries <= ENTRIES && work <= work::POINT).then_some(work)
}

/// Recipes that clip or overflow much of what a site sees: each is trained on the first samples, with one batch and
/// step size for all.
pub fn warnings(plan: &Plan, index: usize, watch: &Watch) -> Result<Vec<String>> {
    let point = &plan.points[index];
    if work(point).is_none() {
        return Ok(Vec::new());
    }
    let mut tried = BTreeSet::new();
    let mut trajectories = point.trajectories.clone();
    trajectories.retain(|t| tried.insert((t.recipe, t.feature, t.batch)));
    for trajectory in &mut trajectories {
        let batch = u64::from(trajectory.batch);
        trajectory.samples = trajectory.samples.min(SAMPLES.next_multiple_of(batch));
        trajectory.rows = vec![trajectory.samples];
    }
    let samples = trajectories.iter().map(|t| t.samples).max().unwrap_or(0);
    let pilot = Plan {
        config: plan.config.clone(),
        cells: Vec::new(),
        points: vec![ProblemPoint { trajectories, samples, ..point.clone() }],
        average: false,
    };
    let rows = cpu::execute(&pilot, &[Cohort { point: 0, seed_index: 0 }], watch)?.remove(0);
    let mut warnings = Vec::new();
    for row in rows {
        let trajectory = &pilot.points[0].trajectories[row.trajectory];
        let recipe = &plan.config.recipes[trajectory.recipe];
        let size = RunSize {
            dim: point.problem.dim,
            model: trajectory.model,
            batch: trajectory.batch,
            samples: trajectory.samples,
        }
        .until(row.diverged_at);
        for site in Site::ALL {
            let (counts, values) = (row.counts[site], site.values(&size));
            let shared = site.is_scalar() || matches!(site, Site::Data | Site::Sketch);
            let place = if shared { String::new() } else { format!(" (M = {})", trajectory.model) };
            let spec = spec_at(recipe, &point.problem, site);
            if let Some(text) = spec.and_then(|spec| message(spec, site, &place, &counts, values)) {
                warnings.push(format!("recipe {:?}: {text}", recipe.name));
            }
        }
    }
    Ok(warnings)
}

/// What to say of these counts, if anything.
fn message(spec: &Spec, site: Site, place: &str, counts: &Counts, values: u128) -> Option<String> {
    let Spec::Format(quantizer) = spec else { return None };
    let site = site.name();
    let hint = match quantizer.layout {
        Layout::Integer { .. } if quantizer.sharing.is_none() => format!("; hint: a larger {site}.step"),
        Layout::Float(_) | Layout::Logarithmic { .. } => format!("; hint: a larger {site}.scale"),
        // The block's own largest value sets its scale.
        _ => String::new(),
    };
    let percent = |count: u64| 100.0 * count as f64 / values.max(1) as f64;
    if counts.nan > 0 {
        return Some(format!(
            "{:.1} % of the values at {site}{place} overflow, and a run diverges where it reads one{hint}",
            percent(counts.nan)
        ));
    }
    (percent(counts.saturated) > 100.0 * Counts::HEAVY).then(|| {
        format!(
            "{:.1} % of the values at {site}{place} are beyond the format's largest one and saturate{hint}",
            percent(counts.saturated)
        )
    })
}
