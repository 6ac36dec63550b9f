//! The host of shaders/train.wgsl and shaders/update.wgsl: dispatches of runs, and their states.

pub mod layout;
pub mod schedule;
pub mod state;

use std::mem::offset_of;

use wgpu::Buffer;

use self::schedule::{Progress, Stretch, budget};
pub use self::state::RunState;
use super::in_words::Run;
use super::kernels::{TRAIN, Variant};
use super::launch::Launch;
use super::params::{Parameters, Tail, params};
use super::pipeline::Bound;
use super::reading::Reading;
use super::samples::Samples;
use super::shapes::offsets;
use super::tally::FEATURE_TALLY;
use crate::error::Result;
use crate::format::QuantOp;
use crate::plan::{Phase, TrainOps, Trajectory};
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

/// Runs of the same pipelines, with states of their own: a device may work at several groups at once.
struct Group {
    /// One for each phase, or one for all.
    variants: Vec<Variant>,
    /// The trajectories, and the first word of each one's state.
    members: Vec<usize>,
    state_at: Vec<u64>,
    state: Buffer,
    status: Buffer,
}

/// The runs of a launch.
pub struct Training<'a> {
    launch: &'a Launch<'a>,
    progress: Vec<Progress>,
    groups: Vec<Group>,
    /// Group of each trajectory, and its place there.
    places: Vec<(usize, usize)>,
}

impl<'a> Training<'a> {
    pub fn new(launch: &'a Launch<'a>) -> Training<'a> {
        let trajectories = &launch.point.trajectories;
        let (mut variants, mut members): (Vec<Vec<Variant>>, Vec<Vec<usize>>) = Default::default();
        let mut places = Vec::new();
        for (index, t) in trajectories.iter().enumerate() {
            let mut own: Vec<Variant> = t.phases.iter().map(|phase| launch.train_variant(t, phase)).collect();
            if own.iter().all(|variant| *variant == own[0]) {
                own.truncate(1);
            }
            let group = variants.iter().position(|have| *have == own).unwrap_or_else(|| {
                variants.push(own);
                members.push(Vec::new());
                variants.len() - 1
            });
            places.push((group, members[group].len()));
            members[group].push(index);
        }
        let groups = variants.into_iter().zip(members).map(|(variants, members)| Group::new(launch, variants, members));
        Training { launch, progress: vec![Progress::default(); trajectories.len()], groups: groups.collect(), places }
    }

    /// Takes every run to its last whole batch within the first `seen` samples. The block on the device starts at
    /// sample `first`.
    pub fn run_to(&mut self, samples: &Samples, first: u64, seen: u64) -> Result<()> {
        let mut is_done = false;
        while !is_done {
            is_done = true;
            for group in &self.groups {
                is_done &= !group.step(self.launch, &mut self.progress, samples, first, seen)?;
            }
        }
        Ok(())
    }

    /// Has read at which update each run diverged; [`Training::diverged`] takes it.
    pub fn read_diverged(&self) -> Reading {
        let slots = u64::from(self.launch.shapes.slots);
        let status = |&(group, at): &(usize, usize)| (&self.groups[group].status, at as u64 * slots, slots);
        self.launch.context.read_later(&self.places.iter().map(status).collect::<Vec<_>>())
    }

    /// Update at which each run diverged, [run][slot].
    pub fn diverged(&self, reading: Reading) -> Result<Vec<Option<u64>>> {
        let words = self.launch.context.take(reading)?;
        Ok(words.iter().map(|&t| (t != NEVER).then_some(u64::from(t))).collect())
    }

    /// Has the states of some trajectories read; [`Training::states`] takes them.
    pub fn read_states(&self, due: Vec<usize>) -> StatesReading {
        let Launch { context, shapes, .. } = *self.launch;
        let words = |index: usize| u64::from(shapes.slots) * shapes.run_words[index];
        let per_read = (READ_WORDS / due.iter().map(|&index| words(index)).max().unwrap_or(1)).max(1) as usize;
        let range = |&index: &usize| {
            let (group, at) = self.places[index];
            (&self.groups[group].state, self.groups[group].state_at[at], words(index))
        };
        let read = |due: &[usize]| context.read_later(&due.iter().map(range).collect::<Vec<_>>());
        StatesReading { per_read, readings: due.chunks(per_read).map(read).collect(), due }
    }

    /// States of trajectories, each with those of its slots.
    pub fn states(&self, reading: StatesReading) -> Result<Vec<(usize, Vec<RunState>)>> {
        let Launch { context, shapes, plan, point, .. } = *self.launch;
        let StatesReading { due, per_read, readings } = reading;
        let mut states = Vec::with_capacity(due.len());
        for (due, reading) in due.chunks(per_read).zip(readings) {
            let read = context.take(reading)?;
            let mut rest = read.as_slice();
            for &index in due {
                let words = shapes.run_words[index] as usize;
                let (own, others) = rest.split_at(words * shapes.slots as usize);
                let state = |words| RunState::decode(&point.trajectories[index], words, plan.average);
                states.push((index, own.chunks(words).map(state).collect()));
                rest = others;
            }
        }
        Ok(states)
    }
}

/// States of trajectories on their way, some of them in each reading.
pub struct StatesReading {
    due: Vec<usize>,
    per_read: usize,
    readings: Vec<Reading>,
}

impl Group {
    fn new(launch: &Launch, variants: Vec<Variant>, members: Vec<usize>) -> Group {
        let Launch { context, shapes, .. } = *launch;
        let slots = u64::from(shapes.slots);
        let (state_at, words) = offsets(members.iter().map(|&index| slots * shapes.run_words[index]));
        let state = context.buffer("state", words);
        let status = context.filled("status", &vec![NEVER; members.len() * slots as usize]);
        Group { variants, members, state_at, state, status }
    }

    /// Takes its runs a dispatch further, those in phases of other pipelines by one of their own; whether anything was left
    /// to do.
    fn step(
        &self,
        launch: &Launch,
        progress: &mut [Progress],
        samples: &Samples,
        first: u64,
        seen: u64,
    ) -> Result<bool> {
        let Launch { shapes, point, tuning, .. } = *launch;
        // Pipelines of a group differ in operations alone.
        let layout = self.variants[0].layout();
        let workgroups = self.members.len() as u64 * u64::from(shapes.slots.div_ceil(layout.pack()));
        let loops = budget(tuning.loops, workgroups);
        let mut stretches = vec![Vec::new(); self.variants.len()];
        for (at, &index) in self.members.iter().enumerate() {
            let t = &point.trajectories[index];
            let target = seen.min(t.samples) / u64::from(t.batch);
            let own = self.variants[0].own.map(|own| own.layout);
            if let Some(stretch) = schedule::next(t, own, progress[index], target, loops) {
                progress[index] = stretch.behind(t);
                let phase = t.phase_at(stretch.start.update * u64::from(t.batch));
                stretches[phase.min(self.variants.len() - 1)].push((at, phase, stretch));
            }
        }
        for (variant, stretches) in self.variants.iter().zip(&stretches).filter(|(_, own)| !own.is_empty()) {
            let mut tail = Tail::default();
            let run = |(at, phase, stretch): &(usize, usize, Stretch)| {
                let t = &point.trajectories[self.members[*at]];
                let phase = &t.phases[*phase];
                Run { ops_at: tail.append(&[phase.ops]), ..self.run(launch, *at, (t, phase), *stretch, first) }
            };
            let runs: Vec<Run> = stretches.iter().map(run).collect();
            let params = Params {
                head: launch.head(),
                samples: shapes.samples,
                slots: shapes.slots,
                seeds_at: tail.append(launch.seeds),
                runs_at: tail.append(&runs),
                first_sample: first as u32,
                average: u32::from(launch.plan.average),
            };
            self.dispatch(launch, *variant, samples, &runs, &tail.behind(params))?;
        }
        Ok(stretches.iter().any(|own| !own.is_empty()))
    }

    /// A stretch of the run at that place; where its operations lie is left open.
    fn run(&self, launch: &Launch, at: usize, (t, phase): (&Trajectory, &Phase), stretch: Stretch, first: u64) -> Run {
        let (shapes, Stretch { start, updates, end }) = (launch.shapes, stretch);
        Run {
            index: at as u32,
            model: t.model,
            batch: t.batch,
            feature: phase.feature as u32,
            z_at: shapes.z_at[phase.feature] as u32,
            gradient_z_at: shapes.z_at[phase.gradient_feature] as u32,
            label_at: (launch.point.features[phase.feature].label as u64 * shapes.cells()) as u32,
            step: t.step,
            ops_at: 0,
            update: start.update as u32,
            updates: updates as u32,
            first: start.place as u32,
            end: end as u32,
            batch_start: (start.update * u64::from(t.batch) - first) as u32,
            state_at: self.state_at[at] as u32,
            state_words: shapes.run_words[self.members[at]] as u32,
        }
    }

    fn dispatch(
        &self,
        launch: &Launch,
        variant: Variant,
        samples: &Samples,
        runs: &[Run],
        params: &Parameters,
    ) -> Result<()> {
        let shapes = launch.shapes;
        let (cells, slots) = (shapes.cells(), u64::from(shapes.slots));
        let most = |of: &dyn Fn(&Run) -> u64| runs.iter().map(of).max().unwrap_or(0);
        let z_end = |run: &Run| u64::from(run.z_at.max(run.gradient_z_at)) + cells * u64::from(run.model);
        let state_end = |run: &Run| u64::from(run.state_at) + slots * u64::from(run.state_words);
        let buffers = [
            Bound::new(&samples.z, most(&z_end)),
            Bound::new(&samples.labels, most(&|run| u64::from(run.label_at)) + cells),
            Bound::new(
                &samples.feature_counts,
                most(&|run| u64::from(1 + run.feature)) * u64::from(FEATURE_TALLY) * cells,
            ),
            Bound::new(&self.state, most(&state_end)),
            Bound::new(&self.status, most(&|run| u64::from(1 + run.index)) * slots),
        ];
        let groups = [runs.len() as u32, shapes.slots.div_ceil(variant.layout().pack()), 1];
        samples.dispatch(&TRAIN, variant, params, &buffers, groups)
    }
}
