//! A device, its pipelines, and the two things done with them: dispatch and read back.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

use rayon::prelude::*;
use wgpu::{
    BindGroupDescriptor, BindGroupEntry, Buffer, BufferDescriptor, BufferUsages, ComputePassDescriptor, Device,
    Features, MapMode, PollType, Queue, SubmissionIndex,
};

use super::kernels::{Kernel, Variant, compose};
use super::pipeline::{Dispatch, Pipeline, Pipelines, build};
use super::timer::{Stopwatch, Timer};
use crate::codec::logarithmic::ROOTS;
use crate::error::{Error, Result};
use crate::random::normal::TABLE;

/// Dispatches that the device may have in front of it: enough to never let it wait.
const IN_FLIGHT: usize = 8;

/// What went wrong outside of any call.
#[derive(Default)]
struct Trouble {
    lost: Option<String>,
    error: Option<String>,
}

pub struct Context {
    device: Device,
    queue: Queue,
    tables: Buffer,
    /// Workgroups of a dispatch along an axis, at most.
    most_groups: u32,
    pipelines: Mutex<Pipelines>,
    trouble: Arc<Mutex<Trouble>>,
    /// The last dispatches.
    submitted: Mutex<VecDeque<SubmissionIndex>>,
    timer: Timer,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

impl Context {
    pub fn new(device: Device, queue: Queue) -> Context {
        let trouble = Arc::new(Mutex::new(Trouble::default()));
        let seen = trouble.clone();
        device.set_device_lost_callback(move |reason, message| {
            locked(&seen).lost = Some(format!("{reason:?} {message}"));
        });
        let seen = trouble.clone();
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
            locked(&seen).error.get_or_insert(error.to_string());
        }));
        let tables = filled(&device, "tables", &[&TABLE[..], &ROOTS[..]].concat());
        let most_groups = device.limits().max_compute_workgroups_per_dimension;
        let (pipelines, submitted, timer) = (Mutex::default(), Mutex::default(), Timer::default());
        Context { device, queue, tables, most_groups, pipelines, trouble, submitted, timer }
    }

    /// The first error since the device was opened, if any.
    pub fn check(&self) -> Result<()> {
        let trouble = locked(&self.trouble);
        match (&trouble.lost, &trouble.error) {
            (Some(reason), _) => Err(Error::DeviceLost(format!(
                "the device was lost ({}): the same command again resumes",
                reason.trim()
            ))),
            (None, Some(error)) => Err(Error::Other(format!("the adapter reports: {}", error.replace('\n', " ")))),
            (None, None) => Ok(()),
        }
    }

    /// A zeroed buffer of that many words (at least four, an element of the widest type that a kernel binds).
    pub fn buffer(&self, label: &str, words: u64) -> Buffer {
        self.device.create_buffer(&BufferDescriptor {
            label: Some(label),
            size: words.max(4) * 4,
            usage: BufferUsages::STORAGE | BufferUsages::COPY_SRC | BufferUsages::COPY_DST,
            mapped_at_creation: false,
        })
    }

    pub fn filled(&self, label: &str, words: &[u32]) -> Buffer {
        filled(&self.device, label, words)
    }

    /// The last dispatch so far, for [`Context::wait_for`].
    pub fn submitted(&self) -> Option<SubmissionIndex> {
        locked(&self.submitted).back().cloned()
    }

    /// Waits until the device is done with that dispatch.
    pub fn wait_for(&self, submission: SubmissionIndex) -> Result<()> {
        let polled = self.device.poll(PollType::Wait { submission_index: Some(submission), timeout: None });
        self.check()?;
        polled.map(|_| ()).map_err(|error| Error::DeviceLost(format!("waiting for the device failed: {error}")))
    }

    /// Waits until the device is done with everything.
    pub fn idle(&self) -> Result<()> {
        self.submitted().map_or(Ok(()), |last| self.wait_for(last))
    }

    /// Of its kernels, where somebody asks.
    pub fn timer(&self) -> &Timer {
        &self.timer
    }

    /// Whether the device was opened with it.
    pub fn has(&self, features: Features) -> bool {
        self.device.features().contains(features)
    }

    /// Puts words into a buffer, after everything submitted before.
    pub fn write(&self, buffer: &Buffer, words: &[u32]) {
        self.queue.write_buffer(buffer, 0, bytemuck::cast_slice(words));
    }

    fn pipeline(&self, kernel: &Kernel, variant: Variant) -> Arc<Pipeline> {
        locked(&self.pipelines).get(&self.device, kernel, variant)
    }

    /// Compiles pipelines of a kernel side by side.
    pub fn compile(&self, kernel: &Kernel, variants: &[Variant]) {
        let missing = locked(&self.pipelines).missing(kernel, variants);
        missing.into_par_iter().for_each(|variant| {
            let pipeline = build(&self.device, kernel, compose(kernel, variant));
            locked(&self.pipelines).insert(kernel, variant, pipeline);
        });
    }

    /// Invocations of a kernel's workgroup along each axis.
    pub fn workgroup_size(&self, kernel: &Kernel, variant: Variant) -> [u32; 3] {
        self.pipeline(kernel, variant).facts.workgroup_size
    }

    /// Runs a kernel once, when all but the last few dispatches are done: what a stop waits for, and what parameters take,
    /// stays small.
    pub fn dispatch(&self, dispatch: Dispatch) -> Result<()> {
        self.repeat(dispatch, 1)
    }

    /// [`Context::dispatch`] of the same `times` times in one pass, each after the one before.
    pub fn repeat(&self, dispatch: Dispatch, times: u32) -> Result<()> {
        self.check()?;
        let pipeline = self.pipeline(dispatch.kernel, dispatch.variant);
        dispatch.assert_fits(&pipeline.facts, self.most_groups);
        let params = self.filled(dispatch.kernel.name, &dispatch.params.words);
        let buffers = dispatch.buffers.iter().map(|bound| bound.buffer);
        let bound = [&params, &self.tables].into_iter().chain(buffers).zip(0..);
        let entries: Vec<BindGroupEntry> =
            bound.map(|(buffer, binding)| BindGroupEntry { binding, resource: buffer.as_entire_binding() }).collect();
        let label = Some(dispatch.kernel.name);
        let layout = &pipeline.layout;
        let group = self.device.create_bind_group(&BindGroupDescriptor { label, layout, entries: &entries });
        let mut stopwatch = self.timer.stopwatch(&self.device);
        let mut encoder = self.device.create_command_encoder(&Default::default());
        {
            let timestamp_writes = stopwatch.as_ref().and_then(Stopwatch::writes);
            let mut pass = encoder.begin_compute_pass(&ComputePassDescriptor { label, timestamp_writes });
            pass.set_pipeline(&pipeline.pipeline);
            pass.set_bind_group(0, &group, &[]);
            let [x, y, z] = dispatch.groups;
            (0..times).for_each(|_| pass.dispatch_workgroups(x, y, z));
        }
        if let Some(stopwatch) = &mut stopwatch {
            stopwatch.resolve(&mut encoder);
        }
        let mut submitted = locked(&self.submitted);
        submitted.push_back(self.queue.submit([encoder.finish()]));
        let earliest = if submitted.len() > IN_FLIGHT { submitted.pop_front() } else { None };
        drop(submitted);
        if let Some(stopwatch) = stopwatch {
            self.idle()?;
            self.timer.add(dispatch.kernel.name, stopwatch.seconds(&self.device, &self.queue)?);
        }
        earliest.map_or(Ok(()), |earliest| self.wait_for(earliest))
    }

    /// Waits for everything submitted and reads ranges (buffer, first word, words), one after the other.
    pub fn read(&self, ranges: &[(&Buffer, u64, u64)]) -> Result<Vec<u32>> {
        let size: u64 = ranges.iter().map(|(_, _, words)| words * 4).sum();
        if size == 0 {
            return Ok(Vec::new());
        }
        let staging = self.device.create_buffer(&BufferDescriptor {
            label: Some("read back"),
            size,
            usage: BufferUsages::MAP_READ | BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let mut encoder = self.device.create_command_encoder(&Default::default());
        let mut at = 0;
        for &(buffer, first, words) in ranges {
            encoder.copy_buffer_to_buffer(buffer, first * 4, &staging, at, words * 4);
            at += words * 4;
        }
        self.queue.submit([encoder.finish()]);
        staging.map_async(MapMode::Read, .., |_| {});
        let polled = self.device.poll(PollType::Wait { submission_index: None, timeout: None });
        self.check()?;
        polled.map_err(|error| Error::DeviceLost(format!("waiting for the device failed: {error}")))?;
        let view = staging
            .get_mapped_range(..)
            .map_err(|error| Error::DeviceLost(format!("reading from the device failed: {error}")))?;
        Ok(bytemuck::pod_collect_to_vec(&view))
    }
}

fn filled(device: &Device, label: &str, words: &[u32]) -> Buffer {
    let usage = BufferUsages::STORAGE | BufferUsages::COPY_SRC;
    let size = words.len() as u64 * 4;
    let buffer = device.create_buffer(&BufferDescriptor { label: Some(label), size, usage, mapped_at_creation: true });
    // Mapping fails only on a lost device, which the next dispatch or read reports.
    if let Ok(mut view) = buffer.get_mapped_range_mut(..) {
        view.copy_from_slice(bytemuck::cast_slice(words));
    }
    buffer.unmap();
    buffer
}
