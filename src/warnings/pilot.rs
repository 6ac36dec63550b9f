//! The first samples of seed index 0, tried out: what they saturate, and what they overflow.

use std::collections::BTreeSet;

use super::{DRAW, FUNCTION, POINT_WORK};
use crate::codec::apply;
use crate::cpu::{self, Tile};
use crate::format::{Layout, Op, Spec};
use crate::plan::{Pair, Plan, Point, TRAIN_SITES, Trajectory};
use crate::random::Stream;
use crate::row::{Counts, Site};

/// Samples tried, and the feature entries they may fill.
const SAMPLES: u64 = 64;
const ENTRIES: u64 = 1 << 26;
/// Share of saturated values from which a recipe is warned of. The largest values of a block are clipped by design,
/// about one in a hundred; alone in a block, at a scalar site of batch 1, it is every third.
const HEAVY: f64 = 0.01;
const HEAVY_BLOCK: f64 = 0.1;

/// Multiply-adds of the pilot; `None` where no format is counted, or it costs more than a warning is worth.
pub fn work(point: &Point) -> Option<f64> {
    let samples = SAMPLES.min(point.samples);
    let entries: u64 = point.features.iter().map(|feature| u64::from(feature.model) * samples).sum();
    let rows = |pair: usize| if point.problem.is_sketched() { f64::from(point.rows(pair)) } else { 0.0 };
    let products =
        |(p, pair): (usize, &Pair)| rows(p) * (2.0 * DRAW + 0.1 * (samples * pair.cuts.products.len() as u64) as f64);
    let pairs: f64 = point.pairs.iter().enumerate().map(products).sum();
    let work = f64::from(point.problem.dim) * (FUNCTION + DRAW * samples as f64 + pairs) + DRAW * entries as f64;
    let counted = point.pairs.iter().any(|pair| pair.data.is_counted() || pair.sketch.is_counted())
        || point.features.iter().any(|feature| feature.op.is_counted())
        || point.trajectories.iter().any(|t| [Site::Label, Site::Gradient].iter().any(|s| op(t, *s).is_counted()));
    (counted && entries <= ENTRIES && work <= POINT_WORK).then_some(work)
}

/// Recipes that clip or overflow much of what a site sees. Activations start at 0 and residuals as the labels, so the
/// latter stand for both.
pub fn warnings(plan: &Plan, point: &Point) -> Vec<String> {
    if work(point).is_none() {
        return Vec::new();
    }
    let (samples, seed) = (SAMPLES.min(point.samples), plan.config.sweep.seed);
    let tiles = cpu::samples(seed, point, 0, (0, samples));
    let stream = Stream::new(seed, 0);
    let sketches: Vec<Counts> = (0..point.pairs.len()).map(|p| cpu::sketch_counts(point, p, &stream)).collect();
    let (mut warnings, mut tried) = (Vec::new(), BTreeSet::new());
    for trajectory in &point.trajectories {
        if !tried.insert((trajectory.recipe, trajectory.feature, trajectory.batch)) {
            continue;
        }
        let feature = &point.features[trajectory.feature];
        let (dim, model) = (u64::from(point.problem.dim), u64::from(feature.model));
        let at_model = format!(" (M = {model})");
        let seen = [
            (Site::Data, cpu::data_counts(&tiles, feature.pair), samples * dim, ""),
            (Site::Sketch, sketches[feature.pair], u64::from(point.rows(feature.pair)) * dim, ""),
            (Site::Feature, cpu::feature_counts(&tiles, trajectory.feature), samples * model, &at_model),
            (Site::Label, scalar(trajectory, Site::Label, &tiles, &stream), samples, ""),
            (Site::Gradient, scalar(trajectory, Site::Gradient, &tiles, &stream), samples, ""),
        ];
        let recipe = &plan.config.recipes[trajectory.recipe];
        for (site, counts, elements, place) in seen {
            let spec = recipe.sites[site as usize].as_ref();
            if let Some(text) = spec.and_then(|spec| message(spec, site, place, &counts, elements)) {
                warnings.push(format!("recipe {:?}: {text}", recipe.name));
            }
        }
    }
    warnings
}

fn op(trajectory: &Trajectory, site: Site) -> Op {
    let slot = TRAIN_SITES.iter().position(|s| *s == site);
    slot.map_or_else(Op::none, |slot| trajectory.ops[slot])
}

/// Counts of a scalar site over the labels, whose blocks run along the batch.
fn scalar(trajectory: &Trajectory, site: Site, tiles: &[Tile], stream: &Stream) -> Counts {
    let op = op(trajectory, site);
    let mut labels: Vec<f32> = tiles.iter().flat_map(|tile| tile.y.iter().copied()).collect();
    let mut counts = Counts::default();
    for (index, batch) in labels.chunks_mut(trajectory.batch as usize).enumerate() {
        let first = index as u32 * trajectory.batch;
        counts += apply(&op, batch, |b| stream.word(0, first + b as u32, op.purpose));
    }
    counts
}

/// What to say of these counts, if anything.
fn message(spec: &Spec, site: Site, place: &str, counts: &Counts, elements: u64) -> Option<String> {
    let Spec::Format { format, .. } = spec else { return None };
    let site = site.name();
    let (hint, heavy) = match format.layout {
        Layout::Integer { .. } => (format!("; hint: a larger {site}.step"), HEAVY),
        Layout::Float { .. } => (format!("; hint: a larger {site}.scale"), HEAVY),
        // The block's own largest value sets its scale.
        _ => (String::new(), HEAVY_BLOCK),
    };
    let percent = |count: u64| 100.0 * count as f64 / elements.max(1) as f64;
    if counts.nan > 0 {
        return Some(format!(
            "{:.1} % of the values at {site}{place} overflow, and a run diverges where it reads one{hint}",
            percent(counts.nan)
        ));
    }
    (percent(counts.saturated) > 100.0 * heavy).then(|| {
        format!(
            "{:.1} % of the values at {site}{place} are beyond the format's largest one and saturate{hint}",
            percent(counts.saturated)
        )
    })
}
