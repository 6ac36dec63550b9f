//! Grids rounded to nearest-even, as most recipes ask for: a few f32 operations an element, and no look at its policies.

use super::grid::is_rarer;
use crate::codec::{INFINITY, MAGNITUDE};
use crate::cpu::lanes::{SLICE, flush48};
use crate::format::direction::NEAREST_EVEN;
use crate::format::{QuantOp, policy};
use crate::site::Counts;

/// Exponent fields beyond this one leave no room for a number that has 23 places more.
const LARGEST_EXPONENT: i32 = 254 - 23;

/// Whether this file rounds what `op` asks for, where scales have exponents from `least` to `most`.
#[inline(always)]
pub fn applies(op: &QuantOp, (least, most): (i32, i32)) -> bool {
    let largest = (op.max_bits >> 23) as i32;
    let fits = largest + least >= 0 && largest + most < LARGEST_EXPONENT;
    op.rounding == NEAREST_EVEN && !is_rarer(op) && fits
}

/// Elements that share nothing.
#[inline(always)]
pub fn lanes(op: &QuantOp, lanes: &mut [f32], counts: &mut Counts) {
    let is_settled = op.unit == 0 && op.lsb_min >= -48;
    match (is_settled, op.has(policy::OVERFLOWS)) {
        (true, false) => each::<true, false>(op, lanes, |_| 0, counts),
        (true, true) => each::<true, true>(op, lanes, |_| 0, counts),
        (false, false) => each::<false, false>(op, lanes, |_| 0, counts),
        (false, true) => each::<false, true>(op, lanes, |_| 0, counts),
    }
}

/// Elements of blocks, each with the exponent of its scale.
#[inline(always)]
pub fn block_lanes(op: &QuantOp, lanes: &mut [f32], scales: &[i32; SLICE], counts: &mut Counts) {
    match op.has(policy::OVERFLOWS) {
        false => each::<false, false>(op, lanes, |l| scales[l], counts),
        true => each::<false, true>(op, lanes, |l| scales[l], counts),
    }
}

/// `SETTLED`: no result is moved by a unit, or as small as the floor. `LOST`: what is beyond the largest is no number.
///
/// Added to a power of two whose last place is the element's step, a magnitude is rounded to a multiple of that step, ties
/// to even; taking the power away again is exact.
#[inline(always)]
fn each<const SETTLED: bool, const LOST: bool>(
    op: &QuantOp,
    lanes: &mut [f32],
    scale: impl Fn(usize) -> i32,
    counts: &mut Counts,
) {
    let (mut saturated, mut underflowed, mut nans) = (0_u32, 0_u32, 0_u32);
    for (l, lane) in lanes.iter_mut().take(SLICE).enumerate() {
        let (bits, scale) = (lane.to_bits(), scale(l));
        let magnitude = bits & MAGNITUDE;
        let normal = ((magnitude & INFINITY) as i32).min(LARGEST_EXPONENT << 23) + ((23 - op.mantissa) << 23);
        // Of zeros the scale may be any.
        let place = normal.max((op.lsb_min + scale + 150) << 23).max(1 << 23);
        let places = f32::from_bits(place as u32);
        let rounded = (f32::from_bits(magnitude) + places) - places;
        let largest = f32::from_bits(op.max_bits.wrapping_add_signed(scale << 23));
        let (over, nan, zero) = (rounded > largest, magnitude > INFINITY, rounded == 0.0);
        let lost = if LOST { over | nan } else { nan };
        let kept = if over { largest } else { rounded };
        let signed = kept.to_bits() | (bits & !MAGNITUDE);
        let value = if zero | lost { 0 } else { signed };
        *lane = match SETTLED {
            true => f32::from_bits(value),
            false => flush48(f32::from_bits(if value == 0 { 0 } else { value.wrapping_add_signed(-(op.unit << 23)) })),
        };
        saturated += u32::from(over & !lost);
        underflowed += u32::from(zero & (magnitude != 0));
        nans += u32::from(lost);
    }
    *counts += Counts { saturated: saturated.into(), underflowed: underflowed.into(), nan: nans.into() };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::codec::{ALIKE, Words, grid};

    fn op(mantissa: i32, lsb_min: i32, max: f32, policy: u32, unit: i32) -> QuantOp {
        let rounding = NEAREST_EVEN;
        QuantOp { rounding, mantissa, lsb_min, max_bits: max.to_bits(), policy, unit, ..QuantOp::none() }
    }

    /// A stride of all values that a run can hold.
    fn values() -> Vec<f32> {
        let least = crate::codec::FLOOR;
        let all = (0..=u32::MAX).step_by(40_009).map(f32::from_bits);
        let kept = |value: &f32| value.to_bits() & MAGNITUDE >= least || *value == 0.0;
        let mut values: Vec<f32> = all.filter(kept).collect();
        // Halves of steps, and what is beside them.
        for bits in (0..64).flat_map(|k| [0.25f32, 1.0, 96.0].map(|step| (step * (k as f32 + 0.5)).to_bits())) {
            values.extend([bits - 1, bits, bits + 1, bits | 1 << 31].map(f32::from_bits));
        }
        values.extend([0.0, -0.0, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::NAN, -f32::NAN]);
        values
    }

    #[test]
    fn every_bit_and_count_is_that_of_the_loop_for_all_directions() {
        let ops = [
            op(3, -9, 448.0, 0, 0),
            op(2, -16, 57344.0, policy::OVERFLOWS, 0),
            op(1, -1, 6.0, 0, 0),
            op(10, -24, 65504.0, policy::OVERFLOWS, 0),
            op(23, -4, 127.0 / 16.0, 0, -4),
            op(23, 0, 127.0, 0, 0),
            op(3, -60, 2.0, 0, 0),
        ];
        let words: Words = [[0; 32]; 4];
        for op in &ops {
            for chunk in values().chunks(SLICE) {
                let (mut own, mut expected) = (chunk.to_vec(), chunk.to_vec());
                let (mut counts, mut wanted) = (Counts::default(), Counts::default());
                assert!(applies(op, (0, 0)));
                lanes(op, &mut own, &mut counts);
                let slow = |value, word, ()| grid::round::<NEAREST_EVEN, false>(op, value, 0, word);
                super::super::each(op, &mut expected, &words, &ALIKE, &mut wanted, slow);
                let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
                assert_eq!((bits(&own), counts), (bits(&expected), wanted), "{op:?}");
                for first in [-127, -60, -3, 0, 7, 90] {
                    let scales = std::array::from_fn(|l| first + (l / 32) as i32);
                    if !applies(op, (first, first + 3)) {
                        continue;
                    }
                    // No element of a block is beyond twice its largest magnitude.
                    let held = |(l, value): (usize, &f32)| {
                        let largest = f32::from_bits(op.max_bits.wrapping_add_signed(scales[l] << 23));
                        if value.abs() < 2.0 * largest { *value } else { largest }
                    };
                    let mut own: Vec<f32> = chunk.iter().enumerate().map(held).collect();
                    let mut expected = own.clone();
                    let (mut counts, mut wanted) = (Counts::default(), Counts::default());
                    block_lanes(op, &mut own, &scales, &mut counts);
                    let slow = |value, word, scale| grid::round::<NEAREST_EVEN, false>(op, value, scale, word);
                    super::super::each(op, &mut expected, &words, &scales, &mut wanted, slow);
                    assert_eq!((bits(&own), counts), (bits(&expected), wanted), "{op:?} {first}");
                }
            }
        }
    }
}
