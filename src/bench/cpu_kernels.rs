//! Kernels on the CPU: the functions that a sweep calls, on all threads at once, each on tiles as a sweep has them.

use std::hint::black_box;
use std::time::Instant;

use rayon::prelude::*;

use super::kernels::{COLUMNS, Case, DIM, Format, PREFIX, Sizes, Stage, codec_row};
use super::repeat::{repeat_one, seconds_of};
use super::roofline::Peaks;
use super::{Bench, Suite};
use crate::cpu::draw::{self, CohortSource};
use crate::cpu::project::Panels;
use crate::cpu::train::{Run, Sample, Training, train};
use crate::cpu::{self, TOGETHER, lanes::SLICE, tile_samples};
use crate::error::Result;
use crate::plan::{Plan, Shard};
use crate::random::Stream;
use crate::random::normal::normal;
use crate::reference;
use crate::site::Counts;
use crate::streams::tell;

/// Tiles of each thread in a repeat.
const PER_THREAD: usize = 2;
/// Elements of features that a tile of the later stages has: as many samples as that takes, whatever M.
const PASS: u32 = 1 << 13;
const ELEMENTS: usize = 1 << 22;
const D: usize = DIM as usize;

/// What the stages of a plan work on.
struct Work {
    plan: Plan,
    source: CohortSource,
    tile: usize,
    tiles: usize,
    /// Times that feature and train go over a tile: they are short where M is small.
    passes: usize,
}

/// Each stage on its own.
pub fn stages(bench: &mut Bench, format: Format, model: u32, peaks: &Peaks) -> Result<()> {
    let (tile, tiles) = (tile_samples(DIM), PER_THREAD * rayon::current_num_threads());
    let samples = (tile * tiles) as u64;
    let case = Case { format, model, sizes: Sizes { seeds: 1, samples, runs: 1 } };
    let plan = case.plan()?;
    let verified = verify(bench, &case, &plan)?;
    let source = cpu::source(&plan.points[0], &Stream::new(0, 0), &[]);
    let passes = PASS.div_ceil(model);
    let work = Work { plan, source, tile, tiles, passes: passes as usize };
    for stage in Stage::ALL {
        let mut one = match stage {
            Stage::Draw => work.draw(),
            Stage::Project => work.project(model as usize),
            Stage::Feature => work.feature(model as usize),
            Stage::Train => work.train(model as usize),
        };
        let timing = repeat_one(bench.seconds(Suite::Kernels), bench.watch, || Ok(seconds_of(&mut one)))?;
        drop(one);
        let passes = if matches!(stage, Stage::Feature | Stage::Train) { passes } else { 1 };
        let runs = if stage == Stage::Train { TOGETHER as u32 } else { 1 };
        let sizes = Sizes { samples: samples * u64::from(passes), runs, ..case.sizes };
        bench.finish(stage.row(&Case { sizes, ..case }, peaks, timing, verified, &bench.device))?;
    }
    Ok(())
}

/// Whether the adapter, which calls the same functions, gives the bits of the reference.
fn verify(bench: &Bench, case: &Case, plan: &Plan) -> Result<bool> {
    let (cohorts, watch) = (plan.cohorts(Shard::WHOLE), bench.watch.share(0.0));
    let found = cpu::execute(&plan.prefix(PREFIX, |_, _| true), &cohorts, &watch)?;
    let found: Vec<_> = cohorts.iter().copied().zip(found.iter().map(Vec::as_slice)).collect();
    let difference = case.difference(plan, &found, &watch)?;
    if let Some(place) = &difference {
        tell(&format!("warning: kernels, {}, M = {}: {place}", case.format.name, case.model));
    }
    Ok(difference.is_none())
}

impl Work {
    /// Samples of tile `t`, quantized, one after another in `x`.
    fn samples(&self, t: usize, x: &mut [f32]) {
        let op = &self.plan.points[0].pairs[0].data;
        for (n, x) in ((t * self.tile) as u32..).zip(x.chunks_mut(D)) {
            let mut y = [0.0];
            draw::sample(&self.source, n, x, &mut y);
            black_box(y);
            if op.is_set() {
                draw::quantize_row(op, x, D, self.source.key, n, &mut Counts::default());
            }
        }
    }

    fn draw(&self) -> Box<dyn FnMut() + '_> {
        let new = || vec![0.0; self.tile * D];
        Box::new(move || (0..self.tiles).into_par_iter().for_each_init(new, |x, t| self.samples(t, x)))
    }

    fn project(&self, model: usize) -> Box<dyn FnMut() + '_> {
        let point = &self.plan.points[0];
        let mut sketch = vec![0.0; D * model];
        for (j, row) in sketch.chunks_mut(D).enumerate() {
            draw::sketch_row(&point.problem.sketch, &point.sketches[0], self.source.key, j as u32, D, row);
        }
        let panels = Panels::new(&sketch, D);
        let mut x = vec![0.0; self.tile * D * self.tiles];
        x.par_chunks_mut(self.tile * D).enumerate().for_each(|(t, x)| self.samples(t, x));
        let mut out = vec![0.0; self.tile * model * self.tiles];
        Box::new(move || {
            let tiles = x.par_chunks(self.tile * D).zip(out.par_chunks_mut(self.tile * model));
            tiles.for_each_init(Vec::new, |totals, (x, out)| panels.project(black_box(x), totals, out));
        })
    }

    fn feature(&self, model: usize) -> Box<dyn FnMut() + '_> {
        let feature = &self.plan.points[0].features[0];
        let stream = Stream::new(0, 0);
        let p: Vec<f32> = (0..self.tile * model).map(|k| normal(stream.word(k as u32, 0, 0))).collect();
        let width = model.next_multiple_of(SLICE);
        let new = move || vec![0.0; width];
        Box::new(move || {
            (0..self.tiles).into_par_iter().for_each_init(new, |z, t| {
                for _ in 0..self.passes {
                    for (n, p) in ((t * self.tile) as u32..).zip(black_box(&p).chunks(model)) {
                        draw::feature(feature, p, z, self.source.key, n, &mut Counts::default());
                    }
                }
            });
        })
    }

    fn train(&self, model: usize) -> Box<dyn FnMut() + '_> {
        let trajectory = &self.plan.points[0].trajectories[0];
        let stream = Stream::new(0, 0);
        let width = model.next_multiple_of(SLICE);
        let scale = 1.0 / (model as f32).sqrt();
        let element = |j: usize| if j < model { scale * normal(stream.word(j as u32, 0, 0)) } else { 0.0 };
        let z: Vec<f32> = (0..width).map(element).collect();
        let none = Counts::default();
        let new = || [(); TOGETHER].map(|()| (Run::new(trajectory, false), Vec::new()));
        Box::new(move || {
            let samples = vec![Sample { z: &z, y: 1.0, data: &none, feature: &none }; self.tile * self.passes];
            (0..self.tiles).into_par_iter().for_each_init(new, |runs, t| {
                let first = (t * self.tile) as u64;
                let trainings = runs.each_mut().map(|(run, rows)| Training {
                    run,
                    trajectory,
                    ops: &trajectory.phases[0].ops,
                    first,
                    samples: &samples,
                    gradient: &samples,
                    index: 0,
                    rows,
                });
                train(&mut black_box(trainings), self.source.key);
            });
        })
    }
}

/// Words written for an element: itself.
const WRITTEN: f64 = 1.0;

/// Rows of numbers, more of them than caches hold.
pub fn codec(bench: &mut Bench, format: &Format, peaks: &Peaks) -> Result<()> {
    let (op, stream) = (format.op()?, Stream::new(0, 0));
    let draw = |at: usize| normal(stream.word((at % COLUMNS) as u32, (at / COLUMNS) as u32, 0));
    let drawn: Vec<f32> = (0..ELEMENTS).into_par_iter().map(draw).collect();
    let mut values = drawn.clone();
    let timing = repeat_one(bench.seconds(Suite::Kernels), bench.watch, || {
        values.copy_from_slice(&drawn);
        let begun = Instant::now();
        values.par_chunks_mut(COLUMNS).enumerate().for_each(|(row, x)| {
            draw::quantize_row(&op, x, COLUMNS, stream.key(), row as u32, &mut Counts::default());
        });
        Ok(begun.elapsed().as_secs_f64())
    })?;
    let same = |(row, (x, found)): (usize, (&[f32], &[f32]))| {
        let (must, _) = reference::draw::data(&op, x, &stream, row as u32);
        must.iter().zip(found).all(|(must, found)| must.to_bits() == found.to_bits())
    };
    let verified = drawn.par_chunks(COLUMNS).zip(values.par_chunks(COLUMNS)).enumerate().all(same);
    bench.finish(codec_row(format, ELEMENTS, WRITTEN, peaks, timing, verified))
}
