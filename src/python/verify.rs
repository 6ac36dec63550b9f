//! Somebody else's codec, by what it stored.

use std::path::Path;

use pyo3::prelude::*;

use super::array::{Array, View};
use super::options::{ArrayOptions, read};
use super::work::long;
use crate::commands::verify::codec::input::{Layout, Role, arrays};
use crate::commands::verify::codec::text::{Asked, Told};
use crate::commands::verify::codec::{Comparison, admit};
use crate::error::{Error, Result};
use crate::format::QuantOp;
use crate::tensor::{Element, Source};

/// The arrays to compare.
#[derive(FromPyObject)]
pub struct Arrays<'py> {
    #[pyo3(item)]
    inputs: Array<'py>,
    #[pyo3(item)]
    codes: Option<Array<'py>>,
    #[pyo3(item)]
    scales: Option<Array<'py>>,
    #[pyo3(item)]
    values: Option<Array<'py>>,
    #[pyo3(item)]
    again: Option<Array<'py>>,
}

/// What differs and why: the JSON of `roundlaw verify --codec --json`.
#[pyfunction]
pub fn verify_codec(py: Python, given: Arrays, words: Vec<String>) -> PyResult<String> {
    let inputs = given.inputs.view()?;
    let optional = [&given.codes, &given.scales, &given.values, &given.again];
    let [codes, scales, values, again] = optional.map(|array| array.as_ref().map(Array::view).transpose());
    let (codes, scales, values, again) = (codes?, scales?, values?, again?);
    long(py, None, |_| {
        let open = |role: Role, allowed: &[Element]| -> Option<Result<Source>> {
            let view: Option<View> = match role {
                Role::Input => Some(inputs),
                Role::Codes => codes,
                Role::Scales => scales,
                Role::Values => values,
                Role::Again => again,
            };
            view.map(|view| view.open(allowed))
        };
        let options: ArrayOptions = read(&words)?;
        let quantizer = options.format.quantizer()?;
        let op = QuantOp::of(&quantizer);
        options.blocks.fit(&op, options.format.has("block"))?;
        admit(&op, again.is_some())?;
        if codes.is_some() && values.is_some() {
            return Err(Error::Input("the argument '--values' cannot be used with '--codes'".into()).into());
        }
        let (has_tensor_scale, has_codes) = (options.format.has("tensor_scale"), codes.is_some());
        let layout = Layout { blocks: &options.blocks, has_tensor_scale, has_codes, has_again: again.is_some() };
        let files = arrays(&layout, quantizer, &open)?;
        let asked = Asked { has_codes, is_table: false, nibbles: options.blocks.nibbles, has_tensor_scale };
        // The commands that confirm a cause name files that hold the arrays.
        let told = Told { asked, path: Path::new("-"), case: &files.case };
        Ok(Comparison::of(&files).document(&told).to_string())
    })
}
