//! The codec: rounds f32 bit patterns with u32 and i32 arithmetic; only the products of some formats are f32's. Twin of
//! shaders/codec.wgsl.

mod description;
pub mod logarithmic;
mod product;
mod scale;
mod site;

pub use crate::format::NO_CODE;
pub use description::{any_float, description};
pub use scale::{block_scale, scale_byte};
pub use site::{DIVERGED, FLOOR, apply, apply_one, component, deviate, flush48, round_significand, tally};

use crate::format::{Direction, QuantOp, Specials, class, policy};
use product::{inverse, multiply};
use scale::{e4m3_value, tensor_block_scale};

pub const SIGN: u32 = 0x8000_0000;
pub const MAGNITUDE: u32 = 0x7fff_ffff;
pub const INFINITY: u32 = 0x7f80_0000;
const ONE: u32 = 0x3f80_0000;
pub const QUIET: u32 = 0x7fc0_0000;
pub const LARGEST: u32 = 0x7f7f_ffff;
const SMALLEST_NORMAL: u32 = 0x0080_0000;
/// 2^-127.
pub const SMALLEST_POWER: u32 = 0x0040_0000;

pub const SATURATED: u32 = 1;
pub const UNDERFLOWED: u32 = 2;
pub const NAN: u32 = 4;

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

/// A code without sign, its sign, and what happened on the way to it.
struct Coded {
    code: u32,
    sign: u32,
    /// Flags of [`Rounded`], and [`INFINITE`].
    flags: u32,
}

/// With [`NAN`]: an infinity.
const INFINITE: u32 = 8;

/// One element; `largest` is the largest magnitude of its block, as bits.
pub fn quantize(op: &QuantOp, bits: u32, largest: u32, word: u32) -> Rounded {
    let (bits, largest) = (admitted(op, bits), admitted(op, largest));
    if op.class == class::NONE {
        return Rounded { bits, code: bits, flags: 0 };
    }
    if op.shares() && largest >= INFINITY {
        return NAN_BLOCK;
    }
    match op.class {
        class::BLOCK => rounded(op, bits, block_scale(largest, op), word),
        class::STEP => rescaled(rounded(op, multiply(bits, op.factor), 0, word), bits, ONE, op.step),
        class::TWO_LEVEL => {
            // fl(x fl(1/fl(c g))) to the grid, then fl(fl(q c) g), for the block's scale c and the tensor's scale g
            // (NVIDIA Transformer Engine, NVFP4 quantization).
            let block = e4m3_value(tensor_block_scale(largest, op));
            let inner = multiply(bits, inverse(multiply(block, op.step)));
            rescaled(rounded(op, inner, 0, word), bits, block, op.step)
        }
        _ => rounded(op, bits, 0, word),
    }
}

/// One value to the codes of `op`, scaled by 2^scale, and back.
fn rounded(op: &QuantOp, bits: u32, scale: i32, word: u32) -> Rounded {
    let Coded { code, sign, flags } = encoded(op, bits, scale, word);
    if flags & INFINITE != 0 {
        return Rounded { bits: sign | INFINITY, code: signed(op, sign, code), flags: NAN };
    }
    if flags & NAN != 0 {
        return not_a_number(op, sign);
    }
    if op.rounding == DITHER && flags & SATURATED == 0 {
        return without_dither(op, sign, code, scale, word);
    }
    // Two's complement has one zero.
    let sign = if code == 0 && op.has(policy::INTEGER) { 0 } else { sign };
    let magnitude = match op.class {
        class::LOGARITHMIC => logarithmic::decoded(code, op),
        class::EXPONENT => assembled(1, code as i32 - 127),
        _ => decoded(code, op, scale),
    };
    // A scale can take a value beyond f32.
    let lost = if magnitude >= INFINITY { NAN } else { 0 };
    Rounded { bits: sign | magnitude, code: signed(op, sign, code), flags: flags | lost }
}

/// The code of one value, scaled by 2^scale; `word` decides a random rounding.
fn encoded(op: &QuantOp, bits: u32, scale: i32, word: u32) -> Coded {
    let (magnitude, sign) = (bits & MAGNITUDE, bits & SIGN);
    if magnitude > INFINITY {
        let saturates = op.has(policy::SATFINITE);
        return if saturates { saturated(op, 0) } else { Coded { code: 0, sign, flags: NAN } };
    }
    // Of what is negative there is no power of two.
    if op.class == class::EXPONENT && bits > SIGN {
        return Coded { code: 0, sign: 0, flags: NAN };
    }
    if magnitude == INFINITY {
        return beyond(op, sign);
    }
    match op.class {
        class::LOGARITHMIC => logarithmic::encoded(op, bits, word),
        class::EXPONENT => encoded_power(op, magnitude),
        _ => encoded_on_grid(op, bits, scale, word),
    }
}

/// A rounded value times the scales that were taken off `bits` before.
fn rescaled(rounded: Rounded, bits: u32, block: u32, step: u32) -> Rounded {
    let value = multiply(multiply(rounded.bits, block), step);
    let lost = rounded.bits & MAGNITUDE == 0 && bits & MAGNITUDE != 0;
    let lost = if lost { UNDERFLOWED } else { 0 };
    let huge = if value & MAGNITUDE >= INFINITY { NAN } else { 0 };
    Rounded { bits: value, flags: rounded.flags | lost | huge, ..rounded }
}

/// Subnormals and, in blocks, NaN and infinities, as the policy reads them.
fn admitted(op: &QuantOp, bits: u32) -> u32 {
    let magnitude = bits & MAGNITUDE;
    match magnitude {
        0..SMALLEST_NORMAL if op.has(policy::FLUSHES) => bits & SIGN,
        INFINITY if op.shares() && op.has(policy::SATFINITE) => bits & SIGN | LARGEST,
        INFINITY.. if op.shares() && op.has(policy::SATFINITE) => LARGEST,
        _ => bits,
    }
}

/// The code on a float or fixed grid of a finite value.
fn encoded_on_grid(op: &QuantOp, bits: u32, scale: i32, word: u32) -> Coded {
    let (magnitude, sign) = (bits & MAGNITUDE, bits & SIGN);
    if magnitude == 0 && op.rounding != DITHER {
        return Coded { code: 0, sign, flags: 0 };
    }
    let (significand, exponent) = split(magnitude);
    // value = significand 2^exponent; q counts steps of 2^(exponent + shift).
    let fine = op.lsb_min + scale - exponent;
    let coarse = op.has(policy::ABRUPT) && fine > 23 - op.mantissa as i32;
    let shift = match coarse {
        true => fine + op.mantissa as i32,
        false => fine.max(23 - op.mantissa as i32).max(0),
    };
    let steps = if coarse { 0 } else { (exponent + shift - scale - op.lsb_min) as u32 };
    // Without mantissa bits codes that are even have steps that are.
    let odd = if op.mantissa == 0 { steps & 1 } else { 0 };
    let q = round_whole(significand, shift as u32, sign != 0, odd, op, word);
    let code = if coarse { q << op.mantissa } else { (steps << op.mantissa) + q };
    if code > limit(op, sign) {
        return overflowed(op, sign);
    }
    Coded { code, sign, flags: if code == 0 && op.rounding != DITHER { UNDERFLOWED } else { 0 } }
}

/// magnitude = significand 2^exponent, the significand of 24 bits; 0 for zero.
fn split(magnitude: u32) -> (u32, i32) {
    match magnitude {
        0 => (0, -149),
        1..SMALLEST_NORMAL => {
            let up = magnitude.leading_zeros() - 8;
            (magnitude << up, -149 - up as i32)
        }
        _ => (magnitude & 0x7f_ffff | 0x80_0000, (magnitude >> 23) as i32 - 150),
    }
}

/// The bits of q 2^exponent, which f32 holds or which is too large for it: then infinity.
fn assembled(q: u32, exponent: i32) -> u32 {
    if q == 0 {
        return 0;
    }
    let top = 31 - q.leading_zeros() as i32;
    let field = exponent + top + 127;
    match field {
        ..=0 => q << (exponent + 149),
        1..=254 => ((field as u32) << 23) | (((q << (31 - top)) >> 8) & 0x7f_ffff),
        _ => INFINITY,
    }
}

/// The value of a code without sign, scaled by 2^scale, as bits.
pub fn decoded(code: u32, op: &QuantOp, scale: i32) -> u32 {
    let field = code >> op.mantissa;
    // The codes of a fixed grid are whole numbers.
    if field == 0 || op.mantissa == 23 {
        return assembled(code, op.lsb_min + scale);
    }
    let significand = code & ((1 << op.mantissa) - 1) | 1 << op.mantissa;
    assembled(significand, op.lsb_min + scale + field as i32 - 1)
}

/// The largest code, without sign, of that sign.
fn limit(op: &QuantOp, sign: u32) -> u32 {
    if sign != 0 { op.min_code } else { op.max_code }
}

fn signed(op: &QuantOp, sign: u32, code: u32) -> u32 {
    let top = 1 << (op.width - 1);
    match (sign != 0, op.has(policy::INTEGER)) {
        (false, _) => code,
        (true, false) => top | code,
        (true, true) => code.wrapping_neg() & (top | (top - 1)),
    }
}

/// The largest value of that sign.
fn saturated(op: &QuantOp, sign: u32) -> Coded {
    Coded { code: limit(op, sign), sign, flags: SATURATED }
}

/// What lies beyond the largest value.
fn beyond(op: &QuantOp, sign: u32) -> Coded {
    match op.specials {
        _ if !op.has(policy::OVERFLOWS) => saturated(op, sign),
        IEEE => Coded { code: op.max_code + 1, sign, flags: NAN | INFINITE },
        _ => Coded { code: 0, sign, flags: NAN },
    }
}

/// A finite value that rounds beyond the largest one. Directions toward zero stop at it (IEEE 754-2019, 7.4).
fn overflowed(op: &QuantOp, sign: u32) -> Coded {
    let stops = match op.rounding {
        TOWARD_ZERO => true,
        UP => sign != 0,
        DOWN => sign == 0,
        _ => false,
    };
    if stops { saturated(op, sign) } else { beyond(op, sign) }
}

/// A quiet NaN, in formats with several NaNs the one whose first mantissa bit is set.
fn not_a_number(op: &QuantOp, sign: u32) -> Rounded {
    let code = match op.specials {
        IEEE if op.mantissa > 0 => signed(op, sign, op.max_code + 1 + (1 << (op.mantissa - 1))),
        NAN_CODE => signed(op, sign, op.max_code + 1),
        _ => NO_CODE,
    };
    Rounded { bits: sign | QUIET, code, flags: NAN }
}

const IEEE: u32 = Specials::Ieee as u32;
const NAN_CODE: u32 = Specials::Nan as u32;

/// `significand` / 2^shift as a whole number, by the direction of `op`; `odd` is added where it asks for an even one.
fn round_whole(significand: u32, shift: u32, negative: bool, odd: u32, op: &QuantOp, word: u32) -> u32 {
    if shift == 0 {
        return significand;
    }
    let half = shift.min(25); // beyond, half a step exceeds every significand
    let kept = significand >> shift.min(31);
    let inexact = u32::from(kept << shift.min(31) != significand);
    match op.rounding {
        NEAREST_EVEN => (significand + (1 << (half - 1)) - 1 + (((significand >> half) + odd) & 1)) >> half,
        NEAREST_AWAY => (significand + (1 << (half - 1))) >> half,
        UP => kept + if negative { 0 } else { inexact },
        DOWN => kept + if negative { inexact } else { 0 },
        STOCHASTIC | DITHER => kept + stochastic_carry(significand, shift, op, word),
        _ => kept,
    }
}

const NEAREST_EVEN: u32 = Direction::NearestEven as u32;
const NEAREST_AWAY: u32 = Direction::NearestAway as u32;
const TOWARD_ZERO: u32 = Direction::TowardZero as u32;
const UP: u32 = Direction::Up as u32;
const DOWN: u32 = Direction::Down as u32;
const STOCHASTIC: u32 = Direction::Stochastic as u32;
const DITHER: u32 = Direction::Dither as u32;

/// Whether the discarded fraction and the random bits add up to one. The fraction is cut to as many bits as are
/// random; the zero-mean variant adds the first bit that was cut.
fn stochastic_carry(significand: u32, shift: u32, op: &QuantOp, word: u32) -> u32 {
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
    let (_, late) = sum.overflowing_add(if op.has(policy::ZERO_MEAN) { first_cut } else { 0 });
    u32::from(carry | late)
}

/// The value of a fixed grid's code without the random part that was added to it: of n random bits R, it was
/// (2 R + 1) / 2^(n + 1) - 1/2 steps.
fn without_dither(op: &QuantOp, sign: u32, code: u32, scale: i32, word: u32) -> Rounded {
    let (bits, random) = (32 - op.random_shift, word >> op.random_shift);
    let parts = (code << (bits + 1)) as i32 + (1 << bits) - (2 * random + 1) as i32;
    let turned = if parts < 0 { sign ^ SIGN } else { sign };
    let magnitude = assembled(parts.unsigned_abs(), op.lsb_min + scale - bits as i32 - 1);
    Rounded { bits: turned | magnitude, code: signed(op, sign, code), flags: 0 }
}

/// The code c of a power of two 2^(c - 127), of a finite value without sign.
fn encoded_power(op: &QuantOp, magnitude: u32) -> Coded {
    if magnitude < SMALLEST_POWER {
        return Coded { code: 0, sign: 0, flags: SATURATED };
    }
    let (significand, exponent) = split(magnitude);
    let code = (exponent + 150) as u32 + u32::from(op.rounding == UP && significand != 0x80_0000);
    if code > op.max_code { overflowed(op, 0) } else { Coded { code, sign: 0, flags: 0 } }
}
