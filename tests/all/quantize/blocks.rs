//! Blocks along any axis, tiles, and arrays that go through memory in several pieces.

use roundlaw::{QuantizeOptions, quantize};

use super::*;

/// Numbers of both signs over some octaves, from a whole-number recurrence.
fn numbers(count: usize) -> Vec<f32> {
    let word = |k: usize| (k as u32).wrapping_mul(2_654_435_761) ^ (k as u32 >> 7).wrapping_mul(40_503);
    let number = |word: u32| f32::from_bits(word & 0x807f_ffff | (120 + (word >> 8) % 14) << 23);
    (0..count).map(|k| number(word(k))).collect()
}

/// Values and scales of rows, each a vector, by the library.
fn rows(values: &[f32], columns: usize, format: &str) -> (Vec<u32>, Vec<u32>) {
    let mut options = QuantizeOptions::default();
    options.columns = Some(columns);
    let done = quantize(values, format, &options).unwrap();
    (done.values.iter().map(|v| v.to_bits()).collect(), done.scales.clone())
}

/// The array with its two axes exchanged.
fn transposed<T: Copy>(values: &[T], columns: usize) -> Vec<T> {
    let rows = values.len() / columns;
    (0..values.len()).map(|k| values[k % rows * columns + k / rows]).collect()
}

#[test]
fn blocks_along_another_axis_are_those_of_the_transposed_array() {
    let (rows_of, columns) = (70, 9);
    let values = numbers(rows_of * columns);
    let place = Place::new(&[rows_of, columns], &values);
    for format in ["mxfp4", "mxfp8", "nvfp4", "bfp8", "mxint8"] {
        let block = if matches!(format, "nvfp4" | "bfp8") { 16 } else { 32 };
        let (must, scales) = rows(&transposed(&values, columns), rows_of, format);
        for axis in ["0", "-2"] {
            place.stdout(&format!("quantize --format {format} in.npy out.npy --axis {axis} --scales scales.npy"), "");
            assert_eq!(place.read("out.npy", "<f4", &[70, 9]), transposed(&must, rows_of), "{format}");
            let blocks = 70usize.div_ceil(block);
            assert_eq!(place.read("scales.npy", "|u1", &[blocks, 9]), transposed(&scales, blocks), "{format}");
        }
    }
}

#[test]
fn the_choice_of_a_block_s_scale_is_that_of_the_transposed_array() {
    let (rows_of, columns) = (70, 9);
    let values = numbers(rows_of * columns);
    let place = Place::new(&[rows_of, columns], &values);
    let named = "{ format = \"nvfp4\", four_over_six = true }";
    let (must, scales) = rows(&transposed(&values, columns), rows_of, named);
    let line = "quantize --format nvfp4 --four-over-six true in.npy out.npy --axis 0 --scales scales.npy";
    place.stdout(line, "");
    assert_eq!(place.read("out.npy", "<f4", &[70, 9]), transposed(&must, rows_of));
    assert_eq!(place.read("scales.npy", "|u1", &[5, 9]), transposed(&scales, 5));
    let (_, six) = rows(&transposed(&values, columns), rows_of, "nvfp4");
    assert!(six != scales);
}

#[test]
fn a_middle_axis_is_the_last_of_the_array_with_both_exchanged() {
    let values = numbers(3 * 20 * 5);
    let place = Place::new(&[3, 20, 5], &values);
    place.stdout("quantize --format mxfp4 --block 8 in.npy out.npy --axis 1 --scales scales.npy", "");
    let turned: Vec<f32> = values.chunks(100).flat_map(|plane| transposed(plane, 5)).collect();
    let (must, scales) = rows(&turned, 20, r#"{ format = "mxfp4", block = 8 }"#);
    let back: Vec<u32> = must.chunks(100).flat_map(|plane| transposed(plane, 20)).collect();
    assert_eq!(place.read("out.npy", "<f4", &[3, 20, 5]), back);
    let back: Vec<u32> = scales.chunks(15).flat_map(|plane| transposed(plane, 3)).collect();
    assert_eq!(place.read("scales.npy", "|u1", &[3, 3, 5]), back);
}

#[test]
fn a_tile_has_the_scale_of_its_largest_magnitude() {
    // 20 x 40 in tiles of 16 x 16: the second row of tiles and the third column are cut. Tile (r, c) has one number of
    // magnitude 2^(4 r + c), and the rest are an eighth of it.
    let scale = |row: usize, column: usize| 4 * (row / 16) as i32 + (column / 16) as i32;
    let is_peak = |row: usize, column: usize| row % 16 == 3 && column % 16 == 7;
    let number = |k: usize| {
        let (row, column) = (k % 800 / 40, k % 40);
        let sign = if (row + column) % 2 == 0 { 1.0 } else { -1.0 };
        sign * (scale(row, column) as f32).exp2() * if is_peak(row, column) { 1.0 } else { 0.125 }
    };
    let values: Vec<f32> = (0..2 * 800).map(number).collect();
    for shape in [vec![40, 40], vec![2, 20, 40]] {
        let place = Place::new(&shape, &values);
        place.stdout("quantize --format mxfp4 in.npy out.npy --tile 16x16 --scales scales.npy", "");
        if shape.len() == 2 {
            place.read("scales.npy", "|u1", &[3, 3]);
            continue;
        }
        // A tile whose largest magnitude is 2^E has the scale 2^(E - 2).
        let byte = |tile: usize| (127 + 4 * (tile / 3) as i32 + (tile % 3) as i32 - 2) as u32;
        assert_eq!(place.read("scales.npy", "|u1", &[2, 2, 3]), [0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5].map(byte));
        let found = place.read("out.npy", "<f4", &shape);
        for (k, bits) in found.into_iter().enumerate() {
            // An eighth of 4 steps of the scale is half a step, which e2m1 holds.
            assert_eq!(f32::from_bits(bits), values[k], "element {k}");
        }
    }
}

#[test]
fn the_pieces_of_a_long_array_are_one_array() {
    // A row of more elements than a piece, and rows of which a piece has several.
    for shape in [vec![300_011], vec![1000, 301]] {
        let (count, columns) = (shape.iter().product(), *shape.last().unwrap());
        let values = numbers(count);
        let place = Place::new(&shape, &values);
        let mut scales_shape = shape.clone();
        for (format, block) in [("mxfp4", 32), ("nvfp4", 16), ("e4m3", 1)] {
            let scales = if block > 1 { " --scales scales.npy" } else { "" };
            place.stdout(&format!("quantize --format {format} in.npy out.npy{scales}"), "");
            let (must, must_scales) = rows(&values, columns, format);
            // The library's nvfp4 takes the scale of the tensor from the values too.
            assert!(place.read("out.npy", "<f4", &shape) == must, "{format} {shape:?}");
            if block > 1 {
                *scales_shape.last_mut().unwrap() = columns.div_ceil(block);
                assert!(place.read("scales.npy", "|u1", &scales_shape) == must_scales, "{format} {shape:?}");
            }
        }
        let line = "quantize --format e4m3 --rounding stochastic --seed 3 in.npy out.npy";
        place.stdout(line, "");
        let mut options = QuantizeOptions::default();
        (options.columns, options.seed) = (Some(columns), 3);
        let must = quantize(&values, r#"{ format = "e4m3", rounding = "stochastic" }"#, &options).unwrap();
        let must: Vec<u32> = must.values.iter().map(|value| value.to_bits()).collect();
        assert!(place.read("out.npy", "<f4", &shape) == must, "{shape:?}");
    }
}

#[test]
fn strips_of_a_long_array_are_those_of_the_transposed_one() {
    let (rows_of, columns) = (700, 500);
    let values = numbers(rows_of * columns);
    let place = Place::new(&[rows_of, columns], &values);
    place.stdout("quantize --format mxfp4 in.npy out.npy --axis 0", "");
    let (must, _) = rows(&transposed(&values, columns), rows_of, "mxfp4");
    assert!(place.read("out.npy", "<f4", &[rows_of, columns]) == transposed(&must, rows_of));
}

#[test]
fn tiles_with_an_f32_for_a_scale() {
    // As FP8 weights with a scale for each 128 x 128: the last tiles are cut.
    let (rows_of, columns) = (200, 300);
    let values = numbers(rows_of * columns);
    let place = Place::new(&[rows_of, columns], &values);
    let line = "--format mxfp8 --scale-mode absmax --tile 128x128 --scales scales.npy";
    place.stdout(&format!("quantize {line} in.npy out.npy --codes codes.npy"), "");
    let scales = place.read("scales.npy", "<f4", &[2, 3]);
    for (tile, scale) in scales.iter().enumerate() {
        let inside = |k: &usize| k / columns / 128 == tile / 3 && k % columns / 128 == tile % 3;
        let largest = (0..values.len()).filter(inside).fold(0f32, |most, k| values[k].abs().max(most));
        assert_eq!(f32::from_bits(*scale), largest * (1.0 / 448.0));
    }
    let out = place.read("out.npy", "<f4", &[rows_of, columns]);
    // Decoded by the definition, of codes that are those of e4m3.
    place.stdout("quantize --format e4m3 --decode codes.npy elements.npy", "");
    let elements = place.read("elements.npy", "<f4", &[rows_of, columns]);
    for (k, (out, element)) in out.iter().zip(&elements).enumerate() {
        let scale = scales[k / columns / 128 * 3 + k % columns / 128];
        assert_eq!(*out, (f32::from_bits(*element) * f32::from_bits(scale)).to_bits());
    }
    place.stdout(&format!("quantize {line} --decode codes.npy back.npy"), "");
    assert!(place.read("back.npy", "<f4", &[rows_of, columns]) == out);
    fs::remove_file(place.0.path().join("out.npy")).unwrap();
    place.write("scales.npy", &file(1, &dict("'|u1'", "False", "(2, 3)"), &[127; 6]));
    place.refused(&format!("quantize {line} --decode codes.npy back.npy"), b"", &["scales.npy", "<f4"]);
    let negative: Vec<u8> = [-1f32; 6].into_iter().flat_map(f32::to_le_bytes).collect();
    place.write("scales.npy", &file(1, &dict("'<f4'", "False", "(2, 3)"), &negative));
    place.refused(
        &format!("quantize {line} --decode codes.npy back.npy"),
        b"",
        &["scales.npy", "-1.0", "not negative"],
    );
}
