//! Arrays as people store them: every type, order and container.

use super::*;

/// An array of that type, in C order.
fn stored(descr: &str, shape: &[usize], data: &[u8]) -> Vec<u8> {
    file(1, &dict(&format!("'{descr}'"), "False", &tuple(shape)), data)
}

fn le<const N: usize, T>(values: &[T], bytes: impl Fn(&T) -> [u8; N]) -> Vec<u8> {
    values.iter().flat_map(bytes).collect()
}

#[test]
fn every_type_of_number_is_read() {
    let place = Place::new(&[1], &[1.0]);
    // 1, -2, 3 and 100, which e2m1 clips to 6.
    let signed = [1i8, -2, 3, 100];
    let data: [(&str, Vec<u8>); 8] = [
        ("<f2", le(&[0x3c00u16, 0xc000, 0x4200, 0x5640], |x| x.to_le_bytes())),
        ("<V2", le(&[0x3f80u16, 0xc000, 0x4040, 0x42c8], |x| x.to_le_bytes())),
        ("|V2", le(&[0x3f80u16, 0xc000, 0x4040, 0x42c8], |x| x.to_le_bytes())),
        ("<f8", le(&signed, |x| f64::from(*x).to_le_bytes())),
        ("|i1", le(&signed, |x| x.to_le_bytes())),
        ("<i2", le(&signed, |x| i16::from(*x).to_le_bytes())),
        ("<i4", le(&signed, |x| i32::from(*x).to_le_bytes())),
        ("<i8", le(&signed, |x| i64::from(*x).to_le_bytes())),
    ];
    for (descr, data) in data {
        place.write("typed.npy", &stored(descr, &[4], &data));
        place.stdout("quantize --format e2m1 typed.npy out.npy", "");
        assert_eq!(place.read("out.npy", "<f4", &[4]), [1.0f32, -2.0, 3.0, 6.0].map(f32::to_bits), "{descr}");
    }
    let unsigned = [1u8, 2, 3, 255];
    for (descr, data) in [
        ("|u1", unsigned.to_vec()),
        ("<u2", le(&unsigned, |x| u16::from(*x).to_le_bytes())),
        ("<u4", le(&unsigned, |x| u32::from(*x).to_le_bytes())),
        ("<u8", le(&unsigned, |x| u64::from(*x).to_le_bytes())),
    ] {
        place.write("typed.npy", &stored(descr, &[2, 2], &data));
        place.stdout("quantize --format bf16 typed.npy out.npy", "");
        assert_eq!(place.read("out.npy", "<f4", &[2, 2]), [1.0f32, 2.0, 3.0, 255.0].map(f32::to_bits), "{descr}");
    }
}

#[test]
fn what_is_no_f32_is_rounded_once_where_the_format_compares_and_told_of_everywhere() {
    let place = Place::new(&[1], &[1.0]);
    // Below the tie 432 of e4m3, to which f32 rounds it.
    place.write("x.npy", &stored("<f8", &[2], &le(&[431.999_999_999_999_94f64, 1.0], |x| x.to_le_bytes())));
    let text = place.stdout("quantize --format e4m3 x.npy out.npy", "");
    assert_eq!(place.read("out.npy", "<f4", &[2]), [416.0f32, 1.0].map(f32::to_bits));
    assert!(text.contains("\n1 elements are no f32: each was rounded once, to e4m3\n"), "{text}");
    let json = document(&place.stdout("quantize --format e4m3 x.npy out.npy --json", ""));
    assert_eq!(json["inexact"], 1);
    // A step that is no power of two multiplies f32.
    let text = place.stdout("quantize --format int16 --step 0.1 x.npy out.npy", "");
    assert!(text.contains("\n1 elements are no f32: the nearest f32 was taken, which int16 then rounds\n"), "{text}");
    // Just above the tie of bf16 between 2^40 and 2^40 + 2^33.
    place.write("x.npy", &stored("<i8", &[1], &((1i64 << 40) + (1 << 32) + 1).to_le_bytes()));
    place.stdout("quantize --format bf16 x.npy out.npy", "");
    assert_eq!(place.read("out.npy", "<f4", &[1]), [0x5381_0000u32]);
}

/// Three rows of ten, whose blocks of eight have scales of their own; `at` is where an element is stored.
fn rows_of_ten(at: impl Fn(usize, usize) -> usize) -> Vec<f32> {
    let mut values = vec![0.0; 30];
    for (row, column) in (0..30).map(|k| (k / 10, k % 10)) {
        values[at(row, column)] = (row as f32 * 3.0 - column as f32).exp2() * (1.0 + 0.1 * column as f32);
    }
    values
}

#[test]
fn fortrans_order_changes_how_elements_are_stored_and_nothing_else() {
    let c = Place::new(&[3, 10], &rows_of_ten(|row, column| row * 10 + column));
    let fortran = Place::new(&[1], &[1.0]);
    let data: Vec<u8> = rows_of_ten(|row, column| row + 3 * column).iter().flat_map(|x| x.to_le_bytes()).collect();
    fortran.write("in.npy", &file(1, &dict("'<f4'", "True", "(3, 10)"), &data));
    for line in [
        "mxfp4 --block 8",
        "mxfp4 --block 8 --axis 0",
        "mxfp4 --tile 2x4",
        "nvfp4",
        "mxint8 --block vector",
        "mxfp4 --block 8 --rounding stochastic --seed 5",
    ] {
        let line = format!("quantize --format {line} in.npy out.npy --codes codes.npy --scales scales.npy");
        assert_eq!(c.stdout(&line, ""), fortran.stdout(&line, ""), "{line}");
        let scales = match () {
            () if line.contains("--axis 0") => [1, 10],
            () if line.contains("--tile") => [2, 3],
            () if line.contains("--block 8") => [3, 2],
            () => [3, 1],
        };
        for (name, descr, [rows, columns]) in
            [("out.npy", "<f4", [3, 10]), ("codes.npy", "|u1", [3, 10]), ("scales.npy", "|u1", scales)]
        {
            let must = c.read(name, descr, &[rows, columns]);
            let found = fortran.read_in("True", name, descr, &[rows, columns]);
            let ours: Vec<u32> = (0..rows * columns).map(|k| found[k / columns + rows * (k % columns)]).collect();
            assert_eq!(ours, must, "{line}: {name}");
        }
    }
}

#[test]
fn arrays_without_elements_stay_empty() {
    let place = Place::new(&[1], &[1.0]);
    for (shape, scales) in [(vec![0], vec![0]), (vec![0, 40], vec![0, 2]), (vec![3, 0], vec![3, 0])] {
        place.write("in.npy", &stored("<f8", &shape, &[]));
        let text =
            place.stdout("quantize --format mxfp4 in.npy out.npy --codes codes.npy --scales scales.npy --stats", "");
        assert!(text.starts_with("0 elements: 0 saturated"), "{text}");
        assert!(place.read("out.npy", "<f4", &shape).is_empty());
        assert!(place.read("codes.npy", "|u1", &shape).is_empty());
        assert!(place.read("scales.npy", "|u1", &scales).is_empty());
        place.stdout("quantize --format nvfp4 in.npy out.npy", "");
    }
}

#[cfg(unix)]
#[test]
fn a_dash_is_stdin_and_stdout() {
    let values: Vec<f32> = (0..100).map(|k| (k as f32 - 50.0) * 0.37).collect();
    let place = Place::new(&[5, 20], &values);
    let input = fs::read(place.0.path().join("in.npy")).unwrap();
    let piped = |line: &str, stdin: &[u8]| {
        let mut command = assert_cmd::Command::new(env!("CARGO_BIN_EXE_roundlaw"));
        command.current_dir(place.0.path()).args(line.split_whitespace()).write_stdin(stdin).output().unwrap()
    };
    for format in ["e4m3", "mxfp4", "nvfp4 --tensor-scale 0.5"] {
        place.stdout(&format!("quantize --format {format} in.npy file.npy"), "");
        let output = piped(&format!("quantize --format {format} - -"), &input);
        assert!(output.status.success(), "{output:?}");
        assert!(output.stdout == fs::read(place.0.path().join("file.npy")).unwrap(), "{format}");
        assert!(String::from_utf8(output.stderr).unwrap().starts_with("100 elements"));
    }
    place.refused(
        "quantize --format nvfp4 - out.npy",
        &input,
        &["--tensor-scale is missing", "stdin", "only once", "2688"],
    );
    let cut = &input[..input.len() - 1];
    place.refused("quantize --format e4m3 - out.npy", cut, &["stdin: the data is cut short", "byte 527", "528"]);
    let longer = [&input[..], b"x"].concat();
    place.refused("quantize --format e4m3 - out.npy", &longer, &["stdin: there is more after the data"]);
    place.refused("quantize --format e4m3 - out.npy", b"", &["stdin: byte 0 begins nothing", "numpy.save"]);
    place.refused("quantize --format e4m3 - out.npy", &input[..30], &["stdin: the file ends at byte 30", "byte 128"]);
    let line = "quantize --format e4m3 --rounding stochastic --random - - out.npy";
    place.refused(line, &input, &["IN and --random are both stdin"]);
}

/// A file with that header.
fn safetensors(header: &str, data: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), data].concat()
}

const HEADER: &str = r#"{"__metadata__":{"format":"pt"},
    "a.weight":{"dtype":"BF16","shape":[2,2],"data_offsets":[0,8]},
    "b":{"dtype":"F8_E4M3","shape":[4],"data_offsets":[8,12]},
    "flags":{"dtype":"BOOL","shape":[4],"data_offsets":[8,12]},
    "long":{"dtype":"F32","shape":[4],"data_offsets":[8,24]},
    "odd":{"dtype":"F32","shape":[1],"data_offsets":[8,13]}}"#;

#[test]
fn a_tensor_of_a_safetensors_file_is_read_by_its_name() {
    let place = Place::new(&[1], &[1.0]);
    let data = [&le(&[0x3f80u16, 0xc000, 0x4040, 0x42c8], |x| x.to_le_bytes())[..], &[0x38, 0xc0, 0x7e, 0x01]].concat();
    place.write("m.safetensors", &safetensors(HEADER, &data));
    place.stdout("quantize --format e2m1 m.safetensors:a.weight out.npy", "");
    assert_eq!(place.read("out.npy", "<f4", &[2, 2]), [1.0f32, -2.0, 3.0, 6.0].map(f32::to_bits));
    place.stdout("quantize --format fp32 m.safetensors:b out.npy", "");
    assert_eq!(place.read("out.npy", "<f4", &[4]), [1.0f32, -2.0, 448.0, 2f32.powi(-9)].map(f32::to_bits));
}

/// Codes of 4 and 6 bits follow each other from the lowest bit up; rows of 5 and of 3 end inside a byte.
#[test]
fn tensors_of_less_than_a_byte_an_element_are_read() {
    let place = Place::new(&[1], &[1.0]);
    let header = r#"{"a":{"dtype":"F4","shape":[2,5],"data_offsets":[0,5]},
        "b":{"dtype":"F6_E2M3","shape":[4,3],"data_offsets":[5,14]},
        "c":{"dtype":"F6_E3M2","shape":[4],"data_offsets":[14,17]},
        "d":{"dtype":"F8_E4M3FNUZ","shape":[2],"data_offsets":[17,19]},
        "odd":{"dtype":"F4","shape":[1,5],"data_offsets":[0,3]}}"#;
    // Codes 0 to 9; 0 to 11; 63, 1, 32, 31; 0x80, which is NaN, and 0x38.
    let codes = [0x10, 0x32, 0x54, 0x76, 0x98];
    let sixes = [0x40, 0x20, 0x0c, 0x44, 0x61, 0x1c, 0x48, 0xa2, 0x2c, 0x7f, 0x00, 0x7e];
    place.write("m.safetensors", &safetensors(header, &[&codes[..], &sixes, &[0x80, 0x38]].concat()));
    let e2m1 = [0.0f32, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, -0.0, -0.5].map(f32::to_bits);
    place.stdout("quantize --format fp32 m.safetensors:a out.npy", "");
    assert_eq!(place.read("out.npy", "<f4", &[2, 5]), e2m1);
    place.stdout("quantize --decode --format e2m1 m.safetensors:a out.npy", "");
    assert_eq!(place.read("out.npy", "<f4", &[2, 5]), e2m1);
    place.stdout("quantize --format mxfp4 --block 8 --axis 0 m.safetensors:b out.npy --codes codes.npy", "");
    place.stdout("quantize --decode --format e2m3 m.safetensors:b out.npy", "");
    let e2m3: Vec<u32> =
        (0..12).map(|code| ((if code < 8 { code } else { 8 | code & 7 }) as f32 / 8.0).to_bits()).collect();
    assert_eq!(place.read("out.npy", "<f4", &[4, 3]), e2m3);
    place.stdout("quantize --format fp32 m.safetensors:c out.npy", "");
    assert_eq!(place.read("out.npy", "<f4", &[4]), [-28.0f32, 0.0625, -0.0, 28.0].map(f32::to_bits));
    place.stdout("quantize --format fp32 m.safetensors:d out.npy", "");
    assert_eq!(place.read("out.npy", "<f4", &[2]), [0x7fc0_0000, 0.5f32.to_bits()]);
    fs::remove_file(place.0.path().join("out.npy")).unwrap();
    let refused = |rest: &str, parts: &[&str]| place.refused(&format!("quantize {rest}"), b"", parts);
    refused("--format e4m3 m.safetensors:odd out.npy", &["shape = [1,5]", "fill whole bytes, 4 bits each of F4"]);
    refused("--decode --format e2m1 --nibbles low m.safetensors:a out.npy", &["--nibbles", "F4", "those of a byte"]);
}

#[test]
fn tensors_that_are_not_there_or_do_not_fit_are_refused_by_name() {
    let place = Place::new(&[1], &[1.0]);
    place.write("m.safetensors", &safetensors(HEADER, &[0; 12]));
    for (name, parts) in [
        (":a.weigth", &["tensor \"a.weigth\": allowed are a.weight, b, flags", "did you mean a.weight?"][..]),
        (":__metadata__", &["tensor \"__metadata__\", dtype = null", "F32, F64, F16, BF16"]),
        (":flags", &["tensor \"flags\", dtype = \"BOOL\": allowed are F32", "F8_E4M3", "U64"]),
        (":long", &["tensor \"long\", data_offsets = [8,24]", "16 bytes", "[4] of F32", "12 bytes of data"]),
        (":odd", &["tensor \"odd\", data_offsets = [8,13]", "4 bytes"]),
        ("", &["FILE.safetensors:TENSOR", "a.weight, b, flags"]),
    ] {
        place.refused(&format!("quantize --format e4m3 m.safetensors{name} out.npy"), b"", parts);
    }
    for (bytes, parts) in [
        (safetensors("[1]", &[]), &["the header is no JSON object"][..]),
        (safetensors("{", &[]), &["the header is no JSON"]),
        (u64::MAX.to_le_bytes().to_vec(), &["byte 0 is a header of 18446744073709551615 bytes", "allowed are 0"]),
        (vec![1, 2], &["the file ends at byte 2", "up to byte 8"]),
        (safetensors(r#"{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}"#, &[0; 4]), &["shape = [-1]"]),
        (
            safetensors(r#"{"a":{"dtype":"F32","shape":[18446744073709551615,8],"data_offsets":[0,4]}}"#, &[0; 4]),
            &["data_offsets"],
        ),
    ] {
        place.write("bad.safetensors", &bytes);
        place.refused("quantize --format e4m3 bad.safetensors:a out.npy", b"", parts);
    }
    place.refused("quantize --format e4m3 gone.safetensors:a out.npy", b"", &["gone.safetensors can't be opened"]);
}
