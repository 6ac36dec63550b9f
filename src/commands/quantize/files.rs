//! The arrays that `quantize` writes.

use std::path::Path;

use super::Args;
use crate::codec::NO_CODE;
use crate::error::{Error, Result};
use crate::format::QuantOp;
use crate::npy::{self, Element};
use crate::reference::quantize::Quantized;

/// Writes OUT.npy and, where they are wanted, codes and scales; nothing when one of them cannot be.
pub fn write(args: &Args, output: &Path, op: &QuantOp, shape: &[usize], done: &Quantized) -> Result<()> {
    let values: Vec<u8> = done.elements.iter().flat_map(|element| element.bits.to_le_bytes()).collect();
    // Refused before anything is written.
    if args.scales.is_some() && !op.shares() {
        return Err(Error::Input("--scales: allowed with formats whose blocks share a scale".into()));
    }
    if let Some(path) = &args.codes {
        if let Some(k) = done.elements.iter().position(|element| element.code == NO_CODE) {
            let hint =
                "allowed are values the format has a code for; --nan satfinite and --overflow saturate make them";
            return Err(Error::Input(format!("--codes: element {k} has no code in this format: {hint}")));
        }
        let (element, bytes) = match op.width {
            ..=8 => (Element::U8, 1),
            9..=16 => (Element::U16, 2),
            _ => (Element::U32, 4),
        };
        let codes = done.elements.iter().flat_map(|element| element.code.to_le_bytes().into_iter().take(bytes));
        npy::write(path, element, shape, &codes.collect::<Vec<u8>>())?;
    }
    if let Some(path) = &args.scales {
        let columns = shape.last().copied().unwrap_or(1);
        let blocks = columns.div_ceil((op.block as usize).min(columns));
        let mut shape = shape.to_vec();
        shape.pop();
        shape.push(blocks);
        npy::write(path, Element::U8, &shape, &done.scales.iter().map(|scale| *scale as u8).collect::<Vec<u8>>())?;
    }
    npy::write(output, Element::F32, shape, &values)
}
