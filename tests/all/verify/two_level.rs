//! Faults at the two scales of NVFP4 are diagnosed.

use roundlaw::format::{Quantizer, ScaleFormat};
use roundlaw::verify::foreign::{Case, Cut, Found, Inputs};

use super::blocks::{COLUMNS, largest, numbers, quantizer, word};
use super::foreign::{E2M1, E4M3, Grid, UE5M3, array, diagnosed, double, even, right};

/// The steps of an NVFP4 cast, in f32: the scale of the tensor, that of a block, what multiplies its values.
struct TwoLevel {
    encode: f32,
    decode: f32,
}

impl TwoLevel {
    fn of(bits: &[u32]) -> TwoLevel {
        let most = bits.iter().map(|bits| double(*bits).abs()).fold(0.0, f64::max) as f32;
        let encode = 448.0f32 * 6.0 / most;
        TwoLevel { encode, decode: 1.0 / encode }
    }

    fn scale(&self, most: f64) -> u32 {
        E4M3.encode((most as f32 * (self.encode * (1.0f32 / 6.0))).into(), even)
    }

    fn code(&self, x: f64, scale: u32) -> u32 {
        match E4M3.value(scale) as f32 * self.decode {
            0.0 => E2M1.sign(x),
            scale => E2M1.encode((x as f32 * (1.0 / scale)).into(), even),
        }
    }
}

#[test]
fn two_level_scales() {
    // Blocks 2^16 below the largest have the scale 0, and others subnormal ones.
    let bits = numbers(-22, 0);
    let cast = TwoLevel::of(&bits);
    let coded = |scale: &dyn Fn(f64) -> u32, code: &dyn Fn(f64, u32) -> u32| {
        let values: Vec<f64> = bits.iter().map(|bits| double(*bits)).collect();
        let scales: Vec<u32> = values.chunks(16).map(|block| scale(largest(block))).collect();
        let codes = values.iter().enumerate().map(|(k, x)| code(*x, scales[k / 16])).collect();
        array(quantizer("nvfp4"), bits.clone(), COLUMNS, Found::Codes { codes, scales })
    };
    let code = |x: f64, scale: u32| cast.code(x, scale);
    right(&coded(&|most| cast.scale(most), &code));
    let least = coded(&|most| cast.scale(most).max(8), &code);
    diagnosed(&least, "the scale is never below 2^-6, the smallest normal one");
    let flushed = coded(&|most| if cast.scale(most) < 8 { 0 } else { cast.scale(most) }, &code);
    diagnosed(&flushed, "subnormal scales are flushed to 0");
    let one = TwoLevel { encode: 1.0, decode: 1.0 };
    let unscaled = coded(&|most| one.scale(most), &|x, scale| one.code(x, scale));
    let found = diagnosed(&unscaled, "the scale of the tensor is 1");
    assert_eq!(found.causes[0].repeat.unwrap().tensor_scale, Some(1.0));
}

/// Of the f32 around a number the first with which something holds.
pub fn near(x: f32, holds: impl Fn(f32) -> bool) -> f32 {
    let around = (0..2000).map(|k| f32::from_bits(x.to_bits() - 1000 + k));
    around.into_iter().find(|x| holds(*x)).unwrap_or(x)
}

#[test]
fn quotients_in_place_of_products() {
    let cast = TwoLevel { encode: 2688.0 / 7.3, decode: 1.0 / (2688.0f32 / 7.3) };
    let divided = |most: f64| E4M3.encode((most as f32 / 6.0 / cast.decode).into(), even);
    let quotient = |x: f64, scale: u32| match E4M3.value(scale) as f32 * cast.decode {
        0.0 => E2M1.sign(x),
        scale => E2M1.encode((x as f32 / scale).into(), even),
    };
    // The first one is the largest of all; the largest of the others are beside ties between scales, or others beside ties
    // between elements, where a quotient and a product differ.
    let block = |k: u32| -> Vec<f32> {
        let tie = ((8.5 + (k % 8) as f32) * 2f32.powi((k / 8 % 5) as i32)) * 6.0 * cast.decode;
        let most = near(tie, |x| divided(x.into()) != cast.scale(x.into()));
        let scale = cast.scale(most.into());
        let half = 2.5 * E4M3.value(scale) as f32 * cast.decode;
        let near_half = near(half, |x| quotient(x.into(), scale) != cast.code(x.into(), scale));
        let rest = (0..14).map(|j| most * (word((16 * k + j) as usize) % 1000) as f32 / 2000.0);
        [most, near_half].into_iter().chain(rest).collect()
    };
    let mut numbers: Vec<f32> = (0..400).flat_map(block).collect();
    numbers[..16].fill(7.3);
    let bits: Vec<u32> = numbers.iter().map(|x| x.to_bits()).collect();
    let coded = |scale: &dyn Fn(f64) -> u32, code: &dyn Fn(f64, u32) -> u32| {
        let values: Vec<f64> = bits.iter().map(|bits| double(*bits)).collect();
        let scales: Vec<u32> = values.chunks(16).map(|block| scale(largest(block))).collect();
        let codes = values.iter().enumerate().map(|(k, x)| code(*x, scales[k / 16])).collect();
        array(quantizer("nvfp4"), bits.clone(), COLUMNS, Found::Codes { codes, scales })
    };
    right(&coded(&|most| cast.scale(most), &|x, scale| cast.code(x, scale)));
    let scales = coded(&divided, &|x, scale| cast.code(x, scale));
    diagnosed(&scales, "the scale divides in f32, by the largest element and then by that of the tensor");
    let elements = coded(&|most| cast.scale(most), &quotient);
    diagnosed(&elements, "values are divided by the scale, not multiplied by its reciprocal");
}

#[test]
fn a_scale_of_the_tensor_that_is_too_small() {
    let bits = numbers(0, 6);
    let cast = TwoLevel { encode: 64.0, decode: 1.0 / 64.0 };
    let quantizer = Quantizer { tensor_scale: 1.0 / 64.0, ..quantizer("nvfp4") };
    let values: Vec<f64> = bits.iter().map(|bits| double(*bits)).collect();
    let with = |beyond: u32| {
        let scale = |most: f64| match cast.scale(most) {
            0x7e if most * 64.0 / 6.0 > 464.0 => beyond,
            scale => scale,
        };
        let scales: Vec<u32> = values.chunks(16).map(|block| scale(largest(block))).collect();
        let code = |(k, x): (usize, &f64)| if scales[k / 16] == 0x7f { 0 } else { cast.code(*x, scales[k / 16]) };
        let codes = values.iter().enumerate().map(code).collect();
        let inputs = Inputs { bits: bits.clone(), nearest: None, shape: vec![40, COLUMNS], is_fortran: false };
        Case::new(quantizer, true, inputs, Cut::Along(1), Found::Codes { codes, scales })
    };
    right(&with(0x7e));
    diagnosed(&with(0x7f), "a scale beyond the largest is NaN");
}

/// What a cast without a scale of the tensor stores: the scales of a grid, up to the largest that it uses.
fn cast_without_tensor_scale(own: ScaleFormat, grid: Grid, most: f64, bits: &[u32]) -> Case {
    let values: Vec<f64> = bits.iter().map(|bits| double(*bits)).collect();
    let scale = |block: &[f64]| grid.encode((largest(block) as f32 * (1.0f32 / 6.0)).into(), even).min(grid.code(most));
    let scales: Vec<u32> = values.chunks(16).map(scale).collect();
    let code = |(k, x): (usize, &f64)| match grid.value(scales[k / 16]) as f32 {
        0.0 => E2M1.sign(*x),
        scale => E2M1.encode((*x as f32 * (1.0 / scale)).into(), even),
    };
    let codes = values.iter().enumerate().map(code).collect();
    let base = quantizer("nvfp4");
    let quantizer = Quantizer { layout: base.layout.with_scale(own), ..base };
    let shape = vec![bits.len() / COLUMNS, COLUMNS];
    let inputs = Inputs { bits: bits.to_vec(), nearest: None, shape, is_fortran: false };
    Case::new(quantizer, true, inputs, Cut::Along(1), Found::Codes { codes, scales })
}

#[test]
fn scales_of_another_type() {
    let (e4m3, ue5m3) = (ScaleFormat::E4m3, ScaleFormat::Ue5m3);
    // Of both types some scales are subnormal, and of E4M3 some saturate.
    let bits = numbers(-14, 13);
    right(&cast_without_tensor_scale(ue5m3, UE5M3, UE5M3.largest, &bits));
    right(&cast_without_tensor_scale(e4m3, E4M3, E4M3.largest, &bits));
    diagnosed(&cast_without_tensor_scale(ue5m3, E4M3, E4M3.largest, &bits), "scale format e4m3");
    // Some take the top exponent for infinities and NaN.
    let large = numbers(0, 19);
    right(&cast_without_tensor_scale(ue5m3, UE5M3, UE5M3.largest, &large));
    let reserved = cast_without_tensor_scale(ue5m3, UE5M3, 61440.0, &large);
    diagnosed(&reserved, "the top exponent of a scale is reserved: it saturates below");
}

#[test]
fn the_choice_between_two_scales() {
    let bits = numbers(-3, 3);
    let values: Vec<f64> = bits.iter().map(|bits| double(*bits)).collect();
    let cast = TwoLevel { encode: 1.0, decode: 1.0 };
    // Codes, the scale, and the squared error in f64, whose own error is far below the differences.
    let by = |block: &[f64], expansion: f32| {
        let ideal = (largest(block) as f32 * (1.0f32 / 6.0)) * expansion;
        let scale = E4M3.encode(ideal.into(), even);
        let codes: Vec<u32> = block.iter().map(|x| cast.code(*x, scale)).collect();
        let error = block.iter().zip(&codes).map(|(x, code)| (E2M1.value(*code) * E4M3.value(scale) - x).powi(2));
        (error.sum::<f64>(), scale, codes)
    };
    let with = |four_over_six: bool, better: &dyn Fn(f64, f64) -> bool| {
        let best = |block: &[f64]| {
            let (six, four) = (by(block, 1.0), by(block, 1.5));
            if better(four.0, six.0) { four } else { six }
        };
        let blocks: Vec<(f64, u32, Vec<u32>)> = values.chunks(16).map(best).collect();
        let (scales, codes) =
            (blocks.iter().map(|block| block.1).collect(), blocks.into_iter().flat_map(|block| block.2));
        let quantizer = Quantizer { four_over_six, ..quantizer("nvfp4") };
        let shape = vec![bits.len() / COLUMNS, COLUMNS];
        let inputs = Inputs { bits: bits.clone(), nearest: None, shape, is_fortran: false };
        Case::new(quantizer, true, inputs, Cut::Along(1), Found::Codes { codes: codes.collect(), scales })
    };
    right(&with(true, &|four, six| four < six));
    right(&with(false, &|_, _| false));
    diagnosed(&with(true, &|_, _| false), "the scale is always that to 6");
    diagnosed(&with(true, &|_, _| true), "the scale is always that to 4");
    let found = diagnosed(&with(false, &|four, six| four < six), "the better of the scales to 6 and to 4");
    assert!(found.causes[0].repeat.unwrap().quantizer.four_over_six);
}
