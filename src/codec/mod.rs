//! The codec: rounds f32 bit patterns with u32 and i32 arithmetic; only the products of some formats are f32's. This file
//! only chooses: each class of formats has a file, a code and a value. Twin of shaders/codec.wgsl.

pub mod bits;
mod choice;
mod description;
mod gap;
mod grid;
pub mod logarithmic;
mod posit;
mod power;
mod product;
mod scale;
mod site;
mod special;
mod stored;
mod table;

pub use crate::format::NO_CODE;
pub use bits::{INFINITY, LARGEST, MAGNITUDE, SIGN};
pub(crate) use choice::{added, chosen, distance};
pub use description::{any_float, description, descriptions};
pub use scale::{block_scale, scale_value, stored_scale};
pub use site::{DIVERGED, FLOOR, apply, apply_one, component, deviate, flush48, round_significand, tally};
pub use stored::{scale_of_one, stored};
pub use table::table;

use crate::format::{QuantOp, class, direction, policy};
use bits::QUIET;
use product::{multiply, rescaled};
use special::{admitted, beyond, encoded_nan, not_a_number, second_largest, signed};

pub const SATURATED: u32 = 1;
pub const UNDERFLOWED: u32 = 2;
pub const NAN: u32 = 4;
/// With [`NAN`], between encoding and decoding: an infinity.
pub(crate) const INFINITE: u32 = 8;

/// An element of a block that its scale says is NaN.
const NAN_BLOCK: Rounded = Rounded { bits: QUIET, code: 0, flags: NAN };

/// What a format makes of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rounded {
    /// The value, as f32 bits.
    pub bits: u32,
    /// Its code with the sign, or [`NO_CODE`].
    pub code: u32,
    /// Which of [`SATURATED`], [`UNDERFLOWED`], [`NAN`] happened.
    pub flags: u32,
}

/// A code without sign, its sign, and what happened on the way to it. Where codes carry their own sign, this one is that
/// of the value that was encoded.
struct Coded {
    code: u32,
    sign: u32,
    /// Flags of [`Rounded`], and [`INFINITE`].
    flags: u32,
}

/// One element; `largest` is the largest magnitude of its block, as bits.
pub fn quantize(op: &QuantOp, bits: u32, largest: u32, word: u32) -> Rounded {
    quantize_inline(op, bits, largest, word)
}

/// [`quantize`] for a loop over many elements, which becomes vector code only where nothing in it is called.
#[inline(always)]
pub(crate) fn quantize_inline(op: &QuantOp, bits: u32, largest: u32, word: u32) -> Rounded {
    let (bits, largest) = (admitted(op, bits), admitted(op, largest));
    if op.kind == class::NONE {
        return Rounded { bits, code: bits, flags: 0 };
    }
    if op.shares() && largest >= INFINITY {
        return NAN_BLOCK;
    }
    match op.kind {
        class::BLOCK => rounded(op, bits, block_scale(largest, op), word),
        class::STEP => {
            let inner = rounded(op, multiply(bits, op.factor), 0, word);
            rescaled(inner, bits, bits::ONE, op.step)
        }
        class::TWO_LEVEL | class::ABSMAX => {
            let (block, inverse) =
                if op.kind == class::ABSMAX { scale::absmax(largest, op) } else { scale::two_level(largest, op) };
            let inner = rounded(op, multiply(bits, inverse), 0, word);
            let found = rescaled(inner, bits, block, op.step);
            // A scale is at most 1/16 too large, so only the largest element of its sign can leave f32, and the next one does
            // not.
            match found.bits & MAGNITUDE {
                INFINITY.. if op.has(policy::SATFINITE) => rescaled(second_largest(op, inner), bits, block, op.step),
                _ => found,
            }
        }
        _ => rounded(op, bits, 0, word),
    }
}

/// One value to the codes of `op`, scaled by 2^scale, and back.
#[inline(always)]
fn rounded(op: &QuantOp, bits: u32, scale: i32, word: u32) -> Rounded {
    let Coded { code, sign, flags } = encoded(op, bits, scale, word);
    if flags & INFINITE != 0 {
        return Rounded { bits: sign | INFINITY, code: signed(op, sign, code), flags: NAN };
    }
    if flags & NAN != 0 {
        return not_a_number(op, sign);
    }
    if op.rounding == direction::DITHER && flags & SATURATED == 0 {
        return grid::without_dither(op, sign, code, scale, word);
    }
    let sign = if op.has(policy::OWN_SIGN) || code == 0 && op.has(policy::ONE_ZERO) { 0 } else { sign };
    let value = decoded(code, op, scale);
    // A scale can take a value beyond f32: to 2^128, since it came from f32.
    if value & MAGNITUDE >= INFINITY && op.shares() && op.has(policy::SATFINITE) {
        let code = code - 1;
        return Rounded {
            bits: sign | decoded(code, op, scale),
            code: signed(op, sign, code),
            flags: flags | SATURATED,
        };
    }
    let lost = if value & MAGNITUDE >= INFINITY { NAN } else { 0 };
    Rounded { bits: sign | value, code: signed(op, sign, code), flags: flags | lost }
}

/// The code of one value, scaled by 2^scale; `word` decides a random rounding.
#[inline(always)]
fn encoded(op: &QuantOp, bits: u32, scale: i32, word: u32) -> Coded {
    let (magnitude, sign) = (bits & MAGNITUDE, bits & SIGN);
    match op.kind {
        _ if magnitude > INFINITY => encoded_nan(op, sign),
        class::EXPONENT => power::encoded(op, bits),
        class::POSIT => posit::encoded(op, bits, word),
        _ if magnitude == INFINITY => beyond(op, sign),
        class::LOGARITHMIC => logarithmic::encoded(op, bits, word),
        _ => grid::encoded(op, bits, scale, word),
    }
}

/// The bits of a code, scaled by 2^scale: of one without sign, or of one that carries its own.
#[inline(always)]
pub fn decoded(code: u32, op: &QuantOp, scale: i32) -> u32 {
    match op.kind {
        class::EXPONENT => power::decoded(code),
        class::POSIT => posit::decoded(code, op),
        class::LOGARITHMIC => logarithmic::decoded(code, op),
        _ => grid::decoded(code, op, scale),
    }
}

/// The magnitudes of a format's numbers at scale 1, as bits, for the codes that stand for one: those without sign, or
/// all where codes carry their own.
pub fn magnitudes(op: &QuantOp) -> impl Iterator<Item = u32> {
    (0..=op.max_code).map(|code| decoded(code, op, 0) & MAGNITUDE)
}
