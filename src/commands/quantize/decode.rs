//! Codes and scales back to values.

use std::path::Path;

use rayon::prelude::*;

use super::Args;
use super::files::{self, Output};
use crate::codec::stored;
use crate::commands::block_options::{Array, Laid};
use crate::error::{Error, Result};
use crate::format::direction::DITHER;
use crate::format::{QuantOp, Quantizer, class, policy};
use crate::streams::{print, tell};
use crate::tensor::numbers::codes;
use crate::tensor::{Element, Source};

/// Codes that a thread takes at a time.
const PIECE: usize = 1 << 13;
/// The largest byte of an E4M3 scale, which has no sign: its NaN.
const MAX_E4M3: u32 = 0x7f;

/// Writes the values of codes to OUT.
pub fn run(args: &Args, quantizer: &Quantizer, input: &Path, output: &Path) -> anyhow::Result<()> {
    let op = QuantOp::of(quantizer);
    args.blocks.fit(&op, args.options.has("block"))?;
    if op.rounding == DITHER {
        return Err(Error::Input(
            "--decode: allowed are roundings without dither, which asks for its words again".into(),
        )
        .into());
    }
    if op.kind == class::TWO_LEVEL && !args.options.has("tensor_scale") {
        return Err(Error::Input("--tensor-scale is missing: allowed is the one that `quantize` told".into()).into());
    }
    let mut source = Source::open(input, &Element::CODES)?;
    let shape = shape(args, &source);
    let array = Array { name: source.name(), shape: &shape, is_fortran: source.is_fortran };
    let laid = args.blocks.laid(&op, &array)?;
    let mut scales = scales(args, &op, &source, &laid)?;
    let mut file = Output::array("OUT.npy", output, Element::F32, &shape, source.is_fortran)?;
    let (mut bytes, mut values, mut of_blocks, mut shared) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut first = 0;
    for batch in laid.blocks.batches() {
        let count = batch.count();
        values.resize(count, 0);
        read_codes(args, &mut source, &mut bytes, &mut values)?;
        let wrong = values.iter_mut().position(|code| !is_code(&op, code));
        if let Some(k) = wrong {
            let (name, width) = (source.name(), op.width);
            let message =
                format!("{name}: element {} is 0x{:x}: allowed are codes of {width} bits", first + k, values[k]);
            return Err(Error::Input(message).into());
        }
        if let Some(scales) = &mut scales {
            read_scales(&op, scales, batch.blocks(), &mut bytes, &mut of_blocks)?;
            shared.resize(count, 0);
            batch.spread(&of_blocks, &mut shared);
        }
        values.par_chunks_mut(PIECE).enumerate().for_each(|(index, codes)| {
            for (k, code) in codes.iter_mut().enumerate() {
                *code = stored(&op, *code, shared.get(index * PIECE + k).copied().unwrap_or(0));
            }
        });
        file.write_words(&mut values)?;
        first += count;
    }
    files::finish(vec![file])?;
    let summary = match args.json {
        true => serde_json::json!({ "elements": first }).to_string(),
        false => format!("{first} elements decoded"),
    };
    match files::take_stdout(args) {
        true => tell(&summary),
        false => print(&summary)?,
    }
    Ok(())
}

/// The shape of the values.
fn shape(args: &Args, source: &Source) -> Vec<usize> {
    let mut shape = source.shape.clone();
    if let (Some(_), Some(last)) = (args.blocks.nibbles, shape.last_mut()) {
        *last = last.saturating_mul(2);
    }
    shape
}

/// The scales that the format asks for, one for each block.
fn scales(args: &Args, op: &QuantOp, codes: &Source, laid: &Laid) -> Result<Option<Source>> {
    let allowed = |message: &str| Err(Error::Input(format!("--scales {message}")));
    match &args.scales {
        None if op.shares() => allowed("is missing: allowed with --decode is a file with a byte for each block"),
        None => Ok(None),
        Some(_) if !op.shares() => allowed("does not apply: allowed with formats whose blocks share a scale"),
        Some(path) => {
            let scales = Source::open(path, &[Element::U8, Element::E8m0, Element::E4m3])?;
            if scales.shape != laid.scales || scales.is_fortran != codes.is_fortran {
                let (name, found, must) = (scales.name(), &scales.shape, &laid.scales);
                return Err(Error::Input(format!(
                    "--scales: {name} has shape {found:?}: allowed is {must:?}, in the order of {}",
                    codes.name()
                )));
            }
            Ok(Some(scales))
        }
    }
}

/// Reads as many codes as there is room for.
fn read_codes(args: &Args, source: &mut Source, bytes: &mut Vec<u8>, values: &mut [u32]) -> Result<()> {
    match args.blocks.nibbles {
        Some(nibbles) if source.element.bytes() == 1 => {
            source.read(values.len() / 2, bytes)?;
            nibbles.unpack(bytes, values);
        }
        Some(_) => {
            let (name, element) = (source.name(), source.element.name());
            return Err(Error::Input(format!("--nibbles: {name} has elements {element}: allowed are those of a byte")));
        }
        None => {
            source.read(values.len(), bytes)?;
            codes(source.element, bytes, values);
        }
    }
    Ok(())
}

/// Whether a word is a code of the format; one of two's complement may be extended to a byte or two by its sign.
fn is_code(op: &QuantOp, code: &mut u32) -> bool {
    let all = u32::MAX >> (32 - op.width);
    let extended =
        |bits: u32| *code >> bits == 0 && *code >> (op.width - 1) == u32::MAX >> (32 - bits) >> (op.width - 1);
    if op.has(policy::INTEGER) && op.width < 16 && (extended(8) || extended(16)) {
        *code &= all;
    }
    *code <= all
}

/// The bytes of the next blocks.
fn read_scales(
    op: &QuantOp,
    source: &mut Source,
    count: usize,
    bytes: &mut Vec<u8>,
    scales: &mut Vec<u32>,
) -> Result<()> {
    source.read(count, bytes)?;
    scales.clear();
    scales.extend(bytes.iter().map(|byte| u32::from(*byte)));
    match scales.iter().find(|scale| op.kind == class::TWO_LEVEL && **scale > MAX_E4M3) {
        Some(scale) => {
            let name = source.name();
            Err(Error::Input(format!("--scales: {name} has 0x{scale:x}: allowed are E4M3 codes up to 0x7f")))
        }
        None => Ok(()),
    }
}
