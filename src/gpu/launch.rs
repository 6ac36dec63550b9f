//! One launch: some cohorts of one problem point, block by block.

use std::sync::mpsc::sync_channel;

use super::counts::Shared;
use super::device::Context;
use super::samples::Samples;
use super::shader::Variant;
use super::shapes::{Shapes, Tuning};
use super::train::{RunState, Training};
use super::upload;
use crate::cpu::train::fold;
use crate::error::Result;
use crate::plan::Snapshot;
use crate::plan::{Plan, ProblemPoint};

/// Rows of every cohort, by (trajectory, seen).
pub fn run(
    context: &Context,
    variant: Variant,
    shapes: &Shapes,
    (plan, point): (&Plan, &ProblemPoint),
    seeds: &[u32],
    tuning: Tuning,
) -> Result<Vec<Vec<Snapshot>>> {
    let (sender, uploads) = sync_channel(1);
    std::thread::scope(|scope| {
        if point.uploads {
            scope.spawn(move || upload::produce(point, shapes, plan.config.sweep.seed, seeds, &sender));
        }
        let stream = Samples::new(context, variant, shapes, (plan, point), seeds, tuning, uploads)?;
        blocks(context, variant, (plan, point), seeds, &stream)
    })
}

fn blocks(
    context: &Context,
    variant: Variant,
    (plan, point): (&Plan, &ProblemPoint),
    seeds: &[u32],
    stream: &Samples,
) -> Result<Vec<Vec<Snapshot>>> {
    let shapes = stream.shapes;
    let mut training = Training::new(context, variant, shapes, (plan, point), seeds, stream.tuning);
    let mut shared = Shared::new(context, shapes, point, stream)?;
    let mut rows = vec![Vec::new(); seeds.len()];
    for first in (0..point.samples).step_by(shapes.samples as usize) {
        let samples = u64::from(shapes.samples).min(point.samples - first);
        stream.block(first, samples)?;
        shared.start_block(context, stream, first, samples)?;
        for seen in due_samples(point, first, samples) {
            training.run_to(stream, first, seen)?;
            collect(&training, &shared, point, seen, &mut rows)?;
        }
        training.run_to(stream, first, first + samples)?;
        if shared.counted {
            shared.end_block(&training.diverged()?);
        }
        context.check()?;
    }
    for rows in &mut rows {
        rows.sort_by_key(|row: &Snapshot| (row.trajectory, row.seen));
    }
    Ok(rows)
}

/// Numbers of samples within the block at which some row is due, ascending.
fn due_samples(point: &ProblemPoint, first: u64, samples: u64) -> Vec<u64> {
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
    let [s, mut hi, mut lo] = state.sums;
    fold(bytemuck::cast_slice(&s), bytemuck::cast_slice_mut(&mut hi), bytemuck::cast_slice_mut(&mut lo));
    Snapshot { trajectory, seen, v: state.v, hi, lo, diverged_at, counts: state.counts }
}
