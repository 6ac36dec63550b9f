//! The samples of a launch: sketch once, then blocks of covariates, labels, projections and features.

use std::cell::RefCell;
use std::sync::mpsc::Receiver;

use wgpu::{Buffer, SubmissionIndex};

use super::device::{Context, header};
use super::operands::{SplitOp, chunks, first_component, runs, slice_loops};
use super::shader::{DRAW, FEATURE, PROJECT, SKETCH, Variant};
use super::shapes::{Shapes, Tuning};
use super::upload::Panel;
use crate::error::{Error, Result};
use crate::format::{QuantOp, policy};
use crate::plan::{Plan, ProblemPoint, SketchDraw};
use crate::problem;
use crate::problem::Sketch;
use crate::random::Stream;

/// Buffers and shapes of a launch.
pub struct Samples<'a> {
    context: &'a Context,
    variant: Variant,
    pub shapes: &'a Shapes,
    point: &'a ProblemPoint,
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

impl<'a> Samples<'a> {
    /// Allocates, and draws the sketch of every slot.
    pub fn new(
        context: &'a Context,
        variant: Variant,
        shapes: &'a Shapes,
        (plan, point): (&Plan, &'a ProblemPoint),
        seeds: &'a [u32],
        tuning: Tuning,
        uploads: Receiver<Panel>,
    ) -> Result<Samples<'a>> {
        let (seed, problem) = (plan.config.sweep.seed, &point.problem);
        let mut scales = vec![0.0; problem.dim as usize];
        if problem.covariates().is_none() {
            let eigenvalues = problem::eigenvalues(problem);
            scales.copy_from_slice(&eigenvalues.scales);
            for &index in seeds {
                scales.extend(problem::target(problem, &eigenvalues, &Stream::new(seed, index)).into_iter().flatten());
            }
        }
        let samples = Samples {
            context,
            variant,
            shapes,
            point,
            tuning,
            seed,
            seeds,
            uploads,
            in_flight: RefCell::default(),
            scales: context.filled("scales and targets", bytemuck::cast_slice(&scales)),
            uploaded: context.buffer("uploaded covariates", shapes.uploaded_x),
            g: context.buffer("G", shapes.g_words()),
            x: context.buffer("x", shapes.x_words()),
            lanes: context.buffer("label lanes", shapes.lane_words()),
            p: context.buffer("p", shapes.p_words()),
            labels: context.buffer("labels", shapes.label_words()),
            z: context.buffer("z", shapes.z_words),
            sketch_counts: context.buffer("sketch counts", shapes.sketch_count_words()),
            data_counts: context.buffer("data counts", shapes.data_count_words()),
            feature_counts: context.buffer("feature counts", shapes.feature_count_words()),
        };
        if shapes.sketched {
            samples.sketch()?;
        }
        Ok(samples)
    }

    /// Columns per dispatch, so that no invocation loops too long.
    fn columns(&self, limit: u64, ops: &[SplitOp]) -> u64 {
        limit.min((self.tuning.loops / slice_loops(ops)).max(1) * 128)
    }

    fn sketch(&self) -> Result<()> {
        let shapes = self.shapes;
        let uploaded = match &self.point.problem.sketch {
            Sketch::File(input) => {
                let rows = &input.values[..shapes.uploaded_g as usize];
                self.context.filled("uploaded sketch", bytemuck::cast_slice(rows))
            }
            _ => self.context.buffer("uploaded sketch", 0),
        };
        for (index, draw) in self.point.sketches.iter().enumerate() {
            for (at, ops) in chunks(&shapes.sketch_ops) {
                for (first, ops) in runs(ops, index) {
                    if ops.iter().any(SplitOp::is_whole) {
                        self.sketch_ops(draw, None, &[], &uploaded)?;
                    }
                    self.sketch_ops(draw, Some(at + first), ops, &uploaded)?;
                }
            }
        }
        Ok(())
    }

    /// `ops` of one draw, the first of which has number `index`; without a number the draw is measured only.
    fn sketch_ops(&self, draw: &SketchDraw, index: Option<u32>, ops: &[SplitOp], uploaded: &Buffer) -> Result<()> {
        let (shapes, stride) = (self.shapes, u64::from(self.shapes.stride));
        let width = self.columns(stride.min(self.tuning.panel), ops);
        for first in (0..stride).step_by(width as usize) {
            let panel = width.min(stride - first) as u32;
            let mut params = header(self.seed);
            let seeds_at = 19 + (QuantOp::WORDS + 2) * ops.len() as u32;
            params.extend([self.point.problem.dim, first as u32, panel, shapes.stride, self.point.model]);
            params.extend([shapes.slots, ops.len() as u32, 19, seeds_at, u32::from(first == 0), draw.pass]);
            params.extend([u32::from(shapes.uploaded_g > 0), index.unwrap_or(0), first_component(ops)]);
            params.extend([shapes.sketch_maxima_at() as u32, u32::from(index.is_none())]);
            params.extend(ops.iter().flat_map(SplitOp::words));
            params.extend_from_slice(self.seeds);
            let buffers = [uploaded, &self.g, &self.sketch_counts];
            self.context.dispatch((SKETCH, self.variant), &params, &buffers, [draw.rows, shapes.slots, 1])?;
        }
        Ok(())
    }

    /// Makes labels and features of `samples` samples from `first` on.
    pub fn block(&self, first: u64, samples: u64) -> Result<()> {
        for &measured in self.shapes.passes() {
            for panel in self.shapes.panels() {
                if self.point.uploads {
                    self.upload()?;
                }
                if measured {
                    self.draw_ops((first, samples), panel, None, &[])?;
                    continue;
                }
                for (index, ops) in chunks(&self.shapes.data_ops) {
                    self.draw_ops((first, samples), panel, Some(index), ops)?;
                }
                if self.shapes.sketched {
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
        ops: &[SplitOp],
    ) -> Result<()> {
        let (shapes, problem) = (self.shapes, &self.point.problem);
        let last = at + width == shapes.stride;
        let deviation = problem::label_deviation(problem, self.point.tail);
        let mut params = header(self.seed);
        let seeds_at = 21 + (QuantOp::WORDS + 2) * ops.len() as u32;
        let labels = if index == Some(0) { shapes.target_components } else { 0 };
        params.extend([problem.dim, at, width, first as u32, shapes.samples]);
        params.extend([shapes.slots, ops.len() as u32, 21, seeds_at, u32::from(at == 0), u32::from(last)]);
        params.extend([deviation.to_bits(), index.unwrap_or(0), labels, first_component(ops)]);
        params.extend([u32::from(self.point.uploads), shapes.data_maxima_at() as u32, u32::from(index.is_none())]);
        params.extend(ops.iter().flat_map(SplitOp::words));
        params.extend_from_slice(self.seeds);
        let buffers = [&self.scales, &self.uploaded, &self.x, &self.lanes, &self.labels, &self.data_counts];
        self.context.dispatch((DRAW, self.variant), &params, &buffers, [samples as u32, shapes.slots, 1])
    }

    fn project(&self, samples: u64, (at, width): (u32, u32)) -> Result<()> {
        let (shapes, rows) = (self.shapes, self.point.model);
        let mut params = header(self.seed);
        params.extend([width / 4, at / 4, shapes.stride / 4, shapes.samples, rows, shapes.slots]);
        params.extend([u32::from(at == 0), 11]);
        params.extend(shapes.products.iter().flatten());
        let groups = [rows.div_ceil(32), samples.div_ceil(32) as u32, shapes.slots * shapes.products.len() as u32];
        self.context.dispatch((PROJECT, self.variant), &params, &[&self.x, &self.g, &self.p], groups)
    }

    fn feature(&self, first: u64, samples: u64) -> Result<()> {
        let (shapes, features) = (self.shapes, &self.point.features);
        let (source, stride) = if shapes.sketched { (&self.p, self.point.model) } else { (&self.x, shapes.stride) };
        let mut params = header(self.seed);
        let seeds_at = 10 + (8 + 2 * QuantOp::WORDS) * features.len() as u32;
        params.extend([stride, first as u32, shapes.samples, shapes.slots, seeds_at, 10, self.point.model]);
        for (feature, &at) in features.iter().zip(&shapes.z_at) {
            let pair = &shapes.pairs[feature.pair];
            // Without a sketch the covariates take the place of the projections.
            let data = &shapes.data_ops[pair.data as usize];
            let (product, products) = if shapes.sketched { (pair.first, pair.products) } else { (data.first, 1) };
            params.extend([product, products, feature.model, feature.scale.to_bits(), feature.tail.to_bits()]);
            params.push(at as u32);
            // A nan is made by formats that overflow, and by none other.
            let sketch = &shapes.sketch_ops[pair.sketch as usize];
            let marked = |op: &SplitOp, index: u32| if op.op.has(policy::OVERFLOWS) { index + 1 } else { 0 };
            params.extend([marked(data, pair.data), marked(sketch, pair.sketch)]);
            params.extend_from_slice(bytemuck::cast_slice(&[feature.factor, feature.op]));
        }
        params.extend_from_slice(self.seeds);
        let groups = [samples as u32, shapes.slots, features.len() as u32];
        let buffers = [source, &self.data_counts, &self.sketch_counts, &self.z, &self.feature_counts];
        self.context.dispatch((FEATURE, self.variant.of_model(self.point.model)), &params, &buffers, groups)
    }
}
