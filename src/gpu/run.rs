//! Running a launch: every block through draw, project, feature and train, and rows where they are due.

use std::sync::mpsc::sync_channel;

use super::counts::Shared;
use super::launch::{Block, Launch};
use super::samples::Samples;
use super::train::{RunState, Training};
use super::upload;
use crate::cpu::train::fold;
use crate::error::Result;
use crate::plan::{ProblemPoint, Snapshot};

impl Launch<'_> {
    /// Rows of every cohort, by (trajectory, seen).
    pub fn run(&self) -> Result<Vec<Vec<Snapshot>>> {
        let (sender, uploads) = sync_channel(1);
        std::thread::scope(|scope| {
            if self.point.uploads {
                upload::start(scope, self, sender)?;
            }
            self.train(&Samples::new(self, uploads)?)
        })
    }

    fn train(&self, samples: &Samples) -> Result<Vec<Vec<Snapshot>>> {
        let Launch { context, point, watch, .. } = *self;
        let mut training = Training::new(self);
        let mut shared = Shared::new(self, samples)?;
        let mut rows = vec![Vec::new(); self.seeds.len()];
        for block in self.blocks() {
            samples.block(block)?;
            shared.start_block(context, samples, block)?;
            for seen in due_samples(point, block) {
                training.run_to(samples, block.first, seen)?;
                collect(&training, &shared, point, seen, &mut rows)?;
            }
            training.run_to(samples, block.first, block.first + block.samples)?;
            if shared.counted {
                shared.end_block(&training.diverged()?);
            }
            context.check()?;
            watch.step(block.samples as f64 / point.samples as f64)?;
        }
        for rows in &mut rows {
            rows.sort_by_key(|row: &Snapshot| (row.trajectory, row.seen));
        }
        Ok(rows)
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

fn collect(
    training: &Training,
    shared: &Shared,
    point: &ProblemPoint,
    seen: u64,
    rows: &mut [Vec<Snapshot>],
) -> Result<()> {
    let diverged = training.diverged()?;
    let is_due = |&index: &usize| point.trajectories[index].rows.binary_search(&seen).is_ok();
    let due: Vec<usize> = (0..point.trajectories.len()).filter(is_due).collect();
    for (&index, states) in due.iter().zip(training.states(&due)?) {
        for (slot, state) in states.into_iter().enumerate() {
            let diverged_at = diverged[index * rows.len() + slot];
            let mut row = row_of(state, index, seen, diverged_at);
            shared.add(&mut row.counts, index, slot, seen, diverged_at);
            rows[slot].push(row);
        }
    }
    Ok(())
}

/// The row of a state; the open group joins a copy of the average.
fn row_of(state: RunState, trajectory: usize, seen: u64, diverged_at: Option<u64>) -> Snapshot {
    let RunState { v, s, mut hi, mut lo, counts } = state;
    fold(bytemuck::cast_slice(&s), bytemuck::cast_slice_mut(&mut hi), bytemuck::cast_slice_mut(&mut lo));
    Snapshot { trajectory, seen, v, hi, lo, diverged_at, counts }
}
