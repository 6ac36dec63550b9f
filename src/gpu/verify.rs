//! The host of shaders/verify.wgsl: hashes of the answers to many inputs, or answers one by one.

use super::kernels::VERIFY;
use super::params::{Head, Parameters, params};
use super::pipeline::{Bound, Dispatch};
use super::reading::Reading;
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

/// Hashes on their way from the device.
pub struct Asked(Reading);

impl Gpu {
    /// Chunks of inputs of a dispatch: it stays below some 100 ms.
    pub fn chunks_at_once(&self) -> u32 {
        if is_hardware(&self.info) { 2048 } else { 64 }
    }

    /// Asks for the hashes of the answers to so many chunks of inputs from `first` on, and does not wait for them.
    pub fn ask_hashes(&self, question: &Question, first: u32, chunks: u32) -> Result<Asked> {
        Ok(Asked(self.ask(question, first, chunks, false, 2 * u64::from(chunks))?))
    }

    /// Those hashes, as [`crate::reference::answers::hash`] has them.
    pub fn hashes(&self, asked: Asked) -> Result<Vec<[u32; 2]>> {
        Ok(self.context.take(asked.0)?.as_chunks::<2>().0.to_vec())
    }

    /// The answers to the chunk of inputs from `first` on, one by one.
    pub fn answers(&self, question: &Question, first: u32) -> Result<Vec<[u32; 3]>> {
        let words = self.context.take(self.ask(question, first, 1, true, 3 * u64::from(CHUNK))?)?;
        Ok(words.as_chunks::<3>().0.to_vec())
    }

    fn ask(&self, question: &Question, first: u32, groups: u32, each: bool, words: u64) -> Result<Reading> {
        let op = if let Question::Codec(op) = question { *op } else { QuantOp::none() };
        let params =
            Parameters::of(Params { head: Head::of(0), first, question: question.number(), each: u32::from(each), op });
        let result = self.context.buffer("answers", words);
        let (variant, buffers) = (self.every(), [Bound::new(&result, words)]);
        let groups = [groups, 1, 1];
        self.context.dispatch(Dispatch { kernel: &VERIFY, variant, params: &params, buffers: &buffers, groups })?;
        Ok(self.context.read_later(&[(&result, 0, words)]))
    }
}
