//! A device, its pipelines, and what is dispatched; reading.rs has the way back.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use wgpu::{
    BindGroupDescriptor, BindGroupEntry, Buffer, BufferDescriptor, BufferUsages, ComputePass, ComputePassDescriptor,
    Device, Features, PollError, PollType, Queue, SubmissionIndex,
};

use super::faults::{self, Fault, Flip};
use super::kernels::{Kernel, Variant, compose};
use super::pipeline::{Dispatch, Pipeline, Pipelines, build};
use super::recorder::Recorder;
use super::recording::Recording;
use super::timer::{Stopwatch, Timer};
use crate::codec::logarithmic::ROOTS;
use crate::error::{Error, Result};
use crate::random::normal::TABLE;

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

pub struct Context {
    pub(super) device: Device,
    pub(super) queue: Queue,
    tables: Buffer,
    /// Workgroups of a dispatch along an axis, at most.
    most_groups: u32,
    pipelines: Mutex<Pipelines>,
    trouble: Arc<Mutex<Trouble>>,
    pub(super) recorder: Mutex<Recorder>,
    /// Buffers to read back through that nobody uses.
    pub(super) staging: Mutex<Vec<Buffer>>,
    timer: Timer,
    /// Size of its subgroups, where all have one: a power of two.
    subgroup: Option<u32>,
    /// What is asked of the device, while somebody wants to know.
    recording: Mutex<Option<Recording>>,
    /// A bit that is to flip, in tests.
    flip: Mutex<Option<Flip>>,
}

pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
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
        let (pipelines, recorder, staging, timer, recording, flip) = Default::default();
        let is_size = subgroups.0 == subgroups.1 && subgroups.0.is_power_of_two() && (2..=128).contains(&subgroups.0);
        let has_one_size = device.features().contains(Features::SUBGROUP) && is_size;
        let subgroup = has_one_size.then_some(subgroups.1);
        Context {
            device,
            queue,
            tables,
            most_groups,
            pipelines,
            trouble,
            recorder,
            staging,
            timer,
            subgroup,
            recording,
            flip,
        }
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
        let buffer = filled(&self.device, label, words);
        self.note(|recording| recording.fill(&buffer, label, words));
        buffer
    }

    /// What `work` gives, and what it asked of the device.
    pub fn recorded<T>(&self, work: impl FnOnce() -> T) -> (T, Recording) {
        *locked(&self.recording) = Some(Recording::default());
        let done = work();
        (done, locked(&self.recording).take().unwrap_or_default())
    }

    pub(super) fn note<T>(&self, note: impl FnOnce(&mut Recording) -> T) -> Option<T> {
        locked(&self.recording).as_mut().map(note)
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
        self.note(|recording| recording.write(buffer, words));
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
        self.note(|recording| recording.dispatch(&dispatch, &pipeline, times));
        let params = filled(&self.device, dispatch.kernel.name, &dispatch.params.words);
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
