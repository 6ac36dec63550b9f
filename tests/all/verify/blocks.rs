//! Faults at the scales of blocks are diagnosed.

use half::{bf16, f16};
use roundlaw::format::{Direction, Quantizer, Rounding, ScaleMode, Sharing, format};
use roundlaw::verify::foreign::Found;

use super::foreign::{E2M1, E4M3, Grid, array, diagnosed, double, even, exponent, power, right};

pub const COLUMNS: usize = 160;
const BLOCK: usize = 32;

pub fn quantizer(name: &str) -> Quantizer {
    Quantizer::new(format(name).unwrap())
}

/// Words that have no pattern.
pub fn word(k: usize) -> u32 {
    let x = (k as u32).wrapping_mul(0x9e37_79b9) ^ 0x5bd1_e995;
    let x = (x ^ x >> 16).wrapping_mul(0x85eb_ca6b);
    let x = (x ^ x >> 13).wrapping_mul(0xc2b2_ae35);
    x ^ x >> 16
}

/// Numbers in 40 rows of five blocks, each of magnitudes around a power of two of its own from 2^`low` to 2^`high`, which is
/// the largest in every third block. One element of each is just beside a tie of E2M1.
pub fn numbers(low: i32, high: i32) -> Vec<u32> {
    let of = |k: usize| {
        let base = low + (word(k / BLOCK + 77777) % (high - low + 1) as u32) as i32;
        let below = word(k + 999) % 5;
        let field = (base + 127).max(6) as u32 - below;
        match (k / BLOCK % 3, below) {
            (0, 0) => word(k) & 0x8000_0000 | field << 23,
            _ if k % BLOCK == 7 => word(k) & 0x8000_0000 | field << 23 | 0x20_0001,
            _ => word(k) & 0x807f_ffff | field << 23,
        }
    };
    (0..40 * COLUMNS).map(of).collect()
}

/// The largest magnitude.
pub fn largest(block: &[f64]) -> f64 {
    block.iter().fold(0.0, |most, x| x.abs().max(most))
}

/// The exponents of the scales of an OCP MX format.
fn floors(bits: &[u32], emax: i32) -> Vec<i32> {
    scales(bits, |block| floor(largest(block), emax))
}

fn floor(most: f64, emax: i32) -> i32 {
    if most == 0.0 { -127 } else { (exponent(most) - emax).clamp(-127, 127) }
}

fn scales(bits: &[u32], of: impl Fn(&[f64]) -> i32) -> Vec<i32> {
    let values: Vec<f64> = bits.iter().map(|bits| double(*bits)).collect();
    values.chunks(BLOCK).map(of).collect()
}

fn codes(bits: &[u32], grid: Grid, scales: &[i32]) -> Vec<u32> {
    bits.iter()
        .zip(0..)
        .map(|(bits, k): (_, usize)| grid.encode(double(*bits) / power(scales[k / BLOCK]), even))
        .collect()
}

fn bytes(scales: &[i32]) -> Vec<u32> {
    scales.iter().map(|scale| (scale + 127) as u32).collect()
}

/// Codes by scales, and those stored.
fn coded(bits: &[u32], grid: Grid, used: &[i32], stored: &[i32]) -> Found {
    Found::Codes { codes: codes(bits, grid, used), scales: bytes(stored) }
}

fn values(bits: &[u32], grid: Grid, used: &[i32], stored: &[i32]) -> Found {
    let value = |(k, code): (usize, u32)| (grid.value(code) * power(stored[k / BLOCK])) as f32;
    Found::Values(codes(bits, grid, used).into_iter().enumerate().map(value).map(f32::to_bits).collect())
}

/// A fault by which other scales are used and stored, in codes and in values.
#[track_caller]
fn scaled(name: &str, grid: Grid, bits: &[u32], scales: &[i32], cause: &str) {
    diagnosed(&array(quantizer(name), bits.to_vec(), COLUMNS, coded(bits, grid, scales, scales)), cause);
    diagnosed(&array(quantizer(name), bits.to_vec(), COLUMNS, values(bits, grid, scales, scales)), cause);
}

#[test]
fn right_blocks_have_no_cause() {
    let bits = numbers(-20, 20);
    for (name, grid, emax) in [("mxfp4", E2M1, 2), ("mxfp8", E4M3, 8)] {
        let scales = floors(&bits, emax);
        right(&array(quantizer(name), bits.clone(), COLUMNS, coded(&bits, grid, &scales, &scales)));
        right(&array(quantizer(name), bits.clone(), COLUMNS, values(&bits, grid, &scales, &scales)));
    }
}

#[test]
fn roundings_in_blocks() {
    let bits: Vec<u32> = numbers(-3, 3).iter().map(|bits| bits & 0xfff0_0000).collect();
    let scales = floors(&bits, 2);
    let with = |rule: fn(f64) -> f64| {
        let code = |(k, bits): (usize, &u32)| E2M1.encode(double(*bits) / power(scales[k / BLOCK]), rule);
        let codes = bits.iter().enumerate().map(code).collect();
        array(quantizer("mxfp4"), bits.clone(), COLUMNS, Found::Codes { codes, scales: bytes(&scales) })
    };
    diagnosed(&with(f64::round), "ties go away from zero");
    diagnosed(&with(f64::floor), "truncation: rounds toward zero");
    diagnosed(&with(|q| if q.fract() == 0.5 { q.floor() } else { even(q) }), "ties go toward zero");
}

/// Rounded up, no number above 0 becomes 0, however small it is beside the largest one: but a quotient in f32 does.
#[test]
fn quotients_by_the_scale_in_f32() {
    let bits: Vec<u32> = (0..10 * COLUMNS)
        .map(|k| match k % BLOCK {
            0 => (127 + 60) << 23,
            1 => (127 - 100) << 23,
            2 => (127 - 80) << 23,
            _ => word(k) & 0x807f_ffff | (127 + 55 + word(k + 9) % 4) << 23,
        })
        .collect();
    let scales = floors(&bits, 2);
    let up = Quantizer { rounding: Rounding::new(Direction::Up), ..quantizer("mxfp4") };
    let with = |quotient: fn(f64) -> f64| {
        let code = |(k, bits): (usize, &u32)| {
            let quotient = quotient(double(*bits) / power(scales[k / BLOCK]));
            E2M1.encode(quotient, |q| if double(*bits) < 0.0 { q.floor() } else { q.ceil() })
        };
        let codes = bits.iter().enumerate().map(code).collect();
        array(up, bits.clone(), COLUMNS, Found::Codes { codes, scales: bytes(&scales) })
    };
    right(&with(|quotient| quotient));
    let subnormal = with(|quotient| f64::from(quotient as f32));
    diagnosed(&subnormal, "double rounding: the quotient by the scale goes through f32's subnormals");
    let flushed = with(|quotient| if quotient.abs() < power(-126) { 0.0 } else { quotient });
    diagnosed(&flushed, "the quotient by the scale is flushed where f32 is subnormal");
}

#[test]
fn scale_modes() {
    let bits = numbers(-20, 20);
    let rceil = scales(&bits, |block| {
        let most = largest(block);
        (-60..60).find(|e| most / power(*e) <= 6.0).unwrap()
    });
    scaled("mxfp4", E2M1, &bits, &rceil, "scale mode rceil");
    let ceil = scales(&bits, |block| {
        let most = largest(block);
        exponent(most) + i32::from(most > power(exponent(most))) - 2
    });
    scaled("mxfp4", E2M1, &bits, &ceil, "scale mode ceil");
    let evens = scales(&bits, |block| even_exponent(largest(block)));
    scaled("mxfp4", E2M1, &bits, &evens, "scale mode even");
    let as_rceil = Quantizer { sharing: Some(Sharing { size: 32, mode: ScaleMode::Rceil }), ..quantizer("mxfp4") };
    right(&array(as_rceil, bits.clone(), COLUMNS, coded(&bits, E2M1, &rceil, &rceil)));
    let floor = floors(&bits, 2);
    diagnosed(&array(as_rceil, bits.clone(), COLUMNS, coded(&bits, E2M1, &floor, &floor)), "scale mode floor");
    let steps = |by: i32| floor.iter().map(|e| e + by).collect::<Vec<i32>>();
    scaled("mxfp4", E2M1, &bits, &steps(-1), "the scale is one step too small");
    scaled("mxfp4", E2M1, &bits, &steps(1), "the scale is one step too large");
}

#[test]
fn wrong_maxima() {
    // The largest one of every second block is just below a power of two.
    let mut bits = numbers(-3, 3);
    for block in bits.chunks_mut(BLOCK).step_by(2) {
        block[5] = (block[5] & 0x8000_0000) | ((132 << 23) - 1 - word(block[0] as usize) % 20);
    }
    let by = |round: fn(f64) -> f64| scales(&bits, |block| floor(round(largest(block)), 2));
    let to_bf16 = by(|x| bf16::from_f64(x).to_f64());
    scaled("mxfp4", E2M1, &bits, &to_bf16, "the scale is that of values rounded to bf16");
    for (block, k) in bits.chunks_mut(BLOCK).step_by(2).zip(0..) {
        block[5] = (132 << 23) - 0x800 - word(k) % 0x7000;
    }
    let by = |round: fn(f64) -> f64| scales(&bits, |block| floor(round(largest(block)), 2));
    let to_f16 = by(|x| f16::from_f64(x).to_f64());
    scaled("mxfp4", E2M1, &bits, &to_f16, "the scale is that of values rounded to f16");
    for (block, k) in bits.chunks_mut(BLOCK).step_by(2).zip(0..) {
        block[5] = (132 << 23) - 1 - word(k) % 20;
    }
    let logarithm = scales(&bits, |block| (largest(block).log2() as f32).floor() as i32 - 2);
    scaled("mxfp4", E2M1, &bits, &logarithm, "the scale is found by log2 in f32, which rounds up below a power of two");
    let bits = numbers(-3, 3);
    let signed = scales(&bits, |block| floor(block.iter().copied().fold(0.0, f64::max), 2));
    scaled("mxfp4", E2M1, &bits, &signed, "wrong maximum: the largest value, not the largest magnitude");
    // A first pass rounds to the element, and a second one takes the scale of that: of 225 to 231 it is that of 224.
    let rceil = |block: &[f64]| (-60..60).find(|e| largest(block) / power(*e) <= 448.0).unwrap();
    let first = scales(&bits, rceil);
    let value = |(k, code): (usize, &u32)| E4M3.value(*code) * power(first[k / BLOCK]);
    let passed: Vec<f64> = codes(&bits, E4M3, &first).iter().enumerate().map(value).collect();
    let second: Vec<i32> = passed.chunks(BLOCK).map(rceil).collect();
    let as_rceil = Quantizer { sharing: Some(Sharing { size: 32, mode: ScaleMode::Rceil }), ..quantizer("mxfp8") };
    let found = coded(&bits, E4M3, &second, &second);
    diagnosed(&array(as_rceil, bits, COLUMNS, found), "the scale is that of the values rounded to the element");
}

/// The exponent of a magnitude rounded to one bit behind the first, ties up, less that of E2M1.
fn even_exponent(most: f64) -> i32 {
    let half_steps = (most / power(exponent(most) - 1) + 0.5).floor();
    exponent(half_steps) + exponent(most) - 1 - 2
}

#[test]
fn scales_of_other_blocks() {
    let bits = numbers(-6, 6);
    let own = floors(&bits, 2);
    let last = own.len() - 1;
    let next: Vec<i32> = (0..own.len()).map(|k| own[(k + 1).min(last)]).collect();
    let previous: Vec<i32> = (0..own.len()).map(|k| own[k.saturating_sub(1)]).collect();
    let (rows, columns) = (40, COLUMNS / BLOCK);
    let column_by_column: Vec<i32> =
        (0..columns).flat_map(|j| (0..rows).map(move |i| (i, j))).map(|(i, j)| own[i * columns + j]).collect();
    for (place, others) in [
        ("the next block", next),
        ("the previous block", previous),
        ("the block at the transposed place", column_by_column),
    ] {
        for (what, used, stored) in [
            ("the scale is that of", &others, &others),
            ("the stored scale is that of", &own, &others),
            ("codes are found by the scale of", &others, &own),
        ] {
            let cause = format!("{what} {place}");
            diagnosed(&array(quantizer("mxfp4"), bits.clone(), COLUMNS, coded(&bits, E2M1, used, stored)), &cause);
            diagnosed(&array(quantizer("mxfp4"), bits.clone(), COLUMNS, values(&bits, E2M1, used, stored)), &cause);
        }
    }
}

#[test]
fn limits_of_scales() {
    // From far below the smallest scale to far above f16.
    let mut bits = numbers(-126, 60);
    let tiny = |k: usize| word(k) & 0x807f_ffff | (word(k + 3) % 3) << 23;
    (0..4 * BLOCK).for_each(|k| bits[k] = tiny(k));
    bits[4 * BLOCK..6 * BLOCK].fill(0);
    let own = floors(&bits, 2);
    let with = |of: &dyn Fn(i32) -> i32| own.iter().map(|scale| of(*scale)).collect::<Vec<i32>>();
    let least = with(&|scale| scale.max(-126));
    scaled("mxfp4", E2M1, &bits, &least, "the scale is never below 2^-126");
    let within_f16 = with(&|scale| scale.clamp(-24, 15));
    scaled("mxfp4", E2M1, &bits, &within_f16, "the scale stays within f16: it saturates at 2^-24 and 2^15");
    let normal = with(&|scale| scale.clamp(-14, 15));
    scaled("mxfp4", E2M1, &bits, &normal, "the scale stays within f16's normal numbers: 2^-14 to 2^15");
    let zeros: Vec<i32> = scales(&bits, |block| if largest(block) == 0.0 { 0 } else { floor(largest(block), 2) });
    let found = coded(&bits, E2M1, &zeros, &zeros);
    diagnosed(&array(quantizer("mxfp4"), bits.clone(), COLUMNS, found), "a block of zeros has the scale 1");
    let reciprocal = with(&|scale| -scale);
    let found = coded(&bits, E2M1, &own, &reciprocal);
    diagnosed(&array(quantizer("mxfp4"), bits.clone(), COLUMNS, found), "the reciprocal of the scale is stored");
    let flushed = |k: usize, code: u32| if own[k / BLOCK] == -127 { code & 8 } else { code };
    let codes = codes(&bits, E2M1, &own).into_iter().enumerate().map(|(k, code)| flushed(k, code)).collect();
    let found = Found::Codes { codes, scales: bytes(&own) };
    diagnosed(&array(quantizer("mxfp4"), bits, COLUMNS, found), "the scale 2^-127 is flushed: its elements are 0");
    // A subnormal product with the reciprocal of the largest element: 0x04600001 / 448.
    let bits: Vec<u32> = (0..10 * COLUMNS)
        .map(|k| {
            if k % BLOCK == 3 {
                [0x0460_0001, 0x04d0_0001, 0x0466_0000, 0x43e0_0001][word(k) as usize % 4]
            } else {
                word(k) & 0x803f_ffff | 0x0300_0000
            }
        })
        .collect();
    let product = scales(&bits, |block| {
        let product = largest(block) as f32 * (1.0f32 / 448.0);
        // The power of two that is not below it, of those that have a byte.
        (-127..127).find(|e| power(*e) >= f64::from(product)).unwrap()
    });
    let as_rceil = Quantizer { sharing: Some(Sharing { size: 32, mode: ScaleMode::Rceil }), ..quantizer("mxfp8") };
    let found = coded(&bits, E4M3, &product, &product);
    let cause = "the scale is an f32 product rounded up, whose subnormals round first";
    diagnosed(&array(as_rceil, bits, COLUMNS, found), cause);
}

#[test]
fn nan_and_infinity_in_blocks() {
    let mut bits = numbers(-3, 3);
    for k in (0..bits.len()).step_by(100) {
        bits[k] = [0x7f80_0000, 0x7fc0_0000, 0xff80_0000, 0xffc0_0001][k / 100 % 4];
    }
    let whole = scales(&bits, |block| if block.iter().all(|x| x.is_finite()) { floor(largest(block), 8) } else { 128 });
    let own = coded(&bits, E4M3, &whole.iter().map(|e| (*e).min(127)).collect::<Vec<_>>(), &whole);
    right(&array(quantizer("mxfp8"), bits.clone(), COLUMNS, own));
    let finite =
        scales(&bits, |block| floor(block.iter().filter(|x| x.is_finite()).fold(0.0, |most, x| x.abs().max(most)), 8));
    let found = coded(&bits, E4M3, &finite, &finite);
    let cause = "NaN and infinity stay in their elements: the scale is that of the finite ones";
    diagnosed(&array(quantizer("mxfp8"), bits.clone(), COLUMNS, found), cause);
    let local_nan = scales(&bits, |block| match block {
        _ if block.iter().any(|x| x.is_infinite()) => 128,
        _ => floor(largest(block), 8),
    });
    let found = coded(&bits, E4M3, &local_nan.iter().map(|e| (*e).min(127)).collect::<Vec<_>>(), &local_nan);
    let cause = "NaN stays in its element: the scale is that of the other ones";
    diagnosed(&array(quantizer("mxfp8"), bits.clone(), COLUMNS, found), cause);
    let large = scales(&bits, |block| match block {
        _ if block.iter().any(|x| x.is_nan()) => 128,
        _ if block.iter().any(|x| x.is_infinite()) => floor(f32::MAX.into(), 8),
        _ => floor(largest(block), 8),
    });
    let found = coded(&bits, E4M3, &large.iter().map(|e| (*e).min(127)).collect::<Vec<_>>(), &large);
    diagnosed(&array(quantizer("mxfp8"), bits.clone(), COLUMNS, found), "infinity counts as the largest f32");
    let with_infinity = scales(&bits, |block| match block {
        _ if block.iter().any(|x| x.is_nan()) => 128,
        _ if block.iter().any(|x| x.is_infinite()) => 127,
        _ => floor(largest(block), 8),
    });
    let found = coded(&bits, E4M3, &with_infinity.iter().map(|e| (*e).min(127)).collect::<Vec<_>>(), &with_infinity);
    diagnosed(&array(quantizer("mxfp8"), bits, COLUMNS, found), "an infinity has the largest scale");
}

#[test]
fn other_elements_share_a_scale() {
    let bits = numbers(-6, 6);
    let case = |found: Found| array(quantizer("mxfp4"), bits.clone(), COLUMNS, found);
    let value = |x: f64, most: f64| {
        let scale = power(floor(most, 2));
        ((E2M1.value(E2M1.encode(x / scale, even)) * scale) as f32).to_bits()
    };
    let sized = |size: usize| {
        let values: Vec<f64> = bits.iter().map(|bits| double(*bits)).collect();
        let rows = values.chunks(COLUMNS).flat_map(|row| row.chunks(size));
        Found::Values(rows.flat_map(|block| block.iter().map(|x| value(*x, largest(block)))).collect())
    };
    let found = diagnosed(&case(sized(16)), "blocks of 16");
    assert_eq!(found.causes[0].repeat.unwrap().quantizer.sharing.unwrap().size, 16);
    diagnosed(&case(sized(64)), "blocks of 64");
    let down = (0..bits.len()).map(|k| {
        let (row, column) = (k / COLUMNS, k % COLUMNS);
        let first = row / BLOCK * BLOCK;
        let block: Vec<f64> =
            (first..(first + BLOCK).min(40)).map(|row| double(bits[row * COLUMNS + column])).collect();
        value(double(bits[k]), largest(&block))
    });
    diagnosed(&case(Found::Values(down.collect())), "blocks run along axis 0");
}

#[test]
fn integers_that_share_an_exponent_or_a_step() {
    let bits = numbers(-6, 6);
    // 8-bit block floating point: the largest magnitude is of 2^6 to 2^7 steps.
    let coded = |rule: &dyn Fn(f64) -> f64, up: i32| {
        let values: Vec<f64> = bits.iter().map(|bits| double(*bits)).collect();
        let scales: Vec<i32> = values.chunks(16).map(|block| exponent(largest(block)) + up).collect();
        let code =
            |(k, x): (usize, &f64)| (rule(x / power(scales[k / 16] - 6)).clamp(-127.0, 127.0) as i32 as u32) & 0xff;
        let codes = values.iter().enumerate().map(code).collect();
        array(quantizer("bfp8"), bits.clone(), COLUMNS, Found::Codes { codes, scales: bytes(&scales) })
    };
    right(&coded(&even, 0));
    diagnosed(&coded(&f64::trunc, 0), "truncation: rounds toward zero");
    diagnosed(&coded(&f64::floor, 0), "rounds down");
    diagnosed(&coded(&even, 1), "the scale is one step too large");
}
