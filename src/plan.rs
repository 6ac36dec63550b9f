//! The plan: which trajectories a config needs, and what cohorts share. Pure data from pure data.

use std::collections::{BTreeSet, BinaryHeap};

use crate::config::{Check, Checkpoints, Config, MAX_BATCH, Output, Problem, Schedule, Sketch};
use crate::error::{Error, Result};
use crate::format::Op;
use crate::hash::fnv1a64;
use crate::row::Site;

/// Sites that a trajectory applies itself; data, sketch and feature are shared.
pub const TRAIN_SITES: [Site; 5] = [Site::Label, Site::Parameter, Site::Activation, Site::Gradient, Site::Weight];
/// Samples of a block when the batches leave the choice.
const BLOCK: u64 = 1024;
const MAX_LCM: u64 = 16_384;

/// One point of problem x M x N x B x step size x recipe.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cell {
    pub problem: usize,
    pub model: u32,
    pub samples: u64,
    pub batch: u32,
    pub step_size: f64,
    pub recipe: usize,
}

/// Quantized covariates and quantized sketch: one projection serves all runs that share both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair {
    pub data: Op,
    pub sketch: Op,
}

/// Features of one (pair, M, feature format): z_j = Q(fl(p_j scale)).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Feature {
    pub pair: usize,
    pub model: u32,
    pub op: Op,
    /// f32(1/sqrt M), times the step of integer data.
    pub scale: f32,
}

/// One SGD run as it is executed; with a constant schedule it serves the cells of every N.
#[derive(Clone, Debug, PartialEq)]
pub struct Trajectory {
    pub model: u32,
    pub batch: u32,
    pub recipe: usize,
    /// Index into [`Point::features`].
    pub feature: usize,
    /// In [`TRAIN_SITES`] order.
    pub ops: [Op; 5],
    /// f32(gamma/B), the step of update 0.
    pub step: f32,
    /// Updates between halvings of the step; `u32::MAX` when it stays.
    pub stage: u32,
    /// Samples of the longest cell.
    pub samples: u64,
    /// Numbers of samples at which a row is due, ascending.
    pub rows: Vec<u64>,
    /// (cell, N), ascending in N.
    pub cells: Vec<(u64, u64)>,
}

/// What one problem point needs per seed index.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    pub problem: Problem,
    /// Largest M.
    pub model: u32,
    /// Largest N.
    pub samples: u64,
    /// Samples per block: a multiple of every batch.
    pub block: u64,
    pub pairs: Vec<Pair>,
    pub features: Vec<Feature>,
    pub trajectories: Vec<Trajectory>,
}

/// All runs of one problem point and one seed index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cohort {
    pub point: usize,
    pub seed_index: u32,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    pub config: Config,
    pub cells: Vec<Cell>,
    pub points: Vec<Point>,
    /// The average of the iterates is wanted.
    pub average: bool,
}

impl Plan {
    /// Plans a checked config. Errors: an lcm of batches beyond 16,384, a step that falls below 2^-48.
    pub fn new(config: Config) -> Result<Plan> {
        let cells = cells(&config);
        let block = block_length(&config.train.batches)?;
        let mut points = Vec::new();
        for index in 0..config.problems.len() {
            points.push(point(&config, index, &cells, block)?);
        }
        let average = config.train.outputs.contains(&Output::Average);
        Ok(Plan { config, cells, points, average })
    }

    /// The same plan with blocks of about `samples`; results do not depend on it.
    pub fn with_block(mut self, samples: u64) -> Result<Plan> {
        let unit = lcm_of(&self.config.train.batches)?;
        for point in &mut self.points {
            point.block = samples.div_ceil(unit).max(1) * unit;
        }
        Ok(self)
    }

    pub fn runs(&self) -> u64 {
        self.cells.len() as u64 * u64::from(self.config.sweep.seeds)
    }

    /// Cohorts of shard `(i, n)`: those with seed_index mod n = i, by seed index, then problem point.
    pub fn cohorts(&self, shard: (u32, u32)) -> Vec<Cohort> {
        let mine = (0..self.config.sweep.seeds).filter(|seed| seed % shard.1 == shard.0);
        let points = self.points.len();
        mine.flat_map(|seed_index| (0..points).map(move |point| Cohort { point, seed_index })).collect()
    }

    /// How many seed indices the reference redoes: fixed by the plan, not the clock.
    pub fn checked_count(&self) -> u32 {
        let seeds = self.config.sweep.seeds;
        match self.config.sweep.check {
            Check::Off => 0,
            Check::All => seeds,
            Check::Seeds(n) => n.min(seeds),
            Check::Auto => {
                let cost = crate::estimate::cost(self);
                let share = 0.1 * cost.seconds_per_seed / cost.reference_seconds_per_seed;
                ((share * f64::from(seeds)) as u32).clamp(1, seeds)
            }
        }
    }

    /// The seed indices whose cohorts the reference redoes, chosen by a hash of the index.
    pub fn checked_seeds(&self) -> BTreeSet<u32> {
        let count = self.checked_count() as usize;
        let mut smallest = BinaryHeap::with_capacity(count + 1);
        for seed in 0..self.config.sweep.seeds {
            smallest.push((fnv1a64(seed.to_le_bytes()), seed));
            if smallest.len() > count {
                smallest.pop();
            }
        }
        smallest.into_iter().map(|(_, seed)| seed).collect()
    }

    pub fn run_id(&self, seed_index: u32, cell: u64) -> u64 {
        u64::from(seed_index) * self.cells.len() as u64 + cell
    }
}

fn models(config: &Config, problem: &Problem) -> Vec<u32> {
    if problem.sketch == Sketch::None { vec![problem.dim] } else { config.train.models.clone() }
}

fn cells(config: &Config) -> Vec<Cell> {
    let train = &config.train;
    let mut cells = Vec::new();
    for (problem, setting) in config.problems.iter().enumerate() {
        for model in models(config, setting) {
            for &samples in &train.samples {
                for &batch in &train.batches {
                    for &step_size in &train.step_sizes {
                        for recipe in 0..config.recipes.len() {
                            cells.push(Cell { problem, model, samples, batch, step_size, recipe });
                        }
                    }
                }
            }
        }
    }
    cells
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

fn lcm_of(batches: &[u32]) -> Result<u64> {
    let mut lcm = 1;
    let mut previous = 1;
    for &batch in batches {
        lcm = lcm / gcd(lcm, batch.into()) * u64::from(batch);
        if lcm > MAX_LCM {
            return Err(Error::Input(format!(
                "train.batch holds {previous} and {batch}: the least common multiple of all batches is {lcm}, \
                 allowed is up to {MAX_LCM}"
            )));
        }
        previous = batch;
    }
    Ok(lcm)
}

fn block_length(batches: &[u32]) -> Result<u64> {
    let lcm = lcm_of(batches)?;
    Ok(BLOCK.max(MAX_BATCH.into()).div_ceil(lcm) * lcm)
}

fn point(config: &Config, index: usize, cells: &[Cell], block: u64) -> Result<Point> {
    let problem = config.problems[index];
    let samples = config.train.samples.iter().copied().max().unwrap_or(1);
    let model = models(config, &problem).into_iter().max().unwrap_or(1);
    let (pairs, features, trajectories) = (Vec::new(), Vec::new(), Vec::new());
    let mut point = Point { problem, model, samples, block, pairs, features, trajectories };
    for (id, cell) in cells.iter().enumerate().filter(|(_, cell)| cell.problem == index) {
        add_cell(config, &mut point, id as u64, cell)?;
    }
    for trajectory in &mut point.trajectories {
        trajectory.cells.sort_by_key(|&(_, n)| n);
        trajectory.samples = trajectory.cells.last().map_or(0, |&(_, n)| n);
        trajectory.rows = rows_due(config, trajectory);
    }
    Ok(point)
}

fn find_or_push<T: PartialEq>(list: &mut Vec<T>, item: T) -> usize {
    list.iter().position(|have| *have == item).unwrap_or_else(|| {
        list.push(item);
        list.len() - 1
    })
}

fn add_cell(config: &Config, point: &mut Point, id: u64, cell: &Cell) -> Result<()> {
    let recipe = &config.recipes[cell.recipe];
    let op = |site: Site| Op::new(recipe.sites[site as usize].as_ref(), site);
    let sketched = point.problem.sketch == Sketch::Gaussian;
    let sketch = if sketched { op(Site::Sketch) } else { Op::new(None, Site::Sketch) };
    let data = op(Site::Data);
    let pair = find_or_push(&mut point.pairs, Pair { data, sketch });
    let unit = libm::ldexp(1.0, data.unit);
    let scale = if sketched { (unit / f64::from(cell.model).sqrt()) as f32 } else { unit as f32 };
    if scale < libm::ldexp(1.0, -48) as f32 {
        return Err(Error::Input(format!(
            "recipe {:?}, data.step = {unit:e}: over sqrt(train.model = {}) it is below 2^-48; allowed are larger steps",
            recipe.name, cell.model
        )));
    }
    let feature = Feature { pair, model: cell.model, op: op(Site::Feature), scale };
    let feature = find_or_push(&mut point.features, feature);
    let (step, stage) = schedule(config, cell)?;
    let trajectory = Trajectory {
        model: cell.model,
        batch: cell.batch,
        recipe: cell.recipe,
        feature,
        ops: TRAIN_SITES.map(op),
        step,
        stage,
        samples: 0,
        rows: Vec::new(),
        cells: Vec::new(),
    };
    // With a constant step every N is a prefix of one trajectory; otherwise N shapes the schedule.
    let shared = config.train.schedule == Schedule::Constant;
    let same = |have: &Trajectory| {
        let bare = Trajectory { cells: Vec::new(), ..have.clone() };
        bare == trajectory && (shared || have.cells.iter().all(|&(_, n)| n == cell.samples))
    };
    let existing = point.trajectories.iter().position(same);
    let slot = existing.unwrap_or_else(|| {
        point.trajectories.push(trajectory);
        point.trajectories.len() - 1
    });
    point.trajectories[slot].cells.push((id, cell.samples));
    Ok(())
}

/// Step of update 0 and updates between halvings.
fn schedule(config: &Config, cell: &Cell) -> Result<(f32, u32)> {
    let updates = (cell.samples / u64::from(cell.batch)) as f64;
    let step = cell.step_size / f64::from(cell.batch);
    let stage = match config.train.schedule {
        Schedule::Constant => u32::MAX,
        Schedule::Geometric if updates < 2.0 => 1,
        Schedule::Geometric => (updates / libm::log2(updates)).ceil() as u32,
    };
    let halvings = ((updates - 1.0) / f64::from(stage)).floor() as i32;
    if libm::ldexp(step, -halvings) < libm::ldexp(1.0, -48) {
        return Err(Error::Input(format!(
            "train.step_size = {}: with batch {} and {} samples the last step over the batch is below 2^-48; \
             allowed are larger steps, smaller batches or fewer samples",
            cell.step_size, cell.batch, cell.samples
        )));
    }
    Ok((step as f32, stage))
}

fn rows_due(config: &Config, trajectory: &Trajectory) -> Vec<u64> {
    let mut rows: Vec<u64> = trajectory.cells.iter().map(|&(_, n)| n).collect();
    match &config.train.checkpoints {
        Checkpoints::At(points) => rows.extend(points.iter().filter(|&&n| n <= trajectory.samples)),
        Checkpoints::Log2 => {
            let powers = std::iter::successors(Some(u64::from(trajectory.batch)), |n| n.checked_mul(2));
            rows.extend(powers.take_while(|&n| n < trajectory.samples));
        }
    }
    rows.sort_unstable();
    rows.dedup();
    rows
}
