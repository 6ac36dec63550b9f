//! The host of shaders/verify.wgsl: hashes of the answers to many inputs, or answers one by one.

use super::kernels::VERIFY;
use super::params::{Head, Parameters, params};
use super::pipeline::{Bound, Dispatch};
use super::{Gpu, is_hardware};
use crate::error::Result;
use crate::format::QuantOp;
use crate::reference::verify::{CHUNK, Question};

params! {
    pub struct Params {
        /// Input.
        pub first: u32,
        /// Number of the [`Question`].
        pub question: u32,
        /// Whether the answers are wanted one by one, not a hash of a chunk.
        pub each: u32,
        pub op: QuantOp,
    }
}

impl Gpu {
    /// Hashes of the answers to the `count` chunks of inputs from `first` on, as [`crate::reference::verify::hash`] has
    /// them.
    pub fn hashes(&self, question: &Question, first: u32, count: u32) -> Result<Vec<[u32; 2]>> {
        // A dispatch stays below some 100 ms.
        let most = if is_hardware(&self.info) { 2048 } else { 64 };
        let mut hashes = Vec::with_capacity(count as usize);
        for at in (0..count).step_by(most as usize) {
            let groups = most.min(count - at);
            let words = self.ask(question, first.wrapping_add(at * CHUNK), groups, false, 2 * u64::from(groups))?;
            hashes.extend_from_slice(words.as_chunks::<2>().0);
        }
        Ok(hashes)
    }

    /// The answers to the chunk of inputs from `first` on, one by one.
    pub fn answers(&self, question: &Question, first: u32) -> Result<Vec<[u32; 3]>> {
        let words = self.ask(question, first, 1, true, 3 * u64::from(CHUNK))?;
        Ok(words.as_chunks::<3>().0.to_vec())
    }

    fn ask(&self, question: &Question, first: u32, groups: u32, each: bool, words: u64) -> Result<Vec<u32>> {
        let op = if let Question::Codec(op) = question { *op } else { QuantOp::none() };
        let params =
            Parameters::of(Params { head: Head::of(0), first, question: question.number(), each: u32::from(each), op });
        let result = self.context.buffer("answers", words);
        let (variant, buffers) = (self.every(), [Bound::new(&result, words)]);
        let groups = [groups, 1, 1];
        self.context.dispatch(Dispatch { kernel: &VERIFY, variant, params: &params, buffers: &buffers, groups })?;
        self.context.read(&[(&result, 0, words)])
    }
}
