//! The stream of a wave: sketch once, then blocks of covariates, labels, projections and features.

use std::cell::RefCell;
use std::sync::mpsc::Receiver;

use wgpu::{Buffer, SubmissionIndex};

use super::device::{Context, header};
use super::layout::{Layout, Tuning};
use super::operands::{CutOp, chunks, first_piece, runs, slice_loops};
use super::shader::{DRAW, FEATURE, PROJECT, SKETCH, Variant};
use super::upload::Panel;
use crate::config::Sketch;
use crate::error::{Error, Result};
use crate::format::{Op, policy};
use crate::plan::{Plan, Point, SketchDraw};
use crate::problem;
use crate::random::Stream as Words;

/// Buffers and shapes of a wave.
pub struct Stream<'a> {
    context: &'a Context,
    variant: Variant,
    pub layout: &'a Layout,
    point: &'a Point,
    pub tuning: Tuning,
    seed: u64,
    seeds: &'a [u32],
    uploads: Receiver<Panel>,
    /// The last dispatch before the last upload.
    in_flight: RefCell<Option<SubmissionIndex>>,
    scales: Buffer,
    uploaded: Buffer,
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
        uploads: Receiver<Panel>,
    ) -> Result<Stream<'a>> {
        let (seed, problem) = (plan.config.sweep.seed, &point.problem);
        let mut scales = vec![0.0; problem.dim as usize];
        if problem.covariates().is_none() {
            let eigenvalues = problem::eigenvalues(problem);
            scales.copy_from_slice(&eigenvalues.scales);
            for &index in seeds {
                scales.extend(problem::target(problem, &eigenvalues, &Words::new(seed, index)).into_iter().flatten());
            }
        }
        let stream = Stream {
            context,
            variant,
            layout,
            point,
            tuning,
            seed,
            seeds,
            uploads,
            in_flight: RefCell::default(),
            scales: context.filled("scales and targets", bytemuck::cast_slice(&scales)),
            uploaded: context.buffer("uploaded covariates", layout.uploaded_x),
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

    /// Columns per dispatch, so that no invocation loops too long.
    fn columns(&self, limit: u64, ops: &[CutOp]) -> u64 {
        limit.min((self.tuning.loops / slice_loops(ops)).max(1) * 128)
    }

    fn sketch(&self) -> Result<()> {
        let layout = self.layout;
        let uploaded = match &self.point.problem.sketch {
            Sketch::File(input) => {
                let rows = &input.values[..layout.uploaded_g as usize];
                self.context.filled("uploaded sketch", bytemuck::cast_slice(rows))
            }
            _ => self.context.buffer("uploaded sketch", 0),
        };
        for (index, draw) in self.point.sketches.iter().enumerate() {
            for (at, ops) in chunks(&layout.sketch_ops) {
                for (first, ops) in runs(ops, index) {
                    if ops.iter().any(CutOp::is_whole) {
                        self.sketch_ops(draw, None, &[], &uploaded)?;
                    }
                    self.sketch_ops(draw, Some(at + first), ops, &uploaded)?;
                }
            }
        }
        Ok(())
    }

    /// `ops` of one draw, the first of which has number `index`; without a number the draw is measured only.
    fn sketch_ops(&self, draw: &SketchDraw, index: Option<u32>, ops: &[CutOp], uploaded: &Buffer) -> Result<()> {
        let (layout, stride) = (self.layout, u64::from(self.layout.stride));
        let width = self.columns(stride.min(self.tuning.panel), ops);
        for first in (0..stride).step_by(width as usize) {
            let panel = width.min(stride - first) as u32;
            let mut params = header(self.seed);
            let seeds_at = 19 + (Op::WORDS + 2) * ops.len() as u32;
            params.extend([self.point.problem.dim, first as u32, panel, layout.stride, self.point.model]);
            params.extend([layout.slots, ops.len() as u32, 19, seeds_at, u32::from(first == 0), draw.pass]);
            params.extend([u32::from(layout.uploaded_g > 0), index.unwrap_or(0), first_piece(ops)]);
            params.extend([layout.sketch_maxima_at() as u32, u32::from(index.is_none())]);
            params.extend(ops.iter().flat_map(CutOp::words));
            params.extend_from_slice(self.seeds);
            let buffers = [uploaded, &self.g, &self.sketch_counts];
            self.context.dispatch((SKETCH, self.variant), &params, &buffers, [draw.rows, layout.slots, 1])?;
        }
        Ok(())
    }

    /// Makes labels and features of `samples` samples from `first` on.
    pub fn block(&self, first: u64, samples: u64) -> Result<()> {
        for &measured in self.layout.passes() {
            for panel in self.layout.panels() {
                if self.point.uploads {
                    self.upload()?;
                }
                if measured {
                    self.draw_ops((first, samples), panel, None, &[])?;
                    continue;
                }
                for (index, ops) in chunks(&self.layout.data_ops) {
                    self.draw_ops((first, samples), panel, Some(index), ops)?;
                }
                if self.layout.sketched {
                    self.project(samples, panel)?;
                }
            }
        }
        self.feature(first, samples)
    }

    fn upload(&self) -> Result<()> {
        // Two panels in flight: the device reads one while the next is on its way, and no more pile up.
        if let Some(earlier) = self.in_flight.replace(self.context.submitted()) {
            self.context.wait_for(earlier)?;
        }
        let panel = self.uploads.recv().map_err(|_| Error::Other("the host stopped drawing covariates".into()))?;
        self.context.write(&self.uploaded, bytemuck::cast_slice(&panel.x));
        if !panel.labels.is_empty() {
            self.context.write(&self.labels, bytemuck::cast_slice(&panel.labels));
        }
        Ok(())
    }

    /// `ops` on a panel (first column, width), the first of which has number `index` and whose dispatch makes the
    /// labels too if it is 0; without a number the panel is measured only.
    fn draw_ops(
        &self,
        (first, samples): (u64, u64),
        (at, width): (u32, u32),
        index: Option<u32>,
        ops: &[CutOp],
    ) -> Result<()> {
        let (layout, problem) = (self.layout, &self.point.problem);
        let last = at + width == layout.stride;
        let deviation = problem::label_deviation(problem, self.point.tail);
        let mut params = header(self.seed);
        let seeds_at = 21 + (Op::WORDS + 2) * ops.len() as u32;
        let labels = if index == Some(0) { layout.target_pieces } else { 0 };
        params.extend([problem.dim, at, width, first as u32, layout.samples]);
        params.extend([layout.slots, ops.len() as u32, 21, seeds_at, u32::from(at == 0), u32::from(last)]);
        params.extend([deviation.to_bits(), index.unwrap_or(0), labels, first_piece(ops)]);
        params.extend([u32::from(self.point.uploads), layout.data_maxima_at() as u32, u32::from(index.is_none())]);
        params.extend(ops.iter().flat_map(CutOp::words));
        params.extend_from_slice(self.seeds);
        let buffers = [&self.scales, &self.uploaded, &self.x, &self.lanes, &self.labels, &self.data_counts];
        self.context.dispatch((DRAW, self.variant), &params, &buffers, [samples as u32, layout.slots, 1])
    }

    fn project(&self, samples: u64, (at, width): (u32, u32)) -> Result<()> {
        let (layout, rows) = (self.layout, self.point.model);
        let mut params = header(self.seed);
        params.extend([width / 4, at / 4, layout.stride / 4, layout.samples, rows, layout.slots]);
        params.extend([u32::from(at == 0), 11]);
        params.extend(layout.products.iter().flatten());
        let groups = [rows.div_ceil(32), samples.div_ceil(32) as u32, layout.slots * layout.products.len() as u32];
        self.context.dispatch((PROJECT, self.variant), &params, &[&self.x, &self.g, &self.p], groups)
    }

    fn feature(&self, first: u64, samples: u64) -> Result<()> {
        let (layout, features) = (self.layout, &self.point.features);
        let (source, stride) = if layout.sketched { (&self.p, self.point.model) } else { (&self.x, layout.stride) };
        let mut params = header(self.seed);
        let seeds_at = 10 + (8 + 2 * Op::WORDS) * features.len() as u32;
        params.extend([stride, first as u32, layout.samples, layout.slots, seeds_at, 10, self.point.model]);
        for (feature, &at) in features.iter().zip(&layout.z_at) {
            let pair = &layout.pairs[feature.pair];
            // Without a sketch the covariates take the place of the projections.
            let data = &layout.data_ops[pair.data as usize];
            let (product, products) = if layout.sketched { (pair.first, pair.products) } else { (data.first, 1) };
            params.extend([product, products, feature.model, feature.scale.to_bits(), feature.tail.to_bits()]);
            params.push(at as u32);
            // A nan is made by formats that overflow, and by none other.
            let sketch = &layout.sketch_ops[pair.sketch as usize];
            let marked = |op: &CutOp, index: u32| if op.op.has(policy::OVERFLOWS) { index + 1 } else { 0 };
            params.extend([marked(data, pair.data), marked(sketch, pair.sketch)]);
            params.extend_from_slice(bytemuck::cast_slice(&[feature.factor, feature.op]));
        }
        params.extend_from_slice(self.seeds);
        let groups = [samples as u32, layout.slots, features.len() as u32];
        let buffers = [source, &self.data_counts, &self.sketch_counts, &self.z, &self.feature_counts];
        self.context.dispatch((FEATURE, self.variant.of_model(self.point.model)), &params, &buffers, groups)
    }
}
