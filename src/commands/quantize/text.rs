//! What `quantize` prints: a summary of an array, or a line per number.

use serde_json::{Value, json};

use super::device::Proof;
use crate::codec::{NAN, NO_CODE, SATURATED, UNDERFLOWED};
use crate::commands::stored::scale_text;
use crate::decimal::Number;
use crate::error::Result;
use crate::format::{QuantOp, Quantizer, class};
use crate::reference::quantize::{Job, Quantized};
use crate::site::Counts;
use crate::streams::print_all;
use crate::tensor::stats::Sums;

/// Characters of a cell that are shown.
const CELL: usize = 64;

/// What became of an array.
pub struct Summary {
    pub elements: usize,
    pub counts: Counts,
    /// Numbers that were no f32.
    pub inexact: u64,
    /// Whether those were rounded to the format as they were, and not first to f32.
    pub is_rounded_once: bool,
    pub format: &'static str,
    pub tensor_scale: Option<f32>,
    pub proof: Option<Proof>,
    pub stats: Option<Sums>,
}

/// A summary as lines: counts, what was rounded twice, and the GPU that gave the same bits.
pub fn summary(as_json: bool, summary: &Summary) -> Vec<String> {
    let Summary { elements, counts: Counts { saturated, underflowed, nan }, inexact, format, proof, .. } = summary;
    if as_json {
        let mut document = json!({
            "elements": elements, "saturated": saturated, "underflowed": underflowed, "nan": nan, "inexact": inexact,
            "adapter": proof.as_ref().map_or("cpu", |proof| proof.adapter.as_str()),
            "fingerprint": proof.as_ref().map(|proof| proof.fingerprint.as_str()),
            "tensor_scale": summary.tensor_scale,
        });
        if let Some(stats) = &summary.stats {
            document["stats"] = stats.document();
        }
        return vec![document.to_string()];
    }
    let mut lines =
        vec![format!("{elements} elements: {saturated} saturated, {underflowed} underflowed to 0, {nan} not finite")];
    if *inexact > 0 {
        let how = match summary.is_rounded_once {
            true => format!("each was rounded once, to {format}"),
            false => format!("the nearest f32 was taken, which {format} then rounds"),
        };
        lines.push(format!("{inexact} elements are no f32: {how}"));
    }
    lines.extend(summary.stats.as_ref().map(Sums::line));
    lines.extend(summary.tensor_scale.map(|scale| format!("tensor scale {scale:?}")));
    lines.extend(
        proof.iter().map(|Proof { adapter, fingerprint }| format!("every bit the same on {adapter}: {fingerprint}")),
    );
    lines
}

/// The f32 that multiplies all of a two-level format: as given, or as it was chosen for these values.
pub fn tensor_scale(op: &QuantOp) -> Option<f32> {
    (op.kind == class::TWO_LEVEL).then(|| f32::from_bits(op.step))
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
    columns.splice(5..5, tensor_scale(&job.op).map(|_| "tensor_scale"));
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
        row["scale"] = json!(scale_text(op, done.scales[k / size]));
    }
    if let Some(scale) = tensor_scale(&job.op) {
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
