//! Four Over Six: each block of NVFP4 by both scales, in f32 with lists, and the choice between them in f64.

use roundlaw::format::{Direction, Float, Layout, Quantizer, ScaleFormat, Specials};
use roundlaw::reference::quantize::Quantized;
use strum::VariantArray as _;

use super::blocks::run;
use super::list::{magnitudes, rounded};
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

fn nvfp4(scale: ScaleFormat) -> Quantizer {
    let base = quantizer("nvfp4");
    Quantizer { layout: base.layout.with_scale(scale), four_over_six: true, ..base }
}

/// What a list of numbers becomes with this scale of the tensor.
fn with_tensor_scale(input: &[f32], tensor_scale: f32) -> Quantized {
    let bits: Vec<u32> = input.iter().map(|x| x.to_bits()).collect();
    let quantizer = Quantizer { tensor_scale, ..nvfp4(ScaleFormat::E4m3) };
    roundlaw::reference::quantize::Job::new(&quantizer, true, &bits, bits.len()).unwrap().run()
}

#[test]
fn the_example_of_the_paper_goes_to_four() {
    // At 6 the scale is 6.5, and 30 is 4.6 of it: 26. At 4 it is 10, and all are multiples of it.
    let done = with_tensor_scale(&[10.0, 20.0, 30.0, -40.0], 1.0);
    assert_eq!(done.scales, [0x52]);
    assert_eq!(done.elements.iter().map(|found| value(*found)).collect::<Vec<_>>(), [10.0, 20.0, 30.0, -40.0]);
    assert_eq!(done.elements.iter().map(|found| found.code).collect::<Vec<_>>(), [0x2, 0x4, 0x5, 0xe]);
    // No error by either: 6.
    assert_eq!(with_tensor_scale(&[6.0, 3.0, 0.0], 1.0).scales, [0x38]);
    assert_eq!(with_tensor_scale(&[0.0, -0.0], 1.0).scales, [0]);
    // No numbers, by either.
    assert_eq!(with_tensor_scale(&[6.0, f32::NAN], 1.0).scales, [0x7f]);
}

#[test]
fn every_block_has_the_scale_of_the_smaller_error() {
    let e2m1 = list(2, 1, 1, Specials::None);
    let mut chosen = [0; 2];
    for case in 0..400u32 {
        let scale = ScaleFormat::VARIANTS[case as usize % 2];
        let (numbers, last, most) = match scale {
            ScaleFormat::E4m3 => (list(4, 3, 7, Specials::Nan), 448.0f32, 256.0f32),
            ScaleFormat::Ue5m3 => (list(5, 3, 15, Specials::Nan), 114_688.0, 65536.0),
        };
        let spread = 2f32.powi((case % 61) as i32 - 30);
        let number = |k: u32| {
            let word = (case * 77 + k).wrapping_mul(2_654_435_761);
            (word as i32 as f32 / 2f32.powi(31)) * spread * 2f32.powi((word % 5) as i32 - 2 - (k as i32 / 16) * 3)
        };
        let input: Vec<f32> = (0..80).map(number).collect();
        let done = run(&nvfp4(scale), &input);
        // A scale that is larger by a half must be there, so that of the tensor leaves room for it.
        let amax = input.iter().fold(0f32, |a, x| a.max(x.abs()));
        let encode = (most * 6.0 / amax).min(f32::MAX);
        let (m, g) = (encode * (1.0 / 6.0), 1.0 / encode);
        for (block, chunk) in input.chunks(16).enumerate() {
            let largest = chunk.iter().fold(0f32, |a, x| a.max(x.abs()));
            let unit = 2f64.powi(libm::ilogb(largest.into()) - 23);
            let whole = |x: f32| (f64::from(x.abs()) / unit).trunc() as i128;
            let by = |expansion: f32| {
                let (own, code) = nearest(&numbers, ((largest * m) * expansion).min(last));
                let inverse = if code == 0 { 0.0 } else { (1.0 / (own as f32 * g)).min(f32::MAX) };
                let values: Vec<f32> = chunk
                    .iter()
                    .map(|x| ((nearest(&e2m1, x * inverse).0 as f32 * own as f32) * g).copysign(*x))
                    .collect();
                let errors = values.iter().zip(chunk).map(|(v, x)| (whole(*v) - whole(*x)).pow(2));
                let squares = values.iter().zip(chunk).map(|(v, x)| (f64::from(*v) - f64::from(*x)).powi(2));
                (errors.sum::<i128>(), squares.sum::<f64>(), code, values)
            };
            let (six, four) = (by(1.0), by(1.5));
            let best = if four.0 < six.0 { &four } else { &six };
            assert_eq!(done.scales[block], best.2, "case {case}");
            for (found, must) in done.elements[block * 16..].iter().zip(&best.3) {
                assert_eq!(value(*found), *must, "case {case}");
            }
            // That of cut numbers is that of the numbers themselves, but where both are nearly as large.
            assert!(best.1 <= six.1.min(four.1) * (1.0 + 1e-5) + 1e-300, "case {case}: {} {}", six.1, four.1);
            chosen[usize::from(four.0 < six.0)] += 1;
        }
    }
    assert!(chosen.iter().all(|count| *count > 400), "{chosen:?}");
}
