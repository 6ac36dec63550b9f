//! The `[train]` and `[sweep]` sections.

use toml::Value;

use super::{Check, Checkpoints, MAX_BATCH, MAX_MODEL, MAX_SAMPLES, Sweep, Train};
use crate::config::keys::{Keys, bad, boolean, distinct, from_list, grid, integer, number, values, word};
use crate::error::{Error, Result};
use crate::problem::{Problem, Sketch};

pub(super) fn train(mut keys: Keys, problems: &[Problem]) -> Result<Train> {
    if let Some(p) = problems.iter().find(|p| !p.is_sketched() && p.dim > MAX_MODEL) {
        return Err(Error::Input(format!(
            "problem.dim = {}: with problem.sketch none M = D, allowed are 1 to {MAX_MODEL}",
            p.dim
        )));
    }
    let models = match (keys.take("model"), largest_model(problems)) {
        (Some(_), None) => {
            return Err(Error::Input(
                "train.model is set but problem.sketch is none: there M = D, remove train.model".into(),
            ));
        }
        (None, None) => Vec::new(),
        (None, Some(_)) => return Err(Error::Input("train.model is missing: a list of model sizes M".into())),
        (Some(value), Some(largest)) => grid("train.model", value, 1, largest)?,
    };
    let samples =
        grid("train.samples", keys.required("samples", "a list of data sizes N, as [256, 512]")?, 1, MAX_SAMPLES)?;
    let batches = grid("train.batch", keys.take("batch").unwrap_or(Value::from(1)), 1, u64::from(MAX_BATCH))?;
    let step_sizes = values(&mut keys, "step_size", Value::from(0.1))?;
    let step_size = |value: &Value| number("train.step_size", value, 2f64.powi(-40), 2f64.powi(20));
    let step_sizes = distinct("train.step_size", &step_sizes, step_size)?;
    let schedule = keys.take("schedule").unwrap_or(Value::from("geometric"));
    let schedule = word("train.schedule", &schedule)?;
    let outputs = values(&mut keys, "output", Value::from("last"))?;
    let outputs = outputs.iter().map(|value| word("train.output", value)).collect::<Result<_>>()?;
    let checkpoints = checkpoints(keys.take("checkpoints"), &samples, &batches)?;
    let quantized = keys.take("quantized_test").unwrap_or(Value::from(false));
    let quantized_test = if boolean("train.quantized_test", &quantized)? {
        let samples = keys.take("test_samples").unwrap_or(Value::from(4096));
        Some(integer("train.test_samples", &samples, 2, 1 << 24)? as u32)
    } else {
        None
    };
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
    fit_files(problems, &samples, quantized_test)?;
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
        schedule,
        outputs,
        checkpoints,
        quantized_test,
    })
}

/// The largest M that every sketch allows: at most D, and at most the rows of a file.
fn largest_model(problems: &[Problem]) -> Option<u64> {
    let largest = |problem: &Problem| match &problem.sketch {
        Sketch::None => None,
        Sketch::Gaussian { .. } => Some(u64::from(problem.dim)),
        Sketch::File(input) => Some(u64::from(problem.dim).min(input.shape[0] as u64)),
    };
    problems.iter().filter_map(largest).min().map(|most| most.min(u64::from(MAX_MODEL)))
}

/// Rows of a file are read once, and have no draws of their own to test on.
fn fit_files(problems: &[Problem], samples: &[u64], quantized_test: Option<u32>) -> Result<()> {
    for covariates in problems.iter().filter_map(Problem::covariates) {
        let rows = covariates.training_rows() as u64;
        if let Some(n) = samples.iter().find(|&&n| n > rows) {
            return Err(Error::Input(format!(
                "train.samples = {n}: problem.covariates has {rows} rows for training ({} are held out), each is read once: \
                 allowed are 1 to {rows}",
                covariates.held_rows()
            )));
        }
        if quantized_test.is_some() {
            return Err(Error::Input(
                "train.quantized_test = true draws test samples: with problem.covariates allowed is false".into(),
            ));
        }
    }
    Ok(())
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

pub(super) fn sweep(mut keys: Keys) -> Result<Sweep> {
    let seeds = keys.take("seeds").unwrap_or(Value::from(100));
    let seeds = integer("sweep.seeds", &seeds, 1, MAX_SAMPLES)? as u32;
    let seed = keys.take("seed").unwrap_or(Value::from(0));
    let seed = integer("sweep.seed", &seed, 0, i64::MAX as u64)?;
    let check = match keys.take("check") {
        None => Check::Auto,
        Some(Value::String(text)) => Check::parse("sweep.check", &text)?,
        Some(other) => Check::parse("sweep.check", &other.to_string())?,
    };
    let draws = keys.take("draws").unwrap_or(Value::from("device"));
    let draws = word("sweep.draws", &draws)?;
    keys.finish(&["seeds", "seed", "check", "draws"])?;
    Ok(Sweep { seeds, seed, check, draws })
}
