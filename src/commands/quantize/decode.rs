//! Codes and scales back to values.

use std::path::Path;

use super::Args;
use super::files::{self, Output};
use crate::commands::block_options::Array;
use crate::commands::stored::{decodable, decode, scales};
use crate::format::{QuantOp, Quantizer};
use crate::streams::{print, tell};
use crate::tensor::{Element, Source};

/// Writes the values of codes to OUT.
pub fn run(args: &Args, quantizer: &Quantizer, input: &Path, output: &Path) -> anyhow::Result<()> {
    let op = QuantOp::of(quantizer);
    args.blocks.fit(&op, args.options.has("block"))?;
    decodable(&op, &args.options)?;
    let mut source = Source::open(input, &Element::CODES)?;
    let shape = args.blocks.shape_of_codes(&source);
    let array = Array { name: source.name(), shape: &shape, is_fortran: source.is_fortran };
    let laid = args.blocks.laid(&op, &array)?;
    let scales = scales(args.scales.as_deref(), "--decode", &op, source.is_fortran, source.name(), &laid)?;
    let mut file = Output::array("OUT.npy", output, Element::F32, &shape, source.is_fortran)?;
    decode(&op, &args.blocks, &mut source, scales, &laid, |values| file.write_words(values))?;
    files::finish(vec![file])?;
    let elements: usize = shape.iter().product();
    let summary = match args.json {
        true => serde_json::json!({ "elements": elements }).to_string(),
        false => format!("{elements} elements decoded"),
    };
    match files::take_stdout(args) {
        true => tell(&summary),
        false => print(&summary)?,
    }
    Ok(())
}
