//! Answers to all 2^32 inputs, hashed in chunks of 65,536: one by one, see `src/verify/answers.rs` for many. Twin of
//! shaders/verify.wgsl.

use crate::codec::{Rounded, quantize};
use crate::format::QuantOp;
use crate::random::normal::normal;
use crate::random::{Purpose, Stream, threefry4x32};

/// Inputs of a chunk.
pub const CHUNK: u32 = 1 << 16;

/// What is asked of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// What a format makes of these f32 bits.
    Codec(QuantOp),
    /// The normal of this word.
    Normal,
    /// Random words of a counter and a seed index made from the input.
    Words,
}

impl Question {
    /// Number of the question in the shader.
    pub fn number(&self) -> u32 {
        match self {
            Question::Codec(_) => 0,
            Question::Normal => 1,
            Question::Words => 2,
        }
    }
}

/// A bijection of u32 whose output bits depend on all input bits (Appleby, MurmurHash3).
#[inline(always)]
pub fn mixed(x: u32) -> u32 {
    let a = (x ^ (x >> 16)).wrapping_mul(0x85eb_ca6b);
    let b = (a ^ (a >> 13)).wrapping_mul(0xc2b2_ae35);
    b ^ (b >> 16)
}

/// The three words that answer an input.
pub fn answer(question: &Question, input: u32) -> [u32; 3] {
    match question {
        Question::Codec(op) => {
            let Rounded { bits, code, flags } = quantize(op, input, 0, mixed(input));
            [bits, code, flags]
        }
        Question::Normal => [normal(input).to_bits(), 0, 0],
        Question::Words => words_of(input),
    }
}

/// The answer to [`Question::Words`].
#[inline(always)]
pub(crate) fn words_of(input: u32) -> [u32; 3] {
    let key = Stream::new(0, mixed(input)).key();
    let [x, y, z, w] = threefry4x32(key, [input, !input, Purpose::Element as u32, 0]);
    [x, y, z ^ w]
}

/// What an input and its answer are in the hash of a chunk, which is the sum of all: threads may add in any order.
#[inline(always)]
pub fn hashed(input: u32, [x, y, z]: [u32; 3]) -> [u32; 2] {
    let of_two = mixed(y.wrapping_add(mixed(z.wrapping_add(mixed(input)))));
    let one = mixed(x.wrapping_add(of_two));
    [one, mixed(one ^ 0x9e37_79b9)]
}
