//! What `quantize` prints: a summary of an array, or a line per number.

use serde_json::{Value, json};

use super::Proof;
use crate::codec::{NAN, NO_CODE, SATURATED, UNDERFLOWED};
use crate::error::Result;
use crate::format::Quantizer;
use crate::reference::quantize::{Job, Quantized};
use crate::site::Counts;
use crate::streams::print;

/// Counts of an array, and the GPU that gave the same bits: lines.
pub fn summary(as_json: bool, done: &Quantized, proof: Option<Proof>) -> Vec<String> {
    let (elements, Counts { saturated, underflowed, nan }) = (done.elements.len(), done.counts());
    if as_json {
        let document = json!({
            "elements": elements, "saturated": saturated, "underflowed": underflowed, "nan": nan,
            "adapter": proof.as_ref().map_or("cpu", |proof| proof.adapter.as_str()),
            "fingerprint": proof.as_ref().map(|proof| proof.fingerprint.as_str()),
        });
        return vec![document.to_string()];
    }
    let counts =
        format!("{elements} elements: {saturated} saturated, {underflowed} underflowed to 0, {nan} not finite");
    let proof = proof.map(|Proof { adapter, fingerprint }| format!("every bit the same on {adapter}: {fingerprint}"));
    std::iter::once(counts).chain(proof).collect()
}

/// A line per number: the value, its code field by field, the error.
pub fn numbers(as_json: bool, quantizer: &Quantizer, job: &Job, done: &Quantized) -> Result<()> {
    let shares = job.op.shares();
    let rows: Vec<Value> = (0..job.input.len()).map(|k| number(quantizer, job, done, k)).collect();
    if as_json {
        return print(&json!(rows).to_string());
    }
    let mut columns = vec!["input", "input_bits", "value", "value_bits", "code", "fields", "error", "note"];
    if shares {
        columns.insert(4, "scale");
    }
    let text = |row: &Value, column: &str| row[column].as_str().unwrap_or("-").to_string();
    let width = |column: &&str| rows.iter().map(|row| text(row, column).len()).max().unwrap_or(0).max(column.len());
    let widths: Vec<usize> = columns.iter().map(width).collect();
    let line = |cells: Vec<String>| {
        let cells = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_string()
    };
    print(&line(columns.iter().map(|column| column.to_string()).collect()))?;
    rows.iter().try_for_each(|row| print(&line(columns.iter().map(|column| text(row, column)).collect())))
}

/// Number `k` of the list.
fn number(quantizer: &Quantizer, job: &Job, done: &Quantized, k: usize) -> Value {
    let (bits, element, op) = (job.input[k], &done.elements[k], &job.op);
    let (x, value) = (f32::from_bits(bits), f32::from_bits(element.bits));
    let digits = op.width.div_ceil(4) as usize;
    let mut row = json!({
        "input": format!("{x:?}"),
        "input_bits": format!("0x{bits:08x}"),
        "value": format!("{value:?}"),
        "value_bits": format!("0x{:08x}", element.bits),
        "code": (element.code != NO_CODE).then(|| format!("0x{:0digits$x}", element.code)),
        "fields": quantizer.layout.fields(element.code),
        "error": error(x, value),
        "note": note(element.flags),
    });
    if op.shares() {
        let (size, _) = job.blocks();
        row["scale"] = json!(format!("0x{:02x}", done.scales[k / size]));
    }
    row
}

/// value - input, exact where f64 holds it.
fn error(x: f32, value: f32) -> String {
    let error = f64::from(value) - f64::from(x);
    if error.is_nan() { "-".into() } else { format!("{error:?}") }
}

fn note(flags: u32) -> String {
    let names = [(SATURATED, "saturated"), (UNDERFLOWED, "underflowed"), (NAN, "not finite")];
    names.iter().filter(|(flag, _)| flags & flag != 0).map(|(_, name)| *name).collect::<Vec<_>>().join(" ")
}
