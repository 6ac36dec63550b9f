//! Runs on the device: which units of work each dispatch does, and reading states back.

use wgpu::Buffer;

use super::device::{Context, header};
use super::samples::Samples;
use super::shader::{TRAIN, Variant};
use super::shapes::{COUNTER_WORDS, NAN_WORDS, Shapes, Tuning};
use crate::config::MAX_MODEL;
use crate::error::Result;
use crate::plan::{Plan, ProblemPoint, TRAIN_SITES, Trajectory};
use crate::site::{Counts, PerSite};

const NEVER: u32 = u32::MAX;
/// Loop iterations of all workgroups of a dispatch, about: some 100 ms on a slow GPU.
const DISPATCH_WORK: u64 = 100_000_000;
const SHORTEST: u64 = 500;
/// All loops of all units, 17, and one more. A compiler that masks lanes instead of jumping runs each of them once
/// even where its branch is not taken: llvmpipe does, and counts it towards its limit, as it does a loop's last test.
const IDLE: u64 = 18;
/// Words read back at once, about.
const READ_WORDS: u64 = 1 << 24;

/// Where a run stands: the same for every cohort of the launch, diverged or not.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Progress {
    update: u64,
    unit: u64,
}

/// State of one run as read back.
pub struct RunState {
    pub v: Vec<u32>,
    /// Open group sum, hi and lo of the average.
    pub sums: [Vec<u32>; 3],
    pub counts: PerSite<Counts>,
}

pub struct Training<'a> {
    context: &'a Context,
    variant: Variant,
    shapes: &'a Shapes,
    point: &'a ProblemPoint,
    tuning: Tuning,
    /// Parameters up to the runs.
    head: Vec<u32>,
    average: bool,
    progress: Vec<Progress>,
    state: Buffer,
    status: Buffer,
}

/// Units of one update.
fn units(t: &Trajectory) -> u64 {
    u64::from(t.batch) + 1 + u64::from(t.model).div_ceil(32)
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
    let (rounds, batch_rounds) = (u64::from(t.model).div_ceil(32), batch.div_ceil(32));
    // A set of largest magnitudes has one for 8 elements; 32 lanes clear it.
    let clear = 1 + rounds.max(batch_rounds) / 8;
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
        let (batch, rounds) = (u64::from(t.batch), u64::from(t.model).div_ceil(32));
        self.parameter + batch * self.dot + self.scalars + rounds * self.gradient + self.commit
    }
}

/// Loop iterations of a dispatch outside of its units: copies from and to the state, clearing the largest magnitudes
/// of the larger variant, counters.
fn overhead(t: &Trajectory) -> u64 {
    let copies = 2 * u64::from(t.model).div_ceil(32) + 2 * u64::from(t.batch).div_ceil(32);
    copies + u64::from(3 * MAX_MODEL / 8 / 32) + 32
}

/// Advances `progress` within the budget, at most to `target` updates; returns the number of units.
fn advance(t: &Trajectory, progress: &mut Progress, target: u64, loops: u64) -> u64 {
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

impl<'a> Training<'a> {
    pub fn new(
        context: &'a Context,
        variant: Variant,
        shapes: &'a Shapes,
        (plan, point): (&Plan, &'a ProblemPoint),
        seeds: &[u32],
        tuning: Tuning,
    ) -> Training<'a> {
        let mut head = header(plan.config.sweep.seed);
        let runs_at = 9 + seeds.len() as u32;
        head.extend([shapes.samples, shapes.slots, 9, runs_at, 0, u32::from(plan.average)]);
        head.extend_from_slice(seeds);
        Training {
            context,
            variant: variant.of_model(point.model),
            shapes,
            point,
            tuning,
            head,
            average: plan.average,
            progress: vec![Progress::default(); point.trajectories.len()],
            state: context.buffer("state", shapes.state_words),
            status: context.filled("status", &vec![NEVER; shapes.status_words().max(4) as usize]),
        }
    }

    /// Takes every run to its last whole batch within the first `seen` samples. The block on the device starts at
    /// sample `first`.
    pub fn run_to(&mut self, stream: &Samples, first: u64, seen: u64) -> Result<()> {
        let groups = self.point.trajectories.len() as u64 * u64::from(self.shapes.slots);
        let loops = self.tuning.loops.min((DISPATCH_WORK / groups).max(SHORTEST));
        loop {
            let mut params = self.head.clone();
            params[7] = first as u32;
            let mut runs = 0;
            for (index, t) in self.point.trajectories.iter().enumerate() {
                let target = seen.min(t.samples) / u64::from(t.batch);
                let start = self.progress[index];
                let count = advance(t, &mut self.progress[index], target, loops);
                if count > 0 {
                    params.extend(self.record(index, t, start, count, first));
                    runs += 1;
                }
            }
            if runs == 0 {
                return Ok(());
            }
            let buffers = [&stream.z, &stream.labels, &stream.feature_counts, &self.state, &self.status];
            self.context.dispatch((TRAIN, self.variant), &params, &buffers, [runs, self.shapes.slots, 1])?;
        }
    }

    /// The words of a run, see shaders/train.wgsl.
    fn record(&self, index: usize, t: &Trajectory, start: Progress, count: u64, first: u64) -> Vec<u32> {
        let batch_start = start.update * u64::from(t.batch) - first;
        let mut words = vec![t.model, t.batch, self.shapes.z_at[t.feature] as u32, t.stage, t.step.to_bits()];
        words.extend([start.update as u32, start.unit as u32, count as u32]);
        words.extend([self.shapes.state_at[index] as u32, self.shapes.run_words[index] as u32]);
        words.extend([index as u32, batch_start as u32, self.shapes.z_at[t.gradient_feature] as u32, t.feature as u32]);
        words.extend_from_slice(bytemuck::cast_slice(&t.ops));
        words
    }

    /// Update at which each run diverged, [run][slot].
    pub fn diverged(&self) -> Result<Vec<Option<u64>>> {
        let words = self.context.read(&[(&self.status, 0, self.shapes.status_words())])?;
        Ok(words.iter().map(|&t| (t != NEVER).then_some(u64::from(t))).collect())
    }

    /// States of some trajectories, each by slot.
    pub fn states(&self, due: &[usize]) -> Result<Vec<Vec<RunState>>> {
        let slots = u64::from(self.shapes.slots);
        let words = |index: usize| slots * self.shapes.run_words[index];
        let per_read = (READ_WORDS / due.iter().map(|&index| words(index)).max().unwrap_or(1)).max(1);
        let mut states = Vec::with_capacity(due.len());
        for due in due.chunks(per_read as usize) {
            let pieces: Vec<_> =
                due.iter().map(|&index| (&self.state, self.shapes.state_at[index], words(index))).collect();
            let read = self.context.read(&pieces)?;
            let mut rest = read.as_slice();
            for &index in due {
                let (own, others) = rest.split_at(words(index) as usize);
                let runs = own.chunks(self.shapes.run_words[index] as usize);
                states.push(runs.map(|run| self.state_of(&self.point.trajectories[index], run)).collect());
                rest = others;
            }
        }
        Ok(states)
    }

    fn state_of(&self, t: &Trajectory, run: &[u32]) -> RunState {
        let model = t.model as usize;
        let vector = |k: usize| run[k * model..(k + 1) * model].to_vec();
        let counters = &run[run.len() - (COUNTER_WORDS + NAN_WORDS) as usize..];
        let mut counts = PerSite::<Counts>::default();
        for (site, words) in TRAIN_SITES.iter().zip(counters.chunks(3 * 64)) {
            let sum = |kind: usize| {
                let (low, high) = words[64 * kind..64 * kind + 64].split_at(32);
                low.iter().zip(high).map(|(&low, &high)| u64::from(low) + (u64::from(high) << 32)).sum()
            };
            counts[*site] = Counts { saturated: sum(0), underflowed: sum(1), nan: sum(2) };
        }
        let sums = if self.average { [vector(1), vector(2), vector(3)] } else { Default::default() };
        RunState { v: vector(0), sums, counts }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::QuantOp;

    #[test]
    fn a_dispatch_stays_within_its_budget_and_all_units_are_done_once() {
        for (model, batch) in [(1, 1), (33, 3), (1024, 64), (4096, 1024)] {
            let t = Trajectory {
                model,
                batch,
                recipe: 0,
                feature: 0,
                gradient_feature: 0,
                ops: [QuantOp::none(); 6],
                step: 0.1,
                stage: 1,
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
