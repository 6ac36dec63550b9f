//! The plan: which trajectories a config needs, and what cohorts share. Pure data from pure data.

use std::collections::{BTreeSet, BinaryHeap, HashMap};

use crate::codec::floor48;
use crate::config::{Check, Checkpoints, Config, Draws, MAX_BATCH, Output, Problem, Schedule, Sketch, Tail};
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
/// Cells of a plan, and rows of one seed index: what the plan itself holds in memory.
const MAX_CELLS: u64 = 1 << 20;
const MAX_ROWS: u64 = 1 << 24;

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
        let mut models: Vec<u32> = self.trajectories.iter().map(|trajectory| trajectory.model).collect();
        models.sort_unstable();
        models.dedup();
        for model in models {
            let unset = [Site::Data, Site::Sketch, Site::Feature].map(|site| Op::new(None, site, self.problem.grids()));
            let feature = feature(&mut clean, model, unset);
            clean.features.push(feature);
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
    /// Plans a checked config. Errors: an lcm of batches beyond 16,384, a step that falls below 2^-48, a grid of more
    /// than 2^20 cells or 2^24 rows a seed.
    pub fn new(config: Config) -> Result<Plan> {
        refuse_many(&config)?;
        let cells = cells(&config);
        let block = block_length(&config.train.batches)?;
        let (mut points, mut first, mut tails) = (Vec::new(), 0, Tails::default());
        for own in cells.chunk_by(|a, b| a.problem == b.problem) {
            let tail = tails.of(&config.problems[own[0].problem]);
            points.push(point(&config, first, own, block, tail)?);
            first += own.len() as u64;
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

fn refuse_many(config: &Config) -> Result<()> {
    let train = &config.train;
    let models = |problem: &Problem| if problem.is_sketched() { train.models.len() } else { 1 };
    let models: u64 = config.problems.iter().map(|problem| models(problem) as u64).sum();
    let lists = [train.samples.len(), train.batches.len(), train.step_sizes.len(), config.recipes.len()];
    let cells = lists.iter().fold(models, |cells, length| cells.saturating_mul(*length as u64));
    let due = match &train.checkpoints {
        Checkpoints::At(points) => 1 + points.len() as u64,
        Checkpoints::Log2 => 32,
    };
    let rows = cells.saturating_mul(due).saturating_mul(train.outputs.len() as u64);
    if cells > MAX_CELLS || rows > MAX_ROWS {
        return Err(Error::Input(format!(
            "the lists of problem, train and recipe make {cells} cells of {due} rows a seed: allowed are up to {MAX_CELLS} \
             cells and {MAX_ROWS} rows"
        )));
    }
    Ok(())
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

/// The last closed tail: its sums take a moment, and points that differ in noise and sketch are neighbours.
#[derive(Default)]
struct Tails<'a>(Option<(&'a Problem, (f64, f64))>);

impl<'a> Tails<'a> {
    fn of(&mut self, problem: &'a Problem) -> (f64, f64) {
        if problem.tail == Tail::Open {
            return (0.0, 0.0);
        }
        let same = |have: &Problem| {
            (have.dim, &have.spectrum, &have.target) == (problem.dim, &problem.spectrum, &problem.target)
        };
        match self.0 {
            Some((have, sums)) if same(have) => sums,
            _ => {
                let sums = tail(problem);
                self.0 = Some((problem, sums));
                sums
            }
        }
    }
}

/// The point of the cells `first ..`, which are all of its; `tail` is that of its problem.
fn point(config: &Config, first: u64, cells: &[Cell], block: u64, tail: (f64, f64)) -> Result<Point> {
    let problem = config.problems[cells[0].problem].clone();
    let samples = config.train.samples.iter().copied().max().unwrap_or(1);
    let models = models(config, &problem);
    let model = models.iter().copied().max().unwrap_or(1);
    let sketches = match problem.sketch {
        Sketch::None => Vec::new(),
        Sketch::Gaussian { nested: false } => models.iter().map(|&m| SketchDraw { pass: m, rows: m }).collect(),
        _ => vec![SketchDraw { pass: 0, rows: model }],
    };
    let (pairs, features, trajectories) = (Vec::new(), Vec::new(), Vec::new());
    let uploads = problem.covariates().is_some() || config.sweep.draws == Draws::Host;
    let mut point = Point { problem, tail, uploads, model, samples, block, sketches, pairs, features, trajectories };
    let mut known = Known::default();
    for (id, cell) in (first..).zip(cells) {
        add_cell(config, &mut point, &mut known, id, cell)?;
    }
    for trajectory in &mut point.trajectories {
        trajectory.cells.sort_by_key(|&(_, n)| n);
        trajectory.samples = trajectory.cells.last().map_or(0, |&(_, n)| n);
        trajectory.rows = rows_due(config, trajectory);
    }
    Ok(point)
}

/// The place of a pair. Models are the slowest key, so pairs of one draw are neighbours.
fn find_pair(pairs: &mut Vec<Pair>, pair: Pair) -> usize {
    let own = pairs.iter().rev().take_while(|have| have.draw == pair.draw).position(|have| *have == pair);
    match own {
        Some(behind) => pairs.len() - 1 - behind,
        None => {
            pairs.push(pair);
            pairs.len() - 1
        }
    }
}

/// What a point has so far, by what tells it apart: grids of many cells are planned in a moment.
#[derive(Default)]
struct Known {
    /// By (M, recipe): the features that activations and Z^T r read.
    features: HashMap<(u32, usize), (usize, usize)>,
    /// By pair, M, factor and format; scale and tail follow from these.
    places: HashMap<(usize, u32, Op, Op), usize>,
    /// By M, B, recipe, step, stage and, where N shapes the schedule, N.
    trajectories: HashMap<(u32, u32, usize, u32, u32, u64), usize>,
}

impl Known {
    fn place(&mut self, point: &mut Point, feature: Feature) -> usize {
        let key = (feature.pair, feature.model, feature.factor, feature.op);
        *self.places.entry(key).or_insert_with(|| {
            point.features.push(feature);
            point.features.len() - 1
        })
    }

    fn features(&mut self, config: &Config, point: &mut Point, cell: &Cell) -> Result<(usize, usize)> {
        if let Some(known) = self.features.get(&(cell.model, cell.recipe)) {
            return Ok(*known);
        }
        let op = |site: Site| op(config, point, cell, site);
        let (ops, grids) = ([Site::Data, Site::Sketch, Site::Feature].map(op), point.problem.grids());
        let (data, gradient_is_set) = (op(Site::Data), op(Site::FeatureGrad).is_set());
        let feature = feature(point, cell.model, ops);
        if feature.scale < libm::ldexp(1.0, -48) as f32 {
            return Err(Error::Input(format!(
                "recipe {:?}, data.step = {:e}: over sqrt(train.model = {}) it is below 2^-48; allowed are larger steps",
                config.recipes[cell.recipe].name,
                libm::ldexp(1.0, data.unit),
                cell.model
            )));
        }
        // What feature_grad rounds are the features before any rounding of their own.
        let plain = Feature { op: Op::new(None, Site::Feature, grids), ..feature };
        let places = (self.place(point, feature), self.place(point, if gradient_is_set { plain } else { feature }));
        self.features.insert((cell.model, cell.recipe), places);
        Ok(places)
    }
}

fn op(config: &Config, point: &Point, cell: &Cell, site: Site) -> Op {
    Op::new(config.recipes[cell.recipe].sites[site as usize].as_ref(), site, point.problem.grids())
}

fn add_cell(config: &Config, point: &mut Point, known: &mut Known, id: u64, cell: &Cell) -> Result<()> {
    let (feature, gradient_feature) = known.features(config, point, cell)?;
    let (step, stage) = schedule(config, cell)?;
    // With a constant step every N is a prefix of one trajectory; otherwise N shapes the schedule.
    let shaping = if config.train.schedule == Schedule::Constant { 0 } else { cell.samples };
    let key = (cell.model, cell.batch, cell.recipe, step.to_bits(), stage, shaping);
    let slot = *known.trajectories.entry(key).or_insert_with(|| {
        let ops = TRAIN_SITES.map(|site| op(config, point, cell, site));
        point.trajectories.push(Trajectory {
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
        });
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
    let pair = find_pair(&mut point.pairs, Pair { data, sketch, draw, cuts });
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
