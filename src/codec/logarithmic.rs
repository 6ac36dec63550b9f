//! Grids of the roots of two: code c stands for 2^((c - b) / n), with the f32 nearest it. Twin of
//! shaders/logarithmic.wgsl.

use std::sync::LazyLock;

use super::bits::{FRACTION, IMPLICIT, MAGNITUDE, SIGN, unpack};
use super::gap::goes_up;
use super::special::overflowed;
use super::{Coded, UNDERFLOWED};
use crate::format::{MAX_BASE_FACTOR, QuantOp};

/// For n = 1 to [`MAX_BASE_FACTOR`] the significands, of 24 bits, of 2^(0/n), ..., 2^((n-1)/n), one list after the other.
pub static ROOTS: LazyLock<Vec<u32>> = LazyLock::new(|| {
    let root = |j: u32, n: u32| (libm::exp2(f64::from(j) / f64::from(n)) as f32).to_bits() & FRACTION | IMPLICIT;
    (1..=MAX_BASE_FACTOR).flat_map(|n| (0..n).map(move |j| root(j, n))).collect()
});

/// Significand of 2^(j/n), and of 2 for j = n.
fn root(j: u32, n: u32) -> u32 {
    if j == n { 1 << 24 } else { ROOTS[(n * (n - 1) / 2 + j) as usize] }
}

/// The bits of a code's magnitude.
pub(super) fn decoded(code: u32, op: &QuantOp) -> u32 {
    if code == 0 {
        return 0;
    }
    let (place, n) = (code as i32 - op.lsb_min, op.mantissa);
    let (octave, j) = (place.div_euclid(n), place.rem_euclid(n) as u32);
    (((octave + 127) as u32) << 23) | (root(j, n as u32) & FRACTION)
}

/// The code of a finite value; a random rounding goes up with the probability of the distance on the line of numbers.
pub(super) fn encoded(op: &QuantOp, bits: u32, word: u32) -> Coded {
    let (magnitude, sign, n) = (bits & MAGNITUDE, bits & SIGN, op.mantissa as u32);
    if magnitude == 0 {
        return Coded { code: 0, sign, flags: 0 };
    }
    let (significand, exponent) = unpack(magnitude);
    let mut j = 0;
    for step in [8, 4, 2, 1] {
        if j + step < n && root(j + step, n) <= significand {
            j += step;
        }
    }
    let octave = exponent + 23;
    let low = octave * n as i32 + j as i32 + op.lsb_min;
    let code = if low >= 1 {
        let distance = significand - root(j, n);
        low as u32 + goes_up(op, sign, distance, root(j + 1, n) - root(j, n), 0, low as u32, word)
    } else {
        // Between zero and the smallest number, `down` octaves above.
        let smallest = decoded(1, op);
        let down = (smallest >> 23) as i32 - 127 - octave;
        goes_up(op, sign, significand, smallest & FRACTION | IMPLICIT, down as u32, 0, word)
    };
    match code {
        _ if code > op.max_code => overflowed(op, sign),
        _ => Coded { code, sign, flags: if code == 0 { UNDERFLOWED } else { 0 } },
    }
}
