//! Codes and scales back to values.

use super::*;

/// Every format with codes, and the options it needs.
fn formats() -> Vec<String> {
    let names = FORMATS.iter().map(|format| match format.name {
        int if int.starts_with("int") => format!("{int} --step 0.1"),
        uint if uint.starts_with("uint") => format!("{uint} --step 0.1 --zero-point 3"),
        "nvfp4" => "nvfp4 --tensor-scale 0.0371".to_string(),
        other => other.to_string(),
    });
    names
        .chain([
            "e3m4 --specials none --overflow saturate".into(),
            "int6 --step absmax".into(),
            "int6 --step absmax-f32".into(),
            "mxfp8 --scale-mode absmax".into(),
            "bfp4 --scale-mode absmax".into(),
            "nvfp4 --scale-format ue5m3 --tensor-scale 1".into(),
            "nvfp4 --four-over-six true --tensor-scale 0.0371".into(),
            "int5 --step 0.25 --range full".into(),
        ])
        .collect()
}

#[test]
fn codes_and_scales_are_all_that_values_are_made_of() {
    let values: Vec<f32> = (0..3 * 50).map(|k| (k as f32 - 70.0) * ((k % 11) as f32 - 6.0).exp2()).collect();
    let place = Place::new(&[3, 50], &values);
    for format in formats() {
        let shares =
            FORMATS.iter().any(|row| format.split(' ').next() == Some(row.name) && row.layout.sharing().is_some());
        let scales = if shares || format.contains("absmax") { " --scales scales.npy" } else { "" };
        place.stdout(&format!("quantize --format {format} in.npy out.npy --codes codes.npy{scales}"), "");
        let must = place.read("out.npy", "<f4", &[3, 50]);
        let text = place.stdout(&format!("quantize --format {format} --decode codes.npy back.npy{scales}"), "");
        assert_eq!(text, "150 elements decoded\n");
        assert_eq!(place.read("back.npy", "<f4", &[3, 50]), must, "{format}");
    }
}

#[test]
fn special_codes_are_infinities_and_nans() {
    let place = Place::new(&[1], &[1.0]);
    for (format, codes, must) in [
        ("e5m2", vec![0x7c, 0xfc, 0x7f, 0x7b], [f32::INFINITY, f32::NEG_INFINITY, f32::NAN, 57344.0]),
        ("e4m3", vec![0x7f, 0xff, 0x7e, 0x80], [f32::NAN, f32::NAN, 448.0, -0.0]),
        ("e8m0", vec![0xff, 0x00, 0x7f, 0xfe], [f32::NAN, 2f32.powi(-127), 1.0, 2f32.powi(127)]),
        ("int8 --step 2", vec![0x80, 0xff, 0x7f, 0x01], [-256.0, -2.0, 254.0, 2.0]),
        ("uint8 --step 2 --zero-point 128", vec![0x80, 0xff, 0x7f, 0x00], [0.0, 254.0, -2.0, -256.0]),
        ("posit8", vec![0x80, 0xff, 0x7f, 0x41], [f32::NAN, -(2f32.powi(-24)), 2f32.powi(24), 1.125]),
        // Two's complement of four bits, extended to a byte by its sign or not.
        ("int4 --step 1", vec![0xff, 0x0f, 0xf8, 0x07], [-1.0, -1.0, -8.0, 7.0]),
    ] {
        place.write("codes.npy", &file(1, &dict("'|u1'", "False", "(4,)"), &codes));
        place.stdout(&format!("quantize --format {format} --decode codes.npy out.npy"), "");
        for (bits, must) in place.read("out.npy", "<f4", &[4]).into_iter().zip(must) {
            let found = f32::from_bits(bits);
            assert!(bits == must.to_bits() || found.is_nan() && must.is_nan(), "{format}: {found:?}, must be {must:?}");
        }
    }
    // A block whose scale is NaN is all NaN, whatever its codes.
    place.write("codes.npy", &file(1, &dict("'|u1'", "False", "(1, 2)"), &[0, 7]));
    place.write("scales.npy", &file(1, &dict("'|u1'", "False", "(1, 1)"), &[0xff]));
    place.stdout("quantize --format mxfp4 --decode codes.npy out.npy --scales scales.npy", "");
    assert!(place.read("out.npy", "<f4", &[1, 2]).into_iter().all(|bits| f32::from_bits(bits).is_nan()));
    place.write("scales.npy", &file(1, &dict("'|u1'", "False", "(2,)"), &[0, 0]));
    let parts = ["--scales: scales.npy has shape [2]", "allowed is [1, 1]"];
    fs::remove_file(place.0.path().join("out.npy")).unwrap();
    place.refused("quantize --format mxfp4 --decode codes.npy out.npy --scales scales.npy", b"", &parts);
}

#[test]
fn two_codes_of_four_bits_fill_a_byte() {
    let values = [0.5, -6.0, 1.0, 0.0, -1.5, 4.0];
    let place = Place::new(&[2, 3], &values);
    place.refused(
        "quantize --format e2m1 in.npy out.npy --codes codes.npy --nibbles low",
        b"",
        &["[2, 3]", "even last axis"],
    );
    let place = Place::new(&[3, 2], &values);
    // Codes 1 f 2 0 b 6.
    for (nibbles, must) in [("low", [0xf1, 0x02, 0x6b]), ("high", [0x1f, 0x20, 0xb6])] {
        place.stdout(&format!("quantize --format e2m1 in.npy out.npy --codes codes.npy --nibbles {nibbles}"), "");
        assert_eq!(place.read("codes.npy", "|u1", &[3, 1]), must);
        place.stdout(&format!("quantize --format e2m1 --decode codes.npy back.npy --nibbles {nibbles}"), "");
        assert_eq!(place.read("back.npy", "<f4", &[3, 2]), values.map(f32::to_bits));
    }
}

#[test]
fn packed_tiles_and_axes_come_back_in_pieces_too() {
    let values: Vec<f32> = (0..600 * 500).map(|k| ((k * 7919) % 1000) as f32 - 500.0).collect();
    let place = Place::new(&[600, 500], &values);
    for options in [
        "mxfp4 --axis 0",
        "mxfp4 --tile 16x16",
        "nvfp4 --tile 16x16 --tensor-scale 1",
        "mxfp4",
        "bfp4 --scale-mode absmax --tile 1x64",
    ] {
        let line = format!("quantize --format {options} --nibbles low --scales scales.npy");
        place.stdout(&format!("{line} in.npy out.npy --codes codes.npy"), "");
        place.stdout(&format!("{line} --decode codes.npy back.npy"), "");
        let [back, out] = ["back.npy", "out.npy"].map(|name| place.read(name, "<f4", &[600, 500]));
        assert!(back == out, "{options}");
    }
}
