//! Words on their way back from the device.

use bytemuck::Pod;
use wgpu::{Buffer, BufferDescriptor, BufferUsages, MapMode, SubmissionIndex};

use super::device::{Context, locked};
use crate::error::{Error, Result};

/// Bytes of the smallest buffer to read back through, and of those that are kept: allocating one takes longer than reading
/// it.
const SMALLEST_STAGING: u64 = 1 << 16;
const KEPT_STAGING: u64 = 1 << 28;

/// Words on their way from the device: a buffer, its bytes in use, and the submission that fills it. None, where there
/// are no words.
pub struct Reading {
    on_its_way: Option<(Buffer, u64, SubmissionIndex)>,
    /// Its step, where somebody records.
    step: Option<usize>,
}

impl Context {
    /// Reads ranges (buffer, first word, words), one after the other, as everything so far leaves them.
    pub fn read(&self, ranges: &[(&Buffer, u64, u64)]) -> Result<Vec<u32>> {
        self.take(self.read_later(ranges))
    }

    /// The same, on its way while the device goes on.
    pub fn read_later(&self, ranges: &[(&Buffer, u64, u64)]) -> Reading {
        let size: u64 = ranges.iter().map(|(_, _, words)| words * 4).sum();
        if size == 0 {
            return Reading { on_its_way: None, step: None };
        }
        let staging = self.staging(size);
        let mut recorder = locked(&self.recorder);
        let mut encoder = recorder.encoder(&self.device);
        let mut at = 0;
        for &(buffer, first, words) in ranges {
            encoder.copy_buffer_to_buffer(buffer, first * 4, &staging, at, words * 4);
            at += words * 4;
        }
        let submission = self.queue.submit([encoder.finish()]);
        recorder.submitted(submission.clone());
        staging.map_async(MapMode::Read, ..size, |_| {});
        let step = self.note(|recording| recording.read(ranges));
        Reading { on_its_way: Some((staging, size, submission)), step }
    }

    /// The words that were read; waits for them.
    pub fn take(&self, reading: Reading) -> Result<Vec<u32>> {
        self.take_as(reading)
    }

    /// The same as values of some words each.
    pub fn take_as<T: Pod>(&self, reading: Reading) -> Result<Vec<T>> {
        let Some((staging, size, submission)) = reading.on_its_way else { return Ok(Vec::new()) };
        self.wait_for(submission)?;
        let view = staging
            .get_mapped_range(..size)
            .map_err(|error| Error::DeviceLost(format!("reading from the device failed: {error}")))?;
        let values = bytemuck::pod_collect_to_vec(&view);
        if let Some(step) = reading.step {
            self.note(|recording| recording.answer(step, &bytemuck::pod_collect_to_vec(&view)));
        }
        drop(view);
        staging.unmap();
        let mut kept = locked(&self.staging);
        if kept.iter().map(Buffer::size).sum::<u64>() + staging.size() <= KEPT_STAGING {
            kept.push(staging);
        }
        Ok(values)
    }

    /// A buffer of at least so many bytes to read back through: one that was used before, where there is one.
    fn staging(&self, size: u64) -> Buffer {
        let mut kept = locked(&self.staging);
        if let Some(at) = kept.iter().position(|buffer| buffer.size() >= size) {
            return kept.swap_remove(at);
        }
        // A larger one takes the place of one.
        kept.pop();
        self.device.create_buffer(&BufferDescriptor {
            label: Some("read back"),
            size: size.next_power_of_two().max(SMALLEST_STAGING),
            usage: BufferUsages::MAP_READ | BufferUsages::COPY_DST,
            mapped_at_creation: false,
        })
    }
}
