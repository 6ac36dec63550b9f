//! What `verify` asks of a device: hashes of the answers to many inputs, answers one by one, and products Z v.

use super::device::header;
use super::shader::{GEMV, MODEL_SIZES, VERIFY, Variant};
use super::{Gpu, is_hardware};
use crate::error::Result;
use crate::format::QuantOp;
use crate::reference::verify::{CHUNK, Question};

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
        let mut params = header(0);
        params.extend([first, question.number(), u32::from(each)]);
        params.extend_from_slice(bytemuck::cast_slice(&[op]));
        let result = self.context.buffer("answers", words);
        self.context.dispatch((VERIFY, self.every()), &params, &[&result], [groups, 1, 1])?;
        self.context.read(&[(&result, 0, words)])
    }

    /// Z v as bits, for Z of so many columns.
    pub fn gemv(&self, z: &[f32], columns: usize, v: &[f32]) -> Result<Vec<u32>> {
        let mut params = header(0);
        params.push(columns as u32);
        let rows = z.len() / columns;
        let z = self.context.filled("Z", bytemuck::cast_slice(z));
        let v = self.context.filled("v", bytemuck::cast_slice(v));
        let result = self.context.buffer("Z v", rows as u64);
        self.context.dispatch((GEMV, self.every()), &params, &[&z, &v, &result], [rows as u32, 1, 1])?;
        self.context.read(&[(&result, 0, rows as u64)])
    }

    /// The variant of the kernels that hold the whole codec.
    pub(super) fn every(&self) -> Variant {
        Variant { strict: false, model: MODEL_SIZES[0], every_class: true }
    }
}
