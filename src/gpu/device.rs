//! A device, its pipelines, and the two things done with them: dispatch and read back.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use wgpu::{
    BindGroupDescriptor, BindGroupEntry, BindGroupLayout, BindGroupLayoutDescriptor, BindGroupLayoutEntry, BindingType,
    Buffer, BufferBindingType, BufferDescriptor, BufferUsages, ComputePassDescriptor, ComputePipeline,
    ComputePipelineDescriptor, Device, MapMode, PipelineCompilationOptions, PipelineLayoutDescriptor, PollType, Queue,
    ShaderModuleDescriptor, ShaderSource, ShaderStages, SubmissionIndex,
};

use super::shader::{Kernel, Variant, compose};
use crate::codec::logarithmic::ROOTS;
use crate::error::{Error, Result};
use crate::random::normal::TABLE;

struct Pipeline {
    pipeline: ComputePipeline,
    layout: BindGroupLayout,
}

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
    pipelines: Mutex<HashMap<(Kernel, Variant), Arc<Pipeline>>>,
    trouble: Arc<Mutex<Trouble>>,
    /// The last dispatch.
    submitted: Mutex<Option<SubmissionIndex>>,
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
        Context { device, queue, tables, pipelines: Mutex::default(), trouble, submitted: Mutex::default() }
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

    /// A zeroed buffer of that many words (at least one).
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
        locked(&self.submitted).clone()
    }

    /// Waits until the device is done with that dispatch.
    pub fn wait_for(&self, submission: SubmissionIndex) -> Result<()> {
        let polled = self.device.poll(PollType::Wait { submission_index: Some(submission), timeout: None });
        self.check()?;
        polled.map(|_| ()).map_err(|error| Error::DeviceLost(format!("waiting for the device failed: {error}")))
    }

    /// Puts words into a buffer, after everything submitted before.
    pub fn write(&self, buffer: &Buffer, words: &[u32]) {
        self.queue.write_buffer(buffer, 0, bytemuck::cast_slice(words));
    }

    fn pipeline(&self, kernel: Kernel, variant: Variant) -> Arc<Pipeline> {
        let mut pipelines = locked(&self.pipelines);
        pipelines.entry((kernel, variant)).or_insert_with(|| Arc::new(build(&self.device, &kernel, variant))).clone()
    }

    /// Runs a kernel once on that many workgroups. `params` starts with [`header`]'s words.
    pub fn dispatch(
        &self,
        (kernel, variant): (Kernel, Variant),
        params: &[u32],
        buffers: &[&Buffer],
        groups: [u32; 3],
    ) -> Result<()> {
        assert_eq!(buffers.len(), kernel.read_only.len(), "kernel {} and its buffers", kernel.name);
        self.check()?;
        let Pipeline { pipeline, layout } = &*self.pipeline(kernel, variant);
        let params = self.filled(kernel.name, params);
        let all = [&params, &self.tables];
        let bound = all.iter().chain(buffers).zip(0..);
        let entries: Vec<BindGroupEntry> =
            bound.map(|(buffer, binding)| BindGroupEntry { binding, resource: buffer.as_entire_binding() }).collect();
        let label = Some(kernel.name);
        let group = self.device.create_bind_group(&BindGroupDescriptor { label, layout, entries: &entries });
        let mut encoder = self.device.create_command_encoder(&Default::default());
        {
            let mut pass = encoder.begin_compute_pass(&ComputePassDescriptor { label, timestamp_writes: None });
            pass.set_pipeline(pipeline);
            pass.set_bind_group(0, &group, &[]);
            pass.dispatch_workgroups(groups[0], groups[1], groups[2]);
        }
        *locked(&self.submitted) = Some(self.queue.submit([encoder.finish()]));
        Ok(())
    }

    /// Waits for everything submitted and reads pieces (buffer, first word, words), one after the other.
    pub fn read(&self, pieces: &[(&Buffer, u64, u64)]) -> Result<Vec<u32>> {
        let size: u64 = pieces.iter().map(|(_, _, words)| words * 4).sum();
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
        for &(buffer, first, words) in pieces {
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

/// Words 0 to 2 of every kernel's parameters: the zero no compiler knows, and the seed.
pub fn header(seed: u64) -> Vec<u32> {
    vec![0, seed as u32, (seed >> 32) as u32]
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

fn build(device: &Device, kernel: &Kernel, variant: Variant) -> Pipeline {
    let label = Some(kernel.name);
    let read_only = [true, true].iter().chain(kernel.read_only);
    let entries: Vec<BindGroupLayoutEntry> = read_only
        .zip(0..)
        .map(|(&read_only, binding)| BindGroupLayoutEntry {
            binding,
            visibility: ShaderStages::COMPUTE,
            ty: BindingType::Buffer {
                ty: BufferBindingType::Storage { read_only },
                has_dynamic_offset: false,
                min_binding_size: None,
            },
            count: None,
        })
        .collect();
    let layout = device.create_bind_group_layout(&BindGroupLayoutDescriptor { label, entries: &entries });
    let pipeline_layout = device.create_pipeline_layout(&PipelineLayoutDescriptor {
        label,
        bind_group_layouts: &[Some(&layout)],
        immediate_size: 0,
    });
    let source = ShaderSource::Wgsl(compose(kernel, variant).into());
    let module = device.create_shader_module(ShaderModuleDescriptor { label, source });
    let pipeline = device.create_compute_pipeline(&ComputePipelineDescriptor {
        label,
        layout: Some(&pipeline_layout),
        module: &module,
        entry_point: label,
        compilation_options: PipelineCompilationOptions {
            zero_initialize_workgroup_memory: kernel.zeroed,
            ..Default::default()
        },
        cache: None,
    });
    Pipeline { pipeline, layout }
}
