//! Tensors through the codec on the device.

use super::Gpu;
use super::device::header;
use super::shader::QUANTIZE;
use crate::codec::Rounded;
use crate::error::Result;
use crate::reference::quantize::{Job, Quantized};

/// Elements of a dispatch.
const CHUNK: usize = 1 << 20;
/// Threads of a workgroup.
const THREADS: u32 = 64;

impl Gpu {
    /// What [`Job::run`] gives, from the device.
    pub fn quantize(&self, job: &Job) -> Result<Quantized> {
        let (size, blocks) = job.blocks();
        let all_blocks = job.input.len() / job.columns * blocks;
        let shares = job.op.shares();
        let words = if shares { all_blocks as u64 } else { 0 };
        let (maxima, scales) = (self.context.buffer("maxima", words), self.context.buffer("scales", words));
        let result = self.context.buffer("quantized", 3 * job.input.len().min(CHUNK) as u64);
        let mut elements = Vec::with_capacity(job.input.len());
        for measure in if shares { &[true, false][..] } else { &[false] } {
            for (index, input) in job.input.chunks(CHUNK).enumerate() {
                let words = job.words.get(index * CHUNK..index * CHUNK + input.len()).unwrap_or_default();
                let mut params = header(0);
                params.extend([input.len(), index * CHUNK, job.columns, size, blocks].map(|n| n as u32));
                params.extend([u32::from(*measure), u32::from(!words.is_empty())]);
                params.extend_from_slice(bytemuck::cast_slice(&[job.op]));
                let input_buffer = self.context.filled("input", input);
                let word_buffer = self.context.filled("words", if words.is_empty() { &[0] } else { words });
                let groups = [(input.len() as u32).div_ceil(THREADS), 1, 1];
                let buffers = [&input_buffer, &word_buffer, &maxima, &result, &scales];
                self.context.dispatch((QUANTIZE, self.every()), &params, &buffers, groups)?;
                if !measure {
                    let read = self.context.read(&[(&result, 0, 3 * input.len() as u64)])?;
                    let rounded = |r: &[u32; 3]| Rounded { bits: r[0], code: r[1], flags: r[2] };
                    elements.extend(read.as_chunks::<3>().0.iter().map(rounded));
                }
            }
        }
        Ok(Quantized { elements, scales: self.context.read(&[(&scales, 0, words)])? })
    }
}
