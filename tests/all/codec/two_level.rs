//! Two-level blocks: the scales of blocks by the lists of their numbers, elements by the order of the definition.

use roundlaw::codec::{scale_of_one, scale_value, stored_scale};
use roundlaw::format::{Direction, Float, Layout, QuantOp, Quantizer, ScaleFormat, Specials};
use strum::VariantArray as _;

use super::blocks::run;
use super::list::{magnitudes, rounded, telling_inputs};
use super::{quantizer, value};

type List = (Vec<(f64, u32)>, f64);

fn list(exponent: u32, mantissa: u32, bias: i32, specials: Specials) -> List {
    let layout = Layout::Float(Float { exponent, mantissa, bias, specials, gradual: true });
    magnitudes(&Quantizer { layout, ..quantizer("e4m3") })
}

fn nearest(list: &List, x: f32) -> (f64, u32) {
    let (index, _) = rounded(list, x.abs().into(), x < 0.0, Direction::NearestEven);
    list.0[index]
}

/// The numbers of a block's scale: the widths and the bias, and the one code of NaN.
fn scales(scale: ScaleFormat) -> List {
    match scale {
        ScaleFormat::E4m3 => list(4, 3, 7, Specials::Nan),
        ScaleFormat::Ue5m3 => list(5, 3, 15, Specials::Nan),
    }
}

fn nvfp4(scale: ScaleFormat) -> Quantizer {
    let base = quantizer("nvfp4");
    Quantizer { layout: base.layout.with_scale(scale), ..base }
}

#[test]
fn ue5m3_has_the_numbers_of_its_definition() {
    let op = QuantOp::of(&nvfp4(ScaleFormat::Ue5m3));
    let value = |code: u32| f32::from_bits(scale_value(code, &op));
    let known = [(0, 0.0), (1, 2f32.powi(-17)), (8, 2f32.powi(-14)), (0x78, 1.0), (0xf7, 61440.0), (0xfe, 114_688.0)];
    known.into_iter().for_each(|(code, must)| assert_eq!(value(code), must, "{code:#x}"));
    assert_eq!(scale_of_one(&op), 0x78);
    assert_eq!(scale_of_one(&QuantOp::of(&quantizer("nvfp4"))), 0x38);
    for &scale in ScaleFormat::VARIANTS {
        let op = QuantOp::of(&nvfp4(scale));
        for (must, code) in scales(scale).0 {
            assert_eq!(f64::from(f32::from_bits(scale_value(code, &op))), must, "{} {code:#x}", scale.name());
        }
    }
}

#[test]
fn the_scale_of_a_block_is_the_nearest_number_and_saturates() {
    for &scale in ScaleFormat::VARIANTS {
        let numbers = scales(scale);
        // With this factor the scale is that of the largest magnitude itself.
        let op = QuantOp { factor: 1f32.to_bits(), ..QuantOp::of(&nvfp4(scale)) };
        let last = numbers.0[numbers.0.len() - 1].1;
        assert_eq!(last, if scale == ScaleFormat::E4m3 { 0x7e } else { 0xfe });
        for x in telling_inputs(&numbers.0).into_iter().filter(|x| x.is_sign_positive()) {
            assert_eq!(stored_scale(x.to_bits(), &op), nearest(&numbers, x).1, "{}: {x:e}", scale.name());
        }
        for tiny in [1, 0x7f_ffff, 0x80_0000] {
            assert_eq!(stored_scale(tiny, &op), 0);
        }
        for no_number in [f32::INFINITY, f32::NAN] {
            assert_eq!(stored_scale(no_number.to_bits(), &op), last + 1);
        }
        let done = run(&nvfp4(scale), &[1.0, f32::NAN]);
        assert!(done.scales == [last + 1] && done.elements.iter().all(|element| value(*element).is_nan()));
    }
}

/// NVFP4 as Transformer Engine computes it, in f32 with a list for the scale and for E2M1.
#[test]
fn two_level_blocks_follow_the_order_of_their_definition() {
    let e2m1 = list(2, 1, 1, Specials::None);
    for case in 0..400u32 {
        let scale = ScaleFormat::VARIANTS[case as usize % 2];
        let numbers = scales(scale);
        let spread = 2f32.powi((case % 61) as i32 - 30);
        let number = |k: u32| {
            let word = (case * 77 + k).wrapping_mul(2_654_435_761);
            (word as i32 as f32 / 2f32.powi(31)) * spread * 2f32.powi((word % 17) as i32 - 8)
        };
        let input: Vec<f32> = (0..80).map(number).collect();
        let done = run(&nvfp4(scale), &input);
        let amax = input.iter().fold(0f32, |a, x| a.max(x.abs()));
        let most = if scale == ScaleFormat::E4m3 { 448.0 } else { 114_688.0 };
        let encode = (most * 6.0 / amax).min(f32::MAX);
        let (m, g) = (encode * (1.0 / 6.0), 1.0 / encode);
        for (block, chunk) in input.chunks(16).enumerate() {
            let largest = chunk.iter().fold(0f32, |a, x| a.max(x.abs()));
            let (scale, code) = nearest(&numbers, (largest * m).min(most));
            assert_eq!(done.scales[block], code, "case {case}");
            let scale = scale as f32;
            let inverse = if code == 0 { 0.0 } else { (1.0 / (scale * g)).min(f32::MAX) };
            for (k, x) in chunk.iter().enumerate() {
                let (q, code) = nearest(&e2m1, x * inverse);
                let found = done.elements[block * 16 + k];
                let sign = if *x < 0.0 { 8 } else { 0 };
                assert_eq!(found.code, code | sign, "case {case}: {x:e}");
                assert_eq!(value(found).abs(), (q as f32 * scale) * g, "case {case}: {x:e}");
            }
        }
    }
}
