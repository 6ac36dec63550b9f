//! Which units of work a dispatch of train does: as many as keep an invocation's loops, and the dispatch, short.

use crate::config::MAX_MODEL;
use crate::format::BLOCK_SIZES;
use crate::gpu::slice::LANES;
use crate::gpu::train::state::COUNTERS;
use crate::plan::Trajectory;

/// Loop iterations of all workgroups of a dispatch, about: some 100 ms on a slow GPU.
const DISPATCH_WORK: u64 = 100_000_000;
const SHORTEST: u64 = 500;
/// Loops of all units, and those outside of the loop of units: a test counts the shader's.
pub const UNIT_LOOPS: usize = 17;
pub const OTHER_LOOPS: usize = 6;
/// A compiler that masks lanes instead of jumping runs each loop once even where its branch is not taken: llvmpipe
/// does, and counts it towards its limit, as it does a loop's last test.
const IDLE: u64 = UNIT_LOOPS as u64 + 1;

/// Where a run stands: the same for every cohort of the launch, diverged or not.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Progress {
    pub update: u64,
    pub unit: u64,
}

/// Loop iterations that an invocation may spend where so many workgroups run at once; `most` is what the device allows.
pub fn budget(most: u64, workgroups: u64) -> u64 {
    most.min((DISPATCH_WORK / workgroups).max(SHORTEST))
}

/// Units of one update.
fn units(t: &Trajectory) -> u64 {
    u64::from(t.batch) + 1 + u64::from(t.model).div_ceil(LANES.into())
}

/// Loop iterations that one invocation spends in the parts of an update.
struct Loops {
    /// Once in front of the first dot product: measuring, clearing, rounding.
    parameter: u64,
    dot: u64,
    scalars: u64,
    gradient: u64,
    /// Once behind the last gradient.
    commit: u64,
}

fn loops_of(t: &Trajectory) -> Loops {
    let batch = u64::from(t.batch);
    let (rounds, batch_rounds) = (u64::from(t.model).div_ceil(LANES.into()), batch.div_ceil(LANES.into()));
    // A set of largest magnitudes has one for each of the smallest blocks; 32 lanes clear it.
    let clear = 1 + rounds.max(batch_rounds) / u64::from(BLOCK_SIZES[0]);
    Loops {
        parameter: 3 * rounds + clear,
        dot: 1 + IDLE + rounds,
        // Three stages of measuring, clearing and rounding, with the last test of each loop.
        scalars: 1 + IDLE + 3 * (4 + 2 * batch_rounds + clear),
        // Z^T r reads each z once, and once more where blocks along the batch need their largest one.
        gradient: 1 + IDLE + 3 * batch,
        commit: 3 * rounds + 2 * clear,
    }
}

impl Loops {
    fn of_unit(&self, t: &Trajectory, unit: u64) -> u64 {
        let batch = u64::from(t.batch);
        let first = if unit == 0 { self.parameter } else { 0 };
        let last = if unit + 1 == units(t) { self.commit } else { 0 };
        let own = match unit {
            unit if unit < batch => self.dot,
            unit if unit == batch => self.scalars,
            _ => self.gradient,
        };
        first + own + last
    }

    fn of_update(&self, t: &Trajectory) -> u64 {
        let (batch, rounds) = (u64::from(t.batch), u64::from(t.model).div_ceil(LANES.into()));
        self.parameter + batch * self.dot + self.scalars + rounds * self.gradient + self.commit
    }
}

/// Loop iterations of a dispatch outside of its units: clearing the largest magnitudes of the larger variant, copies
/// from and to the state, counters.
fn overhead(t: &Trajectory) -> u64 {
    let (rounds, batch_rounds) = (t.model.div_ceil(LANES), t.batch.div_ceil(LANES));
    let clear = (3 * MAX_MODEL / BLOCK_SIZES[0]).div_ceil(LANES);
    let loops: [u32; OTHER_LOOPS] = [clear, rounds, batch_rounds, rounds, batch_rounds, COUNTERS];
    loops.map(|iterations| u64::from(iterations) + 1).iter().sum()
}

/// Advances `progress` within the budget, at most to `target` updates; returns the number of units.
pub fn advance(t: &Trajectory, progress: &mut Progress, target: u64, loops: u64) -> u64 {
    let (per_update, costs) = (units(t), loops_of(t));
    let update_cost = costs.of_update(t);
    let mut left = loops.saturating_sub(overhead(t));
    let mut done = 0;
    while progress.update < target {
        if progress.unit == 0 && left >= update_cost {
            let whole = (left / update_cost).min(target - progress.update);
            progress.update += whole;
            left -= whole * update_cost;
            done += whole * per_update;
            continue;
        }
        let cost = costs.of_unit(t, progress.unit);
        if cost > left && done > 0 {
            break;
        }
        left = left.saturating_sub(cost);
        done += 1;
        progress.unit += 1;
        if progress.unit == per_update {
            *progress = Progress { update: progress.update + 1, unit: 0 };
        }
    }
    done
}

#[cfg(test)]
mod tests {
    use bytemuck::Zeroable;

    use super::*;
    use crate::format::QuantOp;
    use crate::plan::TrainOps;

    #[test]
    fn a_dispatch_stays_within_its_budget_and_all_units_are_done_once() {
        for (model, batch) in [(1, 1), (33, 3), (1024, 64), (4096, 1024)] {
            let t = Trajectory {
                model,
                batch,
                recipe: 0,
                feature: 0,
                gradient_feature: 0,
                ops: TrainOps::new(|_| QuantOp::none()),
                step: Zeroable::zeroed(),
                samples: 0,
                rows: Vec::new(),
                cells: Vec::new(),
            };
            for loops in [1, 5000, 50_000] {
                let (mut progress, mut done) = (Progress::default(), 0);
                while progress.update < 3 {
                    let mut unit = progress.unit;
                    let count = advance(&t, &mut progress, 3, loops);
                    let mut cost = overhead(&t);
                    for _ in 0..count {
                        cost += loops_of(&t).of_unit(&t, unit);
                        unit = (unit + 1) % units(&t);
                    }
                    assert!(count == 1 || cost <= loops, "{cost} loop iterations of {loops}");
                    done += count;
                }
                assert_eq!((progress, done), (Progress { update: 3, unit: 0 }, 3 * units(&t)));
            }
        }
    }
}
