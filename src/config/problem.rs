//! The `[problem]` section: every combination of its values is a problem point.

use std::path::Path;
use std::sync::Arc;

use toml::{Table, Value};

use super::covariates::covariates;
use super::input::input;
use super::{MAX_DIM, MAX_PROBLEMS};
use crate::config::keys::{Keys, boolean, distinct, from_list, integer, number, values, word};
use crate::error::{Error, Result};
use crate::problem::{self, Problem, Sampling, Sketch, SketchKind, Spectrum, SpectrumKind, Tail, Target, TargetKind};
use crate::words::{Word, listed};

const KEYS: [&str; 8] = ["dim", "spectrum", "target", "noise", "sketch", "sampling", "tail", "covariates"];

pub(super) fn problems(mut keys: Keys, base: &Path) -> Result<Vec<Problem>> {
    let sketches = values(&mut keys, "sketch", plain("gaussian"))?;
    let sketches = distinct("problem.sketch", &sketches, |value| sketch(value, base))?;
    for value in &values(&mut keys, "sampling", Value::from(<&str>::from(Sampling::default())))? {
        word::<Sampling>("problem.sampling", value)?;
    }
    let bases = match keys.take("covariates") {
        Some(value) => from_files(&mut keys, value, base)?,
        None => drawn(&mut keys, base)?,
    };
    keys.finish(&KEYS)?;
    few(&[bases.iter().map(|(_, tails)| tails.len()).sum(), sketches.len()])?;
    let mut points = Vec::new();
    // The tail is the last key but comes with the spectrum: keep it fastest.
    for (problem, tails) in &bases {
        for sketch in &sketches {
            for &tail in tails {
                let point = Problem { sketch: sketch.clone(), tail, ..problem.clone() };
                fits(&point)?;
                points.push(point);
            }
        }
    }
    Ok(points)
}

/// A table of that kind and nothing else.
fn plain(kind: &str) -> Value {
    Value::Table(Table::from_iter([("kind".to_string(), Value::from(kind))]))
}

/// What a table is about.
fn kind<T: Word>(keys: &mut Keys) -> Result<T> {
    let value = keys.required("kind", &listed::<T>())?;
    word(&keys.path("kind"), &value)
}

/// An exponent or a rate.
fn parameter(keys: &mut Keys, key: &str) -> Result<f64> {
    let value = keys.required(key, "a number from 0 to 16")?;
    number(&keys.path(key), &value, 0.0, 16.0)
}

/// Points but for sketch and tail, each with its tails.
type Bases = Vec<(Problem, Vec<Tail>)>;

fn drawn(keys: &mut Keys, base: &Path) -> Result<Bases> {
    let list = |value: Value, key: &str| match value {
        Value::Array(list) => from_list(key, list),
        single => Ok(vec![single]),
    };
    let dims = list(keys.required("dim", "an integer or a list of integers, as 1000")?, "problem.dim")?;
    let dims = distinct("problem.dim", &dims, |value| integer("problem.dim", value, 1, u64::from(MAX_DIM)))?;
    let spectra = keys.required("spectrum", "{ kind = \"power\", exponent = 2.0 }")?;
    let spectra = distinct("problem.spectrum", &list(spectra, "problem.spectrum")?, |value| spectrum(value, base))?;
    let targets = values(keys, "target", plain("gaussian"))?;
    let targets = distinct("problem.target", &targets, |value| target(value, base))?;
    let noises = distinct("problem.noise", &values(keys, "noise", Value::from(1.0))?, noise_level)?;
    let tails = values(keys, "tail", Value::from("open"))?;
    let tails = distinct("problem.tail", &tails, |value| word("problem.tail", value))?;
    few(&[dims.len(), spectra.len(), targets.len(), noises.len(), tails.len()])?;
    let mut points = Vec::new();
    for &dim in &dims {
        for spectrum in &spectra {
            for target in &targets {
                let (spectrum, target) = (spectrum.clone(), target.clone());
                let (dim, sketch, tail) = (dim as u32, Sketch::None, Tail::Open);
                let point = Problem { dim, spectrum, target, noise: 0.0, sketch, tail };
                has_shapes(&point)?;
                for &tail in &tails {
                    problem::check(&Problem { tail, ..point.clone() })?;
                }
                points.extend(noises.iter().map(|&noise| (Problem { noise, ..point.clone() }, tails.clone())));
            }
        }
    }
    Ok(points)
}

fn from_files(keys: &mut Keys, value: Value, base: &Path) -> Result<Bases> {
    for key in ["spectrum", "target", "noise", "tail"] {
        if keys.take(key).is_some() {
            return Err(Error::Input(format!(
                "problem.{key} is set but problem.covariates brings its own: remove problem.{key}"
            )));
        }
    }
    let dim = keys.take("dim").map(|value| integer("problem.dim", &value, 1, u64::from(MAX_DIM))).transpose()?;
    let list = match value {
        Value::Array(list) => from_list("problem.covariates", list)?,
        single => vec![single],
    };
    let one = |value: &Value| covariates(Keys::from_value("problem.covariates", value.clone())?, base);
    let mut points = Vec::new();
    for covariates in distinct("problem.covariates", &list, one)? {
        let columns = covariates.dim() as u32;
        if let Some(dim) = dim.filter(|&dim| dim != u64::from(columns)) {
            return Err(Error::Input(format!(
                "problem.dim = {dim}: allowed is {columns}, the columns of problem.covariates, or no problem.dim"
            )));
        }
        let target = Target::Labels(covariates.labels.clone());
        let spectrum = Spectrum::Covariates(Arc::new(covariates));
        let (sketch, tail) = (Sketch::None, Tail::Open);
        points.push((Problem { dim: columns, spectrum, target, noise: 0.0, sketch, tail }, vec![tail]));
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

fn spectrum(value: &Value, base: &Path) -> Result<Spectrum> {
    let mut keys = Keys::from_value("problem.spectrum", value.clone())?;
    let (spectrum, more): (Spectrum, &[&str]) = match kind(&mut keys)? {
        SpectrumKind::Power => (Spectrum::Power { exponent: parameter(&mut keys, "exponent")? }, &["exponent"]),
        SpectrumKind::Exponential => (Spectrum::Exponential { rate: parameter(&mut keys, "rate")? }, &["rate"]),
        SpectrumKind::Logarithmic => {
            (Spectrum::Logarithmic { exponent: parameter(&mut keys, "exponent")? }, &["exponent"])
        }
        SpectrumKind::File => (Spectrum::File(input(&mut keys, "path", "hash", base)?), &["path", "hash"]),
    };
    keys.finish(&[&["kind"], more].concat())?;
    if let Spectrum::File(input) = &spectrum
        && let Some(i) = input.values.iter().position(|lambda| *lambda < 0.0)
    {
        return Err(Error::Input(format!(
            "problem.spectrum.path: {}, element [{i}] is {}: allowed are eigenvalues of at least 0",
            input.path.display(),
            input.values[i]
        )));
    }
    Ok(spectrum)
}

fn target(value: &Value, base: &Path) -> Result<Target> {
    let mut keys = Keys::from_value("problem.target", value.clone())?;
    let (target, more): (Target, &[&str]) = match kind(&mut keys)? {
        TargetKind::Gaussian => (Target::Gaussian, &[]),
        TargetKind::Ones => (Target::Ones, &[]),
        TargetKind::Source => (Target::Source { exponent: parameter(&mut keys, "exponent")? }, &["exponent"]),
        TargetKind::File => (Target::File(input(&mut keys, "path", "hash", base)?), &["path", "hash"]),
    };
    keys.finish(&[&["kind"], more].concat())?;
    Ok(target)
}

fn sketch(value: &Value, base: &Path) -> Result<Sketch> {
    let mut keys = Keys::from_value("problem.sketch", value.clone())?;
    let (sketch, more): (Sketch, &[&str]) = match kind(&mut keys)? {
        SketchKind::Gaussian => {
            let nested = keys.take("nested").unwrap_or(Value::from(true));
            (Sketch::Gaussian { nested: boolean("problem.sketch.nested", &nested)? }, &["nested"])
        }
        SketchKind::None => (Sketch::None, &[]),
        SketchKind::File => (Sketch::File(input(&mut keys, "path", "hash", base)?), &["path", "hash"]),
    };
    keys.finish(&[&["kind"], more].concat())?;
    Ok(sketch)
}

/// Refuses lists whose product has too many points.
fn few(lengths: &[usize]) -> Result<()> {
    let points = lengths.iter().fold(1, |product: usize, length| product.saturating_mul(*length));
    if points > MAX_PROBLEMS {
        return Err(Error::Input(format!(
            "problem has lists whose product is {points} points: allowed are up to {MAX_PROBLEMS}"
        )));
    }
    Ok(())
}

/// Refuses a spectrum or target from a file that is not of the dimension.
fn has_shapes(point: &Problem) -> Result<()> {
    let dim = point.dim as usize;
    if let Spectrum::File(input) = &point.spectrum {
        input.expect_shape("problem.spectrum.path", &[dim], "problem.dim eigenvalues")?;
    }
    if let Target::File(input) = &point.target {
        input.expect_shape("problem.target.path", &[dim], "problem.dim entries of w*")?;
    }
    Ok(())
}

/// Refuses a sketch that does not go with the rest.
fn fits(point: &Problem) -> Result<()> {
    if let Sketch::File(input) = &point.sketch {
        let rows = input.shape.first().copied().unwrap_or(0).max(1);
        let meaning = "rows of S, each of problem.dim columns";
        input.expect_shape("problem.sketch.path", &[rows, point.dim as usize], meaning)?;
    }
    if point.tail == Tail::Closed && point.sketch == Sketch::None {
        return Err(Error::Input(
            "problem.tail = \"closed\" stands for coordinates that a sketch mixes in: with problem.sketch none allowed is \"open\""
                .into(),
        ));
    }
    Ok(())
}
