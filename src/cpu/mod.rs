//! The fast CPU adapter: the plan's shared work on all cores, in vector code chosen at run time.

pub mod codec;
pub mod draw;
pub mod lanes;
pub mod memory;
pub mod passes;
pub mod peaks;
pub mod project;
pub mod quantize;
mod source;
pub mod train;

use std::ops::Range;

use rayon::prelude::*;

use crate::error::Result;
use crate::format::QuantOp;
use crate::plan::Snapshot;
use crate::plan::{Cohort, Pair, Phase, Plan, ProblemPoint, SketchDraw, Trajectory};
use crate::random::Stream;
use crate::risk::{CohortStates, JointLaw};
use crate::site::{Counts, Site};
use crate::watch::Watch;
use draw::CohortSource;
use lanes::{SLICE, flush48};
pub use source::source;
use source::{Projector, components, projectors};
use train::{Run, Sample, Training};

/// Samples drawn and projected together: x of a tile stays in cache, and within 4 MiB however large D is.
pub fn tile_samples(dim: u32) -> usize {
    ((1 << 20) / dim as usize).clamp(1, 48)
}

/// Runs that a thread trains in turns.
pub const TOGETHER: usize = 4;

/// A drawn, projected and quantized tile of samples.
pub struct Tile {
    samples: usize,
    /// Labels, sample by sample.
    y: Vec<f32>,
    /// Per feature: its label, and its pair.
    labels: Vec<usize>,
    pairs: Vec<usize>,
    /// Per pair: counts of the data site, sample by sample.
    data: Vec<Vec<Counts>>,
    /// Per feature: vectors padded to whole slices, and counts, sample by sample; empty where it is not read.
    pub features: Vec<(Vec<f32>, Vec<Counts>)>,
}

impl Tile {
    pub fn samples(&self) -> usize {
        self.samples
    }

    /// The label that goes with feature vector `feature` of sample `s`.
    pub fn label(&self, feature: usize, s: usize) -> f32 {
        self.y[s * (self.y.len() / self.samples) + self.labels[feature]]
    }

    /// Whether a format made a value of feature vector `feature` of sample `s`, or of its x, infinite or NaN.
    pub fn has_nan(&self, feature: usize, s: usize) -> bool {
        self.features[feature].1[s].nan + self.data[self.pairs[feature]][s].nan > 0
    }
}

/// Rows of every cohort, each by (trajectory, seen); cohorts and everything inside them run in parallel. The watch is
/// asked at every tile of samples and told after every block.
pub fn execute(plan: &Plan, cohorts: &[Cohort], watch: &Watch) -> Result<Vec<Vec<Snapshot>>> {
    let done = execute_with_grams(plan, cohorts, watch)?;
    Ok(done.into_iter().map(|done| done.states).collect())
}

/// [`execute`], and of each cohort the sums for its exact risks where its samples come from them.
pub fn execute_with_grams(plan: &Plan, cohorts: &[Cohort], watch: &Watch) -> Result<Vec<CohortStates>> {
    let watch = watch.share(1.0 / cohorts.len().max(1) as f64);
    cohorts.par_iter().map(|cohort| run_cohort(plan, *cohort, &watch)).collect()
}

/// One draw of the clean sketch, row-major with D columns.
pub fn clean_sketch(point: &ProblemPoint, draw: &SketchDraw, stream: &Stream) -> Vec<f32> {
    unpadded(point, &padded_sketch(point, draw, &QuantOp::none(), stream.key()).0)
}

/// The sketch as the features of a pair see it, row-major with D columns, and the counts of each row.
pub fn quantized_sketch(point: &ProblemPoint, pair: usize, stream: &Stream) -> (Vec<f32>, Vec<Counts>) {
    let Pair { sketch, draw, .. } = &point.pairs[pair];
    let (sketch, rows) = padded_sketch(point, &point.sketches[*draw], sketch, stream.key());
    (unpadded(point, &sketch), rows)
}

fn unpadded(point: &ProblemPoint, sketch: &[f32]) -> Vec<f32> {
    let dim = point.problem.dim as usize;
    sketch.chunks(dim.next_multiple_of(SLICE)).flat_map(|row| &row[..dim]).copied().collect()
}

/// Qsketch(G) with rows padded to whole slices, and the counts of each row.
fn padded_sketch(point: &ProblemPoint, draw: &SketchDraw, op: &QuantOp, key: [u32; 4]) -> (Vec<f32>, Vec<Counts>) {
    let dim = point.problem.dim as usize;
    let columns = dim.next_multiple_of(SLICE);
    let mut sketch = vec![0.0; columns * draw.rows as usize];
    let mut rows = vec![Counts::default(); draw.rows as usize];
    sketch.par_chunks_mut(columns).zip(&mut rows).enumerate().for_each(|(j, (row, counts))| {
        let j = j as u32;
        draw::sketch_row(&point.problem.sketch, draw, key, j, dim, row);
        if op.is_set() {
            // A shared draw serves the whole of G.
            draw::quantize_row(op, row, dim, key, if op.one_draw != 0 { 0 } else { j }, counts);
        }
    });
    (sketch, rows)
}

fn run_cohort(plan: &Plan, cohort: Cohort, watch: &Watch) -> Result<CohortStates> {
    let point = &plan.points[cohort.point];
    let stream = Stream::new(plan.config.sweep.seed, cohort.seed_index);
    let (laws, grams) = JointLaw::all(point, &stream, watch)?;
    let source = source(point, &stream, &laws);
    let projectors = projectors(point, &source, &laws);
    let mut runs: Vec<(Run, Vec<Snapshot>)> = point
        .trajectories
        .iter()
        .map(|trajectory| {
            let mut run = Run::new(trajectory, plan.average);
            // Phases have one sketch.
            let pair = point.features[trajectory.phases[0].feature].pair;
            for counts in projectors[pair].rows.iter().take(trajectory.model as usize) {
                run.counts[Site::Sketch] += *counts;
            }
            (run, Vec::new())
        })
        .collect();
    let together = (runs.len() / rayon::current_num_threads()).clamp(1, TOGETHER);
    let spans = point.spans();
    let mut start = 0;
    while start < point.samples {
        let end = (start + point.block).min(point.samples);
        let reads: Vec<bool> = spans.iter().map(|span| span.start < end && span.end > start).collect();
        let tiles = tiles(point, &source, &projectors, (start, end), &reads, watch)?;
        let features: Vec<Vec<Sample>> = (0..point.features.len()).map(|f| samples_of(point, f, &tiles)).collect();
        runs.par_chunks_mut(together).enumerate().try_for_each(|(group, runs)| {
            let trajectories = point.trajectories.iter().enumerate().skip(group * together);
            let with_stretches = |(index, own)| (index, own, stretches(own, (start, end)));
            let own: Vec<_> = trajectories.take(runs.len()).map(with_stretches).collect();
            let most = own.iter().map(|(_, _, stretches)| stretches.len()).max().unwrap_or(0);
            // The runs' first stretches, then their second ones.
            for number in 0..most {
                let trainings =
                    own.iter().zip(runs.iter_mut()).filter_map(|((index, trajectory, stretches), (run, rows))| {
                        let Stretch { phase: Phase { feature, gradient_feature, ops, .. }, samples } =
                            stretches.get(number)?;
                        let range = (samples.start - start) as usize..(samples.end - start) as usize;
                        let of = |feature: usize| &features[feature][range.clone()];
                        let (first, index, gradient) = (samples.start, *index, of(*gradient_feature));
                        Some(Training { run, trajectory, ops, first, samples: of(*feature), gradient, index, rows })
                    });
                train::train(&mut trainings.collect::<Vec<_>>(), source.key);
            }
            watch.ask()
        })?;
        watch.tell((end - start) as f64 / point.samples as f64);
        start = end;
    }
    Ok(CohortStates { states: runs.into_iter().flat_map(|(_, rows)| rows).collect(), grams })
}

/// Samples of a block that one phase trains on.
struct Stretch<'a> {
    phase: &'a Phase,
    samples: Range<u64>,
}

/// Those of a trajectory among the samples `start .. end`, in order.
fn stretches(trajectory: &Trajectory, (start, end): (u64, u64)) -> Vec<Stretch<'_>> {
    let all = trajectory.phases.iter().enumerate().map(|(number, phase)| {
        let end = end.min(trajectory.samples).min(trajectory.phase_end(number));
        Stretch { phase, samples: start.max(phase.from)..end }
    });
    all.filter(|stretch| !stretch.samples.is_empty()).collect()
}

/// The samples of some tiles as a feature has them.
fn samples_of<'a>(point: &ProblemPoint, feature: usize, tiles: &'a [Tile]) -> Vec<Sample<'a>> {
    let width = (point.features[feature].model as usize).next_multiple_of(SLICE);
    let of_tile = |tile: &'a Tile| {
        let (z, counts) = &tile.features[feature];
        let data = &tile.data[tile.pairs[feature]];
        let rows = z.chunks(width).zip(counts).zip(data).enumerate();
        rows.map(move |(s, ((z, counts), data))| Sample { z, y: tile.label(feature, s), data, feature: counts })
    };
    tiles.iter().flat_map(of_tile).collect()
}

/// Samples `start .. end` of one seed index, drawn, projected and quantized.
pub fn samples(
    seed: u64,
    point: &ProblemPoint,
    seed_index: u32,
    range: (u64, u64),
    watch: &Watch,
) -> Result<Vec<Tile>> {
    let stream = Stream::new(seed, seed_index);
    let (laws, _) = JointLaw::all(point, &stream, watch)?;
    let source = source(point, &stream, &laws);
    let reads = vec![true; point.features.len()];
    tiles(point, &source, &projectors(point, &source, &laws), range, &reads, watch)
}

/// `reads` says of each feature whether it is read.
fn tiles(
    point: &ProblemPoint,
    source: &CohortSource,
    projectors: &[Projector],
    (start, end): (u64, u64),
    reads: &[bool],
    watch: &Watch,
) -> Result<Vec<Tile>> {
    let size = tile_samples(point.coordinates);
    let firsts: Vec<u64> = (start..end).step_by(size).collect();
    let tile = |buffers: &mut Buffers, &first: &u64| {
        watch.ask()?;
        Ok(tile(point, source, projectors, buffers, (first, end.min(first + size as u64)), reads))
    };
    firsts.par_iter().map_init(Buffers::default, tile).collect()
}

/// What a thread makes its tiles in, one after another.
#[derive(Default)]
struct Buffers {
    x: Vec<f32>,
    quantized: Vec<f32>,
    totals: Vec<f32>,
    /// Per pair: p of every sample.
    projected: Vec<Vec<f32>>,
}

fn tile(
    point: &ProblemPoint,
    source: &CohortSource,
    projectors: &[Projector],
    buffers: &mut Buffers,
    (first, end): (u64, u64),
    reads: &[bool],
) -> Tile {
    let (count, columns) = ((end - first) as usize, source.columns());
    let Buffers { x, quantized, totals, projected } = buffers;
    x.resize(count * columns, 0.0);
    let mut y = vec![0.0; count * source.labels()];
    for ((n, x), y) in (first..).zip(x.chunks_mut(columns)).zip(y.chunks_mut(source.labels())) {
        draw::sample(source, n as u32, x, y);
    }
    let mut data = vec![vec![Counts::default(); count]; point.pairs.len()];
    projected.resize_with(point.pairs.len(), Vec::new);
    let is_read = |p: &usize| point.features.iter().zip(reads).any(|(feature, read)| *read && feature.pair == *p);
    for (p, out) in projected.iter_mut().enumerate().filter(|(p, _)| is_read(p)) {
        let Pair { data: op, splitting, .. } = &point.pairs[p];
        let changes = op.is_set() || splitting.x.len() > 1;
        if changes {
            quantized.clear();
            quantized.extend_from_slice(x);
        }
        if op.is_set() {
            let samples = quantized.chunks_mut(columns).zip(x.chunks(columns)).zip(&mut data[p]);
            for (n, ((own, x), counts)) in (first..).zip(samples) {
                // The padding of what is rounded is 0.
                own[source.literal..].fill(0.0);
                draw::quantize_row(op, own, source.literal, source.key, n as u32, counts);
                draw::pass(op, &x[source.literal..], &mut own[source.literal..]);
            }
        }
        let own = if changes { &mut *quantized } else { &mut *x };
        project(point, p, &projectors[p], own, columns, totals, out);
    }
    let features = point
        .features
        .iter()
        .zip(reads)
        .map(|(feature, read)| {
            if !read {
                return (Vec::new(), Vec::new());
            }
            let (m, rows) = (feature.model as usize, point.rows(feature.pair) as usize);
            let width = m.next_multiple_of(SLICE);
            let mut z = vec![0.0; count * width];
            let mut counts = vec![Counts::default(); count];
            for s in 0..count {
                let p = &projected[feature.pair][s * rows..][..m];
                let (z, n) = (&mut z[s * width..][..width], (first + s as u64) as u32);
                draw::feature(feature, p, z, source.key, n, &mut counts[s]);
            }
            (z, counts)
        })
        .collect();
    let (labels, pairs) = point.features.iter().map(|feature| (feature.label, feature.pair)).unzip();
    Tile { samples: count, y, labels, pairs, data, features }
}

/// p of every sample of a tile, the smallest product of components first; x itself without a sketch.
fn project(
    point: &ProblemPoint,
    pair: usize,
    projector: &Projector,
    x: &mut [f32],
    columns: usize,
    totals: &mut Vec<f32>,
    out: &mut Vec<f32>,
) {
    let rows = point.rows(pair) as usize;
    out.clear();
    if projector.panels.is_empty() {
        return out.extend(x.chunks(columns).flat_map(|row| &row[..rows]));
    }
    out.resize(x.len() / columns * rows, 0.0);
    let splitting = &point.pairs[pair].splitting;
    if splitting.x.len() == 1 {
        for &(_, j) in splitting.products.iter().rev() {
            projector.panels[j].project(x, totals, out);
        }
    } else {
        let split: Vec<Vec<f32>> = components(x, &splitting.x).collect();
        for &(i, j) in splitting.products.iter().rev() {
            projector.panels[j].project(&split[i], totals, out);
        }
    }
    out.iter_mut().for_each(|p| *p = flush48(*p));
}
