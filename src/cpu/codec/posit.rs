//! Posits, by the bits of an f32. Plus 1 its exponent field is a multiple of 4 at 1, so that the field's last two bits are
//! the exponent of the posit, and the bits behind the regime follow one another as in its code.

use super::gap::Random;
use super::usual::for_direction;
use super::{ALIKE, Element, Words, each};
use crate::codec::bits::{IMPLICIT, INFINITY, MAGNITUDE, SIGN};
use crate::format::direction::{DOWN, NEAREST_AWAY, NEAREST_EVEN, STOCHASTIC, TOWARD_ZERO, UP};
use crate::format::{QuantOp, policy};
use crate::site::Counts;

#[inline(always)]
pub(super) fn lanes(op: &QuantOp, lanes: &mut [f32], words: &Words, counts: &mut Counts) {
    for_direction!(op, rounded, op, lanes, words, counts);
}

#[inline(always)]
fn rounded<const DIRECTION: u32>(op: &QuantOp, lanes: &mut [f32], words: &Words, counts: &mut Counts) {
    let width = op.width as i32;
    let power = |octave: i32| ((octave + 127) << 23) as u32;
    let (largest, smallest) = (power(4 * (width - 2)), power(-4 * (width - 2)));
    let (overflows, satfinite) = (op.has(policy::OVERFLOWS), op.has(policy::SATFINITE));
    let random = Random::new(op);
    each!(op, lanes, words, ALIKE, counts, |value, word, ()| {
        let (magnitude, negative) = (value.to_bits() & MAGNITUDE, value.to_bits() & SIGN != 0);
        let regime = ((magnitude >> 23) as i32 - 127) >> 2;
        let length = if regime >= 0 { regime + 2 } else { 1 - regime };
        let places = (width - 1 - length).max(0);
        // Bits that the code has no place for. Where it has none behind the regime, that one's last bit is the code's.
        let cut = (25 - places) as u32;
        let line = magnitude.wrapping_add(IMPLICIT);
        let rest = line & ((1 << cut) - 1);
        let odd = if places == 0 { regime < 0 } else { line >> cut & 1 != 0 };
        let below = line.wrapping_sub(rest).wrapping_sub(IMPLICIT);
        let is_least = magnitude < smallest;
        let (low, high) = if is_least { (0, smallest) } else { (below, below.wrapping_add(1 << cut)) };
        let inexact = low != magnitude;
        let up = match DIRECTION {
            NEAREST_EVEN => (is_least & inexact) | (!is_least & (rest + u32::from(odd) > 1 << (cut - 1))),
            UP => !negative & inexact,
            DOWN => negative & inexact,
            STOCHASTIC => random.reaches(f32::from_bits(magnitude), f32::from_bits(low), f32::from_bits(high), word),
            _ => false,
        };
        let over = magnitude > largest;
        let chosen = if up { high } else { low };
        let bits = if over { largest } else { chosen };
        let not_a_number = magnitude > INFINITY;
        let lost = (not_a_number & !satfinite) | ((magnitude == INFINITY) & overflows);
        let sign = if negative & !not_a_number { SIGN } else { 0 };
        let zero = bits == 0;
        let saturated = (over & !lost) | (is_least & !zero);
        Element::new(if zero { 0 } else { bits | sign }, saturated, zero & (magnitude != 0), lost)
    });
}
