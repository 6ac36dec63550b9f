//! A device, its pipelines, and the two things done with them: dispatch and read back.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytemuck::Pod;
use wgpu::{
    BindGroupDescriptor, BindGroupEntry, Buffer, BufferDescriptor, BufferUsages, ComputePass, ComputePassDescriptor,
    Device, Features, MapMode, PollError, PollType, Queue, SubmissionIndex,
};

use super::faults::{self, Fault, Flip};
use super::kernels::{Kernel, Variant, compose};
use super::pipeline::{Dispatch, Pipeline, Pipelines, build};
use super::recorder::Recorder;
use super::timer::{Stopwatch, Timer};
use crate::codec::logarithmic::ROOTS;
use crate::error::{Error, Result};
use crate::random::normal::TABLE;

/// Bytes of the smallest buffer to read back through, and of those that are kept: allocating one takes longer than reading
/// it.
const SMALLEST_STAGING: u64 = 1 << 16;
const KEPT_STAGING: u64 = 1 << 28;

/// A device is waited for by slices of this length, so that a process that was stopped meanwhile takes up where it was; and
/// for so many of them. Submissions are cut to last about a tenth of a second, and some drivers compile what they run first.
const SLICE: Duration = Duration::from_secs(1);
const PATIENCE: u32 = 300;

/// What went wrong outside of any call.
#[derive(Default)]
struct Trouble {
    lost: Option<String>,
    error: Option<String>,
    /// A buffer could not be had: what `error` says first.
    exhausted: bool,
}

/// Words on their way from the device: a buffer, its bytes in use, and the submission that fills it. None, where there
/// are no words.
pub struct Reading(Option<(Buffer, u64, SubmissionIndex)>);

pub struct Context {
    device: Device,
    queue: Queue,
    tables: Buffer,
    /// Workgroups of a dispatch along an axis, at most.
    most_groups: u32,
    pipelines: Mutex<Pipelines>,
    trouble: Arc<Mutex<Trouble>>,
    recorder: Mutex<Recorder>,
    /// Buffers to read back through that nobody uses.
    staging: Mutex<Vec<Buffer>>,
    timer: Timer,
    /// Size of its subgroups, where all have one: a power of two.
    subgroup: Option<u32>,
    /// A bit that is to flip, in tests.
    flip: Mutex<Option<Flip>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

impl Context {
    /// `subgroups`: the sizes, from least to most, that the adapter tells.
    pub fn new(device: Device, queue: Queue, subgroups: (u32, u32)) -> Context {
        let trouble = Arc::new(Mutex::new(Trouble::default()));
        let seen = trouble.clone();
        device.set_device_lost_callback(move |reason, message| {
            locked(&seen).lost = Some(format!("{reason:?} {message}"));
        });
        let seen = trouble.clone();
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
            let mut seen = locked(&seen);
            seen.exhausted |= seen.error.is_none() && matches!(error, wgpu::Error::OutOfMemory { .. });
            seen.error.get_or_insert(error.to_string());
        }));
        let tables = filled(&device, "tables", &[&TABLE[..], &ROOTS[..]].concat());
        let most_groups = device.limits().max_compute_workgroups_per_dimension;
        let (pipelines, recorder, staging, timer, flip) = Default::default();
        let is_size = subgroups.0 == subgroups.1 && subgroups.0.is_power_of_two() && (2..=128).contains(&subgroups.0);
        let has_one_size = device.features().contains(Features::SUBGROUP) && is_size;
        let subgroup = has_one_size.then_some(subgroups.1);
        Context { device, queue, tables, most_groups, pipelines, trouble, recorder, staging, timer, subgroup, flip }
    }

    /// The first error since the device was opened, if any. After one nothing that it gives counts: it is as good as lost.
    pub fn check(&self) -> Result<()> {
        let trouble = locked(&self.trouble);
        match (&trouble.lost, &trouble.error) {
            (Some(reason), _) => Err(Error::DeviceLost(format!(
                "the device was lost ({}): the same command again resumes",
                reason.trim()
            ))),
            (None, Some(error)) => Err(Error::DeviceLost(format!("the adapter reports: {}", error.replace('\n', " ")))),
            (None, None) => Ok(()),
        }
    }

    /// Whether the first error was that a buffer could not be had. It is forgiven then, and what was recorded with such
    /// buffers forgotten.
    pub fn forgives_exhaustion(&self) -> bool {
        let mut trouble = locked(&self.trouble);
        let forgiven = trouble.exhausted && trouble.lost.is_none();
        if forgiven {
            (trouble.exhausted, trouble.error) = (false, None);
            locked(&self.recorder).discard();
        }
        forgiven
    }

    /// Lets the device meet a fault.
    pub fn meet(&self, fault: Fault) {
        match fault {
            Fault::Lost => self.device.destroy(),
            // What comes of the waiting is noted; some drivers take nothing else meanwhile, so that it is here.
            Fault::Hang { seconds } => _ = self.wait_at_most(faults::hang(&self.device, &self.queue), seconds),
            Fault::Shader => faults::shader(&self.device),
            Fault::Memory => {
                let mut trouble = locked(&self.trouble);
                (trouble.exhausted, trouble.error) = (true, Some("Out of Memory".into()));
            }
            Fault::Flip(flip) => *locked(&self.flip) = Some(flip),
        }
    }

    /// Flips the bit that a test asked for, where this dispatch is the one before which it is due.
    fn flip(&self, dispatch: &Dispatch) -> Result<()> {
        let due = locked(&self.flip).take_if(|flip| flip.is_due(dispatch.kernel.name));
        let Some(Flip { buffer, word, bit, .. }) = due else { return Ok(()) };
        let buffer = dispatch.buffers[buffer].buffer;
        let flipped: Vec<u32> = self.read(&[(buffer, word, 1)])?.iter().map(|word| word ^ (1 << bit)).collect();
        self.queue.write_buffer(buffer, 4 * word, bytemuck::cast_slice(&flipped));
        Ok(())
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

    /// Everything so far, submitted, for [`Context::wait_for`].
    pub fn submitted(&self) -> Result<Option<SubmissionIndex>> {
        self.submit()?;
        Ok(locked(&self.recorder).last())
    }

    /// Submits what is recorded. Waits where the device has enough to do: what a stop waits for, and what parameters take,
    /// stays small.
    fn submit(&self) -> Result<()> {
        let earliest = locked(&self.recorder).submit(&self.device, &self.queue);
        if let Some(earliest) = earliest {
            self.wait_for(earliest)?;
            locked(&self.recorder).waited();
        }
        Ok(())
    }

    /// Waits until the device is done with that submission.
    pub fn wait_for(&self, submission: SubmissionIndex) -> Result<()> {
        self.wait_at_most(submission, PATIENCE)
    }

    /// A device that takes longer counts as lost.
    fn wait_at_most(&self, submission: SubmissionIndex, slices: u32) -> Result<()> {
        for _ in 0..slices {
            let poll = PollType::Wait { submission_index: Some(submission.clone()), timeout: Some(SLICE) };
            let polled = self.device.poll(poll);
            self.check()?;
            match polled {
                Ok(_) => return Ok(()),
                Err(PollError::Timeout) => (),
                Err(error) => return Err(Error::DeviceLost(format!("waiting for the device failed: {error}"))),
            }
        }
        // To drop a queue is to wait for it: this one stays.
        std::mem::forget((self.device.clone(), self.queue.clone()));
        locked(&self.trouble).lost = Some(format!("it has not answered for {} s", slices * SLICE.as_secs() as u32));
        self.check()
    }

    /// Waits until the device is done with everything.
    pub fn idle(&self) -> Result<()> {
        self.submitted()?.map_or(Ok(()), |last| self.wait_for(last))
    }

    /// Submits what is recorded, and finds out anew how much a submission should hold.
    pub fn restart(&self) -> Result<()> {
        self.submit()?;
        locked(&self.recorder).restart();
        Ok(())
    }

    /// Of its kernels, where somebody asks.
    pub fn timer(&self) -> &Timer {
        &self.timer
    }

    /// Size of all subgroups, where they have one and shuffles among them.
    pub fn subgroup(&self) -> Option<u32> {
        self.subgroup
    }

    /// Whether the device was opened with it.
    pub fn has(&self, features: Features) -> bool {
        self.device.features().contains(features)
    }

    /// Puts words into a buffer, after everything before.
    pub fn write(&self, buffer: &Buffer, words: &[u32]) -> Result<()> {
        self.submit()?;
        self.queue.write_buffer(buffer, 0, bytemuck::cast_slice(words));
        Ok(())
    }

    fn pipeline(&self, kernel: &Kernel, variant: Variant) -> Arc<Pipeline> {
        locked(&self.pipelines).get(&self.device, kernel, variant)
    }

    /// Compiles pipelines of a kernel side by side, on threads of its own: whoever waits in a pool takes up other work there,
    /// which may need this device.
    pub fn compile(&self, kernel: &Kernel, variants: &[Variant]) {
        let missing = Mutex::new(locked(&self.pipelines).missing(kernel, variants));
        let threads = rayon::current_num_threads().min(locked(&missing).len());
        let next = || locked(&missing).pop();
        let work = || {
            while let Some(variant) = next() {
                let pipeline = build(&self.device, kernel, compose(kernel, variant));
                locked(&self.pipelines).insert(kernel, variant, pipeline);
            }
        };
        std::thread::scope(|scope| {
            // What no thread can be had for this one does.
            let _threads: Vec<_> =
                (1..threads).map_while(|_| std::thread::Builder::new().spawn_scoped(scope, work).ok()).collect();
            work();
        });
    }

    /// Invocations of a kernel's workgroup along each axis.
    pub fn workgroup_size(&self, kernel: &Kernel, variant: Variant) -> [u32; 3] {
        self.pipeline(kernel, variant).facts.workgroup_size
    }

    /// Runs a kernel once, after everything before.
    pub fn dispatch(&self, dispatch: Dispatch) -> Result<()> {
        self.repeat(dispatch, 1)
    }

    /// [`Context::dispatch`] of the same `times` times in one pass, each after the one before.
    pub fn repeat(&self, dispatch: Dispatch, times: u32) -> Result<()> {
        self.check()?;
        self.flip(&dispatch)?;
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
        let run = |pass: &mut ComputePass| {
            let [x, y, z] = dispatch.groups;
            pass.set_pipeline(&pipeline.pipeline);
            pass.set_bind_group(0, &group, &[]);
            (0..times).for_each(|_| pass.dispatch_workgroups(x, y, z));
        };
        if let Some(stopwatch) = self.timer.stopwatch(&self.device) {
            self.submit()?;
            return self.timed(dispatch.kernel.name, stopwatch, run);
        }
        let is_time = locked(&self.recorder).record(&self.device, run);
        if is_time { self.submit() } else { Ok(()) }
    }

    /// A pass of its own, whose seconds are added to a kernel's.
    fn timed(&self, kernel: &'static str, mut stopwatch: Stopwatch, run: impl FnOnce(&mut ComputePass)) -> Result<()> {
        let mut encoder = self.device.create_command_encoder(&Default::default());
        let timestamp_writes = stopwatch.writes();
        run(&mut encoder.begin_compute_pass(&ComputePassDescriptor { label: Some(kernel), timestamp_writes }));
        stopwatch.resolve(&mut encoder);
        self.wait_for(self.queue.submit([encoder.finish()]))?;
        self.timer.add(kernel, stopwatch.seconds(&self.device, &self.queue)?);
        Ok(())
    }

    /// Reads ranges (buffer, first word, words), one after the other, as everything so far leaves them.
    pub fn read(&self, ranges: &[(&Buffer, u64, u64)]) -> Result<Vec<u32>> {
        self.take(self.read_later(ranges))
    }

    /// The same, on its way while the device goes on.
    pub fn read_later(&self, ranges: &[(&Buffer, u64, u64)]) -> Reading {
        let size: u64 = ranges.iter().map(|(_, _, words)| words * 4).sum();
        if size == 0 {
            return Reading(None);
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
        Reading(Some((staging, size, submission)))
    }

    /// The words that were read; waits for them.
    pub fn take(&self, reading: Reading) -> Result<Vec<u32>> {
        self.take_as(reading)
    }

    /// The same as values of some words each.
    pub fn take_as<T: Pod>(&self, reading: Reading) -> Result<Vec<T>> {
        let Some((staging, size, submission)) = reading.0 else { return Ok(Vec::new()) };
        self.wait_for(submission)?;
        let view = staging
            .get_mapped_range(..size)
            .map_err(|error| Error::DeviceLost(format!("reading from the device failed: {error}")))?;
        let values = bytemuck::pod_collect_to_vec(&view);
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
