//! The first samples of seed index 0, tried out: what they saturate, and what they overflow.

use std::collections::{BTreeMap, BTreeSet};

use super::work::{self, DRAW, FUNCTION};
use crate::cpu;
use crate::error::Result;
use crate::format::{Layout, Spec};
use crate::plan::{Cohort, Pair, Phase, Plan, ProblemPoint, Trajectory, spec_at};
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
    // Features are drawn from the sums over the sketch.
    let sums = |rows: f64| rows * (DRAW + rows / 2.0);
    let laws: f64 = point.laws.iter().map(|law| sums(f64::from(point.sketches[law.draw].rows))).sum();
    let work = f64::from(point.problem.dim) * (FUNCTION + laws)
        + f64::from(point.coordinates) * (DRAW * samples as f64 + pairs)
        + DRAW * entries as f64;
    let counted = point.pairs.iter().any(|pair| pair.data.is_counted() || pair.sketch.is_counted())
        || point.features.iter().any(|feature| feature.op.is_counted())
        || phases(point).any(|(_, phase)| phase.ops.by_site().iter().any(|(_, op)| op.is_counted()));
    (counted && entries <= ENTRIES && work <= work::POINT).then_some(work)
}

fn phases(point: &ProblemPoint) -> impl Iterator<Item = (&Trajectory, &Phase)> {
    point.trajectories.iter().flat_map(|trajectory| trajectory.phases.iter().map(move |phase| (trajectory, phase)))
}

/// What formats clip or overflow, over all problem points.
#[derive(Default)]
pub struct Clipped(BTreeMap<(String, Site, String), Most>);

/// The most of any run, and whose runs they are where that depends on M.
#[derive(Default)]
struct Most {
    percent: f64,
    models: BTreeSet<u32>,
}

impl Clipped {
    /// Of the phase that messages call `called`.
    fn add(&mut self, called: String, site: Site, model: Option<u32>, (percent, what): (f64, String)) {
        let most = self.0.entry((called, site, what)).or_default();
        most.percent = most.percent.max(percent);
        most.models.extend(model);
    }

    /// A line for each phase, site, and what becomes of the values.
    pub fn warnings(self) -> impl Iterator<Item = String> {
        self.0.into_iter().map(|((called, site, what), Most { percent, models })| {
            let models: Vec<String> = models.iter().map(u32::to_string).collect();
            let place = if models.is_empty() { String::new() } else { format!(" (M = {})", models.join(", ")) };
            format!("{called}: up to {percent:.1} % of the values at {}{place} {what}", site.name())
        })
    }
}

/// Recipes that clip or overflow much of what a site sees: each of their phases is trained on the first samples, with one
/// batch and step size for all.
pub fn try_out(plan: &Plan, index: usize, clipped: &mut Clipped, watch: &Watch) -> Result<()> {
    let point = &plan.points[index];
    if work(point).is_none() {
        return Ok(());
    }
    let (mut tried, mut trajectories, mut numbers) = (BTreeSet::new(), Vec::new(), Vec::new());
    for (trajectory, phase) in phases(point) {
        let number = trajectory.phase_at(phase.from);
        if !tried.insert((trajectory.recipe, number, phase.feature, trajectory.batch)) {
            continue;
        }
        let samples = trajectory.samples.min(SAMPLES.next_multiple_of(trajectory.batch.into()));
        let phases = vec![Phase { from: 0, ..*phase }];
        trajectories.push(Trajectory { phases, samples, rows: vec![samples], ..trajectory.clone() });
        numbers.push(number);
    }
    let samples = trajectories.iter().map(|t| t.samples).max().unwrap_or(0);
    let pilot = Plan {
        config: plan.config.clone(),
        cells: Vec::new(),
        points: vec![ProblemPoint { trajectories, samples, ..point.clone() }],
        average: false,
    };
    let rows = cpu::execute(&pilot, &[Cohort { point: 0, seed_index: 0 }], watch)?.remove(0);
    for row in rows {
        let trajectory = &pilot.points[0].trajectories[row.trajectory];
        let (recipe, number) = (&plan.config.recipes[trajectory.recipe], numbers[row.trajectory]);
        let size = RunSize {
            dim: point.problem.literal(),
            model: trajectory.model,
            batch: trajectory.batch,
            samples: trajectory.samples,
        }
        .until(row.diverged_at);
        for site in Site::ALL.into_iter().filter(|site| recipe.is_new(number, *site)) {
            let (counts, values) = (row.counts[site], site.values(&size));
            let shared = site.is_scalar() || matches!(site, Site::Data | Site::Sketch);
            let model = (!shared).then_some(trajectory.model);
            let found =
                spec_at(recipe.phase(number), &point.problem, site).and_then(|spec| much(spec, site, &counts, values));
            found.into_iter().for_each(|found| clipped.add(recipe.called(number), site, model, found));
        }
    }
    Ok(())
}

const LARGEST: &str = "beyond the format's largest one";

/// The percentage of values that overflow or are clipped, and what becomes of them; `None` where it is little.
fn much(spec: &Spec, site: Site, counts: &Counts, values: u128) -> Option<(f64, String)> {
    let Spec::Format(quantizer) = spec else { return None };
    let site = site.name();
    let (beyond, hint) = match quantizer.layout {
        Layout::Unsigned { .. } => (
            "beyond the format's largest or most negative one",
            format!("; hint: another {site}.zero_point, or a larger {site}.step"),
        ),
        layout if layout.is_integer() && quantizer.sharing.is_none() => {
            (LARGEST, format!("; hint: a larger {site}.step"))
        }
        Layout::Float(_) | Layout::Logarithmic { .. } => (LARGEST, format!("; hint: a larger {site}.scale")),
        // What is smaller than the smallest posit becomes that one.
        Layout::Coded(_) => ("beyond the format's largest one or below its smallest one", String::new()),
        // The block's own largest value sets its scale.
        _ => (LARGEST, String::new()),
    };
    let percent = |count: u64| 100.0 * count as f64 / values.max(1) as f64;
    if counts.nan > 0 {
        return Some((percent(counts.nan), format!("overflow, and a run diverges where it reads one{hint}")));
    }
    let saturated = percent(counts.saturated);
    let what = || format!("are {beyond} and saturate{hint}");
    (saturated > 100.0 * Counts::HEAVY).then(|| (saturated, what()))
}
