//! The `[problem]` section: every combination of its values is a problem point.

use std::path::Path;
use std::sync::Arc;

use toml::{Table, Value};

use super::covariates::covariates;
use super::input::input;
use super::item::{Item, distinct};
use super::keys::Keys;
use super::places::Places;
use super::sampling::{self, sampling};
use super::{MAX_DIM, MAX_PROBLEMS};
use crate::error::{Error, Result};
use crate::problem::{
    self, Problem, Sampling, SamplingKind, Sketch, SketchKind, Spectrum, SpectrumKind, Tail, Target, TargetKind,
};
use crate::words::{Word, listed};

const KEYS: [&str; 8] = ["dim", "spectrum", "target", "noise", "sketch", "sampling", "tail", "covariates"];

/// `places` are those of the keys.
pub(super) fn problems(mut keys: Keys, base: &Path, places: &Places) -> Result<Vec<Problem>> {
    keys.know(&KEYS)?;
    let sketches = distinct(&keys.take_or("sketch", plain("gaussian")).list()?, |item| sketch(item, base))?;
    let samplings = distinct(&keys.take_or("sampling", <&str>::from(SamplingKind::Ambient)).list()?, sampling)?;
    let bases = match keys.take("covariates") {
        Some(item) => from_files(&mut keys, item, base)?,
        None => drawn(&mut keys, base, places)?,
    };
    few(&[bases.iter().map(|(_, tails)| tails.len()).sum(), sketches.len(), samplings.len()])?;
    let mut points = Vec::new();
    // The tail is the last key but comes with the spectrum: keep it fastest.
    for (problem, tails) in &bases {
        for sketch in &sketches {
            for &sampling in &samplings {
                for &tail in tails {
                    let point = Problem { sketch: sketch.clone(), sampling, tail, ..problem.clone() };
                    fits(&point, places)?;
                    points.push(point);
                }
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
pub(super) fn kind<T: Word>(keys: &mut Keys) -> Result<T> {
    keys.required("kind", &listed::<T>())?.word()
}

/// An exponent or a rate.
fn parameter(keys: &mut Keys, key: &str) -> Result<f64> {
    keys.required(key, "a number from 0 to 16")?.number(0.0, 16.0)
}

/// Points but for sketch, sampling and tail, each with its tails.
type Bases = Vec<(Problem, Vec<Tail>)>;

fn drawn(keys: &mut Keys, base: &Path, places: &Places) -> Result<Bases> {
    let dims = keys.required("dim", "an integer or a list of integers, as 1000")?.list()?;
    let dims = distinct(&dims, dimension)?;
    let spectra = keys.required("spectrum", "{ kind = \"power\", exponent = 2.0 }")?.list()?;
    let spectra = distinct(&spectra, |item| spectrum(item, base))?;
    let targets = distinct(&keys.take_or("target", plain("gaussian")).list()?, |item| target(item, base))?;
    let noises = distinct(&keys.take_or("noise", 1.0).list()?, noise_level)?;
    let tails: Vec<Tail> = distinct(&keys.take_or("tail", "open").list()?, Item::word)?;
    few(&[dims.len(), spectra.len(), targets.len(), noises.len(), tails.len()])?;
    let mut points = Vec::new();
    for &dim in &dims {
        for spectrum in &spectra {
            for target in &targets {
                let (spectrum, target) = (spectrum.clone(), target.clone());
                let (sketch, sampling, tail) = (Sketch::None, Sampling::Ambient, Tail::Open);
                let point = Problem { dim, spectrum, target, noise: 0.0, sketch, sampling, tail };
                has_shapes(&point, places)?;
                for &tail in &tails {
                    problem::check(&Problem { tail, ..point.clone() })
                        .map_err(|(key, wrong)| Error::Input(format!("{}{wrong}", places.key(key))))?;
                }
                points.extend(noises.iter().map(|&noise| (Problem { noise, ..point.clone() }, tails.clone())));
            }
        }
    }
    Ok(points)
}

fn from_files(keys: &mut Keys, item: Item, base: &Path) -> Result<Bases> {
    for key in ["spectrum", "target", "noise", "tail"] {
        if keys.has(key) {
            return Err(Error::Input(format!(
                "{} is set but problem.covariates brings its own: remove problem.{key}",
                keys.key(key)
            )));
        }
    }
    let key = keys.key("dim");
    let dim = keys.take("dim").map(|item| dimension(&item)).transpose()?;
    let mut points = Vec::new();
    for covariates in distinct(&item.list()?, |item| covariates(item, base))? {
        let columns = covariates.dim() as u32;
        if let Some(dim) = dim.filter(|&dim| dim != columns) {
            return Err(Error::Input(format!(
                "{key} = {dim}: allowed is {columns}, the columns of problem.covariates, or no problem.dim"
            )));
        }
        let target = Target::Labels(covariates.labels.clone());
        let spectrum = Spectrum::Covariates(Arc::new(covariates));
        let (sketch, sampling, tail) = (Sketch::None, Sampling::Ambient, Tail::Open);
        points.push((Problem { dim: columns, spectrum, target, noise: 0.0, sketch, sampling, tail }, vec![tail]));
    }
    Ok(points)
}

fn dimension(item: &Item) -> Result<u32> {
    Ok(item.integer(1, u64::from(MAX_DIM))? as u32)
}

fn noise_level(item: &Item) -> Result<f64> {
    let noise = item.number(0.0, 1e6)?;
    if noise != 0.0 && noise < 2f64.powi(-48) {
        return Err(item.bad("0, and a number from 2^-48 to 1e6"));
    }
    Ok(noise)
}

fn spectrum(item: &Item, base: &Path) -> Result<Spectrum> {
    let mut keys = item.clone().table()?;
    keys.know(&["kind", "exponent", "rate", "path", "hash"])?;
    let key = keys.key("path");
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
            "{key}: {}, element [{i}] is {}: allowed are eigenvalues of at least 0",
            input.path.display(),
            input.values[i]
        )));
    }
    Ok(spectrum)
}

fn target(item: &Item, base: &Path) -> Result<Target> {
    let mut keys = item.clone().table()?;
    keys.know(&["kind", "exponent", "path", "hash"])?;
    let (target, more): (Target, &[&str]) = match kind(&mut keys)? {
        TargetKind::Gaussian => (Target::Gaussian, &[]),
        TargetKind::Ones => (Target::Ones, &[]),
        TargetKind::Source => (Target::Source { exponent: parameter(&mut keys, "exponent")? }, &["exponent"]),
        TargetKind::File => (Target::File(input(&mut keys, "path", "hash", base)?), &["path", "hash"]),
    };
    keys.finish(&[&["kind"], more].concat())?;
    Ok(target)
}

fn sketch(item: &Item, base: &Path) -> Result<Sketch> {
    let mut keys = item.clone().table()?;
    keys.know(&["kind", "nested", "path", "hash"])?;
    let (sketch, more): (Sketch, &[&str]) = match kind(&mut keys)? {
        SketchKind::Gaussian => (Sketch::Gaussian { nested: keys.take_or("nested", true).boolean()? }, &["nested"]),
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
fn has_shapes(point: &Problem, places: &Places) -> Result<()> {
    let dim = point.dim as usize;
    if let Spectrum::File(input) = &point.spectrum {
        input.expect_shape(&format!("{}.path", places.key("problem.spectrum")), &[dim], "problem.dim eigenvalues")?;
    }
    if let Target::File(input) = &point.target {
        input.expect_shape(&format!("{}.path", places.key("problem.target")), &[dim], "problem.dim entries of w*")?;
    }
    Ok(())
}

/// Refuses a sketch that does not go with the rest.
fn fits(point: &Problem, places: &Places) -> Result<()> {
    if let Sketch::File(input) = &point.sketch {
        let rows = input.shape.first().copied().unwrap_or(0).max(1);
        let meaning = "rows of S, each of problem.dim columns";
        input.expect_shape(&format!("{}.path", places.key("problem.sketch")), &[rows, point.dim as usize], meaning)?;
    }
    sampling::fits(point, places)?;
    if point.tail == Tail::Closed && point.sketch == Sketch::None {
        return Err(Error::Input(format!(
            "{} = \"closed\" stands for coordinates that a sketch mixes in: with problem.sketch none allowed is \"open\"",
            places.key("problem.tail")
        )));
    }
    Ok(())
}
