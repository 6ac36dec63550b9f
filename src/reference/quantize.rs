//! A tensor through the codec, outside of any run: values, codes and scales. Twin of shaders/quantize.wgsl.

use std::borrow::Cow;

use rayon::prelude::*;

use crate::codec::{
    LARGEST, MAGNITUDE, NAN, Rounded, SATURATED, UNDERFLOWED, chosen, quantize, scale_value, stored_scale,
};
use crate::error::{Error, Result};
use crate::format::{Layout, QuantOp, Quantizer, policy};
use crate::random::{Purpose, Stream};
use crate::site::Counts;

/// The largest tensor, in elements.
const MAX_ELEMENTS: usize = 1 << 28;

/// What is rounded, and how.
pub struct Job<'a> {
    pub op: QuantOp,
    /// f32 bits, in C order; blocks run along the last axis of this extent.
    pub input: &'a [u32],
    pub columns: usize,
    /// A word per element where the rounding is random, else nothing.
    pub words: Cow<'a, [u32]>,
}

/// What became of a tensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quantized {
    pub elements: Vec<Rounded>,
    /// What is stored of the shared scales: a row of blocks for each row of elements. Empty where nothing is shared.
    pub scales: Vec<u32>,
}

impl<'a> Job<'a> {
    /// What a format makes of f32 bits in rows of `columns`, see [`operation`] for `given`. A random rounding needs words
    /// besides: [`Job::seeded`] or [`Job::with_words`].
    pub fn new(quantizer: &Quantizer, given: bool, input: &'a [u32], columns: usize) -> Result<Job<'a>> {
        let count = input.len();
        if count > MAX_ELEMENTS {
            return Err(Error::Input(format!("there are {count} values: allowed are 2^28; split them")));
        }
        if columns == 0 || !count.is_multiple_of(columns) {
            let allowed = format!("allowed are numbers that divide the {count} values");
            return Err(Error::Input(format!("{columns} columns: {allowed}")));
        }
        Ok(Job { op: operation(quantizer, given, input), input, columns, words: Cow::default() })
    }

    /// With a word per element from the seed, by row and column, where the rounding is random.
    pub fn seeded(self, seed: u64) -> Job<'a> {
        if !self.op.draws() {
            return self;
        }
        let (stream, columns) = (Stream::new(seed, 0), self.columns);
        let word = |at: usize| stream.word((at % columns) as u32, (at / columns) as u32, Purpose::Element as u32);
        Job { words: (0..self.input.len()).into_par_iter().map(word).collect::<Vec<u32>>().into(), ..self }
    }

    /// With these words, one per element, of a random rounding.
    pub fn with_words(self, words: &'a [u32]) -> Result<Job<'a>> {
        if !self.op.draws() {
            return Err(Error::Input("words are allowed with rounding stochastic or dither".into()));
        }
        if words.len() != self.input.len() {
            let (found, needed) = (words.len(), self.input.len());
            return Err(Error::Input(format!("there are {found} words: allowed are {needed}, one per element")));
        }
        Ok(Job { words: words.into(), ..self })
    }

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
                    let drawn = || block.iter().enumerate().map(|(k, bits)| (*bits, word(k)));
                    let op = chosen(&self.op, largest, drawn());
                    elements.extend(drawn().map(|(bits, word)| quantize(&op, bits, largest, word)));
                    if op.shares() {
                        scales.push(stored_scale(largest, &op));
                    }
                }
                (elements, scales)
            })
            .collect();
        let (elements, scales): (Vec<_>, Vec<_>) = done.into_iter().unzip();
        Quantized { elements: elements.concat(), scales: scales.concat() }
    }
}

impl Quantized {
    /// How many elements were clipped, became zero, or are not finite.
    pub fn counts(&self) -> Counts {
        let count = |flag: u32| self.elements.iter().filter(|element| element.flags & flag != 0).count() as u64;
        Counts { saturated: count(SATURATED), underflowed: count(UNDERFLOWED), nan: count(NAN) }
    }
}

/// The operation of a format on a tensor: of a two-level format whose `tensor_scale` is not given [`scaled_to`] the largest
/// finite magnitude.
pub fn operation(quantizer: &Quantizer, given: bool, input: &[u32]) -> QuantOp {
    let op = QuantOp::of(quantizer);
    match quantizer.layout {
        Layout::TwoLevel { .. } if !given => scaled_to(&op, largest_finite(input)),
        _ => op,
    }
}

/// The largest magnitude that is a number, as bits.
pub fn largest_finite(bits: &[u32]) -> u32 {
    bits.iter().map(|bits| bits & MAGNITUDE).filter(|magnitude| *magnitude <= LARGEST).max().unwrap_or(0)
}

/// What [`scaled_to`] takes the largest magnitude of a tensor to: the largest block scale times the largest element. Where a
/// block's scale may be larger by a half, the power of two below leaves room (256 of E4M3 in Four Over Six).
pub fn most_scaled(op: &QuantOp) -> f32 {
    let code = if op.has(policy::FOUR_OVER_SIX) { op.scale_add & !7 } else { op.scale_add };
    f32::from_bits(scale_value(code, op)) * f32::from_bits(op.max_bits)
}

/// A two-level operation on a tensor whose largest finite magnitude A has these bits: S = fl(L/A), g = fl(1/S) for
/// L = [`most_scaled`] (NVIDIA Transformer Engine, NVFP4 quantization).
pub fn scaled_to(op: &QuantOp, largest: u32) -> QuantOp {
    let largest = f32::from_bits(largest);
    let scale = (most_scaled(op) / largest).min(f32::MAX);
    let encode = if largest == 0.0 || scale == 0.0 { 1.0 } else { scale };
    op.with_tensor_scale(encode, 1.0 / encode)
}
