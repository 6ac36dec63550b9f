//! Scales that elements share: powers of two, and E4M3. Twin of shaders/scale.wgsl.

use super::bits::{INFINITY, pack, unpack};
use super::product::{inverse, multiply};
use super::special::admitted;
use crate::format::{QuantOp, class};

/// Exponent s of the shared scale 2^s of a block whose largest magnitude has these bits.
pub fn block_scale(largest: u32, op: &QuantOp) -> i32 {
    let (significand, exponent) = unpack(largest);
    let carry = ((significand + op.scale_add) >> 24) as i32;
    (exponent + 23 + carry - op.emax).clamp(-127, 127)
}

/// The byte of a block's shared scale: E8M0, or E4M3 of a two-level format.
pub fn scale_byte(largest: u32, op: &QuantOp) -> u32 {
    let largest = admitted(op, largest);
    match (op.kind, largest) {
        (class::TWO_LEVEL, INFINITY..) => 0x7f,
        (class::TWO_LEVEL, _) => tensor_block_scale(largest, op),
        (_, INFINITY..) => 0xff,
        (_, 0) => 0,
        _ => (block_scale(largest, op) + 127) as u32,
    }
}

/// E4M3 code nearest f32 bits without sign, ties to even, saturating.
fn e4m3_code(bits: u32) -> u32 {
    let (significand, exponent) = unpack(bits);
    let shift = (-9 - exponent).max(20);
    let half = shift.min(25) as u32; // beyond, half a step exceeds every significand
    let q = (significand + (1 << (half - 1)) - 1 + ((significand >> half) & 1)) >> half;
    ((((exponent + shift + 9) as u32) << 3) + q).min(126)
}

/// The value of an E4M3 code without sign, as bits.
pub(super) fn e4m3_value(code: u32) -> u32 {
    if code < 8 { pack(code, -9) } else { pack(code & 7 | 8, (code >> 3) as i32 - 10) }
}

/// E4M3 code of the scale of a block in a two-level format.
fn tensor_block_scale(largest: u32, op: &QuantOp) -> u32 {
    e4m3_code(multiply(largest, op.factor))
}

/// The scale c of a block in a two-level format, and fl(1/fl(c g)) for the scale g of the tensor (NVIDIA Transformer
/// Engine, NVFP4 quantization).
pub(super) fn two_level(largest: u32, op: &QuantOp) -> (u32, u32) {
    let block = e4m3_value(tensor_block_scale(largest, op));
    (block, inverse(multiply(block, op.step)))
}
