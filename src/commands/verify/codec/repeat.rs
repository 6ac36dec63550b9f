//! The `quantize` command that repeats a cause.

use std::path::Path;

use super::text::Asked;
use crate::commands::format_options::command_line;
use crate::format::{Quantizer, class};
use crate::shell::quoted;
use crate::tensor::nibbles::Nibbles;
use crate::verify::foreign::{Case, Cut, Repeat};

/// The command. `example` is an input of a table, which has no file that `quantize` reads; what it cannot say of one input
/// is not told.
pub fn command(asked: &Asked, path: &Path, case: &Case, repeat: &Repeat, example: Option<u32>) -> Option<String> {
    let Repeat { quantizer, through, cut, tensor_scale, is_swapped } = repeat;
    let mut options = command_line(quantizer);
    match tensor_scale {
        Some(scale) => options += &format!(" --tensor-scale {scale:?}"),
        None if case.op.kind == class::TWO_LEVEL && asked.has_tensor_scale => {
            options += &format!(" --tensor-scale {:?}", case.quantizer.tensor_scale);
        }
        None => {}
    }
    if let Some(bits) = example {
        let is_single = through.is_none() && !is_swapped && !case.op.shares();
        return is_single.then(|| format!("echo 0x{bits:08x} | roundlaw quantize{options}"));
    }
    match cut {
        Cut::Tiles(rows, columns) => options += &format!(" --tile {rows}x{columns}"),
        Cut::Along(axis) if case.op.shares() && axis + 1 != case.shape.len().max(1) => {
            options += &format!(" --axis {axis}")
        }
        Cut::Along(_) => {}
    }
    let stored = match (asked.has_codes, case.op.shares()) {
        (false, _) => "",
        (true, false) => " --codes CODES.npy",
        (true, true) => " --codes CODES.npy --scales SCALES.npy",
    };
    let nibbles = match (asked.nibbles, is_swapped) {
        (None, true) => return None,
        (Some(Nibbles::Low), false) | (Some(Nibbles::High), true) => " --nibbles low",
        (Some(Nibbles::High), false) | (Some(Nibbles::Low), true) => " --nibbles high",
        (None, false) => "",
    };
    let input = if path == Path::new("-") { "IN.npy".to_string() } else { quoted(path) };
    let (first, input) = match through {
        Some(format) => {
            let name = command_line(&Quantizer::new(format));
            (format!("roundlaw quantize{name} {input} - | "), "-".to_string())
        }
        None => (String::new(), input),
    };
    Some(format!("{first}roundlaw quantize{options} {input} OUT.npy{stored}{nibbles}"))
}
