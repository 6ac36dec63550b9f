//! Scales that elements share: powers of two, the E4M3 or UE5M3 of two-level formats, and f32. Twin of shaders/scale.wgsl.

use super::bits::{INFINITY, QUIET, SIX_OVER_FOUR, pack, unpack};
use super::product::{inverse, multiply};
use super::special::admitted;
use crate::format::{QuantOp, class, policy};

/// Exponent s of the shared scale 2^s of a block whose largest magnitude has these bits.
pub fn block_scale(largest: u32, op: &QuantOp) -> i32 {
    let (significand, exponent) = unpack(largest);
    let smaller = exponent + 23 - op.emax;
    let odd = if op.has(policy::EVEN_SCALE) { (smaller + 127) as u32 & 1 } else { 0 };
    let carry = ((significand + op.scale_add + odd) >> 24) as i32;
    (smaller + carry).clamp(-127, 127)
}

/// What is stored of a block's shared scale: its byte in E8M0 or that of a two-level format, or the bits of an f32.
pub fn stored_scale(largest: u32, op: &QuantOp) -> u32 {
    let largest = admitted(op, largest);
    match (op.kind, largest) {
        (class::TWO_LEVEL, INFINITY..) => op.scale_add + 1,
        (class::TWO_LEVEL, _) => tensor_block_scale(largest, op),
        (class::ABSMAX, INFINITY..) => QUIET,
        (class::ABSMAX, _) => multiply(largest, op.factor),
        (_, INFINITY..) => 0xff,
        (_, 0) => 0,
        _ => (block_scale(largest, op) + 127) as u32,
    }
}

/// The code of a number of three mantissa bits nearest f32 bits without sign, ties to even, saturating.
fn scale_code(bits: u32, op: &QuantOp) -> u32 {
    let (significand, exponent) = unpack(bits);
    let shift = (op.emax - exponent).max(20);
    let half = shift.min(25) as u32; // beyond, half a step exceeds every significand
    let q = (significand + (1 << (half - 1)) - 1 + ((significand >> half) & 1)) >> half;
    ((((exponent + shift - op.emax) as u32) << 3) + q).min(op.scale_add)
}

/// The value of such a code, as bits.
pub fn scale_value(code: u32, op: &QuantOp) -> u32 {
    if code < 8 { pack(code, op.emax) } else { pack(code & 7 | 8, op.emax + (code >> 3) as i32 - 1) }
}

/// The code of the scale of a block in a two-level format.
fn tensor_block_scale(largest: u32, op: &QuantOp) -> u32 {
    let scale = multiply(largest, op.factor);
    scale_code(if op.has(policy::TO_FOUR) { multiply(scale, SIX_OVER_FOUR) } else { scale }, op)
}

/// The scale s of a block whose largest magnitude it takes to the largest element, and fl(1/s).
pub(super) fn absmax(largest: u32, op: &QuantOp) -> (u32, u32) {
    let scale = multiply(largest, op.factor);
    (scale, inverse(scale))
}

/// The scale c of a block in a two-level format, and fl(1/fl(c g)) for the scale g of the tensor (NVIDIA Transformer
/// Engine, NVFP4 quantization).
pub(super) fn two_level(largest: u32, op: &QuantOp) -> (u32, u32) {
    let block = scale_value(tensor_block_scale(largest, op), op);
    (block, inverse(multiply(block, op.step)))
}
