//! The plan: which trajectories a config needs, and what cohorts share. Pure data from pure data.

mod checked;
mod cost;
mod due;
mod grid;
mod point;
mod restricted;
mod shard;
mod shared;
mod snapshot;
mod step;

pub use self::cost::{CohortCost, Cost, cohort_cost, cost, measured_samples};
pub use self::due::tail_start;
pub use self::grid::Cell;
use self::grid::{cells, refuse_many};
pub use self::point::{DrawnLaw, Feature, Label, Pair, Phase, Prefix, ProblemPoint, SketchDraw, Trajectory};
pub use self::shard::Shard;
pub use self::shared::spec_at;
use self::shared::{Tails, point};
pub use self::snapshot::{Difference, Snapshot, first_difference};
pub use self::step::{StepSize, TrainOps};
use crate::config::{Config, MAX_BATCH};
use crate::error::{Error, Result};

/// Samples of a block when the batches leave the choice.
const BLOCK: u64 = 1024;
const MAX_LCM: u64 = 16_384;
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
    /// The sum of the iterates is wanted.
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
        let block = block_length(&config)?;
        let (mut points, mut first, mut tails) = (Vec::new(), 0, Tails::default());
        for own in cells.chunk_by(|a, b| a.problem == b.problem) {
            let tail = tails.of(&config.problems[own[0].problem]);
            points.push(point(&config, first, own, block, tail)?);
            first += own.len() as u64;
        }
        let average = config.train.outputs.iter().any(|output| output.is_mean());
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
        let unit = lcm_of(&self.config)?;
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

    /// The first cell of a problem point, which stands for the point's cohorts where one cell must.
    pub(crate) fn first_cell(&self, point: usize) -> Result<u64> {
        let first = self.cells.iter().position(|cell| cell.problem == point);
        first.map(|cell| cell as u64).ok_or_else(|| Error::Other(format!("problem point {point} has no cell")))
    }
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// The least common multiple of two batches, or of such multiples.
pub fn lcm(a: u64, b: u64) -> u64 {
    a / gcd(a, b) * b
}

fn lcm_of(config: &Config) -> Result<u64> {
    let mut all = 1;
    let mut previous = 1;
    for &batch in &config.train.batches {
        all = lcm(all, batch.into());
        if all > MAX_LCM {
            return Err(Error::Input(format!(
                "{} holds {previous} and {batch}: the least common multiple of all batches is {all}, \
                 allowed is up to {MAX_LCM}",
                config.key("train.batch")
            )));
        }
        previous = batch;
    }
    Ok(all)
}

fn block_length(config: &Config) -> Result<u64> {
    let lcm = lcm_of(config)?;
    Ok(BLOCK.max(MAX_BATCH.into()).div_ceil(lcm) * lcm)
}
