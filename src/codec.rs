//! The integer codec: rounds f32 bit patterns with u32 and i32 arithmetic only. Twin of shaders/codec.wgsl.

use crate::format::{Direction, Law, Op, class};
use crate::normal::normal;
use crate::row::Counts;

/// Bits of 2^-48: smaller operands become +0, so that every product and sum of a run is a normal f32.
pub const FLOOR: u32 = 0x2780_0000;
/// Bits of 2^40: a weight this large means the run has diverged.
pub const DIVERGED: u32 = 0x5380_0000;

pub const SATURATED: u32 = 1;
pub const UNDERFLOWED: u32 = 2;
pub const NAN: u32 = 4;

/// A rounded value's bits, and which of [`SATURATED`], [`UNDERFLOWED`], [`NAN`] happened.
pub type Rounded = (u32, u32);

/// +0 for magnitudes below 2^-48, else the value.
pub fn floor48(bits: u32) -> u32 {
    if bits & 0x7fff_ffff < FLOOR { 0 } else { bits }
}

/// Rounds to `p` significant bits, nearest-even (1 <= p <= 24). A carry walks into the exponent.
pub fn round_significand(bits: u32, p: u32) -> u32 {
    let shift = 24 - p;
    if shift == 0 {
        return bits;
    }
    let half = (1 << (shift - 1)) - 1 + ((bits >> shift) & 1);
    ((bits + half) >> shift) << shift
}

/// The piece of `rest` on `bits` significant bits; `rest` keeps the exact remainder.
pub fn piece(rest: &mut f32, bits: u32) -> f32 {
    let piece = f32::from_bits(floor48(round_significand(rest.to_bits(), bits)));
    *rest -= piece;
    piece
}

/// The deviate of mean 0 and variance 1 that a word gives under the law of `op`.
pub fn deviate(op: &Op, word: u32) -> f32 {
    match op.rounding == Law::TwoPoint as u32 {
        true => f32::from_bits(0x3f80_0000 | word & 0x8000_0000),
        false => normal(word),
    }
}

/// Rounds one value to the grid of `op`, scaled by 2^scale; `word` decides a stochastic rounding. What is not a
/// number, or overflows to infinity, is counted and becomes +0: the run ends before anything reads it.
pub fn round_value(bits: u32, op: &Op, scale: i32, word: u32) -> Rounded {
    let magnitude = bits & 0x7fff_ffff;
    let sign = bits & 0x8000_0000;
    if magnitude > 0x7f80_0000 {
        return (0, NAN);
    }
    if magnitude == 0 {
        return (0, 0);
    }
    let mut exponent = (magnitude >> 23) as i32;
    let mut significand = magnitude & 0x7f_ffff;
    if exponent == 0 {
        let up = significand.leading_zeros() - 8;
        significand <<= up;
        exponent = 1 - up as i32;
    } else {
        significand |= 0x80_0000;
    }
    // value = significand 2^(exponent - 150); q counts steps of 2^(exponent - 150 + shift).
    let shift = (23 - op.mantissa as i32).max(op.lsb_min + scale + 150 - exponent).max(0) as u32;
    let q = round_whole(significand, shift, sign != 0, op, word);
    if q == 0 {
        return (0, UNDERFLOWED);
    }
    let top = 31 - q.leading_zeros();
    let rounded_exponent = exponent - 23 + shift as i32 + top as i32;
    let rounded = ((rounded_exponent as u32) << 23) | (((q << (31 - top)) >> 8) & 0x7f_ffff);
    let max = op.max_bits.wrapping_add_signed(scale << 23);
    match rounded > max {
        false => (sign | rounded, 0),
        true if op.overflows != 0 => (0, NAN),
        true => (sign | max, SATURATED),
    }
}

/// `significand` / 2^shift as a whole number, by the direction of `op`.
fn round_whole(significand: u32, shift: u32, negative: bool, op: &Op, word: u32) -> u32 {
    if shift == 0 {
        return significand;
    }
    let half = shift.min(25); // beyond, half a step exceeds every significand
    let kept = significand >> shift.min(31);
    let inexact = u32::from(kept << shift.min(31) != significand);
    match op.rounding {
        NEAREST_EVEN => (significand + (1 << (half - 1)) - 1 + ((significand >> half) & 1)) >> half,
        NEAREST_AWAY => (significand + (1 << (half - 1))) >> half,
        UP => kept + if negative { 0 } else { inexact },
        DOWN => kept + if negative { inexact } else { 0 },
        STOCHASTIC => kept + stochastic_carry(significand, shift, op, word),
        _ => kept,
    }
}

const NEAREST_EVEN: u32 = Direction::NearestEven as u32;
const NEAREST_AWAY: u32 = Direction::NearestAway as u32;
const UP: u32 = Direction::Up as u32;
const DOWN: u32 = Direction::Down as u32;
const STOCHASTIC: u32 = Direction::Stochastic as u32;

/// Whether the discarded fraction and the random bits add up to one. The fraction is cut to as many bits as are
/// random; the zero-mean variant adds the first bit that was cut.
fn stochastic_carry(significand: u32, shift: u32, op: &Op, word: u32) -> u32 {
    // The fraction's first 32 bits, and the one behind them.
    let (fraction, behind) = match shift {
        1..=31 => (significand << (32 - shift), 0),
        32 => (significand, 0),
        33..=56 => (significand >> (shift - 32), (significand >> (shift - 33)) & 1),
        _ => (0, 0),
    };
    let mask = u32::MAX << op.random_shift;
    let first_cut = match op.random_shift {
        0 => behind,
        cut => ((fraction >> (cut - 1)) & 1) << cut,
    };
    let (sum, carry) = (fraction & mask).overflowing_add(word & mask);
    let (_, late) = sum.overflowing_add(first_cut * op.zero_mean);
    u32::from(carry | late)
}

/// Exponent s of the shared scale 2^s of a block whose largest magnitude has these bits.
pub fn block_scale(largest: u32, op: &Op) -> i32 {
    ((largest.wrapping_add(op.scale_add) >> 23) as i32 - 127 - op.emax).clamp(-127, 127)
}

/// Applies `op` to a vector in place: element k draws `word(k)`, or every element `word(0)` where the draw is shared;
/// blocks run along the vector, the last may be shorter. Every result is stored with the floor of 2^-48 and zeros
/// as +0.
pub fn apply(op: &Op, values: &mut [f32], word: impl Fn(usize) -> u32) -> Counts {
    let mut counts = Counts::default();
    let block = if op.class == class::BLOCK { op.block as usize } else { values.len().max(1) };
    for (index, chunk) in values.chunks_mut(block).enumerate() {
        let largest = chunk.iter().map(|v| v.to_bits() & 0x7fff_ffff).max().unwrap_or(0);
        for (k, value) in chunk.iter_mut().enumerate() {
            let (bits, flags) =
                apply_one(op, value.to_bits(), largest, || word(if op.shared != 0 { 0 } else { index * block + k }));
            *value = f32::from_bits(bits);
            counts += tally(flags);
        }
    }
    counts
}

/// One element of [`apply`]; `largest` is the largest magnitude of its block, as bits.
pub fn apply_one(op: &Op, bits: u32, largest: u32, word: impl Fn() -> u32) -> Rounded {
    let (rounded, flags) = match op.class {
        class::SCALAR => round_value(bits, op, 0, if op.draws() { word() } else { 0 }),
        class::BLOCK if largest == 0 => (0, 0),
        class::BLOCK if largest >= 0x7f80_0000 => (0, NAN),
        class::BLOCK => {
            let scale = block_scale(largest, op);
            round_value(bits, op, scale, if op.draws() { word() } else { 0 })
        }
        class::ADDITIVE => {
            let noise = f32::from_bits(op.noise) * deviate(op, word());
            (round_significand((f32::from_bits(bits) + noise).to_bits(), op.significand), 0)
        }
        class::RELATIVE => {
            let factor = 1.0 + f32::from_bits(op.noise) * deviate(op, word());
            (round_significand((f32::from_bits(bits) * factor).to_bits(), op.significand), 0)
        }
        _ => (bits, 0),
    };
    let units = if rounded & 0x7fff_ffff == 0 { 0 } else { op.unit << 23 };
    (floor48(rounded.wrapping_add_signed(-units)), flags)
}

/// The flags of one element as counts.
pub fn tally(flags: u32) -> Counts {
    Counts {
        saturated: u64::from(flags & SATURATED != 0),
        underflowed: u64::from(flags & UNDERFLOWED != 0),
        nan: u64::from(flags & NAN != 0),
    }
}
