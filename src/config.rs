//! The config: what to run. Parsing refuses everything it does not know; every error names the key, the value
//! and what is allowed.

use toml::{Table, Value};

use crate::error::{Error, Result};
use crate::format::{FORMATS, Layout, Rounding, Spec, format};
use crate::keys::{Keys, from_list, power_of_two};
use crate::row::{SITES, Site};

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
        let problems = problems(root.table("problem")?)?;
        let recipes = recipes(root.take("recipe"))?;
        let train = train(root.table("train")?, &problems)?;
        let sweep = sweep(root.table("sweep")?)?;
        root.finish(&["problem", "train", "recipe", "sweep"])?;
        Ok(Config { problems, train, recipes, sweep })
    }
}

/// A message that quotes keys and values stays one line: control characters are written as escapes.
fn one_line(message: &str) -> String {
    let escape = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    message.chars().map(escape).collect()
}

/// The key's value or values: `[problem]` lists make one problem point each.
fn values(keys: &mut Keys, key: &str, default: Value) -> Result<Vec<Value>> {
    let list = match keys.take(key).unwrap_or(default) {
        Value::Array(list) => list,
        single => vec![single],
    };
    from_list(&keys.path(key), list)
}

/// Parses a list. Two spellings of one value, as 1 and 1.0, are a value twice.
fn distinct<T: PartialEq>(key: &str, list: &[Value], parse: impl Fn(&Value) -> Result<T>) -> Result<Vec<T>> {
    let mut parsed = Vec::new();
    for value in list {
        let item = parse(value)?;
        if parsed.contains(&item) {
            return Err(Error::Input(format!("{key} holds {value} twice: values must differ")));
        }
        parsed.push(item);
    }
    Ok(parsed)
}

fn problems(mut keys: Keys) -> Result<Vec<Problem>> {
    let kind = |kind: &str| Value::Table(Table::from_iter([("kind".to_string(), Value::from(kind))]));
    let dims = keys.required("dim", "an integer or a list of integers, as 1000")?;
    let dims = match dims {
        Value::Array(list) => from_list("problem.dim", list)?,
        single => vec![single],
    };
    let spectrum = keys.required("spectrum", "{ kind = \"power\", exponent = 2.0 }")?;
    let spectra = if let Value::Array(list) = spectrum { from_list("problem.spectrum", list)? } else { vec![spectrum] };
    let targets = values(&mut keys, "target", kind("gaussian"))?;
    let noises = values(&mut keys, "noise", Value::from(1.0))?;
    let sketches = values(&mut keys, "sketch", kind("gaussian"))?;
    let samplings = values(&mut keys, "sampling", Value::from("ambient"))?;
    let tails = values(&mut keys, "tail", Value::from("open"))?;
    keys.finish(&["dim", "spectrum", "target", "noise", "sketch", "sampling", "tail"])?;
    for value in &samplings {
        one_of("problem.sampling", value, &["ambient"])?;
    }
    for value in &tails {
        one_of("problem.tail", value, &["open"])?;
    }
    let dims = distinct("problem.dim", &dims, |value| integer("problem.dim", value, 1, u64::from(MAX_DIM)))?;
    let exponents = distinct("problem.spectrum", &spectra, power_spectrum)?;
    let targets = distinct("problem.target", &targets, target_kind)?;
    let noises = distinct("problem.noise", &noises, noise_level)?;
    let sketches = distinct("problem.sketch", &sketches, sketch_kind)?;
    let mut points = Vec::new();
    for &dim in &dims {
        for &exponent in &exponents {
            for &target in &targets {
                for &noise in &noises {
                    for &sketch in &sketches {
                        points.push(Problem { dim: dim as u32, exponent, target, noise, sketch });
                    }
                }
            }
        }
    }
    Ok(points)
}

fn noise_level(value: &Value) -> Result<f64> {
    let noise = number("problem.noise", value, 0.0, 1e6)?;
    if noise != 0.0 && noise < 2f64.powi(-48) {
        return Err(Error::Input(format!("problem.noise = {noise}: allowed are 0 and 2^-48 to 1e6")));
    }
    Ok(noise)
}

fn power_spectrum(value: &Value) -> Result<f64> {
    let mut keys = Keys::from_value("problem.spectrum", value.clone())?;
    one_of("problem.spectrum.kind", &keys.required("kind", "power")?, &["power"])?;
    let exponent =
        number("problem.spectrum.exponent", &keys.required("exponent", "a number from 0 to 16")?, 0.0, 16.0)?;
    keys.finish(&["kind", "exponent"])?;
    Ok(exponent)
}

fn target_kind(value: &Value) -> Result<Target> {
    let mut keys = Keys::from_value("problem.target", value.clone())?;
    let kind = one_of("problem.target.kind", &keys.required("kind", "gaussian, ones")?, &["gaussian", "ones"])?;
    keys.finish(&["kind"])?;
    Ok([Target::Gaussian, Target::Ones][kind])
}

fn sketch_kind(value: &Value) -> Result<Sketch> {
    let mut keys = Keys::from_value("problem.sketch", value.clone())?;
    let kind = one_of("problem.sketch.kind", &keys.required("kind", "gaussian, none")?, &["gaussian", "none"])?;
    if kind == 0 {
        match keys.take("nested") {
            None | Some(Value::Boolean(true)) => {}
            Some(other) => return Err(bad("problem.sketch.nested", &other, "true")),
        }
    }
    keys.finish(if kind == 0 { &["kind", "nested"] } else { &["kind"] })?;
    Ok([Sketch::Gaussian, Sketch::None][kind])
}

fn train(mut keys: Keys, problems: &[Problem]) -> Result<Train> {
    let sketched = problems.iter().any(|p| p.sketch == Sketch::Gaussian);
    let smallest_dim = problems.iter().map(|p| p.dim).min().unwrap_or(1);
    let models = match (keys.take("model"), sketched) {
        (Some(_), _) if problems.iter().any(|p| p.sketch == Sketch::None) => {
            return Err(Error::Input(
                "train.model is set but problem.sketch is none: there M = D, remove train.model".into(),
            ));
        }
        (None, false) => match problems.iter().find(|p| p.dim > MAX_MODEL) {
            Some(p) => {
                let dim = p.dim;
                return Err(Error::Input(format!(
                    "problem.dim = {dim}: with problem.sketch none M = D, allowed are 1 to {MAX_MODEL}"
                )));
            }
            None => Vec::new(),
        },
        (None, true) => return Err(Error::Input("train.model is missing: a list of model sizes M".into())),
        (Some(value), _) => grid("train.model", value, 1, u64::from(MAX_MODEL.min(smallest_dim)))?,
    };
    let samples =
        grid("train.samples", keys.required("samples", "a list of data sizes N, as [256, 512]")?, 1, MAX_SAMPLES)?;
    let batches = grid("train.batch", keys.take("batch").unwrap_or(Value::from(1)), 1, u64::from(MAX_BATCH))?;
    let step_sizes = values(&mut keys, "step_size", Value::from(0.1))?;
    let step_size = |value: &Value| number("train.step_size", value, 2f64.powi(-40), 2f64.powi(20));
    let step_sizes = distinct("train.step_size", &step_sizes, step_size)?;
    let schedule = keys.take("schedule").unwrap_or(Value::from("geometric"));
    let schedule = one_of("train.schedule", &schedule, &["constant", "geometric"])?;
    let outputs = values(&mut keys, "output", Value::from("last"))?
        .iter()
        .map(|value| Ok([Output::Last, Output::Average][one_of("train.output", value, &["last", "average"])?]))
        .collect::<Result<Vec<_>>>()?;
    let checkpoints = checkpoints(keys.take("checkpoints"), &samples, &batches)?;
    match keys.take("quantized_test") {
        None | Some(Value::Boolean(false)) => {}
        Some(other) => return Err(bad("train.quantized_test", &other, "false (true is not implemented yet)")),
    }
    if let Some(value) = keys.take("test_samples") {
        integer("train.test_samples", &value, 1, MAX_SAMPLES)?;
    }
    keys.finish(&[
        "model",
        "samples",
        "batch",
        "step_size",
        "schedule",
        "output",
        "checkpoints",
        "quantized_test",
        "test_samples",
    ])?;
    let smallest = samples.iter().copied().min().unwrap_or(1);
    for (&n, &b) in samples.iter().flat_map(|n| batches.iter().map(move |b| (n, b))) {
        if b > smallest {
            return Err(Error::Input(format!(
                "train.batch = {b}: allowed are 1 to the smallest train.samples, {smallest}"
            )));
        }
        if n % b != 0 {
            let nearest = if n % b * 2 >= b { n / b * b + b } else { n / b * b };
            return Err(Error::Input(format!(
                "train.samples = {n} is no multiple of train.batch = {b}: the nearest is {nearest}"
            )));
        }
    }
    let narrow = |list: Vec<u64>| list.into_iter().map(|v| v as u32).collect();
    Ok(Train {
        models: narrow(models),
        samples,
        batches: narrow(batches),
        step_sizes,
        schedule: [Schedule::Constant, Schedule::Geometric][schedule],
        outputs,
        checkpoints,
    })
}

fn checkpoints(value: Option<Value>, samples: &[u64], batches: &[u64]) -> Result<Checkpoints> {
    let key = "train.checkpoints";
    let list = match value {
        None => return Ok(Checkpoints::At(Vec::new())),
        Some(Value::String(text)) if text == "log2" => return Ok(Checkpoints::Log2),
        Some(Value::Array(list)) if list.is_empty() => return Ok(Checkpoints::At(Vec::new())),
        Some(Value::Array(list)) => from_list(key, list)?,
        Some(other) => return Err(bad(key, &other, "a list of numbers of samples or \"log2\"")),
    };
    let largest = samples.iter().copied().max().unwrap_or(1);
    let mut points = Vec::new();
    for value in &list {
        let point = integer(key, value, 1, largest)?;
        if let Some(b) = batches.iter().find(|&&b| point % b != 0) {
            return Err(Error::Input(format!("{key} = {point}: allowed are multiples of train.batch = {b}")));
        }
        points.push(point);
    }
    points.sort_unstable();
    Ok(Checkpoints::At(points))
}

fn recipes(value: Option<Value>) -> Result<Vec<Recipe>> {
    let list = match value {
        Some(Value::Array(list)) => list,
        Some(other) => return Err(bad("recipe", &other, "[[recipe]] tables, each with a name")),
        None => return Err(Error::Input("recipe is missing: at least one [[recipe]] with a name".into())),
    };
    let mut recipes: Vec<Recipe> = Vec::new();
    for item in list {
        let mut keys = Keys::from_value("recipe", item)?;
        let name = match keys.required("name", "a non-empty text")? {
            Value::String(name) if !name.trim().is_empty() => name,
            other => return Err(bad("recipe.name", &other, "a non-empty text")),
        };
        if recipes.iter().any(|recipe| recipe.name == name) {
            return Err(Error::Input(format!("recipe.name = {name:?} stands twice: names must differ")));
        }
        let mut sites = [None; SITES];
        for site in Site::ALL {
            if let Some(value) = keys.take(site.name()) {
                if site == Site::FeatureGrad {
                    return Err(bad("recipe.feature_grad", &value, "nothing (the site is not implemented yet)"));
                }
                sites[site as usize] = spec(&format!("recipe {name:?}, {}", site.name()), value)?;
            }
        }
        let mut allowed = vec!["name"];
        allowed.extend(Site::ALL.iter().map(|site| site.name()));
        keys.finish(&allowed)?;
        recipes.push(Recipe { name, sites });
    }
    if recipes.is_empty() {
        return Err(Error::Input("recipe is empty: at least one [[recipe]] with a name".into()));
    }
    Ok(recipes)
}

fn spec(key: &str, value: Value) -> Result<Option<Spec>> {
    let value = match value {
        Value::String(name) => Value::Table(Table::from_iter([("format".to_string(), Value::String(name))])),
        other => other,
    };
    let mut keys = Keys::from_value(key, value)?;
    if let Some(noise) = keys.take("noise") {
        one_of(&keys.path("noise"), &noise, &["additive"])?;
        let eps = number(&keys.path("eps"), &keys.required("eps", "a variance, as 0.01")?, 2f64.powi(-96), 1e6)?;
        if let Some(law) = keys.take("law") {
            one_of(&keys.path("law"), &law, &["gaussian"])?;
        }
        keys.finish(&["noise", "eps", "law"])?;
        return Ok(Some(Spec::Additive { eps }));
    }
    let names: Vec<&str> = FORMATS.iter().map(|format| format.name).collect();
    let name = keys.required("format", &names.join(", "))?;
    let chosen = &FORMATS[one_of(&keys.path("format"), &name, &names)?];
    let rounding = keys.take("rounding").unwrap_or(Value::from("nearest-even"));
    let rounding = Rounding::ALL[one_of(&keys.path("rounding"), &rounding, &Rounding::ALL.map(Rounding::name))?];
    let option = match chosen.layout {
        Layout::Integer { .. } => "step",
        _ => "scale",
    };
    let mut allowed = vec!["format", "rounding"];
    let scale = match chosen.layout {
        Layout::Integer { .. } => {
            power_of_two(&keys.path(option), &keys.required(option, "a power of two, as 0.03125")?, -48, 48)?
        }
        Layout::Float { .. } => match keys.take(option) {
            Some(value) => power_of_two(&keys.path(option), &value, -32, 32)?,
            None => 1.0,
        },
        Layout::Identity | Layout::Block { .. } => 1.0,
    };
    if !matches!(chosen.layout, Layout::Identity | Layout::Block { .. }) {
        allowed.push(option);
    }
    keys.finish(&allowed)?;
    debug_assert!(format(chosen.name).is_some());
    Ok((chosen.layout != Layout::Identity).then_some(Spec::Format { format: chosen, scale, rounding }))
}

fn sweep(mut keys: Keys) -> Result<Sweep> {
    let seeds = keys.take("seeds").unwrap_or(Value::from(100));
    let seeds = integer("sweep.seeds", &seeds, 1, MAX_SAMPLES)? as u32;
    let seed = keys.take("seed").unwrap_or(Value::from(0));
    let seed = integer("sweep.seed", &seed, 0, i64::MAX as u64)?;
    let check = match keys.take("check") {
        None => Check::Auto,
        Some(Value::String(text)) => Check::parse(&text)?,
        Some(other) => Check::parse(&other.to_string())?,
    };
    let draws = keys.take("draws").unwrap_or(Value::from("device"));
    one_of("sweep.draws", &draws, &["device"])?;
    keys.finish(&["seeds", "seed", "check", "draws"])?;
    Ok(Sweep { seeds, seed, check })
}

/// A list, or `{ from, to, mul }`, of distinct integers.
fn grid(key: &str, value: Value, low: u64, high: u64) -> Result<Vec<u64>> {
    let list = match value {
        Value::Table(table) => {
            let mut keys = Keys::new(key, table);
            let from = integer(&keys.path("from"), &keys.required("from", "the first value")?, low, high)?;
            let to = integer(&keys.path("to"), &keys.required("to", "the last value")?, from, high)?;
            let mul = integer(&keys.path("mul"), &keys.required("mul", "an integer >= 2")?, 2, 1 << 31)?;
            keys.finish(&["from", "to", "mul"])?;
            return Ok(std::iter::successors(Some(from), |v| v.checked_mul(mul)).take_while(|&v| v <= to).collect());
        }
        Value::Array(list) => list,
        single => vec![single],
    };
    from_list(key, list)?.iter().map(|value| integer(key, value, low, high)).collect()
}

fn bad(key: &str, value: &Value, allowed: &str) -> Error {
    Error::Input(format!("{key} = {value}: allowed is {allowed}"))
}

fn integer(key: &str, value: &Value, low: u64, high: u64) -> Result<u64> {
    match value.as_integer().and_then(|v| u64::try_from(v).ok()) {
        Some(v) if (low..=high).contains(&v) => Ok(v),
        _ => Err(bad(key, value, &format!("an integer from {low} to {high}"))),
    }
}

fn number(key: &str, value: &Value, low: f64, high: f64) -> Result<f64> {
    match value.as_float().or(value.as_integer().map(|v| v as f64)) {
        // -0.0 becomes +0.0: one value has one text in the rows and in the resolved config.
        Some(v) if (low..=high).contains(&v) => Ok(v + 0.0),
        _ => Err(bad(key, value, &format!("a number from {low:e} to {high:e}"))),
    }
}

fn one_of(key: &str, value: &Value, allowed: &[&str]) -> Result<usize> {
    let found = value.as_str().and_then(|text| allowed.iter().position(|name| *name == text));
    found.ok_or_else(|| bad(key, value, &allowed.join(", ")))
}
