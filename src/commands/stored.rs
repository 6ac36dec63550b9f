//! The codes and scales of an array, as files hold them: for commands that read what `quantize` or somebody else wrote.

use std::path::Path;

use rayon::prelude::*;

use super::block_options::{BlockOptions, Laid};
use super::format_options::FormatOptions;
use crate::codec::{INFINITY, SIGN, stored};
use crate::error::{Error, Result};
use crate::format::direction::DITHER;
use crate::format::{QuantOp, class, policy};
use crate::tensor::numbers::codes;
use crate::tensor::{Element, Source};

impl BlockOptions {
    /// The shape of the elements whose codes are stored.
    pub fn shape_of_codes(&self, codes: &Source) -> Vec<usize> {
        let mut shape = codes.shape.clone();
        if let (Some(_), Some(last)) = (self.nibbles, shape.last_mut()) {
            *last = last.saturating_mul(2);
        }
        shape
    }

    /// Reads as many codes as there is room for, of which `first` is the number of the first.
    pub fn read_codes(
        &self,
        op: &QuantOp,
        source: &mut Source,
        first: usize,
        bytes: &mut Vec<u8>,
        values: &mut [u32],
    ) -> Result<()> {
        match self.nibbles {
            Some(nibbles) if source.element.bits() == 8 => {
                source.read(values.len() / 2, bytes)?;
                nibbles.unpack(bytes, values);
            }
            Some(_) => {
                let (name, element) = (source.name(), source.element.name());
                return Err(Error::Input(format!(
                    "--nibbles: {name} has elements {element}: allowed are those of a byte"
                )));
            }
            None => {
                source.read(values.len(), bytes)?;
                codes(source.element, bytes, values);
            }
        }
        let Some(k) = values.iter_mut().position(|code| !is_code(op, code)) else { return Ok(()) };
        let (name, width, at, code) = (source.name(), op.width, first + k, values[k]);
        Err(Error::Input(format!("{name}: element {at} is 0x{code:x}: allowed are codes of {width} bits")))
    }
}

/// Refuses what no values can be had of again.
pub fn decodable(op: &QuantOp, options: &FormatOptions) -> Result<()> {
    if op.rounding == DITHER && op.draws() {
        return Err(Error::Input(
            "--decode: allowed are roundings without dither, which asks for its words again".into(),
        ));
    }
    match op.kind == class::TWO_LEVEL && !options.has("tensor_scale") {
        true => Err(Error::Input("--tensor-scale is missing: allowed is the one that `quantize` told".into())),
        false => Ok(()),
    }
}

/// Codes that a thread takes at a time.
const PIECE: usize = 1 << 13;

/// The values of codes, piece by piece, as f32 bits; `scales` are those of [`scales`].
pub fn decode(
    op: &QuantOp,
    blocks: &BlockOptions,
    source: &mut Source,
    mut scales: Option<Source>,
    laid: &Laid,
    mut write: impl FnMut(&mut [u32]) -> Result<()>,
) -> Result<()> {
    let (mut bytes, mut values, mut of_blocks, mut shared) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut first = 0;
    for batch in laid.blocks.batches() {
        let count = batch.count();
        values.resize(count, 0);
        blocks.read_codes(op, source, first, &mut bytes, &mut values)?;
        if let Some(scales) = &mut scales {
            read_scales(op, scales, batch.blocks(), &mut bytes, &mut of_blocks)?;
            shared.resize(count, 0);
            batch.spread(&of_blocks, &mut shared);
        }
        values.par_chunks_mut(PIECE).enumerate().for_each(|(index, codes)| {
            for (k, code) in codes.iter_mut().enumerate() {
                *code = stored(op, *code, shared.get(index * PIECE + k).copied().unwrap_or(0));
            }
        });
        write(&mut values)?;
        first += count;
    }
    Ok(())
}

/// Whether a word is a code of the format; one of two's complement may be extended to a byte or two by its sign.
fn is_code(op: &QuantOp, code: &mut u32) -> bool {
    let all = u32::MAX >> (32 - op.width);
    let extended =
        |bits: u32| *code >> bits == 0 && *code >> (op.width - 1) == u32::MAX >> (32 - bits) >> (op.width - 1);
    if op.has(policy::INTEGER) && !op.has(policy::OFFSET) && op.width < 16 && (extended(8) || extended(16)) {
        *code &= all;
    }
    *code <= all
}

/// The type of stored scales.
pub fn of_scales(op: &QuantOp) -> Element {
    if op.kind == class::ABSMAX { Element::F32 } else { Element::U8 }
}

/// A stored scale in text: a byte, or a number.
pub fn scale_text(op: &QuantOp, scale: u32) -> String {
    match of_scales(op) {
        Element::U8 => format!("0x{scale:02x}"),
        _ => format!("{:?}", f32::from_bits(scale)),
    }
}

/// The scales that the format asks for, one for each block, from a file; `option` is the one that goes with them.
pub fn scales(
    path: Option<&Path>,
    option: &str,
    op: &QuantOp,
    is_fortran: bool,
    codes: &str,
    laid: &Laid,
) -> Result<Option<Source<'static>>> {
    scales_of(|types| path.map(|path| Source::open(path, types)), option, op, is_fortran, codes, laid)
}

/// The same of scales that `open` gives of these types, where there are any.
pub fn scales_of<'a>(
    open: impl FnOnce(&[Element]) -> Option<Result<Source<'a>>>,
    option: &str,
    op: &QuantOp,
    is_fortran: bool,
    codes: &str,
    laid: &Laid,
) -> Result<Option<Source<'a>>> {
    let allowed = |message: &str| Err(Error::Input(format!("--scales {message}")));
    let types: &[Element] = match of_scales(op) {
        Element::U8 => &[Element::U8, Element::E8m0, Element::E4m3],
        _ => &[Element::F32],
    };
    match open(types) {
        None if op.shares() => {
            let what = if of_scales(op) == Element::U8 { "a byte" } else { "an f32" };
            allowed(&format!("is missing: allowed with {option} is a file with {what} for each block"))
        }
        None => Ok(None),
        Some(_) if !op.shares() => allowed("does not apply: allowed with formats whose blocks share a scale"),
        Some(opened) => {
            let scales = opened?;
            if scales.shape != laid.scales || scales.is_fortran != is_fortran {
                let (name, found, must) = (scales.name(), &scales.shape, &laid.scales);
                return Err(Error::Input(format!(
                    "--scales: {name} has shape {found:?}: allowed is {must:?}, in the order of {codes}"
                )));
            }
            Ok(Some(scales))
        }
    }
}

/// What is stored of the scales of the next blocks.
pub fn read_scales(
    op: &QuantOp,
    source: &mut Source,
    count: usize,
    bytes: &mut Vec<u8>,
    scales: &mut Vec<u32>,
) -> Result<()> {
    source.read(count, bytes)?;
    scales.resize(count, 0);
    codes(source.element, bytes, scales);
    if op.kind == class::ABSMAX
        && let Some(scale) = scales.iter().find(|scale| **scale > SIGN && **scale <= SIGN | INFINITY)
    {
        let (name, scale) = (source.name(), f32::from_bits(*scale));
        return Err(Error::Input(format!("--scales: {name} has {scale:?}: allowed are numbers that are not negative")));
    }
    match scales.iter().find(|scale| op.kind == class::TWO_LEVEL && **scale > op.scale_add + 1) {
        Some(scale) => {
            let name = source.name();
            let most = op.scale_add + 1;
            Err(Error::Input(format!("--scales: {name} has 0x{scale:x}: allowed are E4M3 codes up to 0x{most:x}")))
        }
        None => Ok(()),
    }
}
