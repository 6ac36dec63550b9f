//! The stream of a wave: sketch once, then blocks of covariates, labels, projections and features.

use wgpu::Buffer;

use super::device::{Context, header};
use super::layout::{Layout, Tuning};
use super::shader::{DRAW, FEATURE, PROJECT, SKETCH, Variant};
use crate::error::Result;
use crate::format::Op;
use crate::plan::{Plan, Point};
use crate::problem;
use crate::random::Stream as Words;

/// Operations of one dispatch of draw or sketch: their counters lie in workgroup memory.
const OPS: usize = 32;

/// Buffers and shapes of a wave.
pub struct Stream<'a> {
    context: &'a Context,
    variant: Variant,
    pub layout: &'a Layout,
    point: &'a Point,
    tuning: Tuning,
    seed: u64,
    seeds: &'a [u32],
    scales: Buffer,
    g: Buffer,
    x: Buffer,
    lanes: Buffer,
    p: Buffer,
    pub labels: Buffer,
    pub z: Buffer,
    pub sketch_counts: Buffer,
    pub data_counts: Buffer,
    pub feature_counts: Buffer,
}

impl<'a> Stream<'a> {
    /// Allocates, and draws the sketch of every slot.
    pub fn new(
        context: &'a Context,
        variant: Variant,
        layout: &'a Layout,
        (plan, point): (&Plan, &'a Point),
        seeds: &'a [u32],
        tuning: Tuning,
    ) -> Result<Stream<'a>> {
        let seed = plan.config.sweep.seed;
        let mut scales: Vec<u32> = problem::spectrum(&point.problem).scales.iter().map(|s| s.to_bits()).collect();
        for &index in seeds {
            let target = problem::target(&point.problem, &Words::new(seed, index));
            scales.extend(target.iter().map(|w| w.to_bits()));
        }
        let stream = Stream {
            context,
            variant,
            layout,
            point,
            tuning,
            seed,
            seeds,
            scales: context.filled("scales and targets", &scales),
            g: context.buffer("G", layout.g_words()),
            x: context.buffer("x", layout.x_words()),
            lanes: context.buffer("label lanes", layout.lane_words()),
            p: context.buffer("p", layout.p_words()),
            labels: context.buffer("labels", layout.label_words()),
            z: context.buffer("z", layout.z_words),
            sketch_counts: context.buffer("sketch counts", layout.sketch_count_words()),
            data_counts: context.buffer("data counts", layout.data_count_words()),
            feature_counts: context.buffer("feature counts", layout.feature_count_words()),
        };
        if layout.sketched {
            stream.sketch()?;
        }
        Ok(stream)
    }

    /// Chunks of at most [`OPS`] operations: (index of the first, the chunk).
    fn chunks(ops: &[Op]) -> impl Iterator<Item = (u32, &[Op])> {
        ops.chunks(OPS).enumerate().map(|(chunk, ops)| ((chunk * OPS) as u32, ops))
    }

    /// Columns per dispatch, so that no invocation loops too long.
    fn columns(&self, limit: u64, ops: usize) -> u64 {
        let slice = 6 + 9 * ops.min(OPS) as u64;
        limit.min((self.tuning.loops / slice).max(1) * 128)
    }

    fn sketch(&self) -> Result<()> {
        let (layout, rows) = (self.layout, self.point.model);
        let stride = u64::from(layout.stride);
        let width = self.columns(stride.min(self.tuning.panel), layout.sketch_ops.len());
        for first in (0..stride).step_by(width as usize) {
            let panel = width.min(stride - first) as u32;
            for (index, ops) in Self::chunks(&layout.sketch_ops) {
                let mut params = header(self.seed);
                let (count, seeds_at) = (ops.len() as u32, 16 + 12 * ops.len() as u32);
                params.extend([self.point.problem.dim, first as u32, panel, layout.stride, rows, layout.slots]);
                params.extend([count, 16, seeds_at, u32::from(first == 0), 0, 0, index]);
                params.extend_from_slice(bytemuck::cast_slice(ops));
                params.extend_from_slice(self.seeds);
                let buffers = [&self.g, &self.sketch_counts];
                self.context.dispatch((SKETCH, self.variant), &params, &buffers, [rows, layout.slots, 1])?;
            }
        }
        Ok(())
    }

    /// Makes labels and features of `samples` samples from `first` on.
    pub fn block(&self, first: u64, samples: u64) -> Result<()> {
        let stride = u64::from(self.layout.stride);
        let panel = u64::from(self.layout.panel);
        for at in (0..stride).step_by(panel as usize) {
            let width = panel.min(stride - at);
            self.draw(first, samples, at, width)?;
            if self.layout.sketched {
                self.project(samples, at, width)?;
            }
        }
        self.feature(first, samples)
    }

    fn draw(&self, first: u64, samples: u64, at: u64, width: u64) -> Result<()> {
        let layout = self.layout;
        let last = at + width == u64::from(layout.stride);
        for (index, ops) in Self::chunks(&layout.data_ops) {
            let mut params = header(self.seed);
            let (count, seeds_at) = (ops.len() as u32, 17 + 12 * ops.len() as u32);
            params.extend([self.point.problem.dim, at as u32, width as u32, first as u32, layout.samples]);
            params.extend([layout.slots, count, 17, seeds_at, u32::from(at == 0), u32::from(last)]);
            params.extend([(self.point.problem.noise as f32).to_bits(), index, u32::from(index == 0)]);
            params.extend_from_slice(bytemuck::cast_slice(ops));
            params.extend_from_slice(self.seeds);
            let buffers = [&self.scales, &self.x, &self.lanes, &self.labels, &self.data_counts];
            self.context.dispatch((DRAW, self.variant), &params, &buffers, [samples as u32, layout.slots, 1])?;
        }
        Ok(())
    }

    fn project(&self, samples: u64, at: u64, width: u64) -> Result<()> {
        let (layout, rows) = (self.layout, self.point.model);
        let last = at + width == u64::from(layout.stride);
        let mut params = header(self.seed);
        params.extend([width as u32 / 4, at as u32 / 4, layout.stride / 4, layout.samples, rows, layout.slots]);
        params.extend([u32::from(at == 0), u32::from(last), 12]);
        params.extend(layout.pairs.iter().flat_map(|&(data, sketch)| [data, sketch]));
        let groups = [rows.div_ceil(32), samples.div_ceil(32) as u32, layout.slots * layout.pairs.len() as u32];
        self.context.dispatch((PROJECT, self.variant), &params, &[&self.x, &self.g, &self.p], groups)
    }

    fn feature(&self, first: u64, samples: u64) -> Result<()> {
        let (layout, features) = (self.layout, &self.point.features);
        let (source, stride) = if layout.sketched { (&self.p, self.point.model) } else { (&self.x, layout.stride) };
        let mut params = header(self.seed);
        let seeds_at = 9 + 16 * features.len() as u32;
        params.extend([stride, first as u32, layout.samples, layout.slots, seeds_at, 9]);
        for (feature, &at) in features.iter().zip(&layout.z_at) {
            // Without a sketch the covariates take the place of the projections, by data operation.
            let pair = if layout.sketched { feature.pair as u32 } else { layout.pairs[feature.pair].0 };
            params.extend([pair, feature.model, feature.scale.to_bits(), at as u32]);
            params.extend_from_slice(bytemuck::cast_slice(&[feature.op]));
        }
        params.extend_from_slice(self.seeds);
        let groups = [samples as u32, layout.slots, features.len() as u32];
        self.context.dispatch((FEATURE, self.variant), &params, &[source, &self.z, &self.feature_counts], groups)
    }
}
