//! The plan: which trajectories a config needs, and what cohorts share. Pure data from pure data.

mod checked;
mod cost;
mod due;
mod point;
mod shard;
mod snapshot;
mod step;

pub use self::cost::{Cost, cost, measured_samples};
use self::due::rows_due;
pub use self::point::spec_at;
use self::point::{Tails, feature, point};
pub use self::shard::Shard;
pub use self::snapshot::{Difference, Snapshot, first_difference};
pub use self::step::{StepSize, TrainOps};
use crate::config::{Config, MAX_BATCH, Output};
use crate::error::{Error, Result};
use crate::format::{QuantOp, Splitting};
use crate::problem::Problem;
use crate::site::Site;

/// Samples of a block when the batches leave the choice.
const BLOCK: u64 = 1024;
const MAX_LCM: u64 = 16_384;
/// Cells of a plan, and rows of one seed index: what the plan itself holds in memory.
const MAX_CELLS: u64 = 1 << 20;
const MAX_ROWS: u64 = 1 << 24;

/// One point of problem x M x N x B x step size x recipe.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cell {
    /// Number of the problem point: in the product over the `[problem]` keys, the last fastest.
    pub problem: usize,
    /// M, the number of features.
    pub model: u32,
    /// N, the number of training samples.
    pub samples: u64,
    /// B, samples per update.
    pub batch: u32,
    /// gamma, at update 0.
    pub step_size: f64,
    /// Number of the recipe, in the order of [`Config::recipe_names`].
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
    pub data: QuantOp,
    pub sketch: QuantOp,
    /// Index into [`ProblemPoint::sketches`]; 0 without a sketch.
    pub draw: usize,
    pub splitting: Splitting,
}

/// Features of one (pair, M, feature format): z_j = Q(fl(fl(p_j f) scale) + tail n_j).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Feature {
    pub pair: usize,
    pub model: u32,
    /// The factor f that multiplicative noise on x brings, one per sample: it commutes with the sketch.
    pub factor: QuantOp,
    pub op: QuantOp,
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
    /// Index into [`ProblemPoint::features`]: z as the activations read it.
    pub feature: usize,
    /// z as Z^T r reads it: the same, or the unrounded features that `feature_grad` rounds.
    pub gradient_feature: usize,
    pub ops: TrainOps,
    pub step: StepSize,
    /// Samples of the longest cell.
    pub samples: u64,
    /// Numbers of samples at which a row is due, ascending.
    pub rows: Vec<u64>,
    /// (cell, N), ascending in N.
    pub cells: Vec<(u64, u64)>,
}

/// What one problem point needs per seed index.
#[derive(Clone, Debug, PartialEq)]
pub struct ProblemPoint {
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

impl ProblemPoint {
    /// Rows that a pair projects on: as many features as its largest model has.
    pub fn rows(&self, pair: usize) -> u32 {
        self.sketches.get(self.pairs[pair].draw).map_or(self.model, |draw| draw.rows)
    }

    /// The same point with nothing but the unrounded features of every model size.
    pub fn clean(&self) -> ProblemPoint {
        let (pairs, features, trajectories) = (Vec::new(), Vec::new(), Vec::new());
        let mut clean = ProblemPoint { pairs, features, trajectories, ..self.clone() };
        for model in self.models() {
            let unset =
                [Site::Data, Site::Sketch, Site::Feature].map(|site| QuantOp::new(None, site, self.problem.grids()));
            let feature = feature(&mut clean, model, unset);
            clean.features.push(feature);
        }
        clean
    }
}

/// All runs of one problem point and one seed index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cohort {
    /// Number of the problem point, as [`Cell::problem`].
    pub point: usize,
    /// Number of the repetition, from 0.
    pub seed_index: u32,
}

/// What a config comes to: the grid of its cells, and per problem point what one seed index of it needs.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    pub(crate) config: Config,
    pub(crate) cells: Vec<Cell>,
    #[doc(hidden)]
    pub points: Vec<ProblemPoint>,
    /// The average of the iterates is wanted.
    #[doc(hidden)]
    pub average: bool,
}

impl Plan {
    /// Plans a checked config.
    ///
    /// # Errors
    /// [`Error::Input`] for a least common multiple of batches beyond 16,384, a step that falls below 2^-48, and a grid of
    /// more than 2^20 cells or 2^24 rows a seed.
    ///
    /// # Examples
    /// ```
    /// use roundlaw::{Config, Plan, Shard};
    ///
    /// let text = r#"
    ///     problem = { dim = 100, spectrum = { kind = "power", exponent = 2.0 } }
    ///     train = { model = [8, 16], samples = [64, 256] }
    ///     recipe = [{ name = "fp32" }, { name = "int8 data", data = { format = "int8", step = 0.0625 } }]
    ///     sweep = { seeds = 4 }
    /// "#;
    /// let plan = Plan::new(Config::parse(text, &[])?)?;
    /// // M x N x recipe, the recipe fastest; each of them with every seed.
    /// assert_eq!((plan.cells().len(), plan.runs()), (8, 32));
    /// let cell = plan.cells()[3];
    /// assert_eq!((cell.model, cell.samples, cell.recipe), (8, 256, 1));
    /// assert_eq!(plan.run_id(2, 3), 2 * 8 + 3);
    /// // A cohort is all of one seed; a shard has some of the seeds.
    /// assert_eq!(plan.cohorts(Shard::new(1, 2)?).len(), 2);
    /// # Ok::<(), roundlaw::Error>(())
    /// ```
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

    /// What is planned.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The grid: the product of problem points, M, N, B, step sizes and recipes, the last fastest. The number of a cell is
    /// its place.
    pub fn cells(&self) -> &[Cell] {
        &self.cells
    }

    /// The same plan with blocks of about `samples`; results do not depend on it.
    #[doc(hidden)]
    pub fn with_block(mut self, samples: u64) -> Result<Plan> {
        let unit = lcm_of(&self.config.train.batches)?;
        for point in &mut self.points {
            point.block = samples.div_ceil(unit).max(1) * unit;
        }
        Ok(self)
    }

    /// Cells times seeds.
    pub fn runs(&self) -> u64 {
        self.cells.len() as u64 * u64::from(self.config.sweep.seeds)
    }

    /// Cohorts of a shard, by seed index, then problem point.
    pub fn cohorts(&self, shard: Shard) -> Vec<Cohort> {
        let mine = (0..self.config.sweep.seeds).filter(|seed_index| shard.has(*seed_index));
        let points = self.points.len();
        mine.flat_map(|seed_index| (0..points).map(move |point| Cohort { point, seed_index })).collect()
    }

    /// The number of a run: more seeds only append runs.
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
    // The smallest batch and the largest N have the most rows.
    let longest = train.batches.iter().min().zip(train.samples.iter().max());
    let due = longest.map_or(0, |(&batch, &samples)| rows_due(train, batch, samples).len() as u64);
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

/// The least common multiple of two batches, or of such multiples.
pub fn lcm(a: u64, b: u64) -> u64 {
    a / gcd(a, b) * b
}

fn lcm_of(batches: &[u32]) -> Result<u64> {
    let mut all = 1;
    let mut previous = 1;
    for &batch in batches {
        all = lcm(all, batch.into());
        if all > MAX_LCM {
            return Err(Error::Input(format!(
                "train.batch holds {previous} and {batch}: the least common multiple of all batches is {all}, \
                 allowed is up to {MAX_LCM}"
            )));
        }
        previous = batch;
    }
    Ok(all)
}

fn block_length(batches: &[u32]) -> Result<u64> {
    let lcm = lcm_of(batches)?;
    Ok(BLOCK.max(MAX_BATCH.into()).div_ceil(lcm) * lcm)
}
