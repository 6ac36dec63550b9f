//! Formats, arrays through a format, and back.

use numpy::PyArray1;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde_json::Value;

use super::array::{Array, View, owned, room};
use super::options::{ArrayOptions, read};
use super::work::{by_pieces, short};
use crate::codec::{self, descriptions};
use crate::commands::block_options::{self, Laid};
use crate::commands::stored;
use crate::decimal::rounds_odd_alike;
use crate::error::{Error, Result};
use crate::format::{QuantOp, class};
use crate::reference::quantize::scaled_to;
use crate::tensor::codes::{Codes, pack_scales};
use crate::tensor::numbers::Numbers;
use crate::tensor::rounds::{self, Rounded, Totals, Words, largest};
use crate::tensor::stats::Stats;
use crate::tensor::{Element, Source};
use crate::watch::Watch;

/// Every format, as the JSON of `roundlaw formats --json`.
#[pyfunction]
pub fn formats() -> String {
    Value::from(descriptions().map(Value::Object).collect::<Vec<_>>()).to_string()
}

/// Every code of a format: the bits of its value, and its fields.
#[pyfunction]
pub fn table<'py>(py: Python<'py>, words: Vec<String>) -> PyResult<(Bound<'py, PyArray1<u32>>, Vec<String>)> {
    let (bits, fields) = short(py, || {
        let quantizer = read::<ArrayOptions>(&words)?.format.quantizer()?;
        Ok(codec::table(&quantizer)?.map(|(code, bits)| (bits, quantizer.layout.fields(code))).unzip())
    })?;
    Ok((owned(py, bits), fields))
}

/// What became of an array.
struct Done {
    values: Vec<u32>,
    /// Little-endian.
    codes: Vec<u8>,
    /// Little-endian.
    scales: Vec<u8>,
    bytes_of_scales: usize,
    shape_of_codes: Vec<usize>,
    bytes_of_codes: usize,
    /// Why an element has no code.
    without_code: Option<String>,
    shape_of_scales: Option<Vec<usize>>,
    totals: Totals,
    tensor_scale: Option<f32>,
    stats: Option<String>,
    format: &'static str,
}

/// Rounds an array. `random` has a word for each element.
#[pyfunction]
pub fn quantize<'py>(
    py: Python<'py>,
    input: Array,
    words: Vec<String>,
    random: Option<Array>,
    has_stats: bool,
) -> PyResult<Bound<'py, PyDict>> {
    let (input, random) = (input.view()?, random.as_ref().map(Array::view).transpose()?);
    let done = by_pieces(py, |watch| {
        let options = read(&words)?;
        Ok(quantized(input, &options, random, has_stats, watch)?)
    })?;
    let result = PyDict::new(py);
    result.set_item("values", owned(py, done.values))?;
    result.set_item("codes", owned(py, done.codes))?;
    result.set_item("shape_of_codes", done.shape_of_codes)?;
    result.set_item("bytes_of_codes", done.bytes_of_codes)?;
    result.set_item("without_code", done.without_code)?;
    result.set_item("scales", owned(py, done.scales))?;
    result.set_item("bytes_of_scales", done.bytes_of_scales)?;
    result.set_item("shape_of_scales", done.shape_of_scales)?;
    result.set_item("saturated", done.totals.counts.saturated)?;
    result.set_item("underflowed", done.totals.counts.underflowed)?;
    result.set_item("nan", done.totals.counts.nan)?;
    result.set_item("inexact", done.totals.inexact)?;
    result.set_item("tensor_scale", done.tensor_scale)?;
    result.set_item("stats", done.stats)?;
    result.set_item("format", done.format)?;
    Ok(result)
}

fn quantized(
    input: View,
    options: &ArrayOptions,
    random: Option<View>,
    has_stats: bool,
    watch: &Watch,
) -> Result<Done> {
    let quantizer = options.format.quantizer()?;
    let op = QuantOp::of(&quantizer);
    if options.seed.is_some() && !op.draws() {
        return Err(Error::Input("--seed: allowed with --rounding stochastic or dither".into()));
    }
    options.blocks.fit(&op, options.format.has("block"))?;
    let mut source = input.open(&Element::NUMBERS)?;
    let numbers = Numbers::new(source.element, rounds_odd_alike(&op));
    let op = match op.kind {
        class::TWO_LEVEL if !options.format.has("tensor_scale") => {
            let scaled = scaled_to(&op, largest(&op, &mut source, &numbers, watch)?);
            source = input.open(&Element::NUMBERS)?;
            scaled
        }
        _ => op,
    };
    let laid = laid(options, &op, &source, &source.shape)?;
    let mut words = match random {
        None => Words::seeded(&op, &source, laid.axis, options.seed.unwrap_or(0))?,
        Some(random) => Words::given(&op, &source, "--random", random.open(&[Element::U32])?)?,
    };
    let of_scales = stored::of_scales(&op);
    let mut codes = Codes::new(op.width, options.blocks.nibbles);
    let mut stats = has_stats.then(|| Stats::new(laid.blocks));
    let shape_of_codes = codes.shape(input.shape);
    let bytes_of_codes = elements(&shape_of_codes).saturating_mul(codes.element().bytes());
    let blocks = if op.shares() { elements(&laid.scales) } else { 0 };
    let (mut values, mut packed) = (room(source.count)?, room(bytes_of_codes)?);
    let mut scales = room(blocks.saturating_mul(of_scales.bytes()))?;
    let totals = rounds::round(&op, &mut source, &numbers, &mut words, laid.blocks, |done: Rounded| {
        watch.ask()?;
        if let Some(stats) = &mut stats {
            stats.add(done.bits, done.rounding, &mut String::new());
        }
        values.extend_from_slice(&done.rounding.values);
        codes.pack(&done.rounding.codes, &mut packed);
        pack_scales(of_scales, &done.rounding.scales, &mut scales);
        Ok::<(), Error>(())
    })?;
    Ok(Done {
        values,
        codes: packed,
        scales,
        bytes_of_scales: of_scales.bytes(),
        shape_of_codes,
        bytes_of_codes: codes.element().bytes(),
        without_code: codes.complete().err().map(|error| error.to_string()),
        shape_of_scales: op.shares().then_some(laid.scales),
        totals,
        tensor_scale: (op.kind == class::TWO_LEVEL).then(|| f32::from_bits(op.step)),
        stats: stats.map(|stats| stats.of_all.document().to_string()),
        format: quantizer.format.name,
    })
}

/// The blocks of an array.
fn laid(options: &ArrayOptions, op: &QuantOp, source: &Source, shape: &[usize]) -> Result<Laid> {
    let array = block_options::Array { name: source.name(), shape, is_fortran: source.is_fortran };
    options.blocks.laid(op, &array)
}

/// How many elements an array of that shape has.
fn elements(shape: &[usize]) -> usize {
    if shape.contains(&0) { 0 } else { shape.iter().fold(1, |all, axis| all.saturating_mul(*axis)) }
}

/// The values that codes stand for, and their shape.
#[pyfunction]
pub fn decode<'py>(
    py: Python<'py>,
    input: Array,
    words: Vec<String>,
    scales: Option<Array>,
) -> PyResult<(Bound<'py, PyArray1<u32>>, Vec<usize>)> {
    let (input, scales) = (input.view()?, scales.as_ref().map(Array::view).transpose()?);
    let (values, shape) = by_pieces(py, |watch| {
        let options: ArrayOptions = read(&words)?;
        let quantizer = options.format.quantizer()?;
        let op = QuantOp::of(&quantizer);
        options.blocks.fit(&op, options.format.has("block"))?;
        stored::decodable(&op, &options.format)?;
        let mut source = input.open(&Element::CODES)?;
        let shape = options.blocks.shape_of_codes(&source);
        let laid = laid(&options, &op, &source, &shape)?;
        let open = |types: &[Element]| scales.map(|scales| scales.open(types));
        let scales = stored::scales_of(open, "--decode", &op, input.is_fortran, source.name(), &laid)?;
        let mut values = room(elements(&shape))?;
        stored::decode(&op, &options.blocks, &mut source, scales, &laid, |batch| {
            values.extend_from_slice(batch);
            watch.ask()
        })?;
        Ok((values, shape))
    })?;
    Ok((owned(py, values), shape))
}
