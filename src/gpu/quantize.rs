//! The host of shaders/quantize.wgsl and shaders/choose.wgsl: tensors through the codec on the device.

use super::Gpu;
use super::kernels::{CHOOSE, QUANTIZE};
use super::params::{Head, Parameters, params};
use super::pipeline::{Bound, Dispatch};
use crate::codec::Rounded;
use crate::error::{Error, Result};
use crate::format::{QuantOp, policy};
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

/// What a dispatch does with a piece of a tensor.
#[derive(Clone, Copy, PartialEq)]
enum Stage {
    /// The blocks' largest magnitudes.
    Measure,
    /// Between the scales of a block.
    Choose,
    Round,
}

/// The largest block between whose scales a thread chooses: drivers end longer loops.
const MAX_CHOSEN: usize = 1 << 14;

impl Gpu {
    /// What [`Job::run`] gives, from the device.
    ///
    /// # Errors
    /// [`Error::Input`] where a thread would have to choose between the scales of too large a block.
    pub fn quantize(&self, job: &Job) -> Result<Quantized> {
        let (size, blocks) = job.blocks();
        let shares = job.op.shares();
        let scale_words = if shares { (job.input.len() / job.columns * blocks) as u64 } else { 0 };
        let (maxima, scales) = (self.context.buffer("maxima", scale_words), self.context.buffer("scales", scale_words));
        let result = self.context.buffer("quantized", 3 * job.input.len().min(CHUNK) as u64);
        let variant = self.every();
        let [threads, ..] = self.context.workgroup_size(&QUANTIZE, variant);
        let mut elements = Vec::with_capacity(job.input.len());
        let chooses = job.op.has(policy::FOUR_OVER_SIX);
        if chooses && size > MAX_CHOSEN {
            return Err(Error::Input(format!(
                "four_over_six: a block has {size} elements: a GPU allows up to {MAX_CHOSEN}; the CPU any"
            )));
        }
        let stages: &[Stage] = match (shares, chooses) {
            (false, _) => &[Stage::Round],
            (true, false) => &[Stage::Measure, Stage::Round],
            (true, true) => &[Stage::Measure, Stage::Choose, Stage::Round],
        };
        for stage in stages.iter().copied() {
            for (first, input) in pieces(job, size) {
                let count = input.len() as u32;
                let words = job.words.get(first..first + input.len()).unwrap_or_default();
                let params = Parameters::of(Params {
                    head: Head::of(0),
                    elements: count,
                    first: first as u32,
                    columns: job.columns as u32,
                    block: size as u32,
                    row_blocks: blocks as u32,
                    measures: u32::from(stage == Stage::Measure),
                    is_random: u32::from(!words.is_empty()),
                    op: job.op,
                });
                let input = self.context.filled("input", input);
                let random = self.context.filled("words", if words.is_empty() { &[0] } else { words });
                let buffers = [
                    Bound::new(&input, count.into()),
                    Bound::new(&random, words.len() as u64),
                    Bound::new(&maxima, scale_words),
                    Bound::new(&result, if stage == Stage::Round { 3 * u64::from(count) } else { 0 }),
                    Bound::new(&scales, scale_words),
                ];
                let groups = [count.div_ceil(threads), 1, 1];
                // What chooses reads and writes the first of them.
                let (kernel, buffers) = match stage {
                    Stage::Choose => (&CHOOSE, &buffers[..3]),
                    _ => (&QUANTIZE, &buffers[..]),
                };
                let dispatch = Dispatch { kernel, variant, params: &params, buffers, groups };
                self.context.dispatch(dispatch)?;
                if stage == Stage::Round {
                    let read = self.context.read(&[(&result, 0, 3 * u64::from(count))])?;
                    let rounded = |r: &[u32; 3]| Rounded { bits: r[0], code: r[1], flags: r[2] };
                    elements.extend(read.as_chunks::<3>().0.iter().map(rounded));
                }
            }
        }
        Ok(Quantized { elements, scales: self.context.read(&[(&scales, 0, scale_words)])? })
    }
}

/// The pieces of a tensor, each with the index of its first element. A piece has whole blocks where one is small enough.
fn pieces<'a>(job: &Job<'a>, block: usize) -> impl Iterator<Item = (usize, &'a [u32])> {
    let (input, columns) = (job.input, job.columns);
    let (line, step) = match columns {
        ..=CHUNK => (input.len().max(1), CHUNK / columns * columns),
        _ if block <= CHUNK => (columns, CHUNK / block * block),
        _ => (input.len(), CHUNK),
    };
    input.chunks(line).enumerate().flat_map(move |(row, line_of)| {
        line_of.chunks(step).enumerate().map(move |(index, piece)| (row * line + index * step, piece))
    })
}
