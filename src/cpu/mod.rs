//! The fast CPU adapter: the plan's shared work on all cores, in vector code chosen at run time.

pub mod draw;
pub mod lanes;
pub mod project;
pub mod train;

use rayon::prelude::*;

use crate::config::Sketch;
use crate::format::{Op, class};
use crate::plan::{Cohort, Plan, Point};
use crate::problem;
use crate::random::Stream;
use crate::reference::RawRow;
use crate::row::{Counts, Site};
use draw::Source;
use lanes::SLICE;
use project::Panels;
use train::{Batch, Run};

/// Samples drawn and projected together: x of a tile stays in cache, and within 4 MiB however large D is.
pub fn tile_samples(dim: u32) -> usize {
    ((1 << 20) / dim as usize).clamp(1, 48)
}

/// One flipped bit, to prove that the check finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Of x of a sample, before the projection.
    Draw { sample: u64, coordinate: usize, bit: u32 },
    /// Of p of a sample.
    Projection { sample: u64, row: usize, bit: u32 },
    /// Of v after an update.
    Weight { update: u64, index: usize, bit: u32 },
    /// Of the open group sum after an update.
    Average { update: u64, index: usize, bit: u32 },
    /// Of a site's saturated count after an update.
    Counter { update: u64, site: Site },
}

/// A drawn, projected and quantized tile of samples.
pub struct Tile {
    pub y: Vec<f32>,
    /// Per pair: counts of the data site, sample by sample.
    data: Vec<Vec<Counts>>,
    /// Per feature: vectors padded to whole slices, and counts, sample by sample.
    pub features: Vec<(Vec<f32>, Vec<Counts>)>,
}

/// The quantized sketch of a pair.
struct Projector {
    panels: Option<Panels>,
    /// Counts of the sketch site, row by row.
    rows: Vec<Counts>,
}

/// Rows of every cohort, each by (trajectory, seen); cohorts and everything inside them run in parallel.
pub fn execute(plan: &Plan, cohorts: &[Cohort], fault: Option<Fault>) -> Vec<Vec<RawRow>> {
    cohorts.par_iter().map(|cohort| run_cohort(plan, *cohort, fault)).collect()
}

/// The clean sketch of a cohort, row-major with D columns (empty without a sketch).
pub fn clean_sketch(point: &Point, stream: &Stream) -> Vec<f32> {
    if point.problem.sketch == Sketch::None {
        return Vec::new();
    }
    let dim = point.problem.dim as usize;
    let mut sketch = vec![0.0; dim * point.model as usize];
    sketch.par_chunks_mut(dim).enumerate().for_each(|(j, row)| {
        let mut padded = vec![0.0; dim.next_multiple_of(SLICE)];
        draw::sketch_row(stream.key(), j as u32, dim, &mut padded);
        row.copy_from_slice(&padded[..dim]);
    });
    sketch
}

fn run_cohort(plan: &Plan, cohort: Cohort, fault: Option<Fault>) -> Vec<RawRow> {
    let point = &plan.points[cohort.point];
    let stream = Stream::new(plan.config.sweep.seed, cohort.seed_index);
    let source = source(point, &stream);
    let projectors = projectors(point, &source);
    let mut runs: Vec<(Run, Vec<RawRow>)> = point
        .trajectories
        .iter()
        .map(|trajectory| {
            let mut run = Run::new(trajectory, plan.average);
            let pair = point.features[trajectory.feature].pair;
            for counts in projectors[pair].rows.iter().take(trajectory.model as usize) {
                run.counts[Site::Sketch as usize] += *counts;
            }
            (run, Vec::new())
        })
        .collect();
    let mut start = 0;
    while start < point.samples {
        let end = (start + point.block).min(point.samples);
        let tiles = tiles(point, &source, &projectors, (start, end), fault);
        runs.par_iter_mut().enumerate().for_each(|(t, (run, rows))| {
            train_block(point, t, run, rows, source.key, &tiles, (start, end), fault);
        });
        start = end;
    }
    runs.into_iter().flat_map(|(_, rows)| rows).collect()
}

/// Samples `start .. end` of a cohort, drawn, projected and quantized.
pub fn samples(plan: &Plan, cohort: Cohort, range: (u64, u64)) -> Vec<Tile> {
    let point = &plan.points[cohort.point];
    let source = source(point, &Stream::new(plan.config.sweep.seed, cohort.seed_index));
    tiles(point, &source, &projectors(point, &source), range, None)
}

fn tiles(
    point: &Point,
    source: &Source,
    projectors: &[Projector],
    (start, end): (u64, u64),
    fault: Option<Fault>,
) -> Vec<Tile> {
    let size = tile_samples(point.problem.dim);
    let firsts: Vec<u64> = (start..end).step_by(size).collect();
    firsts
        .par_iter()
        .map(|&first| tile(point, source, projectors, first, end.min(first + size as u64), fault))
        .collect()
}

fn source(point: &Point, stream: &Stream) -> Source {
    let dim = point.problem.dim as usize;
    let pad = |mut values: Vec<f32>| {
        values.resize(dim.next_multiple_of(SLICE), 0.0);
        values
    };
    Source {
        key: stream.key(),
        dim,
        scales: pad(problem::spectrum(&point.problem).scales),
        target: pad(problem::target(&point.problem, stream)),
        noise: point.problem.noise as f32,
    }
}

fn projectors(point: &Point, source: &Source) -> Vec<Projector> {
    if point.problem.sketch == Sketch::None {
        return point.pairs.iter().map(|_| Projector { panels: None, rows: Vec::new() }).collect();
    }
    let columns = source.scales.len();
    let project = |op: &Op| {
        let mut sketch = vec![0.0; columns * point.model as usize];
        let mut rows = vec![Counts::default(); point.model as usize];
        sketch.par_chunks_mut(columns).zip(&mut rows).enumerate().for_each(|(j, (row, counts))| {
            draw::sketch_row(source.key, j as u32, source.dim, row);
            if op.class != class::NONE {
                draw::quantize_row(op, row, source.dim, source.key, j as u32, counts);
            }
        });
        Projector { panels: Some(Panels::new(&sketch, columns)), rows }
    };
    point.pairs.iter().map(|pair| project(&pair.sketch)).collect()
}

fn tile(point: &Point, source: &Source, projectors: &[Projector], first: u64, end: u64, fault: Option<Fault>) -> Tile {
    let (count, columns) = ((end - first) as usize, source.scales.len());
    let ops: Vec<Op> = point.pairs.iter().map(|pair| pair.data).collect();
    let mut x = vec![vec![0.0f32; count * columns]; ops.len()];
    let mut data = vec![vec![Counts::default(); count]; ops.len()];
    let mut y = Vec::with_capacity(count);
    for s in 0..count {
        let mut rows: Vec<&mut [f32]> = x.iter_mut().map(|x| &mut x[s * columns..][..columns]).collect();
        let mut counts = vec![Counts::default(); ops.len()];
        let n = first + s as u64;
        y.push(draw::sample(source, &ops, n as u32, &mut rows, &mut counts));
        if let Some(Fault::Draw { sample, coordinate, bit }) = fault
            && sample == n
        {
            rows[0][coordinate] = f32::from_bits(rows[0][coordinate].to_bits() ^ (1 << bit));
        }
        for (data, counts) in data.iter_mut().zip(counts) {
            data[s] = counts;
        }
    }
    let model = point.model as usize;
    let projected: Vec<Vec<f32>> = projectors
        .iter()
        .zip(x)
        .map(|(projector, x)| match &projector.panels {
            Some(panels) => {
                let mut out = vec![0.0; count * model];
                panels.project(&x, &mut out);
                if let Some(Fault::Projection { sample, row, bit }) = fault
                    && (first..end).contains(&sample)
                {
                    let p = &mut out[(sample - first) as usize * model + row];
                    *p = f32::from_bits(p.to_bits() ^ (1 << bit));
                }
                out
            }
            None => x.chunks(columns).flat_map(|row| row[..model].iter().copied()).collect(),
        })
        .collect();
    let features = point
        .features
        .iter()
        .map(|feature| {
            let m = feature.model as usize;
            let width = m.next_multiple_of(SLICE);
            let mut z = vec![0.0; count * width];
            let mut counts = vec![Counts::default(); count];
            for s in 0..count {
                let p = &projected[feature.pair][s * model..][..m];
                let (z, n) = (&mut z[s * width..][..width], (first + s as u64) as u32);
                draw::feature(&feature.op, feature.scale, p, z, source.key, n, &mut counts[s]);
            }
            (z, counts)
        })
        .collect();
    Tile { y, data, features }
}

#[allow(clippy::too_many_arguments)]
fn train_block(
    point: &Point,
    index: usize,
    run: &mut Run,
    rows: &mut Vec<RawRow>,
    key: [u32; 4],
    tiles: &[Tile],
    (start, end): (u64, u64),
    fault: Option<Fault>,
) {
    let trajectory = &point.trajectories[index];
    let feature = &point.features[trajectory.feature];
    let (model, batch) = (trajectory.model as usize, u64::from(trajectory.batch));
    let (width, tile_size) = (model.next_multiple_of(SLICE), tile_samples(point.problem.dim));
    let mut y = vec![0.0; batch as usize];
    let mut z: Vec<&[f32]> = Vec::with_capacity(batch as usize);
    let mut first = start;
    while first < end.min(trajectory.samples) {
        if run.diverged_at.is_none() {
            z.clear();
            for b in 0..batch {
                let offset = (first + b - start) as usize;
                let (tile, s) = (offset / tile_size, offset % tile_size);
                let (vectors, counts) = &tiles[tile].features[trajectory.feature];
                z.push(&vectors[s * width..][..width]);
                y[b as usize] = tiles[tile].y[s];
                run.counts[Site::Data as usize] += tiles[tile].data[feature.pair][s];
                run.counts[Site::Feature as usize] += counts[s];
            }
            run.step(trajectory, key, &Batch { first: first as u32, z: &z, y: &y }, fault);
        }
        first += batch;
        if trajectory.rows.binary_search(&first).is_ok() {
            rows.push(run.row(index, model, first));
        }
    }
}
