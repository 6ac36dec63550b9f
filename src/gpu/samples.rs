//! The samples of a launch: sketch once, then blocks of covariates, labels, projections and features.

use std::cell::RefCell;
use std::sync::mpsc::Receiver;

use wgpu::{Buffer, SubmissionIndex};

use super::kernels::{Kernel, Variant};
use super::label::{SlotLaws, label_words};
use super::launch::{Block, Launch};
use super::operands::{Operand, chunks, slice_loops};
use super::params::Parameters;
use super::pipeline::{Bound, Dispatch};
use super::slice::SLICE;
use super::task::Task;
use super::upload::Upload;
use crate::error::{Error, Result};
use crate::problem;
use crate::random::Stream;

/// A launch and its buffers. What each kernel takes of them stands in the file of its name.
pub struct Samples<'a> {
    pub launch: &'a Launch<'a>,
    uploads: Receiver<Upload>,
    /// The last dispatch before the last upload.
    in_flight: RefCell<Option<SubmissionIndex>>,
    pub scales: Buffer,
    pub spectrum: Buffer,
    pub uploaded: Buffer,
    pub g: Buffer,
    pub x: Buffer,
    pub lanes: Buffer,
    pub p: Buffer,
    pub labels: Buffer,
    pub z: Buffer,
    pub sketch_counts: Buffer,
    pub data_counts: Buffer,
    pub feature_counts: Buffer,
}

impl<'a> Samples<'a> {
    /// Allocates, and draws the sketch of every slot, or takes what stands for it in the slots' `laws`.
    pub fn new(launch: &'a Launch<'a>, uploads: Receiver<Upload>, laws: &[SlotLaws]) -> Result<Samples<'a>> {
        let Launch { context, shapes, plan, point, seeds, .. } = *launch;
        let (seed, problem) = (plan.config.sweep.seed, &point.problem);
        let dim = point.coordinates as usize;
        let mut scales = vec![0.0; dim];
        // One value at least: no buffer is empty.
        let mut spectrum = vec![0.0; (shapes.spectrum_words() as usize / 2).max(1)];
        let mut rows = spectrum.chunks_exact_mut(shapes.stride as usize);
        if problem.draws_features() {
            scales = point.scales();
            laws.iter().for_each(|laws| scales.extend(label_words(point, laws)));
        } else if problem.covariates().is_none() {
            let eigenvalues = problem::eigenvalues(problem);
            scales.copy_from_slice(&eigenvalues.scales);
            rows.next().into_iter().for_each(|row| row[..dim].copy_from_slice(&eigenvalues.lambda));
            for &index in seeds {
                let target = problem::target(problem, &eigenvalues, &Stream::new(seed, index));
                rows.next().into_iter().for_each(|row| row[..dim].copy_from_slice(&problem::total(&target, dim)));
                scales.extend(target.into_iter().flatten());
            }
        }
        let samples = Samples {
            launch,
            uploads,
            in_flight: RefCell::default(),
            scales: context.filled("scales and targets", bytemuck::cast_slice(&scales)),
            spectrum: context.filled("spectrum", bytemuck::cast_slice::<f64, u32>(&spectrum)),
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
            samples.sketch(laws)?;
        }
        Ok(samples)
    }

    /// Columns per dispatch, so that no invocation loops too long.
    pub fn columns(&self, limit: u64, ops: &[Operand]) -> u64 {
        limit.min((self.launch.tuning.loops / slice_loops(ops, 0)).max(1) * u64::from(SLICE))
    }

    /// Runs a kernel.
    pub fn dispatch(
        &self,
        kernel: &Kernel,
        variant: Variant,
        params: &Parameters,
        buffers: &[Bound],
        groups: [u32; 3],
    ) -> Result<()> {
        let Launch { context, watch, .. } = *self.launch;
        watch.ask()?;
        context.dispatch(Dispatch { kernel, variant, params, buffers, groups })
    }

    /// Makes labels and features of a block.
    pub fn block(&self, block: Block) -> Result<()> {
        let Launch { shapes, point, .. } = *self.launch;
        for &measured in shapes.passes() {
            for columns in shapes.panels() {
                if point.uploads {
                    self.upload()?;
                }
                if measured {
                    self.draw(block, columns, Task::Measure)?;
                    continue;
                }
                for (first, ops) in chunks(&shapes.data_ops, self.launch.draw_ops()) {
                    self.draw(block, columns, Task::Quantize { first, ops })?;
                }
                if shapes.sketched {
                    self.project(block, columns)?;
                }
            }
        }
        if point.problem.draws_features() {
            self.label(block)?;
        }
        self.feature(block)
    }

    fn upload(&self) -> Result<()> {
        // Two panels in flight: the device reads one while the next is on its way, and no more pile up.
        if let Some(earlier) = self.in_flight.replace(self.launch.context.submitted()?) {
            self.launch.context.wait_for(earlier)?;
        }
        let upload = self.uploads.recv().map_err(|_| Error::Other("the host stopped drawing covariates".into()))?;
        self.launch.context.write(&self.uploaded, bytemuck::cast_slice(&upload.x))?;
        if !upload.labels.is_empty() {
            self.launch.context.write(&self.labels, bytemuck::cast_slice(&upload.labels))?;
        }
        Ok(())
    }
}
