//! The host of shaders/quantize.wgsl: tensors through the codec on the device.

use super::Gpu;
use super::kernels::QUANTIZE;
use super::params::{Head, Parameters, params};
use super::pipeline::{Bound, Dispatch};
use crate::codec::Rounded;
use crate::error::Result;
use crate::format::QuantOp;
use crate::reference::quantize::{Job, Quantized};

/// Elements of a dispatch.
const CHUNK: usize = 1 << 20;

params! {
    pub struct Params {
        /// Of this dispatch.
        pub elements: u32,
        /// Index of the first one in the tensor.
        pub first: u32,
        /// Extent of the last axis.
        pub columns: u32,
        /// Elements that share a scale.
        pub block: u32,
        /// Blocks of a row.
        pub row_blocks: u32,
        /// 1 where the dispatch takes the blocks' largest magnitudes only.
        pub measures: u32,
        /// Whether a word per element is given.
        pub is_random: u32,
        pub op: QuantOp,
    }
}

impl Gpu {
    /// What [`Job::run`] gives, from the device.
    pub fn quantize(&self, job: &Job) -> Result<Quantized> {
        let (size, blocks) = job.blocks();
        let shares = job.op.shares();
        let scale_words = if shares { (job.input.len() / job.columns * blocks) as u64 } else { 0 };
        let (maxima, scales) = (self.context.buffer("maxima", scale_words), self.context.buffer("scales", scale_words));
        let result = self.context.buffer("quantized", 3 * job.input.len().min(CHUNK) as u64);
        let variant = self.every();
        let [threads, ..] = self.context.workgroup_size(&QUANTIZE, variant);
        let mut elements = Vec::with_capacity(job.input.len());
        for measure in if shares { &[true, false][..] } else { &[false] } {
            for (index, input) in job.input.chunks(CHUNK).enumerate() {
                let (first, count) = (index * CHUNK, input.len() as u32);
                let words = job.words.get(first..first + input.len()).unwrap_or_default();
                let params = Parameters::of(Params {
                    head: Head::of(0),
                    elements: count,
                    first: first as u32,
                    columns: job.columns as u32,
                    block: size as u32,
                    row_blocks: blocks as u32,
                    measures: u32::from(*measure),
                    is_random: u32::from(!words.is_empty()),
                    op: job.op,
                });
                let input = self.context.filled("input", input);
                let random = self.context.filled("words", if words.is_empty() { &[0] } else { words });
                let buffers = [
                    Bound::new(&input, count.into()),
                    Bound::new(&random, words.len() as u64),
                    Bound::new(&maxima, scale_words),
                    Bound::new(&result, if *measure { 0 } else { 3 * u64::from(count) }),
                    Bound::new(&scales, scale_words),
                ];
                let groups = [count.div_ceil(threads), 1, 1];
                let dispatch = Dispatch { kernel: &QUANTIZE, variant, params: &params, buffers: &buffers, groups };
                self.context.dispatch(dispatch)?;
                if !measure {
                    let read = self.context.read(&[(&result, 0, 3 * u64::from(count))])?;
                    let rounded = |r: &[u32; 3]| Rounded { bits: r[0], code: r[1], flags: r[2] };
                    elements.extend(read.as_chunks::<3>().0.iter().map(rounded));
                }
            }
        }
        Ok(Quantized { elements, scales: self.context.read(&[(&scales, 0, scale_words)])? })
    }
}
