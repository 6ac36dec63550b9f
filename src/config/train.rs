//! The `[train]` and `[sweep]` sections.

use super::item::{Item, Node, distinct};
use super::keys::{Keys, grid};
use super::{Check, Checkpoints, MAX_BATCH, MAX_MODEL, MAX_NAME, MAX_SAMPLES, Sweep, Train};
use crate::error::{Error, Result};
use crate::problem::{Problem, Sketch};

const KEYS: [&str; 9] =
    ["model", "samples", "batch", "step_size", "schedule", "output", "checkpoints", "quantized_test", "test_samples"];

/// `dim` is how messages about `problem.dim` begin.
pub(super) fn train(mut keys: Keys, problems: &[Problem], dim: &str) -> Result<Train> {
    keys.know(&KEYS)?;
    if let Some(p) = problems.iter().find(|p| !p.is_sketched() && p.dim > MAX_MODEL) {
        return Err(Error::Input(format!(
            "{dim} = {}: with problem.sketch none M = D, allowed are 1 to {MAX_MODEL}",
            p.dim
        )));
    }
    let models = match largest_model(problems) {
        None if keys.has("model") => {
            return Err(Error::Input(format!(
                "{} is set but problem.sketch is none: there M = D, remove train.model",
                keys.key("model")
            )));
        }
        None => Vec::new(),
        Some(largest) => grid(keys.required("model", "a list of model sizes M, as [8, 16]")?, 1, largest)?,
    };
    let [samples_key, batch_key, quantized_key] = ["samples", "batch", "quantized_test"].map(|key| keys.key(key));
    let samples = grid(keys.required("samples", "a list of data sizes N, as [256, 512]")?, 1, MAX_SAMPLES)?;
    let batches = grid(keys.take_or("batch", 1), 1, u64::from(MAX_BATCH))?;
    let step_sizes = keys.take_or("step_size", 0.1).list()?;
    let step_sizes = distinct(&step_sizes, |item| item.number(2f64.powi(-40), 2f64.powi(20)))?;
    let schedule = keys.take_or("schedule", "geometric").word()?;
    let outputs = keys.take_or("output", "last").list()?.iter().map(Item::word).collect::<Result<_>>()?;
    let checkpoints = keys.take("checkpoints").map(|item| checkpoints(item, &samples, &batches)).transpose()?;
    let quantized_test = if keys.take_or("quantized_test", false).boolean()? {
        Some(keys.take_or("test_samples", 4096).integer(2, 1 << 24)? as u32)
    } else {
        None
    };
    keys.finish(&KEYS)?;
    fit_files(problems, &samples, &samples_key)?;
    if quantized_test.is_some() && problems.iter().any(|problem| problem.covariates().is_some()) {
        return Err(Error::Input(format!(
            "{quantized_key} = true draws test samples: with problem.covariates allowed is false"
        )));
    }
    let smallest = samples.iter().copied().min().unwrap_or(1);
    for (&n, &b) in samples.iter().flat_map(|n| batches.iter().map(move |b| (n, b))) {
        if b > smallest {
            return Err(Error::Input(format!(
                "{batch_key} = {b}: allowed are 1 to the smallest train.samples, {smallest}"
            )));
        }
        if n % b != 0 {
            let nearest = if n % b * 2 >= b { n / b * b + b } else { n / b * b };
            return Err(Error::Input(format!(
                "{samples_key} = {n} is no multiple of train.batch = {b}: the nearest is {nearest}"
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
        checkpoints: checkpoints.unwrap_or(Checkpoints::At(Vec::new())),
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

/// Rows of a file are read once. `key` is how a message begins.
fn fit_files(problems: &[Problem], samples: &[u64], key: &str) -> Result<()> {
    for covariates in problems.iter().filter_map(Problem::covariates) {
        let rows = covariates.training_rows() as u64;
        if let Some(n) = samples.iter().find(|&&n| n > rows) {
            return Err(Error::Input(format!(
                "{key} = {n}: problem.covariates has {rows} rows for training ({} are held out), each is read once: \
                 allowed are 1 to {rows}",
                covariates.held_rows()
            )));
        }
    }
    Ok(())
}

fn checkpoints(item: Item, samples: &[u64], batches: &[u64]) -> Result<Checkpoints> {
    let list = match &item.node {
        Node::List(list) if list.is_empty() => return Ok(Checkpoints::At(Vec::new())),
        Node::List(_) => item.list()?,
        _ if item.as_str() == Some("log2") => return Ok(Checkpoints::Log2),
        _ => return Err(item.bad("a list of numbers of samples or \"log2\"")),
    };
    let largest = samples.iter().copied().max().unwrap_or(1);
    let mut points = Vec::new();
    for item in &list {
        let point = item.integer(1, largest)?;
        if let Some(b) = batches.iter().find(|&&b| point % b != 0) {
            return Err(Error::Input(format!("{} = {point}: allowed are multiples of train.batch = {b}", item.key())));
        }
        points.push(point);
    }
    points.sort_unstable();
    Ok(Checkpoints::At(points))
}

/// The sweep, and what its report is called.
pub(super) fn sweep(mut keys: Keys) -> Result<(Sweep, Option<String>)> {
    keys.know(&["seeds", "seed", "check", "draws", "title"])?;
    let seeds = keys.take_or("seeds", 100).integer(1, MAX_SAMPLES)? as u32;
    let seed = keys.take_or("seed", 0).integer(0, i64::MAX as u64)?;
    let check = keys.take_or("check", "auto");
    let text = check.as_str().map_or_else(|| check.to_string(), String::from);
    let check = Check::parse(&check.key(), &text)?;
    let draws = keys.take_or("draws", "device").word()?;
    let title = keys.take("title").map(|title| {
        let is_line = |text: &&str| !text.trim().is_empty() && text.chars().count() <= MAX_NAME && !text.contains('\n');
        let allowed = format!("a non-empty line of at most {MAX_NAME} characters");
        title.as_str().filter(is_line).map(String::from).ok_or_else(|| title.bad(&allowed))
    });
    Ok((Sweep { seeds, seed, check, draws }, title.transpose()?))
}
