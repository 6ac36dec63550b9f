//! The config: what to run. Parsing refuses everything it does not know; every error names the key, the value
//! and what is allowed.

mod problem;
mod recipe;
mod train;

use toml::Table;

use crate::error::{Error, Result};
use crate::format::Spec;
use crate::keys::Keys;
use crate::row::SITES;

pub const MAX_DIM: u32 = 1 << 24;
pub const MAX_MODEL: u32 = 4096;
pub const MAX_BATCH: u32 = 1024;
const MAX_SAMPLES: u64 = (1 << 31) - 1;

/// A whole config, lists expanded, every value checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// One per point of the product over the `[problem]` keys, last key fastest.
    pub problems: Vec<Problem>,
    pub train: Train,
    pub recipes: Vec<Recipe>,
    pub sweep: Sweep,
}

/// One problem point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Problem {
    /// Ambient dimension D.
    pub dim: u32,
    /// lambda_i = i^-exponent.
    pub exponent: f64,
    pub target: Target,
    /// Standard deviation sigma of the label noise.
    pub noise: f64,
    pub sketch: Sketch,
}

/// Law of w*.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// N(0, I), drawn per seed.
    Gaussian,
    /// Every entry 1.
    Ones,
}

/// The map from covariates to features.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sketch {
    /// Entries N(0, 1/M); model size M uses the first M rows of one draw.
    Gaussian,
    /// Features are the covariates, M = D.
    None,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schedule {
    Constant,
    /// gamma 2^-floor(t/stage), stage = ceil(T/log2 T).
    Geometric,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Output {
    Last,
    Average,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Checkpoints {
    /// Extra rows at these numbers of samples.
    At(Vec<u64>),
    /// At B 2^k < N.
    Log2,
}

/// The training grid.
#[derive(Clone, Debug, PartialEq)]
pub struct Train {
    /// Model sizes M; empty without a sketch.
    pub models: Vec<u32>,
    /// Data sizes N.
    pub samples: Vec<u64>,
    pub batches: Vec<u32>,
    pub step_sizes: Vec<f64>,
    pub schedule: Schedule,
    pub outputs: Vec<Output>,
    pub checkpoints: Checkpoints,
    /// Test samples of the quantized-test risk, where it is wanted.
    pub quantized_test: Option<u32>,
}

/// A format per site, in `Site::ALL` order.
#[derive(Clone, Debug, PartialEq)]
pub struct Recipe {
    pub name: String,
    pub sites: [Option<Spec>; SITES],
}

/// How many cohorts the reference redoes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    Auto,
    All,
    Seeds(u32),
    Off,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sweep {
    pub seeds: u32,
    pub seed: u64,
    pub check: Check,
}

impl Output {
    pub fn name(self) -> &'static str {
        if self == Output::Last { "last" } else { "average" }
    }
}

impl Schedule {
    pub fn name(self) -> &'static str {
        if self == Schedule::Constant { "constant" } else { "geometric" }
    }
}

impl Target {
    pub fn name(self) -> &'static str {
        if self == Target::Gaussian { "gaussian" } else { "ones" }
    }
}

impl Sketch {
    pub fn name(self) -> &'static str {
        if self == Sketch::Gaussian { "gaussian" } else { "none" }
    }
}

impl Check {
    /// Parses `auto`, `all`, `off` or a number of seeds.
    pub fn parse(text: &str) -> Result<Check> {
        match text {
            "auto" => Ok(Check::Auto),
            "all" => Ok(Check::All),
            "off" => Ok(Check::Off),
            number => number.parse().ok().filter(|&n: &u32| n > 0).map(Check::Seeds).ok_or_else(|| {
                Error::Input(format!("sweep.check = {text:?}: allowed are auto, all, off or a number of seeds >= 1"))
            }),
        }
    }
}

impl Config {
    /// Parses a config after applying `--set KEY=VALUE` overrides (dotted keys, TOML values).
    pub fn parse(text: &str, overrides: &[String]) -> Result<Config> {
        Config::read(text, overrides).map_err(|error| match error {
            Error::Input(message) => Error::Input(one_line(&message)),
            other => other,
        })
    }

    fn read(text: &str, overrides: &[String]) -> Result<Config> {
        let mut table: Table = text.parse().map_err(|e: toml::de::Error| {
            let line = e.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
            Error::Input(format!("config, line {line}: {}", e.message()))
        })?;
        for item in overrides {
            crate::keys::set(&mut table, item)?;
        }
        Config::from_table(table)
    }

    fn from_table(table: Table) -> Result<Config> {
        let mut root = Keys::new("", table);
        let problems = problem::problems(root.table("problem")?)?;
        let recipes = recipe::recipes(root.take("recipe"))?;
        let train = train::train(root.table("train")?, &problems)?;
        let sweep = train::sweep(root.table("sweep")?)?;
        root.finish(&["problem", "train", "recipe", "sweep"])?;
        Ok(Config { problems, train, recipes, sweep })
    }
}

/// A message that quotes keys and values stays one line: control characters are written as escapes.
fn one_line(message: &str) -> String {
    let escape = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    message.chars().map(escape).collect()
}
