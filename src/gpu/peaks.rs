//! The host of shaders/peaks.wgsl: what a device can do at most, and what it takes to begin a dispatch and to read back.

use std::time::Instant;

use bytemuck::Zeroable as _;
use wgpu::Buffer;

use super::Gpu;
use super::kernels::PEAKS;
use super::params::{Head, Parameters, params};
use super::pipeline::{Bound, Dispatch};
use super::timer::{KernelSeconds, TIMESTAMPS};
use crate::error::Result;
use crate::reference::peaks::{Chain, Loop, THREADS};
use crate::twin::constants;

params! {
    pub struct Params {
        /// What is measured.
        pub peak: u32,
        /// Of the loop.
        pub turns: u32,
        pub factor: f32,
        pub addend: f32,
        /// To copy, of four words each.
        pub elements: u32,
    }
}

constants! {
    pub const PEAK_MULTIPLY_ADD: u32 = 0;
    pub const PEAK_OPAQUE: u32 = 1;
    pub const PEAK_INTEGER: u32 = 2;
    pub const PEAK_WORKGROUP: u32 = 3;
    pub const PEAK_COPY: u32 = 4;
    pub const PEAK_DISPATCH: u32 = 5;
}

impl Loop {
    fn number(self) -> u32 {
        match self {
            Loop::MultiplyAdd => PEAK_MULTIPLY_ADD,
            Loop::Opaque => PEAK_OPAQUE,
            Loop::Integer => PEAK_INTEGER,
            Loop::Workgroup => PEAK_WORKGROUP,
        }
    }
}

/// Words of an invocation's result, and of an element that is copied.
const QUAD: u64 = 4;

/// Work that may be done again and again, with its buffers.
pub struct PeakRun<'a> {
    gpu: &'a Gpu,
    params: Params,
    groups: u32,
    source: Buffer,
    result: Buffer,
}

/// The ways of counting the time of many small dispatches.
pub struct Dispatches {
    /// Of one of many in a pass, each after the one before.
    pub in_a_pass: f64,
    /// Of the host for one that it does not wait for, and for one that it waits for.
    pub submitted: f64,
    pub awaited: f64,
    /// Four counters, and how often they were counted up.
    pub counters: Vec<u32>,
    pub counted: u32,
}

impl Gpu {
    /// Whether times are those of the device's own clock.
    pub fn has_timestamps(&self) -> bool {
        self.context.has(TIMESTAMPS)
    }

    /// What `work` gives, and the seconds that the device was at each kernel meanwhile, whoever asked for it: one caller at a
    /// time. Dispatches wait for each other.
    pub fn timed<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<(T, KernelSeconds)> {
        self.context.timer().start();
        let done = work();
        let seconds = self.context.timer().stop();
        done.map(|done| (done, seconds))
    }

    /// A loop in so many workgroups.
    pub fn peak_loop(&self, of: Loop, turns: u32, groups: u32) -> PeakRun<'_> {
        let Chain { factor, addend } = of.chain();
        let params = Params { head: Head::of(0), peak: of.number(), turns, factor, addend, elements: 0 };
        self.peak(params, groups, &[])
    }

    /// Words, a multiple of four of them, through a kernel that copies them.
    pub fn peak_copy(&self, from: &[u32], groups: u32) -> PeakRun<'_> {
        let elements = (from.len() as u64 / QUAD) as u32;
        self.peak(Params { peak: PEAK_COPY, elements, ..Params::zeroed() }, groups, from)
    }

    fn peak(&self, params: Params, groups: u32, from: &[u32]) -> PeakRun<'_> {
        let words = (QUAD * u64::from(THREADS) * u64::from(groups)).max(from.len() as u64);
        let source = self.context.filled("source", if from.is_empty() { &[0; QUAD as usize] } else { from });
        PeakRun { gpu: self, params, groups, source, result: self.context.buffer("result", words) }
    }

    /// The most words that a buffer holds.
    pub fn largest_buffer(&self) -> u64 {
        self.limits.binding / 4
    }

    /// `times` dispatches of one workgroup that counts up: in one pass, then each submitted, then each waited for.
    pub fn peak_dispatches(&self, times: u32) -> Result<Dispatches> {
        let count = self.peak(Params { peak: PEAK_DISPATCH, ..Params::zeroed() }, 1, &[]);
        let each = |seconds: f64| seconds / f64::from(times);
        let ((), seconds) = self.timed(|| count.run(times))?;
        let in_a_pass = each(seconds.values().sum());
        let begun = Instant::now();
        (0..times).try_for_each(|_| count.run(1))?;
        let submitted = each(begun.elapsed().as_secs_f64());
        self.context.idle()?;
        let begun = Instant::now();
        (0..times).try_for_each(|_| count.run(1).and_then(|()| self.context.idle()))?;
        let awaited = each(begun.elapsed().as_secs_f64());
        Ok(Dispatches { in_a_pass, submitted, awaited, counters: count.words(0, QUAD)?, counted: 3 * times })
    }
}

impl PeakRun<'_> {
    fn run(&self, times: u32) -> Result<()> {
        let Gpu { context, .. } = self.gpu;
        let words = |buffer: &Buffer| buffer.size() / 4;
        let buffers = [&self.source, &self.result].map(|buffer| Bound::new(buffer, words(buffer)));
        let (kernel, variant, groups) = (&PEAKS, self.gpu.every(), [self.groups, 1, 1]);
        let params = Parameters::of(self.params);
        context.repeat(Dispatch { kernel, variant, params: &params, buffers: &buffers, groups }, times)
    }

    /// Does it once; the seconds of that.
    pub fn seconds(&self) -> Result<f64> {
        let ((), seconds) = self.gpu.timed(|| self.run(1))?;
        Ok(seconds.values().sum())
    }

    /// Words of the result.
    pub fn words(&self, first: u64, count: u64) -> Result<Vec<u32>> {
        self.gpu.context.read(&[(&self.result, first, count)])
    }

    /// Those of a workgroup's invocations, four each.
    pub fn words_of_group(&self, group: u32) -> Result<Vec<u32>> {
        let count = QUAD * u64::from(THREADS);
        self.words(count * u64::from(group), count)
    }
}
