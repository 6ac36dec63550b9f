//! Blocks whose scale is the f32 that takes the largest magnitude to the largest element: plain f32 and lists of values.

use roundlaw::codec::{NAN, SATURATED, UNDERFLOWED};
use roundlaw::format::{Direction, Element, Layout, Nan, QuantOp, Quantizer, Rounding, ScaleMode, Sharing, WHOLE};

use super::blocks::{run, shared};
use super::list::{magnitudes, rounded};
use super::{quantizer, value};

const NAMES: [&str; 8] = ["mxfp8", "mxfp8-e5m2", "mxfp6-e2m3", "mxfp4", "mxint8", "bfp12", "bfp4", "int8"];

fn absmax(name: &str, size: u32) -> Quantizer {
    shared(name, size, ScaleMode::Absmax)
}

/// Every magnitude of an element with its code.
fn list(quantizer: &Quantizer) -> (Vec<(f64, u32)>, f64) {
    let (layout, scale) = match quantizer.layout {
        Layout::Block { element: Element::Integer { bits, unit }, .. } => {
            (Layout::Integer { bits, full: false }, libm::ldexp(1.0, unit))
        }
        layout => (layout.element(), 1.0),
    };
    magnitudes(&Quantizer { layout, scale, sharing: None, ..*quantizer })
}

#[test]
fn elements_follow_the_order_of_the_definition() {
    for (case, name) in (0..40u32).flat_map(|case| NAMES.map(|name| (case, name))) {
        let size = [8, 16, 64, WHOLE][case as usize % 4];
        let quantizer = absmax(name, size);
        let list = list(&quantizer);
        let most = list.0[list.0.len() - 1].0 as f32;
        let number = |k: u32| {
            let word = (case * 91 + k).wrapping_mul(2_654_435_761);
            (word as i32 as f32 / 2f32.powi(31)) * 2f32.powi((word % 13) as i32 + 3 * case as i32 - 60)
        };
        let input: Vec<f32> = (0..100).map(number).collect();
        let done = run(&quantizer, &input);
        for (block, chunk) in input.chunks(size.min(100) as usize).enumerate() {
            let largest = chunk.iter().fold(0f32, |a, x| a.max(x.abs()));
            let scale = largest * (1.0 / most);
            assert_eq!(done.scales[block], scale.to_bits(), "{name} {case}");
            for (k, x) in chunk.iter().enumerate() {
                let (index, beyond) =
                    rounded(&list, (x * (1.0 / scale)).abs().into(), *x < 0.0, Direction::NearestEven);
                let found = done.elements[block * size.min(100) as usize + k];
                assert!(!beyond && found.flags & SATURATED == 0, "{name} {case}: {x:e}");
                let must = (list.0[index].0 as f32 * scale).copysign(*x);
                assert_eq!(value(found), must, "{name} {case}: {x:e}");
                assert_eq!(found.flags & UNDERFLOWED != 0, index == 0 && *x != 0.0, "{name} {case}: {x:e}");
            }
        }
    }
}

#[test]
fn scales_at_the_ends_of_f32_are_defined() {
    let tiny = f32::from_bits(1);
    for name in NAMES {
        let quantizer = absmax(name, 8);
        // Zeros have the scale 0.
        let done = run(&quantizer, &[0.0; 3]);
        assert!(done.scales == [0] && done.elements.iter().all(|found| found.bits == 0 && found.flags == 0), "{name}");
        // So small that fl(1/s) is the largest f32: all elements come out as zeros, and the scale is what it is.
        let done = run(&quantizer, &[tiny, -tiny]);
        let most = f32::from_bits(QuantOp::of(&quantizer).max_bits);
        assert_eq!(done.scales, [(tiny * (1.0 / most)).to_bits()], "{name}");
        assert!(done.elements.iter().all(|found| value(*found) == 0.0 && found.flags == UNDERFLOWED), "{name}");
        // A scale that is subnormal, and its reciprocal a number.
        let a = 2f32.powi(-126) * most * 0.75;
        let done = run(&quantizer, &[a, -a]);
        let scale = a * (1.0 / most);
        assert!(scale > 0.0 && scale < f32::MIN_POSITIVE);
        assert_eq!(done.scales, [scale.to_bits()]);
        assert_eq!(done.elements.iter().map(|found| value(*found)).collect::<Vec<_>>(), [most * scale, -most * scale]);
        // What is no number makes the block NaN, and its scale.
        for x in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let done = run(&quantizer, &[1.0, x]);
            assert!(f32::from_bits(done.scales[0]).is_nan(), "{name}");
            assert!(done.elements.iter().all(|found| value(*found).is_nan() && found.flags == NAN), "{name}");
        }
    }
}

#[test]
fn with_satfinite_no_value_leaves_f32() {
    for name in NAMES {
        let quantizer = Quantizer { nan: Nan::Satfinite, ..absmax(name, 8) };
        let list = list(&quantizer);
        let most = list.0[list.0.len() - 1].0 as f32;
        let scale = f32::MAX * (1.0 / most);
        let done = run(&quantizer, &[f32::INFINITY, -f32::MAX, f32::NAN, 1.0]);
        assert_eq!(done.scales, [scale.to_bits()], "{name}");
        let kept = most * scale;
        assert!(kept.is_finite(), "{name}");
        for (found, must) in done.elements.iter().zip([kept, -kept, kept]) {
            assert_eq!((value(*found), found.flags), (must, 0), "{name}");
        }
        let stored =
            |k: usize| roundlaw::codec::stored(&QuantOp::of(&quantizer), done.elements[k].code, done.scales[0]);
        (0..4).for_each(|k| assert_eq!(stored(k), done.elements[k].bits, "{name}"));
    }
    // A code more, to which only another direction comes, may be beyond f32: the next one is not.
    let int8 = quantizer("int8");
    let full = Quantizer {
        layout: Layout::Integer { bits: 8, full: true },
        sharing: Some(Sharing { size: WHOLE, mode: ScaleMode::Absmax }),
        rounding: Rounding::new(Direction::Down),
        ..int8
    };
    let scale = f32::MAX * (1.0 / 127.0);
    assert!(-f32::MAX * (1.0 / scale) < -127.0 && (128.0 * scale).is_infinite());
    let done = run(&full, &[-f32::MAX, 1.0]);
    assert_eq!((value(done.elements[0]), done.elements[0].code), (f32::NEG_INFINITY, 0x80));
    let done = run(&Quantizer { nan: Nan::Satfinite, ..full }, &[-f32::MAX, 1.0]);
    let found = done.elements[0];
    assert_eq!((value(found), found.code, found.flags), (-127.0 * scale, 0x81, SATURATED));
}

#[test]
fn integers_have_a_vector_for_a_block() {
    let int8 = Quantizer { sharing: Some(Sharing { size: WHOLE, mode: ScaleMode::Absmax }), ..quantizer("int8") };
    // 127 steps of 0.02 and a tie, which the product with the reciprocal decides.
    let done = run(&int8, &[2.54, -1.27, 0.0]);
    let scale = 2.54f32 * (1.0 / 127.0);
    assert_eq!(done.scales, [scale.to_bits()]);
    let codes: Vec<i32> = done.elements.iter().map(|found| found.code as u8 as i8 as i32).collect();
    let half = (-1.27f32 * (1.0 / scale)).round_ties_even() as i32;
    assert_eq!(codes, [127, half, 0]);
}
