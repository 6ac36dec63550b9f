//! The plan: which trajectories a config needs, and what cohorts share. Pure data from pure data.

use std::collections::{BTreeSet, BinaryHeap};

use crate::codec::floor48;
use crate::config::{Check, Checkpoints, Config, Draws, MAX_BATCH, Output, Problem, Schedule, Sketch};
use crate::error::{Error, Result};
use crate::format::{Cuts, Op};
use crate::hash::fnv1a64;
use crate::problem::{sketch_norm, tail};
use crate::row::Site;

/// Sites that a trajectory applies itself; data, sketch and feature are shared.
pub const TRAIN_SITES: [Site; 6] =
    [Site::Label, Site::Parameter, Site::Activation, Site::Gradient, Site::Weight, Site::FeatureGrad];
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

/// One draw of the sketch: nested sizes share one, else each M has its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SketchDraw {
    /// Pass word of its random words: 0 where sizes are nested, else M.
    pub pass: u32,
    /// The largest M that reads it.
    pub rows: u32,
}

/// Quantized covariates and quantized sketch: one projection serves all runs that share both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    pub data: Op,
    pub sketch: Op,
    /// Index into [`Point::sketches`].
    pub draw: usize,
    pub cuts: Cuts,
}

/// Features of one (pair, M, feature format): z_j = Q(fl(fl(p_j f) scale) + tail n_j).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Feature {
    pub pair: usize,
    pub model: u32,
    /// The factor f that multiplicative noise on x brings, one per sample: it commutes with the sketch.
    pub factor: Op,
    pub op: Op,
    /// f32(1/sqrt M), times the step of integer data; f32(sqrt(rows/M)) for a sketch from a file.
    pub scale: f32,
    /// f32(sqrt(tau/M)), the deviation of the closed tail; 0 for an open one.
    pub tail: f32,
}

/// One SGD run as it is executed; with a constant schedule it serves the cells of every N.
#[derive(Clone, Debug, PartialEq)]
pub struct Trajectory {
    pub model: u32,
    pub batch: u32,
    pub recipe: usize,
    /// Index into [`Point::features`]: z as the activations read it.
    pub feature: usize,
    /// z as Z^T r reads it: the same, or the unrounded features that `feature_grad` rounds.
    pub gradient_feature: usize,
    /// In [`TRAIN_SITES`] order.
    pub ops: [Op; 6],
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
    /// Variance tau of the closed tail, and tau_y of what it explains of y: 0 for an open one.
    pub tail: (f64, f64),
    /// A GPU gets its covariates from the host: from a file, or drawn there.
    pub uploads: bool,
    /// Largest M.
    pub model: u32,
    /// Largest N.
    pub samples: u64,
    /// Samples per block: a multiple of every batch.
    pub block: u64,
    /// Empty without a sketch.
    pub sketches: Vec<SketchDraw>,
    pub pairs: Vec<Pair>,
    pub features: Vec<Feature>,
    pub trajectories: Vec<Trajectory>,
}

impl Point {
    /// Rows that a pair projects on: as many features as its largest model has.
    pub fn rows(&self, pair: usize) -> u32 {
        self.sketches.get(self.pairs[pair].draw).map_or(self.model, |draw| draw.rows)
    }

    /// The same point with nothing but the unrounded features of every model size.
    pub fn clean(&self) -> Point {
        let (pairs, features, trajectories) = (Vec::new(), Vec::new(), Vec::new());
        let mut clean = Point { pairs, features, trajectories, ..self.clone() };
        for trajectory in &self.trajectories {
            let unset = [Site::Data, Site::Sketch, Site::Feature].map(|site| Op::new(None, site, self.problem.grids()));
            let feature = feature(&mut clean, trajectory.model, unset);
            find_or_push(&mut clean.features, feature);
        }
        clean
    }
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
    if problem.is_sketched() { config.train.models.clone() } else { vec![problem.dim] }
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
    let problem = config.problems[index].clone();
    let samples = config.train.samples.iter().copied().max().unwrap_or(1);
    let models = models(config, &problem);
    let model = models.iter().copied().max().unwrap_or(1);
    let sketches = match problem.sketch {
        Sketch::None => Vec::new(),
        Sketch::Gaussian { nested: false } => models.iter().map(|&m| SketchDraw { pass: m, rows: m }).collect(),
        _ => vec![SketchDraw { pass: 0, rows: model }],
    };
    let (tail, pairs, features, trajectories) = (tail(&problem), Vec::new(), Vec::new(), Vec::new());
    let uploads = problem.covariates().is_some() || config.sweep.draws == Draws::Host;
    let mut point = Point { problem, tail, uploads, model, samples, block, sketches, pairs, features, trajectories };
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
    let grids = point.problem.grids();
    let op = |site: Site| Op::new(recipe.sites[site as usize].as_ref(), site, grids);
    let feature = feature(point, cell.model, [Site::Data, Site::Sketch, Site::Feature].map(op));
    if feature.scale < libm::ldexp(1.0, -48) as f32 {
        let step = libm::ldexp(1.0, op(Site::Data).unit);
        return Err(Error::Input(format!(
            "recipe {:?}, data.step = {step:e}: over sqrt(train.model = {}) it is below 2^-48; allowed are larger steps",
            recipe.name, cell.model
        )));
    }
    let ops = TRAIN_SITES.map(op);
    // What feature_grad rounds are the features before any rounding of their own.
    let plain = Feature { op: Op::new(None, Site::Feature, grids), ..feature };
    let gradient = if op(Site::FeatureGrad).is_set() { plain } else { feature };
    let feature = find_or_push(&mut point.features, feature);
    let gradient_feature = find_or_push(&mut point.features, gradient);
    let (step, stage) = schedule(config, cell)?;
    let trajectory = Trajectory {
        model: cell.model,
        batch: cell.batch,
        recipe: cell.recipe,
        feature,
        gradient_feature,
        ops,
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

/// The features of one model size under the operations at data, sketch and feature.
fn feature(point: &mut Point, model: u32, [data, sketch, op]: [Op; 3]) -> Feature {
    let grids = point.problem.grids();
    let unset = |site: Site| Op::new(None, site, grids);
    let sketched = point.problem.is_sketched();
    let sketch = if sketched { sketch } else { unset(Site::Sketch) };
    // One factor for all of x multiplies the projections: the covariates stay as they are.
    let (data, factor) = if data.shared != 0 { (unset(Site::Data), data) } else { (data, unset(Site::Data)) };
    let draw = point.sketches.iter().position(|draw| draw.pass == model).unwrap_or(0);
    let cuts = match sketched {
        true => Cuts::new(data.precision(grids.0), sketch.precision(grids.1)),
        false => Cuts::whole(),
    };
    let pair = find_or_push(&mut point.pairs, Pair { data, sketch, draw, cuts });
    let unit = libm::ldexp(1.0, data.unit);
    let scale = if sketched { (unit / sketch_norm(&point.problem, model).sqrt()) as f32 } else { unit as f32 };
    let tail = f32::from_bits(floor48(((point.tail.0 / f64::from(model)).sqrt() as f32).to_bits()));
    Feature { pair, model, factor: Op { significand: 24, ..factor }, op, scale, tail }
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
