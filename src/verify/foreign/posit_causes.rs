//! Causes at posits, whose rounding to nearest goes by codes: halfway between two lies the code of one bit more.

use std::cmp::Ordering;

use super::cause::{Cause, Habit};
use super::element_causes::nearest;
use super::parts::{Element, between, is_nan};
use crate::codec::{INFINITY, MAGNITUDE, SIGN, decoded, stored};
use crate::format::direction::{DOWN, NEAREST_EVEN, UP};
use crate::format::{NO_CODE, QuantOp};

/// Rounding by numbers, zeros, other fields and other signs.
pub(super) fn all() -> Vec<Cause> {
    let code = |name: &str, code| Cause::new(name, Habit::Code(code));
    let number = |name: &str, number| Cause::new(name, Habit::Number(number));
    vec![
        code("nearest on the number line, ties to even", |op, x| on_the_line(op, x, false)),
        code("nearest on the number line, ties to even: down to 0", |op, x| on_the_line(op, x, true)),
        code("ties go away from zero", |op, x| nearest(op, x, |_, above| above)),
        code("numbers below the smallest one become 0", |op, x| zero_where(x, magnitude(x) < smallest(op))),
        code("numbers up to half the smallest one become 0", |op, x| zero_where(x, 2.0 * magnitude(x) <= smallest(op))),
        code("numbers nearer the code of 0 than that of the smallest one become 0", |op, x| {
            // By codes: halfway lies the smallest posit of one bit more.
            zero_where(x, magnitude(x) <= smallest(&QuantOp { width: op.width + 1, ..*op }))
        }),
        number("no exponent bits (es = 0)", |op, x| with_exponent_bits(op, x, 0)),
        number("one exponent bit (es = 1)", |op, x| with_exponent_bits(op, x, 1)),
        code("codes are sign and magnitude, not two's complement", |op, x| {
            let top = 1 << (op.width - 1);
            if x.code != NO_CODE && x.code > top { top | x.code.wrapping_neg() & (top - 1) } else { x.code }
        }),
    ]
}

fn magnitude(x: Element) -> f64 {
    f32::from_bits(x.bits & MAGNITUDE).into()
}

fn smallest(op: &QuantOp) -> f64 {
    f32::from_bits(decoded(1, op, 0)).into()
}

fn zero_where(x: Element, is_zero: bool) -> u32 {
    if is_zero { 0 } else { x.code }
}

/// The nearest number; whether 0 is one for numbers that are not 0.
fn on_the_line(op: &QuantOp, x: Element, to_zero: bool) -> u32 {
    let Some(around) = between(op, x.bits, x.scale) else { return x.code };
    let is_up = |fraction: f64| fraction > 0.5 || fraction == 0.5 && around.below & 1 == 1;
    let is_least = around.below == 0 && magnitude(x) > 0.0;
    if around.fraction.is_some_and(is_up) || is_least && !to_zero { around.above } else { around.below }
}

/// Code and value of a posit with as many exponent bits.
fn with_exponent_bits(op: &QuantOp, x: Element, es: u32) -> (u32, u32) {
    let magnitude_mask = (1 << (op.width - 1)) - 1;
    if is_nan(stored(op, x.code, 0)) || is_nan(x.bits) {
        return (x.code, stored(op, x.code, 0));
    }
    // With fewer of them the smallest number is larger.
    if x.code == 0 {
        return (0, 0);
    }
    let sign = x.bits & SIGN;
    let code = if x.bits & MAGNITUDE == INFINITY { magnitude_mask } else { encode(op, magnitude(x), sign, es) };
    let value = (decode(code, op.width, es) as f32).to_bits();
    match code {
        0 => (0, 0),
        _ if sign == 0 => (code, value),
        _ => (code.wrapping_neg() & (magnitude_mask << 1 | 1), sign | value),
    }
}

/// The code of a magnitude, rounded in the direction of `op`.
fn encode(op: &QuantOp, magnitude: f64, sign: u32, es: u32) -> u32 {
    const FRACTION: u32 = f64::MANTISSA_DIGITS - 1;
    let largest = (1 << (op.width - 1)) - 1;
    if magnitude == 0.0 {
        return 0;
    }
    // No f32 is subnormal in f64.
    let (exponent, outermost) = (libm::ilogb(magnitude), (op.width as i32 - 2) << es);
    if exponent >= outermost {
        return largest;
    }
    let is_least = exponent < -outermost;
    let regime = exponent >> es;
    let (field, length) = if regime >= 0 { ((4u128 << regime) - 2, regime + 2) } else { (1, 1 - regime) };
    let rest = u128::from(magnitude.to_bits() & ((1 << FRACTION) - 1));
    let all = (field << es | (exponent - (regime << es)) as u128) << FRACTION | rest;
    let cut = length as u32 + es + FRACTION - (op.width - 1);
    let (code, half) = if is_least { (0, Ordering::Greater) } else { ((all >> cut) as u32, half_of(all, cut)) };
    let is_inexact = is_least || all & ((1 << cut) - 1) != 0;
    let up = match op.rounding {
        NEAREST_EVEN => half == Ordering::Greater || half == Ordering::Equal && code & 1 == 1,
        UP => sign == 0 && is_inexact,
        DOWN => sign != 0 && is_inexact,
        _ => false,
    };
    code + u32::from(up)
}

/// How the last bits of a word compare with half of what they count to.
fn half_of(word: u128, bits: u32) -> Ordering {
    (word & ((1 << bits) - 1)).cmp(&(1 << (bits - 1)))
}

/// The number of a code without sign.
fn decode(code: u32, width: u32, es: u32) -> f64 {
    if code == 0 {
        return 0.0;
    }
    let word = code << (33 - width);
    let is_one = word >> 31 == 1;
    let run = if is_one { word.leading_ones() } else { word.leading_zeros() };
    let regime = if is_one { run as i32 - 1 } else { -(run as i32) };
    let tail = u64::from(word << run << 1) << es;
    let fraction = f64::from(tail as u32) / 2f64.powi(32);
    libm::ldexp(1.0 + fraction, (regime << es) + (tail >> 32) as i32)
}
