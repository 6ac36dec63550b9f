//! A tensor through the codec, outside of any run: values, codes and scales. Twin of shaders/quantize.wgsl.

use rayon::prelude::*;

use crate::codec::{LARGEST, MAGNITUDE, Rounded, quantize, scale_byte};
use crate::format::{BLOCK_SCALE, Layout, QuantOp, Quantizer};
use crate::random::{Purpose, Stream};

/// The largest tensor, in elements.
pub const MAX_ELEMENTS: usize = 1 << 28;

/// What is rounded, and how.
pub struct Job<'a> {
    pub op: QuantOp,
    /// f32 bits, in C order; blocks run along the last axis of this extent.
    pub input: &'a [u32],
    pub columns: usize,
    /// A word per element where the rounding is random, else nothing.
    pub words: &'a [u32],
}

/// What became of a tensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quantized {
    pub elements: Vec<Rounded>,
    /// Bytes of the shared scales: a row of blocks for each row of elements. Empty where nothing is shared.
    pub scales: Vec<u32>,
}

impl Job<'_> {
    /// Elements that share a scale, and blocks of a row; one block where nothing is shared.
    pub fn blocks(&self) -> (usize, usize) {
        let size = if self.op.shares() { (self.op.block as usize).min(self.columns) } else { self.columns };
        (size, self.columns.div_ceil(size))
    }

    /// On all cores.
    pub fn run(&self) -> Quantized {
        let (size, _) = self.blocks();
        let rows = self.input.par_chunks(self.columns).enumerate();
        let done: Vec<(Vec<Rounded>, Vec<u32>)> = rows
            .map(|(row, input)| {
                let (mut elements, mut scales) = (Vec::with_capacity(input.len()), Vec::new());
                for (index, block) in input.chunks(size).enumerate() {
                    let largest = block.iter().map(|bits| bits & MAGNITUDE).max().unwrap_or(0);
                    let first = row * self.columns + index * size;
                    let word = |k: usize| self.words.get(first + k).copied().unwrap_or(0);
                    elements
                        .extend(block.iter().enumerate().map(|(k, bits)| quantize(&self.op, *bits, largest, word(k))));
                    if self.op.shares() {
                        scales.push(scale_byte(largest, &self.op));
                    }
                }
                (elements, scales)
            })
            .collect();
        let (elements, scales): (Vec<_>, Vec<_>) = done.into_iter().unzip();
        Quantized { elements: elements.concat(), scales: scales.concat() }
    }
}

/// The operation of a format on a tensor: a two-level format whose `tensor_scale` is not given takes it from the
/// largest finite magnitude A, S = fl(L/A), g = fl(1/S) for the largest block scale times the largest element L (NVIDIA
/// Transformer Engine, NVFP4 quantization).
pub fn operation(quantizer: &Quantizer, given: bool, input: &[u32]) -> QuantOp {
    let op = QuantOp::of(quantizer);
    let Layout::TwoLevel { .. } = quantizer.layout else { return op };
    if given {
        return op;
    }
    let finite = input.iter().map(|bits| bits & MAGNITUDE).filter(|magnitude| *magnitude <= LARGEST);
    let largest = f32::from_bits(finite.max().unwrap_or(0));
    let scale = (BLOCK_SCALE.max() as f32 * f32::from_bits(op.max_bits) / largest).min(f32::MAX);
    let encode = if largest == 0.0 || scale == 0.0 { 1.0 } else { scale };
    op.with_tensor_scale(encode, 1.0 / encode)
}

/// A word per element of `rows` rows, from the seed; nothing where the rounding is not random.
pub fn words(op: &QuantOp, seed: u64, elements: usize, columns: usize) -> Vec<u32> {
    let stream = Stream::new(seed, 0);
    let word = |at: usize| stream.word((at % columns) as u32, (at / columns) as u32, Purpose::Element as u32);
    if op.draws() { (0..elements).into_par_iter().map(word).collect() } else { Vec::new() }
}
