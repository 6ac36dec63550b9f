//! The config: what to run. Parsing refuses everything it does not know; every error names the key, the value
//! and what is allowed.

mod covariates;
mod input;
pub mod inputs;
mod item;
pub mod keys;
mod lists;
mod overrides;
mod phases;
mod places;
mod problem;
pub mod quantizer;
mod recipe;
pub mod resolved;
mod sampling;
mod train;

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

pub use self::phases::{Phase, Start};
use self::places::Places;
use crate::characters;
use crate::error::{Error, Result};
use crate::format::Spec;
use crate::problem::Problem;
use crate::site::PerSite;

pub const MAX_DIM: u32 = 1 << 24;
/// Coordinates of a head: a lane of a GPU goes over all of them for each label, in loops that drivers cut off.
pub const MAX_HEAD: u32 = 1 << 16;
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

/// A whole config, lists expanded, every value checked. Its keys are those of docs/config.md, and a text with them is the
/// only way to one: what holds a config need not check it again.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    pub(crate) problems: Vec<Problem>,
    pub(crate) train: Train,
    pub(crate) recipes: Vec<Recipe>,
    pub(crate) sweep: Sweep,
    /// What its report is called.
    pub(crate) title: Option<String>,
    pub(crate) places: Places,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "kebab-case")]
pub enum Schedule {
    Constant,
    /// gamma 2^-floor(t/stage), stage = ceil(T/log2 T).
    Geometric,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "kebab-case")]
pub enum Output {
    /// v after the last update.
    Last,
    /// The mean of v_0 .. v_{t-1} after t updates.
    Average,
    /// The mean of v_t over t >= floor(T/2) at the end of a run of T updates, and nothing before.
    Tail,
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

/// A format per site; `None` where values stay as they are.
pub type Sites = PerSite<Option<Spec>>;

/// Formats, and those that follow them while a run trains.
#[derive(Clone, Debug, PartialEq)]
pub struct Recipe {
    pub name: String,
    /// Of phase 0, from the start on.
    pub sites: Sites,
    /// Phases 1 and on, in the order in which they begin.
    pub then: Vec<Phase>,
    /// What it says its values take, in bits; `None` where that follows from its formats.
    pub bits: Option<f64>,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "kebab-case")]
pub enum Draws {
    Device,
    /// The CPU, which uploads them block by block.
    Host,
}

impl Draws {
    pub fn name(self) -> &'static str {
        self.into()
    }
}

impl Output {
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Whether a run of N = `samples` has a row of it after `seen` samples at which it has rows.
    pub fn is_due(self, seen: u64, samples: u64) -> bool {
        self != Output::Tail || seen == samples
    }

    /// Whether it needs the sum of the iterates.
    pub fn is_mean(self) -> bool {
        self != Output::Last
    }
}

impl Schedule {
    pub fn name(self) -> &'static str {
        self.into()
    }
}

impl Check {
    /// Parses `auto`, `all`, `off` or a number of seeds; `key` is what messages call it.
    pub fn parse(key: &str, text: &str) -> Result<Check> {
        match text {
            "auto" => Ok(Check::Auto),
            "all" => Ok(Check::All),
            "off" => Ok(Check::Off),
            number => number.parse().ok().filter(|&n: &u32| n > 0).map(Check::Seeds).ok_or_else(|| {
                Error::Input(format!("{key} = {text:?}: allowed are auto, all, off or a number of seeds >= 1"))
            }),
        }
    }
}

impl Config {
    /// Reads a config file and applies overrides, each a dotted key and a TOML value, as `sweep.seeds=8`; the paths in it
    /// are relative to its directory.
    ///
    /// # Errors
    /// [`Error::Input`] for a file that can't be read, unknown keys and values that are not allowed.
    pub fn load(path: &Path, overrides: &[String]) -> Result<Config> {
        let text = read_text(path)
            .map_err(|e| Error::Input(one_line(&format!("config {} cannot be read: {e}", path.display()))))?;
        Config::parse_in(path, &text, overrides)
    }

    /// [`Config::load`] from a text, which messages call `config`; paths are relative to the current directory.
    ///
    /// # Examples
    /// ```
    /// use roundlaw::Config;
    ///
    /// let text = r#"
    ///     problem = { dim = 100, spectrum = { kind = "power", exponent = 2.0 } }
    ///     train = { model = { from = 8, to = 32, mul = 2 }, samples = 256 }
    ///     recipe = [{ name = "fp32" }, { name = "mxfp4 features", feature = "mxfp4" }]
    /// "#;
    /// let config = Config::parse(text, &["sweep.seeds=3".into()])?;
    /// assert_eq!(config.recipe_names().collect::<Vec<_>>(), ["fp32", "mxfp4 features"]);
    /// assert_eq!(config.seeds(), 3);
    ///
    /// let error = Config::parse("problem = { dims = 100 }", &[]).unwrap_err().to_string();
    /// assert!(error.starts_with("config, line 1: problem.dims is no known key: allowed are dim, "), "{error}");
    /// assert!(error.ends_with("did you mean dim?"), "{error}");
    /// # Ok::<(), roundlaw::Error>(())
    /// ```
    pub fn parse(text: &str, overrides: &[String]) -> Result<Config> {
        Config::parse_in(Path::new("config"), text, overrides)
    }

    /// Names of the recipes, in the order of the config.
    pub fn recipe_names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.recipes.iter().map(|recipe| recipe.name.as_str())
    }

    /// Repetitions of every run: `sweep.seeds`, at least 1.
    pub fn seeds(&self) -> u32 {
        self.sweep.seeds
    }

    /// One per point of the product over the `[problem]` keys, last key fastest.
    #[doc(hidden)]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    #[doc(hidden)]
    pub fn train(&self) -> &Train {
        &self.train
    }

    #[doc(hidden)]
    pub fn recipes(&self) -> &[Recipe] {
        &self.recipes
    }

    #[doc(hidden)]
    pub fn sweep(&self) -> &Sweep {
        &self.sweep
    }

    /// What the report of its sweep is called.
    #[doc(hidden)]
    pub fn title(&self) -> Option<&str> {
        self.title.as_deref()
    }

    /// Parses the text of `file` after applying `--set KEY=VALUE` overrides (dotted keys, TOML values).
    pub(crate) fn parse_in(file: &Path, text: &str, overrides: &[String]) -> Result<Config> {
        Config::read(file, text, overrides).map_err(in_one_line)
    }

    fn read(file: &Path, text: &str, overrides: &[String]) -> Result<Config> {
        let base = file.parent().unwrap_or(Path::new(""));
        let mut root = item::parse(&file.display().to_string(), text)?;
        for item in overrides {
            overrides::set(&mut root, item)?;
        }
        root.know(&["problem", "train", "recipe", "sweep"])?;
        let mut places = Places::default();
        let [problem, train, sweep] =
            ["problem", "train", "sweep"].map(|key| root.section(key).inspect(|section| places.add_all(section)));
        let problems = problem::problems(problem?, base, &places)?;
        let recipes = recipe::recipes(&mut root, &mut places)?;
        sampling::allows(&problems, &recipes, &places)?;
        let train = train::train(train?, &problems, &places.key("problem.dim"))?;
        phases::fit(&recipes, &train, &places)?;
        let (sweep, title) = train::sweep(sweep?)?;
        Ok(Config { problems, train, recipes, sweep, title, places })
    }

    /// How a message about the key of this dotted name begins: where it stands, and the name.
    pub(crate) fn key(&self, name: &str) -> String {
        self.places.key(name)
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

fn in_one_line(error: Error) -> Error {
    match error {
        Error::Input(message) => Error::Input(one_line(&message)),
        other => other,
    }
}

/// A message that quotes keys and values stays a readable line: of a long value its beginning is kept, and what the end
/// says is allowed.
fn one_line(message: &str) -> String {
    let line = characters::one_line(message);
    let length = line.chars().count();
    if length <= MAX_MESSAGE {
        return line.into_owned();
    }
    let start: String = line.chars().take(MAX_MESSAGE / 3).collect();
    let end: String = line.chars().skip(length - MAX_MESSAGE / 2).collect();
    format!("{start} ... {end}")
}
