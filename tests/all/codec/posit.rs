//! Posits against the formula of the standard for the value of a code, and rounding by looking for the neighbours.

use roundlaw::codec::{NAN, SATURATED, UNDERFLOWED, quantize};
use roundlaw::format::{Direction, Nan, Overflow, QuantOp, Quantizer, Rounding};

use super::{FIXED, one, quantizer, value};

const FORMATS: [(&str, u32); 2] = [("posit8", 8), ("posit16", 16)];

/// Posit Standard (2022): (1 - 3 s + f) 2^((1 - 2 s) (4 r + e + s)) of sign, regime, exponent and fraction as they stand in
/// a code of n bits, which need not be turned by two's complement before.
fn standard(code: u32, n: u32) -> f64 {
    let bit = |place: i32| if place < 0 { 0 } else { code >> place & 1 };
    let sign = bit(n as i32 - 1);
    let first = bit(n as i32 - 2);
    let run = (0..n as i32 - 1).take_while(|k| bit(n as i32 - 2 - k) == first).count() as i32;
    let regime = if first == 0 { -run } else { run - 1 };
    let behind = n as i32 - 3 - run;
    let exponent = 2 * bit(behind) + bit(behind - 1);
    let fraction: f64 = (2..n as i32).map(|k| f64::from(bit(behind - k)) * 0.5f64.powi(k - 1)).sum();
    let s = sign as i32;
    (f64::from(1 - 3 * s) + fraction) * 2f64.powi((1 - 2 * s) * (4 * regime + exponent as i32 + s))
}

/// Posits from 0 on, by code.
fn list(n: u32) -> Vec<f64> {
    std::iter::once(0.0).chain((1..1 << (n - 1)).map(|code| standard(code, n))).collect()
}

/// Posits, points halfway in both senses and their neighbours, both ends of f32, and what lies anywhere.
fn inputs(list: &[f64], n: u32) -> Vec<f32> {
    let halves = (0..list.len() as u32).map(|code| standard(2 * code + 1, n + 1));
    let middles = list.windows(2).map(|pair| (pair[0] + pair[1]) / 2.0);
    let points = list.iter().copied().chain(halves).chain(middles).map(|x| (x as f32).to_bits());
    let near = points.flat_map(|bits| [bits.saturating_sub(1), bits, bits + 1]);
    let anywhere = (0..20_000u32).map(|k| k.wrapping_mul(2_654_435_761) >> 1);
    let all = near.chain(anywhere).map(f32::from_bits).filter(|x| x.is_finite());
    all.chain([f32::MAX, f32::MIN_POSITIVE, 1e-45]).flat_map(|x| [x, -x]).collect()
}

/// Codes below and at or above a magnitude; the last one twice beyond it.
fn around(list: &[f64], x: f64) -> (usize, usize) {
    let above = list.partition_point(|posit| *posit < x).min(list.len() - 1);
    if x >= list[above] { (above, above) } else { (above - 1, above) }
}

#[test]
fn codes_stand_for_the_numbers_of_the_standard() {
    for (name, n) in FORMATS {
        let op = QuantOp::of(&quantizer(name));
        for code in (0..1 << n).filter(|code| *code != 1 << (n - 1)) {
            let expected = if code == 0 { 0.0 } else { standard(code, n) };
            let bits = roundlaw::codec::stored(&op, code, 0);
            assert_eq!(f64::from(f32::from_bits(bits)), expected, "{name} {code:#x}");
            let found = quantize(&op, bits, 0, 0);
            assert_eq!((found.bits, found.code, found.flags), (bits, code, 0), "{name} {code:#x}");
        }
        assert!(f32::from_bits(roundlaw::codec::stored(&op, 1 << (n - 1), 0)).is_nan(), "NaR of {name}");
        // Significant bits, which pieces of covariates are cut by.
        let bits = |x: f64| 53 - (x.to_bits() << 12 >> 12 | 1 << 52).trailing_zeros();
        assert_eq!(list(n).into_iter().skip(1).map(bits).max(), Some(op.significand), "{name}");
    }
    // The largest and the smallest, and the numbers beside 1.
    assert_eq!(
        (standard(0x7f, 8), standard(1, 8), standard(0x7fff, 16)),
        (2f64.powi(24), 2f64.powi(-24), 2f64.powi(56))
    );
    assert_eq!((standard(0x40, 8), standard(0x41, 8), standard(0xc0, 8)), (1.0, 1.125, -1.0));
}

#[test]
fn every_interval_ends_where_the_standard_says() {
    for (name, n) in FORMATS {
        let list = list(n);
        let (least, most) = (list[1], list[list.len() - 1]);
        for direction in FIXED.into_iter().filter(|direction| *direction != Direction::NearestAway) {
            let quantizer = Quantizer { rounding: Rounding::new(direction), ..quantizer(name) };
            for x in inputs(&list, n) {
                let (magnitude, negative) = (f64::from(x.abs()), x < 0.0);
                let (low, high) = around(&list, magnitude);
                let code = match direction {
                    _ if low == high => low,
                    // The boundary of two codes is the code of one more bit between them, but no number becomes 0.
                    Direction::NearestEven if low == 0 => high,
                    Direction::NearestEven => {
                        let boundary = standard(2 * low as u32 + 1, n + 1);
                        let is_above = magnitude > boundary || magnitude == boundary && low % 2 == 1;
                        if is_above { high } else { low }
                    }
                    Direction::TowardZero => low,
                    _ if (direction == Direction::Up) != negative => high,
                    _ => low,
                };
                let found = one(&quantizer, x);
                let signed = if negative { -list[code] } else { list[code] } + 0.0;
                let place = || format!("{name} {direction:?} of {x:e}");
                assert_eq!(value(found).to_bits(), (signed as f32).to_bits(), "{}: {:e}", place(), value(found));
                let code = code as u32;
                assert_eq!(
                    found.code,
                    if negative { code.wrapping_neg() & ((1 << n) - 1) } else { code },
                    "{}",
                    place()
                );
                let flags = match code {
                    0 if x != 0.0 => UNDERFLOWED,
                    1.. if magnitude < least || magnitude > most => SATURATED,
                    _ => 0,
                };
                assert_eq!(found.flags, flags, "{}", place());
            }
        }
    }
}

/// The share f of the gap below a magnitude in whole numbers: floor(f 2^places).
fn share(list: &[f64], (low, high): (usize, usize), x: f64, places: u32) -> u128 {
    // All are multiples of the last place of an f32 as small as x.
    let unit = 2f64.powi(libm::ilogb(x) - 23);
    let whole = |y: f64| (y / unit) as u128;
    (whole(x - list[low]) << places) / whole(list[high] - list[low])
}

#[test]
fn random_roundings_go_up_with_the_share_of_the_gap() {
    for (name, n) in FORMATS {
        let list = list(n);
        let inputs = inputs(&list, n);
        for (bits, zero_mean) in [(8, false), (16, true), (32, false), (32, true)] {
            let rounding = Rounding { direction: Direction::Stochastic, bits, zero_mean };
            let op = QuantOp::of(&Quantizer { rounding, ..quantizer(name) });
            for (k, x) in inputs.iter().enumerate().filter(|(k, _)| n == 8 || k % 7 == 0) {
                let magnitude = f64::from(x.abs());
                let (low, high) = around(&list, magnitude);
                // Below 2^-86 no random bits reach.
                if low == high || magnitude < 2f64.powi(-86 - 2 * n as i32) {
                    continue;
                }
                // Words beside the one that just goes up, and another.
                let all = 1u128 << bits;
                let needed = all - share(&list, (low, high), magnitude, bits);
                for r in [needed.saturating_sub(1), needed, (k as u128).wrapping_mul(0x9e37_79b9)] {
                    let r = r % all;
                    let up = match zero_mean {
                        false => share(&list, (low, high), magnitude, bits) + r >= all,
                        true => share(&list, (low, high), magnitude, bits + 1) + 2 * r + 1 >= 2 * all,
                    };
                    let found = quantize(&op, x.to_bits(), 0, (r as u32) << (32 - bits));
                    let expected = list[if up { high } else { low }];
                    assert_eq!(
                        f64::from(value(found).abs()),
                        expected,
                        "{name} {bits} {zero_mean} of {x:e}, word {r:#x}"
                    );
                }
            }
        }
    }
}

#[test]
fn what_is_no_number_is_nar_or_the_largest_posit_where_that_is_asked_for() {
    for (name, n) in FORMATS {
        let largest = 2f32.powi(4 * (n as i32 - 2));
        let base = quantizer(name);
        for x in [f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let found = one(&base, x);
            assert!(value(found).is_nan() && found.code == 1 << (n - 1) && found.flags == NAN, "{name} of {x}");
        }
        let saturates = Quantizer { overflow: Overflow::Saturate, nan: Nan::Satfinite, ..base };
        for (x, expected) in [(f32::NAN, largest), (f32::INFINITY, largest), (f32::NEG_INFINITY, -largest)] {
            assert_eq!((value(one(&saturates, x)), one(&saturates, x).flags), (expected, SATURATED), "{name} of {x}");
        }
    }
}
