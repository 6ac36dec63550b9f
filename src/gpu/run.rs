//! Running a launch: every block through draw, project, feature and train, and rows where they are due.

use std::sync::mpsc::sync_channel;

use super::counts::{BlockReading, Shared};
use super::device::Context;
use super::gram;
use super::label;
use super::launch::{Block, Launch};
use super::reading::Reading;
use super::samples::Samples;
use super::train::{RunState, StatesReading, Training};
use super::upload;
use crate::cpu::passes::fold;
use crate::error::Result;
use crate::plan::{ProblemPoint, Snapshot};
use crate::risk::{CohortStates, PackedGram};

impl Launch<'_> {
    /// Rows of every cohort, by (trajectory, seen), and the sums for its exact risks.
    pub fn run(&self) -> Result<Vec<CohortStates>> {
        let (sender, uploads) = sync_channel(1);
        std::thread::scope(|scope| {
            if self.point.uploads {
                upload::start(scope, self, sender)?;
            }
            let laws = if self.point.problem.draws_features() { label::laws(self)? } else { Vec::new() };
            let mut done = self.train(&Samples::new(self, uploads, &laws)?)?;
            done.iter_mut().zip(laws).for_each(|(done, (_, grams))| done.grams = grams);
            Ok(done)
        })
    }

    fn train(&self, samples: &Samples) -> Result<Vec<CohortStates>> {
        let Launch { context, point, watch, .. } = *self;
        let mut training = Training::new(self);
        let mut rows = Rows { shared: Shared::new(self, samples)?, rows: vec![Vec::new(); self.seeds.len()] };
        // The device is a block ahead of what is read.
        let mut behind: Option<BlockRows> = None;
        let (mut on_their_way, mut sums) = (Some(samples.gram(self.strict_gram)?), Vec::new());
        context.restart()?;
        for block in self.blocks() {
            samples.block(block)?;
            let counts = rows.shared.read_block(context, samples, block);
            let mut due = Vec::new();
            for seen in due_samples(point, block) {
                training.run_to(samples, block.first, seen)?;
                let is_due = |&index: &usize| point.trajectories[index].rows.binary_search(&seen).is_ok();
                let states = training.read_states((0..point.trajectories.len()).filter(is_due).collect());
                due.push(Due { seen, diverged: training.read_diverged(), states });
            }
            training.run_to(samples, block.first, block.first + block.samples)?;
            let own = BlockRows { counts, due, diverged: training.read_diverged() };
            if let Some(earlier) = behind.replace(own) {
                rows.add(context, &training, earlier)?;
            }
            if let Some(reading) = on_their_way.take() {
                sums = context.take_as(reading)?;
            }
            context.check()?;
            watch.step(block.samples as f64 / point.samples as f64)?;
        }
        if let Some(last) = behind {
            rows.add(context, &training, last)?;
        }
        let grams = gram::by_slot(self.shapes, sums);
        let of_cohort = |(mut states, grams): (Vec<Snapshot>, Vec<PackedGram>)| {
            states.sort_by_key(|row| (row.trajectory, row.seen));
            CohortStates { states, grams }
        };
        Ok(rows.rows.into_iter().zip(grams).map(of_cohort).collect())
    }
}

/// What is read of a block.
struct BlockRows {
    counts: BlockReading,
    due: Vec<Due>,
    /// At its end.
    diverged: Reading,
}

/// Rows that are due after so many samples.
struct Due {
    seen: u64,
    diverged: Reading,
    states: StatesReading,
}

/// The rows of every cohort so far.
struct Rows<'a> {
    shared: Shared<'a>,
    rows: Vec<Vec<Snapshot>>,
}

impl Rows<'_> {
    /// Adds what was read of the next block.
    fn add(&mut self, context: &Context, training: &Training, block: BlockRows) -> Result<()> {
        self.shared.start_block(context, block.counts)?;
        for Due { seen, diverged, states } in block.due {
            let diverged = training.diverged(diverged)?;
            for (index, states) in training.states(states)? {
                for (slot, state) in states.into_iter().enumerate() {
                    let diverged_at = diverged[index * self.rows.len() + slot];
                    let mut row = row_of(state, index, seen, diverged_at);
                    self.shared.add(&mut row.counts, index, slot, seen, diverged_at);
                    self.rows[slot].push(row);
                }
            }
        }
        let diverged = training.diverged(block.diverged)?;
        if self.shared.counted {
            self.shared.end_block(&diverged);
        }
        Ok(())
    }
}

/// Numbers of samples within the block at which some row is due, ascending.
fn due_samples(point: &ProblemPoint, block: Block) -> Vec<u64> {
    let Block { first, samples } = block;
    let due = point.trajectories.iter().flat_map(|t| &t.rows).copied();
    let mut due_samples: Vec<u64> = due.filter(|n| (first + 1..=first + samples).contains(n)).collect();
    due_samples.sort_unstable();
    due_samples.dedup();
    due_samples
}

/// The row of a state; the open group joins a copy of the average.
fn row_of(state: RunState, trajectory: usize, seen: u64, diverged_at: Option<u64>) -> Snapshot {
    let RunState { v, s, mut hi, mut lo, counts } = state;
    fold(bytemuck::cast_slice(&s), bytemuck::cast_slice_mut(&mut hi), bytemuck::cast_slice_mut(&mut lo));
    Snapshot { trajectory, seen, v, hi, lo, diverged_at, counts }
}
