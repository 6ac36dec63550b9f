//! Every code of a format.

use super::{scale_of_one, stored};
use crate::error::{Error, Result};
use crate::format::{QuantOp, Quantizer};

/// The widest codes that are listed: 65,536 of them.
const MAX_WIDTH: u32 = 16;

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
    let one = scale_of_one(&op);
    Ok((0..1 << width).map(move |code| (code, stored(&op, code, one))))
}
