//! The host of shaders/train.wgsl and shaders/update.wgsl: dispatches of runs, and their states.

pub mod schedule;
pub mod state;

use std::mem::offset_of;

use wgpu::Buffer;

use self::schedule::{Progress, advance, budget};
pub use self::state::RunState;
use super::in_words::Run;
use super::kernels::TRAIN;
use super::launch::Launch;
use super::params::{Parameters, Tail, params};
use super::pipeline::Bound;
use super::samples::Samples;
use super::tally::FEATURE_TALLY;
use crate::error::Result;
use crate::format::QuantOp;
use crate::plan::{TrainOps, Trajectory};
use crate::reference;
use crate::twin::constants;

/// Words read back at once, about.
const READ_WORDS: u64 = 1 << 24;

params! {
    pub struct Params {
        /// Of a slot's buffers.
        pub samples: u32,
        pub slots: u32,
        pub seeds_at: u32,
        pub runs_at: u32,
        pub first_sample: u32,
        /// Whether the average is kept.
        pub average: u32,
    }
}

/// Number of an operation among those of a run.
const fn site(offset: usize) -> u32 {
    (offset / size_of::<QuantOp>()) as u32
}

constants! {
    pub const LABEL: u32 = site(offset_of!(TrainOps, label));
    pub const PARAMETER: u32 = site(offset_of!(TrainOps, parameter));
    pub const ACTIVATION: u32 = site(offset_of!(TrainOps, activation));
    pub const GRADIENT: u32 = site(offset_of!(TrainOps, gradient));
    pub const WEIGHT: u32 = site(offset_of!(TrainOps, weight));
    pub const FEATURE_GRAD: u32 = site(offset_of!(TrainOps, feature_grad));
    pub const TRAIN_SITES: u32 = site(size_of::<TrainOps>());
    pub const GROUP: u32 = reference::train::GROUP as u32;
    /// Stands for the update of divergence of a run that goes on.
    pub const NEVER: u32 = u32::MAX;
}

/// The runs of a launch.
pub struct Training<'a> {
    launch: &'a Launch<'a>,
    progress: Vec<Progress>,
    state: Buffer,
    status: Buffer,
}

impl<'a> Training<'a> {
    pub fn new(launch: &'a Launch<'a>) -> Training<'a> {
        let Launch { context, shapes, point, .. } = *launch;
        Training {
            launch,
            progress: vec![Progress::default(); point.trajectories.len()],
            state: context.buffer("state", shapes.state_words),
            status: context.filled("status", &vec![NEVER; shapes.status_words() as usize]),
        }
    }

    /// Takes every run to its last whole batch within the first `seen` samples. The block on the device starts at
    /// sample `first`.
    pub fn run_to(&mut self, samples: &Samples, first: u64, seen: u64) -> Result<()> {
        let Launch { shapes, point, tuning, .. } = *self.launch;
        let loops = budget(tuning.loops, point.trajectories.len() as u64 * u64::from(shapes.slots));
        loop {
            let mut tail = Tail::default();
            let mut runs = Vec::new();
            for (index, t) in point.trajectories.iter().enumerate() {
                let target = seen.min(t.samples) / u64::from(t.batch);
                let start = self.progress[index];
                let units = advance(t, &mut self.progress[index], target, loops);
                if units > 0 {
                    let ops_at = tail.append(&[t.ops]);
                    runs.push(Run { units: units as u32, ops_at, ..self.run(index, t, start, first) });
                }
            }
            if runs.is_empty() {
                return Ok(());
            }
            let params = Params {
                head: self.launch.head(),
                samples: shapes.samples,
                slots: shapes.slots,
                seeds_at: tail.append(self.launch.seeds),
                runs_at: tail.append(&runs),
                first_sample: first as u32,
                average: u32::from(self.launch.plan.average),
            };
            self.dispatch(samples, &runs, &tail.behind(params))?;
        }
    }

    /// A run from `start` on; the units to do and the place of its operations are left open.
    fn run(&self, index: usize, t: &Trajectory, start: Progress, first: u64) -> Run {
        let shapes = self.launch.shapes;
        Run {
            index: index as u32,
            model: t.model,
            batch: t.batch,
            feature: t.feature as u32,
            z_at: shapes.z_at[t.feature] as u32,
            gradient_z_at: shapes.z_at[t.gradient_feature] as u32,
            step: t.step,
            ops_at: 0,
            update: start.update as u32,
            unit: start.unit as u32,
            units: 0,
            batch_start: (start.update * u64::from(t.batch) - first) as u32,
            state_at: shapes.state_at[index] as u32,
            state_words: shapes.run_words[index] as u32,
        }
    }

    fn dispatch(&self, samples: &Samples, runs: &[Run], params: &Parameters) -> Result<()> {
        let shapes = self.launch.shapes;
        let (cells, slots) = (shapes.cells(), u64::from(shapes.slots));
        let most = |of: &dyn Fn(&Run) -> u64| runs.iter().map(of).max().unwrap_or(0);
        let z_end = |run: &Run| u64::from(run.z_at.max(run.gradient_z_at)) + cells * u64::from(run.model);
        let state_end = |run: &Run| u64::from(run.state_at) + slots * u64::from(run.state_words);
        let buffers = [
            Bound::new(&samples.z, most(&z_end)),
            Bound::new(&samples.labels, cells),
            Bound::new(
                &samples.feature_counts,
                most(&|run| u64::from(1 + run.feature)) * u64::from(FEATURE_TALLY) * cells,
            ),
            Bound::new(&self.state, most(&state_end)),
            Bound::new(&self.status, most(&|run| u64::from(1 + run.index)) * slots),
        ];
        samples.dispatch(&TRAIN, params, &buffers, [runs.len() as u32, shapes.slots, 1])
    }

    /// Update at which each run diverged, [run][slot].
    pub fn diverged(&self) -> Result<Vec<Option<u64>>> {
        let words = self.launch.context.read(&[(&self.status, 0, self.launch.shapes.status_words())])?;
        Ok(words.iter().map(|&t| (t != NEVER).then_some(u64::from(t))).collect())
    }

    /// States of some trajectories, each by slot.
    pub fn states(&self, due: &[usize]) -> Result<Vec<Vec<RunState>>> {
        let Launch { context, shapes, plan, point, .. } = *self.launch;
        let words = |index: usize| u64::from(shapes.slots) * shapes.run_words[index];
        let per_read = (READ_WORDS / due.iter().map(|&index| words(index)).max().unwrap_or(1)).max(1);
        let mut states = Vec::with_capacity(due.len());
        for due in due.chunks(per_read as usize) {
            let ranges: Vec<_> = due.iter().map(|&index| (&self.state, shapes.state_at[index], words(index))).collect();
            let read = context.read(&ranges)?;
            let mut rest = read.as_slice();
            for &index in due {
                let (own, others) = rest.split_at(words(index) as usize);
                let runs = own.chunks(shapes.run_words[index] as usize);
                let state = |words| RunState::decode(&point.trajectories[index], words, plan.average);
                states.push(runs.map(state).collect());
                rest = others;
            }
        }
        Ok(states)
    }
}
