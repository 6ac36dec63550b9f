//! The choice between two scales of a block, which take its largest magnitude to 6 and to 4 (Cook et al., "Four Over Six:
//! More Accurate NVFP4 Quantization with Adaptive Block Scaling", arXiv 2512.02010). All in whole numbers, so that sums are
//! exact and their order is free. Twin of shaders/choice.wgsl.

use super::bits::{MAGNITUDE, unpack};
use super::quantize;
use super::special::admitted;
use crate::format::{QuantOp, policy};

/// A magnitude in units of 2^unit, cut to a whole number.
fn in_units(magnitude: u32, unit: i32) -> u32 {
    let (significand, exponent) = unpack(magnitude);
    match exponent - unit {
        // No value is twice the largest magnitude.
        up @ 0.. => significand << up.min(7),
        down => significand >> (-down).min(31),
    }
}

/// The error of an element's `value` in units of the last of 24 bits of its block's largest magnitude. Both have one sign.
pub fn distance(op: &QuantOp, bits: u32, largest: u32, value: u32) -> u32 {
    let (_, unit) = unpack(admitted(op, largest));
    in_units(admitted(op, bits) & MAGNITUDE, unit).abs_diff(in_units(value & MAGNITUDE, unit))
}

/// A sum of squares with another one.
pub fn added(sum: u128, distance: u32) -> u128 {
    sum + u128::from(u64::from(distance) * u64::from(distance))
}

/// The operation on a block of elements with these bits and random words: the one to 4 where the sum of squared errors is
/// smaller by it.
pub fn chosen(op: &QuantOp, largest: u32, block: impl Iterator<Item = (u32, u32)>) -> QuantOp {
    if !op.has(policy::FOUR_OVER_SIX) {
        return *op;
    }
    let to_four = op.to_four();
    let (mut six, mut four) = (0, 0);
    for (bits, word) in block {
        let error = |op: &QuantOp| distance(op, bits, largest, quantize(op, bits, largest, word).bits);
        (six, four) = (added(six, error(op)), added(four, error(&to_four)));
    }
    if four < six { to_four } else { *op }
}
