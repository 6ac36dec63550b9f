//! Every code of a format.

use super::stored;
use crate::error::{Error, Result};
use crate::format::{QuantOp, Quantizer, class};

/// The widest codes that are listed: 65,536 of them.
const MAX_WIDTH: u32 = 16;
/// The byte of a scale 1: E8M0, and E4M3 of nvfp4.
const ONE_E8M0: u32 = 127;
const ONE_E4M3: u32 = 0x38;

/// Every code from 0 on, and the bits of its value at a shared scale 1 and a tensor scale 1.
///
/// # Errors
/// [`Error::Input`] for codes of more than 16 bits.
pub fn table(quantizer: &Quantizer) -> Result<impl Iterator<Item = (u32, u32)>> {
    let op = QuantOp::of(quantizer);
    let (name, width) = (quantizer.format.name, op.width);
    if width > MAX_WIDTH {
        return Err(Error::Input(format!("{name}: codes have {width} bits: allowed are tables of up to {MAX_WIDTH}")));
    }
    let one = if op.kind == class::TWO_LEVEL { ONE_E4M3 } else { ONE_E8M0 };
    Ok((0..1 << width).map(move |code| (code, stored(&op, code, one))))
}
