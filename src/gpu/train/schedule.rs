//! How far a dispatch of train takes a run: as many updates, or places of one update, as keep an invocation's loops, and
//! the dispatch, short.

use crate::config::MAX_MODEL;
use crate::format::BLOCK_SIZES;
use crate::gpu::slice::LANES;
use crate::gpu::train::layout::{Exchange, Layout};
use crate::gpu::train::state::COUNTERS;
use crate::plan::{TrainOps, Trajectory};

/// Loop iterations of all workgroups of a dispatch, about: some 100 ms on a slow GPU.
const DISPATCH_WORK: u64 = 100_000_000;
const SHORTEST: u64 = 500;
/// Loops of an update, and those outside of the loop of updates: a test counts the shader's.
pub const UPDATE_LOOPS: usize = 51;
pub const OTHER_LOOPS: usize = 11;

/// Where a run stands: the same for every cohort of the launch, diverged or not.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Progress {
    pub update: u64,
    /// Of the update: B activations, then B terms of the gradient.
    pub place: u64,
}

/// What a dispatch does of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stretch {
    pub start: Progress,
    pub updates: u64,
    /// Of the last one, the place behind the last to do.
    pub end: u64,
}

/// Loop iterations that an invocation may spend where so many workgroups run at once; `most` is what the device allows.
pub fn budget(most: u64, workgroups: u64) -> u64 {
    most.min((DISPATCH_WORK / workgroups).max(SHORTEST))
}

/// Places of one update.
fn places(t: &Trajectory) -> u64 {
    2 * u64::from(t.batch)
}

/// Loop iterations that one invocation spends in an update, or a part of one.
struct Loops {
    /// Whatever is done of it: measuring, clearing, rounding and the last test of each loop.
    update: u64,
    activation: u64,
    gradient: u64,
}

/// Where the pipeline is the runs' own, `own` is its layout.
fn loops_of(t: &Trajectory, ops: &TrainOps, own: Option<Layout>) -> Loops {
    let batch = u64::from(t.batch);
    let layout = own.unwrap_or(Layout::of_all());
    let (rows, batch_rows) = (u64::from(t.model).div_ceil(layout.width.into()), batch.div_ceil(LANES.into()));
    // A set of largest magnitudes has one for each of the smallest blocks; 32 lanes clear it.
    let clear = 1 + rows.max(batch_rows) / u64::from(BLOCK_SIZES[0]);
    // A compiler that masks lanes instead of jumping runs each loop once even where its branch is not taken: llvmpipe
    // does, and counts it towards its limit, as it does a loop's last test. Where operations are constants there is no
    // such branch.
    let idle = if own.is_none() { 2 * UPDATE_LOOPS as u64 } else { 0 };
    Loops {
        // Rounding v twice, its average, and three stages of the batch.
        update: idle + 8 * rows + 6 * batch_rows + 5 * clear + exchange(t, ops, layout),
        activation: 4 + rows,
        // Blocks along the batch are measured for each of their elements.
        gradient: 3 + rows * if ops.feature_grad.shares() { 1 + batch.min(ops.feature_grad.block.into()) } else { 1 },
    }
}

/// Loop iterations in which fewer than 32 lanes add up what each has for several, and all what the others have.
fn exchange(t: &Trajectory, ops: &TrainOps, layout: Layout) -> u64 {
    let (width, pack) = (u64::from(layout.width), u64::from(layout.pack()));
    let steps = 1 + u64::from(layout.width.ilog2());
    let rows = u64::from(t.model).div_ceil(width);
    let measures = [&ops.parameter, &ops.weight].into_iter().filter(|op| op.shares()).count() as u64;
    match layout.exchange {
        Exchange::Shuffle => 2 * pack + 2 * steps + measures * rows * (1 + steps),
        Exchange::Barrier => 2 * pack + 3 * width,
    }
}

impl Loops {
    fn of_update(&self, t: &Trajectory) -> u64 {
        self.update + u64::from(t.batch) * (self.activation + self.gradient)
    }

    fn of_place(&self, t: &Trajectory, place: u64) -> u64 {
        if place < t.batch.into() { self.activation } else { self.gradient }
    }
}

/// Loop iterations of a dispatch outside of its updates: clearing the largest magnitudes of the larger variant, copies
/// from and to the state, the average, counters.
fn overhead(t: &Trajectory, own: Option<Layout>) -> u64 {
    let layout = own.unwrap_or(Layout::of_all());
    let (rows, batch_rows) = (t.model.div_ceil(layout.width), t.batch.div_ceil(LANES));
    let clear = (3 * MAX_MODEL / BLOCK_SIZES[0]).div_ceil(LANES);
    let totals = (COUNTERS + 1).div_ceil(layout.width);
    let loops: [u32; OTHER_LOOPS] =
        [clear, totals, layout.pack(), rows, batch_rows, rows, rows, rows, batch_rows, COUNTERS, totals];
    loops.map(|iterations| u64::from(iterations) + 1).iter().sum()
}

/// The next stretch within the budget and within the phase that it begins in, at most to `target` updates; `None` where
/// the run is there. It does at least a place; an update of one sample is never cut.
pub fn next(t: &Trajectory, own: Option<Layout>, start: Progress, target: u64, loops: u64) -> Option<Stretch> {
    if start.update >= target {
        return None;
    }
    let phase = t.phase_at(start.update * u64::from(t.batch));
    let target = target.min(t.phase_end(phase) / u64::from(t.batch));
    let (all, costs) = (places(t), loops_of(t, &t.phases[phase].ops, own));
    let left = loops.saturating_sub(overhead(t, own));
    let whole = (left / costs.of_update(t)).max(u64::from(t.batch == 1)).min(target - start.update);
    if start.place == 0 && whole > 0 {
        return Some(Stretch { start, updates: whole, end: all });
    }
    let mut left = left.saturating_sub(costs.update);
    let mut end = start.place;
    while end < all {
        let cost = costs.of_place(t, end);
        if cost > left && end > start.place {
            break;
        }
        left = left.saturating_sub(cost);
        end += 1;
    }
    Some(Stretch { start, updates: 1, end })
}

impl Stretch {
    /// Where the run stands behind it.
    pub fn behind(&self, t: &Trajectory) -> Progress {
        let last = self.start.update + self.updates - 1;
        if self.end == places(t) {
            Progress { update: last + 1, place: 0 }
        } else {
            Progress { update: last, place: self.end }
        }
    }
}

#[cfg(test)]
mod tests {
    use bytemuck::Zeroable;

    use super::*;
    use crate::format::QuantOp;
    use crate::plan::Phase;

    #[test]
    fn a_dispatch_stays_within_its_budget_and_all_places_are_done_once() {
        let ops = TrainOps::new(|_| QuantOp::none());
        let phase = |from| Phase { from, feature: 0, gradient_feature: 0, ops };
        let narrow = Layout { width: 4, exchange: Exchange::Shuffle };
        let wide = Layout::of_all();
        for (model, batch, own) in
            [(1, 1, None), (60, 1, Some(narrow)), (33, 3, Some(wide)), (1024, 64, None), (4096, 1024, None)]
        {
            let t = Trajectory {
                model,
                batch,
                recipe: 0,
                phases: [0, 2].map(|update| phase(update * u64::from(batch))).to_vec(),
                step: Zeroable::zeroed(),
                samples: 0,
                rows: Vec::new(),
                cells: Vec::new(),
            };
            for loops in [1, 5000, 50_000] {
                let (mut progress, mut done) = (Progress::default(), 0);
                while let Some(stretch) = next(&t, own, progress, 3, loops) {
                    let Stretch { start, updates, end } = stretch;
                    assert_eq!(start, progress);
                    assert!(start.update >= 2 || start.update + updates <= 2, "a phase begins at update 2");
                    let count = (updates - 1) * places(&t) + end - start.place;
                    let of_places: u64 = (start.place..start.place + count)
                        .map(|place| loops_of(&t, &ops, own).of_place(&t, place % places(&t)))
                        .sum();
                    let cost = overhead(&t, own) + updates * loops_of(&t, &ops, own).update + of_places;
                    let least = if batch == 1 { 2 } else { 1 };
                    assert!(count == least || cost <= loops, "{cost} loop iterations of {loops}");
                    done += count;
                    progress = stretch.behind(&t);
                }
                assert_eq!((progress, done), (Progress { update: 3, place: 0 }, 3 * places(&t)));
            }
        }
    }
}
