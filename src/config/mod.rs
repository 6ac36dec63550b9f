//! The config: what to run. Parsing refuses everything it does not know; every error names the key, the value
//! and what is allowed.

mod problem;
pub mod quantizer;
mod recipe;
mod train;

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use toml::Table;

use crate::covariates::Covariates;
use crate::error::{Error, Result};
use crate::format::Spec;
use crate::input::Input;
use crate::keys::Keys;
use crate::row::SITES;

pub const MAX_DIM: u32 = 1 << 24;
pub const MAX_MODEL: u32 = 4096;
pub const MAX_BATCH: u32 = 1024;
const MAX_SAMPLES: u64 = (1 << 31) - 1;
/// Points of the product over the `[problem]` keys.
const MAX_PROBLEMS: usize = 4096;
const MAX_RECIPES: usize = 4096;
/// Bytes of a config.
const MAX_TEXT: u64 = 1 << 24;
/// Characters of a message, and of a recipe's name.
const MAX_MESSAGE: usize = 1200;
const MAX_NAME: usize = 200;

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
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// Ambient dimension D.
    pub dim: u32,
    pub spectrum: Spectrum,
    pub target: Target,
    /// Standard deviation sigma of the label noise; 0 with labels from a file.
    pub noise: f64,
    pub sketch: Sketch,
    pub tail: Tail,
}

/// Eigenvalues lambda_i of the covariance H, i from 1.
#[derive(Clone, Debug, PartialEq)]
pub enum Spectrum {
    /// i^-exponent.
    Power { exponent: f64 },
    /// exp(-rate (i - 1)).
    Exponential { rate: f64 },
    /// i^-1 log^-exponent(i + 1).
    Logarithmic { exponent: f64 },
    /// The eigenvalues themselves.
    File(Input),
    /// Covariates and labels from files, whose covariance is what it is.
    Covariates(Arc<Covariates>),
}

/// Law of w*.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// N(0, I), drawn per seed.
    Gaussian,
    /// Every entry 1.
    Ones,
    /// Normal with lambda_i E w_i^2 = i^-exponent (the source condition), drawn per seed.
    Source {
        exponent: f64,
    },
    File(Input),
    /// None: the labels come with the covariates.
    Labels(Input),
}

/// The map from covariates to features.
#[derive(Clone, Debug, PartialEq)]
pub enum Sketch {
    /// Entries N(0, 1/M). Nested: model size M uses the first M rows of one draw; else each M has its own.
    Gaussian { nested: bool },
    /// Features are the covariates, M = D.
    None,
    /// S itself; model size M uses the first M of its rows, times sqrt(rows/M).
    File(Input),
}

/// What stands for the coordinates beyond D.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tail {
    /// Nothing.
    Open,
    /// Isotropic Gaussian noise of their total variance: D = infinity.
    Closed,
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
    pub draws: Draws,
}

/// Who draws the covariates of a GPU adapter's runs. The bits are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Draws {
    Device,
    /// The CPU, which uploads them block by block.
    Host,
}

impl Draws {
    pub fn name(self) -> &'static str {
        if self == Draws::Device { "device" } else { "host" }
    }
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

impl Spectrum {
    /// The text of a row's column.
    pub fn canonical(&self) -> String {
        match self {
            Spectrum::Power { .. } => "power".into(),
            Spectrum::Exponential { .. } => "exponential".into(),
            Spectrum::Logarithmic { .. } => "logarithmic".into(),
            Spectrum::File(input) => input.canonical(),
            Spectrum::Covariates(covariates) => covariates.canonical(),
        }
    }

    /// Exponent, or rate of an exponential spectrum.
    pub fn exponent(&self) -> Option<f64> {
        match self {
            Spectrum::Power { exponent } | Spectrum::Logarithmic { exponent } => Some(*exponent),
            Spectrum::Exponential { rate } => Some(*rate),
            Spectrum::File(_) | Spectrum::Covariates(_) => None,
        }
    }
}

impl Target {
    /// The text of a row's column.
    pub fn canonical(&self) -> String {
        match self {
            Target::Gaussian => "gaussian".into(),
            Target::Ones => "ones".into(),
            Target::Source { .. } => "source".into(),
            Target::File(input) => input.canonical(),
            Target::Labels(labels) => format!("labels {}", labels.canonical().trim_start_matches("file ")),
        }
    }

    pub fn exponent(&self) -> Option<f64> {
        match self {
            Target::Source { exponent } => Some(*exponent),
            _ => None,
        }
    }
}

impl Sketch {
    /// The text of a row's column.
    pub fn canonical(&self) -> String {
        match self {
            Sketch::Gaussian { nested: true } => "gaussian".into(),
            Sketch::Gaussian { nested: false } => "gaussian nested=false".into(),
            Sketch::None => "none".into(),
            Sketch::File(input) => input.canonical(),
        }
    }
}

impl Tail {
    pub fn name(self) -> &'static str {
        if self == Tail::Open { "open" } else { "closed" }
    }
}

impl Problem {
    pub fn covariates(&self) -> Option<&Arc<Covariates>> {
        match &self.spectrum {
            Spectrum::Covariates(covariates) => Some(covariates),
            _ => None,
        }
    }

    pub fn is_sketched(&self) -> bool {
        self.sketch != Sketch::None
    }

    /// Pieces of 8 bits that w* is cut into; 0 where the labels come from a file.
    pub fn target_pieces(&self) -> u32 {
        match self.target {
            Target::Gaussian | Target::Ones => 1,
            Target::Source { .. } | Target::File(_) => 3,
            Target::Labels(_) => 0,
        }
    }

    /// Significant bits of a covariate, and of an entry of the sketch, before any quantizer.
    pub fn grids(&self) -> (u32, u32) {
        let x = if self.covariates().is_some() { 24 } else { 16 };
        (x, if matches!(self.sketch, Sketch::File(_)) { 24 } else { 8 })
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
    /// Reads a config file; the paths in it are relative to its directory.
    pub fn load(path: &Path, overrides: &[String]) -> Result<Config> {
        let text = read_text(path)
            .map_err(|e| Error::Input(one_line(&format!("config {} cannot be read: {e}", path.display()))))?;
        Config::parse_in(path.parent().unwrap_or(Path::new("")), &text, overrides)
    }

    /// [`Config::load`] from a text; paths are relative to the current directory.
    pub fn parse(text: &str, overrides: &[String]) -> Result<Config> {
        Config::parse_in(Path::new(""), text, overrides)
    }

    /// Parses a config after applying `--set KEY=VALUE` overrides (dotted keys, TOML values).
    fn parse_in(base: &Path, text: &str, overrides: &[String]) -> Result<Config> {
        Config::read(base, text, overrides).map_err(|error| match error {
            Error::Input(message) => Error::Input(one_line(&message)),
            other => other,
        })
    }

    fn read(base: &Path, text: &str, overrides: &[String]) -> Result<Config> {
        let mut table: Table = text.parse().map_err(|e: toml::de::Error| {
            let line = e.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
            Error::Input(format!("config, line {line}: {}", e.message()))
        })?;
        for item in overrides {
            crate::keys::set(&mut table, item)?;
        }
        let mut root = Keys::new("", table);
        let problems = problem::problems(root.table("problem")?, base)?;
        let recipes = recipe::recipes(root.take("recipe"))?;
        let train = train::train(root.table("train")?, &problems)?;
        let sweep = train::sweep(root.table("sweep")?)?;
        root.finish(&["problem", "train", "recipe", "sweep"])?;
        Ok(Config { problems, train, recipes, sweep })
    }
}

/// The text of a file or a pipe, if it is UTF-8 of a sensible length.
fn read_text(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    let read = File::open(path)?.take(MAX_TEXT + 1).read_to_string(&mut text);
    if text.len() as u64 > MAX_TEXT {
        return Err(std::io::Error::other(format!("it is longer than the {MAX_TEXT} bytes allowed")));
    }
    read.map(|_| text)
}

/// A message that quotes keys and values stays one line, with control characters as escapes, and a readable one:
/// of a long value its beginning is kept, and what the end says is allowed.
fn one_line(message: &str) -> String {
    let escape = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    let line: String = message.chars().map(escape).collect();
    let length = line.chars().count();
    if length <= MAX_MESSAGE {
        return line;
    }
    let start: String = line.chars().take(MAX_MESSAGE / 3).collect();
    let end: String = line.chars().skip(length - MAX_MESSAGE / 2).collect();
    format!("{start} ... {end}")
}
