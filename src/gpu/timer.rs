//! Seconds that a device spends in each kernel, while somebody asks for them: by timestamps where the adapter has them,
//! else by the clock of the host around a submission and the wait for it.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use wgpu::{
    Buffer, BufferDescriptor, BufferUsages, CommandEncoder, ComputePassTimestampWrites, Device, Features, MapMode,
    PollType, QUERY_SIZE, QuerySet, QuerySetDescriptor, QueryType, Queue,
};

use crate::error::{Error, Result};

/// What a device is opened with, where its adapter has it.
pub const TIMESTAMPS: Features = Features::TIMESTAMP_QUERY;

/// Seconds by name of the kernel.
pub type KernelSeconds = BTreeMap<&'static str, f64>;

/// Adds seconds up while it runs.
#[derive(Default)]
pub struct Timer(Mutex<Option<KernelSeconds>>);

impl Timer {
    fn change<T>(&self, change: impl FnOnce(&mut Option<KernelSeconds>) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// From now on every dispatch is waited for.
    pub fn start(&self) {
        self.change(|seconds| *seconds = Some(KernelSeconds::new()));
    }

    pub fn stop(&self) -> KernelSeconds {
        self.change(Option::take).unwrap_or_default()
    }

    /// For one submission, if the timer runs.
    pub fn stopwatch(&self, device: &Device) -> Option<Stopwatch> {
        self.change(|seconds| seconds.is_some()).then(|| Stopwatch::new(device))
    }

    pub fn add(&self, kernel: &'static str, more: f64) {
        self.change(|seconds| {
            if let Some(seconds) = seconds {
                *seconds.entry(kernel).or_default() += more;
            }
        });
    }
}

/// Takes the time of one pass.
pub struct Stopwatch {
    stamps: Option<Stamps>,
    begun: Instant,
}

/// Timestamps at the beginning and the end of a pass, and where they go.
struct Stamps {
    queries: QuerySet,
    resolved: Buffer,
    read: Buffer,
}

/// Bytes of both timestamps.
const BYTES: u64 = 2 * QUERY_SIZE as u64;

impl Stopwatch {
    fn new(device: &Device) -> Stopwatch {
        let buffer = |label, usage| {
            let descriptor = BufferDescriptor { label: Some(label), size: BYTES, usage, mapped_at_creation: false };
            device.create_buffer(&descriptor)
        };
        let stamps = device.features().contains(TIMESTAMPS).then(|| Stamps {
            queries: device.create_query_set(&QuerySetDescriptor {
                label: Some("timestamps"),
                ty: QueryType::Timestamp,
                count: 2,
            }),
            resolved: buffer("timestamps", BufferUsages::QUERY_RESOLVE | BufferUsages::COPY_SRC),
            read: buffer("read timestamps", BufferUsages::MAP_READ | BufferUsages::COPY_DST),
        });
        Stopwatch { stamps, begun: Instant::now() }
    }

    /// For the pass.
    pub fn writes(&self) -> Option<ComputePassTimestampWrites<'_>> {
        self.stamps.as_ref().map(|stamps| ComputePassTimestampWrites {
            query_set: &stamps.queries,
            beginning_of_pass_write_index: Some(0),
            end_of_pass_write_index: Some(1),
        })
    }

    /// Behind the pass, and right before the submission.
    pub fn resolve(&mut self, encoder: &mut CommandEncoder) {
        if let Some(Stamps { queries, resolved, read }) = &self.stamps {
            encoder.resolve_query_set(queries, 0..2, resolved, 0);
            encoder.copy_buffer_to_buffer(resolved, 0, read, 0, BYTES);
        }
        self.begun = Instant::now();
    }

    /// Of the pass, once the device is done with it.
    pub fn seconds(self, device: &Device, queue: &Queue) -> Result<f64> {
        let wall = self.begun.elapsed().as_secs_f64();
        let Some(Stamps { read, .. }) = self.stamps else { return Ok(wall) };
        read.map_async(MapMode::Read, .., |_| {});
        let failed = |error: &dyn std::fmt::Display| Error::DeviceLost(format!("reading timestamps failed: {error}"));
        device.poll(PollType::Wait { submission_index: None, timeout: None }).map_err(|error| failed(&error))?;
        let view = read.get_mapped_range(..).map_err(|error| failed(&error))?;
        let stamps: Vec<u64> = bytemuck::pod_collect_to_vec(&view);
        let ticks = stamps[1].saturating_sub(stamps[0]);
        // A driver whose clock stands still between them has timestamps in name only.
        Ok(if ticks == 0 { wall } else { ticks as f64 * f64::from(queue.get_timestamp_period()) * 1e-9 })
    }
}
