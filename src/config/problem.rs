//! The `[problem]` section: every combination of its values is a problem point.

use toml::{Table, Value};

use super::{MAX_DIM, Problem, Sketch, Target};
use crate::error::{Error, Result};
use crate::keys::{Keys, bad, distinct, from_list, integer, number, one_of, values};

pub(super) fn problems(mut keys: Keys) -> Result<Vec<Problem>> {
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
