//! What `quantize` prints: a summary of an array, or a line per number.

use serde_json::{Value, json};

use super::Proof;
use crate::codec::{NAN, NO_CODE, SATURATED, UNDERFLOWED};
use crate::decimal::Number;
use crate::error::Result;
use crate::format::{Quantizer, class};
use crate::reference::quantize::{Job, Quantized};
use crate::site::Counts;
use crate::streams::print_all;

/// Characters of a cell that are shown.
const CELL: usize = 64;

/// Counts of an array, and the GPU that gave the same bits: lines.
pub fn summary(as_json: bool, job: &Job, done: &Quantized, proof: Option<Proof>) -> Vec<String> {
    let (elements, Counts { saturated, underflowed, nan }) = (done.elements.len(), done.counts());
    if as_json {
        let document = json!({
            "elements": elements, "saturated": saturated, "underflowed": underflowed, "nan": nan,
            "adapter": proof.as_ref().map_or("cpu", |proof| proof.adapter.as_str()),
            "fingerprint": proof.as_ref().map(|proof| proof.fingerprint.as_str()),
            "tensor_scale": tensor_scale(job),
        });
        return vec![document.to_string()];
    }
    let counts =
        format!("{elements} elements: {saturated} saturated, {underflowed} underflowed to 0, {nan} not finite");
    let proof = proof.map(|Proof { adapter, fingerprint }| format!("every bit the same on {adapter}: {fingerprint}"));
    let scale = tensor_scale(job).map(|scale| format!("tensor scale {scale:?}"));
    std::iter::once(counts).chain(scale).chain(proof).collect()
}

/// The f32 that multiplies all of a two-level format: as given, or as it was chosen for these values.
fn tensor_scale(job: &Job) -> Option<f32> {
    (job.op.kind == class::TWO_LEVEL).then(|| f32::from_bits(job.op.step))
}

/// A line per number: the value, its code field by field, the error.
pub fn numbers(as_json: bool, quantizer: &Quantizer, numbers: &[Number], job: &Job, done: &Quantized) -> Result<()> {
    let rows = || numbers.iter().enumerate().map(|(k, written)| number(quantizer, written, job, done, k));
    if as_json {
        let rows = rows().enumerate().map(|(k, row)| format!("{}{row}", if k == 0 { "[" } else { "," }));
        return print_all(rows.chain(["]\n".to_string()]));
    }
    let mut columns = vec!["input", "input_bits", "value", "value_bits", "code", "fields", "error", "note"];
    columns.splice(4..4, job.op.shares().then_some("scale"));
    columns.splice(5..5, tensor_scale(job).map(|_| "tensor_scale"));
    let text = |row: &Value, column: &str| excerpt(row[column].as_str().unwrap_or("-"));
    let cells = |row: Value| columns.iter().map(|column| text(&row, column)).collect::<Vec<String>>();
    let mut widths: Vec<usize> = columns.iter().map(|column| column.len()).collect();
    for row in rows() {
        widths.iter_mut().zip(cells(row)).for_each(|(width, cell)| *width = cell.len().max(*width));
    }
    let line = |cells: Vec<String>| {
        let cells = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    let head = line(columns.iter().map(|column| column.to_string()).collect());
    // The width of a column is known when stdin has ended, and then so are all lines: none waits for what is to come.
    print_all(std::iter::once(head).chain(rows().map(|row| line(cells(row)))))
}

/// What fits a column of text: a decimal may have any number of digits.
fn excerpt(cell: &str) -> String {
    match cell.char_indices().nth(CELL) {
        Some((end, _)) => format!("{}...", &cell[..end]),
        None => cell.to_string(),
    }
}

/// Number `k` of the list.
fn number(quantizer: &Quantizer, written: &Number, job: &Job, done: &Quantized, k: usize) -> Value {
    let (element, op) = (&done.elements[k], &job.op);
    let (x, value) = (f32::from_bits(written.nearest), f32::from_bits(element.bits));
    let digits = op.width.div_ceil(4) as usize;
    let mut row = json!({
        "input": written.inexact.clone().unwrap_or_else(|| format!("{x:?}")),
        "input_bits": format!("0x{:08x}", written.nearest),
        "value": format!("{value:?}"),
        "value_bits": format!("0x{:08x}", element.bits),
        "code": (element.code != NO_CODE).then(|| format!("0x{:0digits$x}", element.code)),
        "fields": quantizer.layout.fields(element.code),
        "error": error(written.error_of(value)),
        "note": note(element.flags),
    });
    if op.shares() {
        let (size, _) = job.blocks();
        row["scale"] = json!(format!("0x{:02x}", done.scales[k / size]));
    }
    if let Some(scale) = tensor_scale(job) {
        row["tensor_scale"] = json!(format!("{scale:?}"));
    }
    row
}

/// value - input, the nearest f64.
fn error(error: f64) -> String {
    if error.is_nan() { "-".into() } else { format!("{error:?}") }
}

fn note(flags: u32) -> String {
    let names = [(SATURATED, "saturated"), (UNDERFLOWED, "underflowed"), (NAN, "not finite")];
    names.iter().filter(|(flag, _)| flags & flag != 0).map(|(_, name)| *name).collect::<Vec<_>>().join(" ")
}
