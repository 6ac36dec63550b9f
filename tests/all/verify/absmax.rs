//! Faults at scales that are f32 are diagnosed: casts in plain f32 of blocks of 32, MXFP8 elements without a power of two.

use half::{bf16, f16};
use roundlaw::format::{Quantizer, ScaleMode, Sharing};
use roundlaw::verify::foreign::{Case, Found};

use super::blocks::{COLUMNS, numbers, quantizer, word};
use super::foreign::{E2M1, E4M3, Grid, array, diagnosed, double, even, right};
use super::two_level::near;

const BLOCK: usize = 32;

fn absmax(name: &str) -> Quantizer {
    Quantizer { sharing: Some(Sharing { size: BLOCK as u32, mode: ScaleMode::Absmax }), ..quantizer(name) }
}

fn most(block: &[u32]) -> f32 {
    block.iter().map(|bits| double(*bits).abs()).fold(0.0, f64::max) as f32
}

/// A codec of these grids with a rule for the scale of a largest magnitude, the scale that it stores, and a rule for what is
/// rounded of a value.
fn coded(
    (name, grid): (&str, Grid),
    bits: &[u32],
    scale: impl Fn(f32) -> f32,
    stored: impl Fn(f32) -> f32,
    inner: impl Fn(f32, f32) -> f32,
) -> Case {
    let used: Vec<f32> = bits.chunks(BLOCK).map(|block| scale(most(block))).collect();
    let code = |(k, bits): (usize, &u32)| grid.encode(inner(f32::from_bits(*bits), used[k / BLOCK]).into(), even);
    let codes = bits.iter().enumerate().map(code).collect();
    let scales = used.iter().map(|scale| stored(*scale).to_bits()).collect();
    array(absmax(name), bits.to_vec(), COLUMNS, Found::Codes { codes, scales })
}

fn product(x: f32, scale: f32) -> f32 {
    x * (1.0 / scale)
}

fn itself(scale: f32) -> f32 {
    scale
}

#[test]
fn right_scales_have_no_cause_and_others_have_one() {
    for (name, grid) in [("mxfp8", E4M3), ("mxfp4", E2M1)] {
        let bits = numbers(-20, 20);
        let own = (name, grid);
        let largest = grid.largest as f32;
        let scale = |most: f32| most * (1.0 / largest);
        right(&coded(own, &bits, scale, itself, product));
        let rules: [(&str, &dyn Fn(f32) -> f32); 4] = [
            ("the scale is rounded to bf16", &|most| bf16::from_f32(scale(most)).to_f32()),
            ("the scale is rounded to f16", &|most| f16::from_f32(scale(most)).to_f32()),
            ("the scale is rounded up to a power of two", &|most| scale(most).log2().ceil().exp2()),
            ("the scale is the quotient of the largest magnitude and the largest element", &|most| most / largest),
        ];
        for (cause, rule) in rules {
            // f16 has the numbers from 2^-24 on.
            let bits = if cause.contains("f16") { &numbers(-4, 20) } else { &bits };
            diagnosed(&coded(own, bits, rule, itself, product), cause);
        }
        let stored = coded(own, &bits, scale, |scale| 1.0 / scale, product);
        diagnosed(&stored, "the reciprocal of the scale is stored");
    }
}

#[test]
fn quotients_of_values_in_place_of_products() {
    // Elements beside ties, where the quotient by the scale and the product with its reciprocal differ.
    let block = |k: u32| -> Vec<u32> {
        let most = 1.0 + (word(k as usize) >> 9) as f32 / 8_388_608.0;
        let scale = most * (1.0f32 / 448.0);
        let code = |x: f32| E4M3.encode(x.into(), even);
        let element = |j: u32| {
            let tie = (8.5 + (j % 8) as f32) * 2f32.powi((j / 8) as i32) * scale;
            near(tie, |x| code(x / scale) != code(product(x, scale))).to_bits()
        };
        std::iter::once(most.to_bits()).chain((1..BLOCK as u32).map(element)).collect()
    };
    let bits: Vec<u32> = (0..5 * 40).flat_map(block).collect();
    let scale = |most: f32| most * (1.0 / 448.0);
    right(&coded(("mxfp8", E4M3), &bits, scale, itself, product));
    let divided = coded(("mxfp8", E4M3), &bits, scale, itself, |x, scale| x / scale);
    diagnosed(&divided, "values are divided by the scale, not multiplied by its reciprocal");
}
