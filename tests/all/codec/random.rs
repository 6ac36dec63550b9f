//! Stochastic rounding and dither, over all their random bits.

use roundlaw::codec::quantize;
use roundlaw::format::{Direction, Layout, QuantOp, Quantizer, Rounding};

use super::list::magnitudes;
use super::{quantizer, with_direction};

fn value(op: &QuantOp, x: f32, word: u32) -> f64 {
    f64::from(f32::from_bits(quantize(op, x.to_bits(), 0, word).bits))
}

#[test]
fn stochastic_rounding_goes_up_as_often_as_its_random_bits_say() {
    let log = |base_factor: u32| Quantizer {
        layout: Layout::Logarithmic { bits: 6, base_factor, bias: 16 },
        ..quantizer("log6")
    };
    let formats = ["e4m3", "e2m1", "e5m2", "e3m4"].map(quantizer).into_iter();
    for base in formats.chain([1, 2, 3, 7, 16].map(log)) {
        let (list, _) = magnitudes(&base);
        for zero_mean in [false, true] {
            let rounding = Rounding { direction: Direction::Stochastic, bits: 8, zero_mean };
            let op = QuantOp::of(&Quantizer { rounding, ..base });
            for pair in list.windows(2).step_by(3) {
                let (low, high) = (pair[0].0, pair[1].0);
                for part in [0.0, 1.0 / 1024.0, 1.0 / 512.0, 0.1, 0.25, 0.4987, 0.5, 0.7512, 0.998, 1.0 - 1.0 / 1024.0]
                {
                    let x = (low + part * (high - low)) as f32;
                    let above = f64::from(x) - low;
                    if !(0.0..high - low).contains(&above) {
                        continue;
                    }
                    let up = (0..256u32).filter(|r| value(&op, x, r << 24 | 0x5a_5a5a) == high).count();
                    // P3109: A rounds up where floor(nu 2^8) + R >= 2^8, B where floor(nu 2^9) + 2 R + 1 >= 2^9. The
                    // distances are exact in f64, and so is nu 2^n >= k as a product.
                    let reaches = |n: i32, k: f64| above * 2f64.powi(n) >= k * (high - low);
                    let wanted = (0..256u32)
                        .filter(|r| match zero_mean {
                            false => reaches(8, 256.0 - f64::from(*r)),
                            true => reaches(9, 511.0 - f64::from(2 * r)),
                        })
                        .count();
                    assert_eq!(up, wanted, "{:?}, zero mean {zero_mean}: {x:e}", base.layout);
                }
            }
        }
    }
}

#[test]
fn thirty_two_random_bits_decide_to_the_last_one() {
    // 1 + 2^-23 is 2^-20 of the way from 1 to 1.125 in e4m3: up for the 2^12 largest words.
    let op = QuantOp::of(&with_direction("e4m3", Direction::Stochastic));
    let x = f32::from_bits(0x3f80_0001);
    assert_eq!(value(&op, x, u32::MAX - 4095), 1.125);
    assert_eq!(value(&op, x, u32::MAX - 4096), 1.0);
}

#[test]
fn a_logarithmic_grid_needs_its_64_bit_products() {
    // One root per octave: from 1 to 2, so that the fraction is that of the significand.
    let base = Quantizer { layout: Layout::Logarithmic { bits: 8, base_factor: 1, bias: 60 }, ..quantizer("log8") };
    for zero_mean in [false, true] {
        let op = QuantOp::of(&Quantizer {
            rounding: Rounding { direction: Direction::Stochastic, bits: 32, zero_mean },
            ..base
        });
        let x = f32::from_bits(0x3f80_0001); // 2^-23 of the way: the 2^9 largest words
        assert_eq!(value(&op, x, u32::MAX - 511), 2.0);
        assert_eq!(value(&op, x, u32::MAX - 512), 1.0);
    }
}

#[test]
fn dither_leaves_an_error_that_is_uniform_whatever_the_value() {
    for (name, bits) in [("int8", 8), ("int8", 16), ("int4", 8), ("int16", 8)] {
        let step = 0.125;
        let rounding = Rounding { bits, ..Rounding::new(Direction::Dither) };
        let op = QuantOp::of(&Quantizer { rounding, scale: step, ..quantizer(name) });
        let words = 1u32 << bits;
        for x in [0.0f32, 0.01, -0.01, 0.0625, 0.3, -0.55, 0.7499, -0.8] {
            let mut errors: Vec<f64> = (0..words).map(|r| value(&op, x, r << (32 - bits)) - f64::from(x)).collect();
            errors.sort_by(f64::total_cmp);
            // Sorted, they lie a 2^bits-th of a step apart, from half a step below to half a step above.
            let gap = step / f64::from(words);
            for (k, error) in errors.iter().enumerate() {
                let middle = -step / 2.0 + gap * (k as f64 + 0.5);
                assert!((error - middle).abs() <= gap, "{name} of {x} with {bits} bits: {error} for {middle}");
            }
            let mean = errors.iter().sum::<f64>() / f64::from(words);
            assert!(mean.abs() <= gap, "{name} of {x}: mean error {mean}");
        }
    }
}

#[test]
fn dither_sends_the_code_and_takes_its_own_part_off() {
    let op = QuantOp::of(&Quantizer { scale: 0.5, ..with_direction("int8", Direction::Dither) });
    for r in 0..256u32 {
        let found = quantize(&op, 1.3f32.to_bits(), 0, r << 24);
        let dither = (2.0 * f64::from(r) + 1.0) / 512.0 - 0.5;
        assert_eq!(found.code, (1.3f32 as f64 / 0.5 + dither + 0.5).floor() as u32);
        assert_eq!(f64::from(f32::from_bits(found.bits)), 0.5 * (f64::from(found.code) - dither));
    }
}
