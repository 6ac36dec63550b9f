//! Tensors through the codec by vector code: the text of the scalar codec, which a compiler turns into vector code where
//! the class of format and the direction are constants and nothing in a loop is called.
//!
//! Roots of two are looked up in a list, which leaves no vector code.

use multiversion::multiversion;
use rayon::prelude::*;

use crate::codec::{NAN, Rounded, SATURATED, UNDERFLOWED, added, distance, quantize_inline, stored_scale};
use crate::format::direction::{DITHER, DOWN, NEAREST_AWAY, NEAREST_EVEN, STOCHASTIC, TOWARD_ZERO, UP};
use crate::format::{QuantOp, class, policy};
use crate::site::Counts;
use crate::tensor::blocks::Batch;

/// Inputs rounded together: they, what their blocks share, their random words and the results fit the first cache of a core.
pub const BLOCK: usize = 1024;

/// A word for each of them.
pub type Words = [u32; BLOCK];

/// Bits of the value, code and flags of each.
pub type Answers = [Words; 3];

/// What [`round`] is given where nothing is shared, or no word drawn.
pub const NONE: Words = [0; BLOCK];

/// What a format makes of each input, its code and flags, by the largest magnitude of its block and a random word.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512cd+avx512dq+avx512vl+avx2+fma+bmi2", "x86_64+avx2+fma+bmi2"))]
pub fn round(op: &QuantOp, inputs: &Words, largest: &Words, words: &Words, found: &mut Answers) {
    match op.kind {
        class::SCALAR => round_class::<{ class::SCALAR }>(op, inputs, largest, words, found),
        class::STEP => round_class::<{ class::STEP }>(op, inputs, largest, words, found),
        class::BLOCK => round_class::<{ class::BLOCK }>(op, inputs, largest, words, found),
        class::TWO_LEVEL if op.rounding == NEAREST_EVEN => {
            round_as::<{ class::TWO_LEVEL }, NEAREST_EVEN>(op, inputs, largest, words, found);
        }
        class::ABSMAX if op.rounding == NEAREST_EVEN => {
            round_as::<{ class::ABSMAX }, NEAREST_EVEN>(op, inputs, largest, words, found);
        }
        class::EXPONENT if op.rounding == UP => {
            round_as::<{ class::EXPONENT }, UP>(op, inputs, largest, words, found);
        }
        class::EXPONENT if op.rounding == TOWARD_ZERO => {
            round_as::<{ class::EXPONENT }, TOWARD_ZERO>(op, inputs, largest, words, found);
        }
        _ => round_any(op, inputs, largest, words, found),
    }
}

#[inline(always)]
fn round_class<const CLASS: u32>(op: &QuantOp, inputs: &Words, largest: &Words, words: &Words, found: &mut Answers) {
    match op.rounding {
        NEAREST_EVEN => round_as::<CLASS, NEAREST_EVEN>(op, inputs, largest, words, found),
        NEAREST_AWAY => round_as::<CLASS, NEAREST_AWAY>(op, inputs, largest, words, found),
        UP => round_as::<CLASS, UP>(op, inputs, largest, words, found),
        DOWN => round_as::<CLASS, DOWN>(op, inputs, largest, words, found),
        STOCHASTIC => round_as::<CLASS, STOCHASTIC>(op, inputs, largest, words, found),
        DITHER => round_as::<CLASS, DITHER>(op, inputs, largest, words, found),
        TOWARD_ZERO => round_as::<CLASS, TOWARD_ZERO>(op, inputs, largest, words, found),
        _ => round_any(op, inputs, largest, words, found),
    }
}

#[inline(always)]
fn round_as<const CLASS: u32, const DIRECTION: u32>(
    op: &QuantOp,
    inputs: &Words,
    largest: &Words,
    words: &Words,
    found: &mut Answers,
) {
    round_any(&QuantOp { kind: CLASS, rounding: DIRECTION, ..*op }, inputs, largest, words, found);
}

#[inline(always)]
fn round_any(op: &QuantOp, inputs: &Words, largest: &Words, words: &Words, found: &mut Answers) {
    let [all_bits, codes, all_flags] = found;
    for k in 0..BLOCK {
        let Rounded { bits, code, flags } = quantize_inline(op, inputs[k], largest[k], words[k]);
        (all_bits[k], codes[k], all_flags[k]) = (bits, code, flags);
    }
}

/// What became of a batch of elements, in the order in which they are stored. Its memory serves batch after batch.
#[derive(Default)]
pub struct Rounding {
    /// As f32 bits.
    pub values: Vec<u32>,
    /// With the sign, or [`crate::codec::NO_CODE`].
    pub codes: Vec<u32>,
    /// Those of [`Rounded`].
    pub flags: Vec<u8>,
    /// What is stored of the scale of each block; empty where nothing is shared.
    pub scales: Vec<u32>,
    /// The largest magnitudes of the blocks, and of the block of each element.
    maxima: Vec<u32>,
    largest: Vec<u32>,
}

impl Rounding {
    /// Rounds a batch on all cores. `words` has one for each element where the rounding is random, else none.
    pub fn round(&mut self, op: &QuantOp, batch: &Batch, bits: &[u32], words: &[u32]) {
        self.values.resize(bits.len(), 0);
        self.codes.resize(bits.len(), 0);
        self.flags.resize(bits.len(), 0);
        if op.shares() {
            batch.maxima(bits, &mut self.maxima);
            self.scales.clear();
            self.scales.extend(self.maxima.iter().map(|largest| stored_scale(*largest, op)));
            self.largest.resize(bits.len(), 0);
            batch.spread(&self.maxima, &mut self.largest);
        }
        self.elements(op, bits, words);
        if op.has(policy::FOUR_OVER_SIX) {
            self.choose(op, batch, bits, words);
        }
    }

    /// Takes the blocks to 4 whose errors are smaller by it; so far all are at 6.
    fn choose(&mut self, op: &QuantOp, batch: &Batch, bits: &[u32], words: &[u32]) {
        let to_four = op.to_four();
        let six = (self.values.clone(), self.codes.clone(), self.flags.clone());
        self.elements(&to_four, bits, words);
        let (mut blocks, numbers) = (vec![0; bits.len()], (0..self.maxima.len() as u32).collect::<Vec<u32>>());
        batch.spread(&numbers, &mut blocks);
        let mut sums = vec![[0u128; 2]; self.maxima.len()];
        for (k, block) in blocks.iter().enumerate() {
            let of = |sum: &mut u128, value: u32| *sum = added(*sum, distance(op, bits[k], self.largest[k], value));
            let [of_six, of_four] = &mut sums[*block as usize];
            of(of_six, six.0[k]);
            of(of_four, self.values[k]);
        }
        for (k, block) in blocks.iter().enumerate() {
            let [of_six, of_four] = sums[*block as usize];
            if of_four >= of_six {
                (self.values[k], self.codes[k], self.flags[k]) = (six.0[k], six.1[k], six.2[k]);
            }
        }
        for (block, [of_six, of_four]) in sums.into_iter().enumerate() {
            if of_four < of_six {
                self.scales[block] = stored_scale(self.maxima[block], &to_four);
            }
        }
    }

    fn elements(&mut self, op: &QuantOp, bits: &[u32], words: &[u32]) {
        let pieces = self.values.par_chunks_mut(BLOCK).zip(self.codes.par_chunks_mut(BLOCK));
        pieces.zip(self.flags.par_chunks_mut(BLOCK)).enumerate().for_each(|(index, ((values, codes), flags))| {
            let place = index * BLOCK..index * BLOCK + values.len();
            let of = |all: &[u32]| {
                let mut block = NONE;
                let own = all.get(place.clone()).unwrap_or_default();
                block[..own.len()].copy_from_slice(own);
                block
            };
            let mut found = [NONE; 3];
            round(op, &of(bits), &of(&self.largest), &of(words), &mut found);
            values.copy_from_slice(&found[0][..values.len()]);
            codes.copy_from_slice(&found[1][..codes.len()]);
            flags.iter_mut().zip(&found[2]).for_each(|(own, flags)| *own = *flags as u8);
        });
    }
}

/// How many elements with these flags were clipped, became zero, or are not finite.
pub fn counts(flags: &[u8]) -> Counts {
    // Sums of as many as a byte counts become vector code.
    let count = |flag: u32| -> u64 {
        let of_run = |run: &[u8]| u64::from(run.iter().map(|flags| u8::from(flags & flag as u8 != 0)).sum::<u8>());
        flags.chunks(255).map(of_run).sum()
    };
    Counts { saturated: count(SATURATED), underflowed: count(UNDERFLOWED), nan: count(NAN) }
}
