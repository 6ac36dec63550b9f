//! `roundlaw formats` and `roundlaw quantize`: what is printed, and what is in the files.

use std::fs;
use std::process::Output;

use roundlaw::format::FORMATS;
use serde_json::Value;
use tempfile::TempDir;

use crate::npy_file::{dict, f32_file, file, tuple};

mod blocks;
mod decode;
mod inputs;
mod numbers;
mod stats;
mod tables;
mod vector;

struct Place(TempDir);

impl Place {
    fn new(shape: &[usize], values: &[f32]) -> Place {
        let place = Place(tempfile::tempdir().unwrap());
        fs::write(place.0.path().join("in.npy"), f32_file(1, shape, values)).unwrap();
        place
    }

    fn run(&self, line: &str, stdin: &str) -> Output {
        let mut command = assert_cmd::Command::new(env!("CARGO_BIN_EXE_roundlaw"));
        command.current_dir(self.0.path()).args(line.split_whitespace());
        command.write_stdin(stdin).output().unwrap()
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.0.path().join(name), bytes).unwrap();
    }

    /// A command whose input is refused in one line, which has these parts.
    #[track_caller]
    fn refused(&self, line: &str, stdin: &[u8], parts: &[&str]) {
        let mut command = assert_cmd::Command::new(env!("CARGO_BIN_EXE_roundlaw"));
        command.current_dir(self.0.path()).args(line.split_whitespace());
        let output = command.write_stdin(stdin).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), text.lines().count()), (Some(2), 1), "{line}: {text}");
        parts.iter().for_each(|part| assert!(text.contains(part), "{line}: {text:?} does not name {part:?}"));
        assert!(!self.0.path().join("out.npy").exists(), "{line}");
    }

    /// What a command prints that ends well and says nothing on stderr.
    #[track_caller]
    fn stdout(&self, line: &str, stdin: &str) -> String {
        let output = self.run(line, stdin);
        assert!(output.status.success() && output.stderr.is_empty(), "{line}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// The elements of a file, which must have that type and shape.
    #[track_caller]
    fn read(&self, name: &str, descr: &str, shape: &[usize]) -> Vec<u32> {
        self.read_in("False", name, descr, shape)
    }

    /// The same of a file in that order.
    #[track_caller]
    fn read_in(&self, fortran: &str, name: &str, descr: &str, shape: &[usize]) -> Vec<u32> {
        let bytes = fs::read(self.0.path().join(name)).unwrap();
        let width: usize = descr[2..].parse().unwrap();
        let count = shape.iter().product::<usize>() * width;
        let (header, data) = bytes.split_at(bytes.len() - count);
        assert_eq!(header, file(1, &dict(&format!("'{descr}'"), fortran, &tuple(shape)), &[]), "{name}");
        let number = |bytes: &[u8]| bytes.iter().rev().fold(0, |number, byte| number << 8 | u32::from(*byte));
        data.chunks(width).map(number).collect()
    }
}

/// The one JSON document that a command prints.
#[track_caller]
fn document(text: &str) -> Value {
    assert_eq!(text.lines().count(), 1, "{text}");
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

#[test]
fn formats_lists_every_row() {
    let place = Place::new(&[1], &[1.0]);
    let json = document(&place.stdout("formats --json", ""));
    let names: Vec<&str> = json.as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap()).collect();
    let rows = FORMATS.iter().map(|format| format.name).chain(["eXmY"]);
    assert_eq!(names, rows.collect::<Vec<_>>());
    let e4m3 = json.as_array().unwrap().iter().find(|row| row["name"] == "e4m3").unwrap();
    assert_eq!(
        (&e4m3["largest"], &e4m3["smallest"], &e4m3["nan"]),
        (&448.0.into(), &0.001953125.into(), &"0x7f".into())
    );
    let text = place.stdout("formats", "");
    for name in names {
        assert!(text.lines().any(|line| line.starts_with(&format!("{name}: "))), "{name}");
    }
}

#[test]
fn numbers_on_stdin_are_listed_with_value_code_and_error() {
    let place = Place::new(&[1], &[1.0]);
    let numbers = "464, 465 -0.3\ninf\t0x00000001 nan";
    let text = place.stdout("quantize --format e4m3", numbers);
    let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["input", "input_bits", "value", "value_bits", "code", "fields", "error", "note"]);
    assert_eq!(rows[1], ["464.0", "0x43e80000", "448.0", "0x43e00000", "0x7e", "0", "1111", "110", "-16.0"]);
    assert_eq!(rows[2].last(), Some(&"saturated"));
    let json = document(&place.stdout("quantize --format e4m3 --json", numbers));
    let column = |key: &str| json.as_array().unwrap().iter().map(|row| row[key].clone()).collect::<Vec<_>>();
    assert_eq!(column("code"), ["0x7e", "0x7e", "0xaa", "0x7e", "0x00", "0x7f"]);
    assert_eq!(column("value"), ["448.0", "448.0", "-0.3125", "448.0", "0.0", "NaN"]);
    assert_eq!(column("note"), ["", "saturated", "", "saturated", "underflowed", "not finite"]);
    // The numbers are one vector: they share a scale where the format has one.
    let json = document(&place.stdout("quantize --format mxfp4 --block 8 --json", "1 2 3 4 5 6 0 0 0.25"));
    let scales: Vec<&str> = json.as_array().unwrap().iter().map(|row| row["scale"].as_str().unwrap()).collect();
    assert_eq!(scales, ["0x7f"; 8].into_iter().chain(["0x7b"]).collect::<Vec<_>>());
    // A format without NaN has no code for it.
    let json = document(&place.stdout("quantize --format e2m1 --json", "nan"));
    assert_eq!((&json[0]["code"], &json[0]["fields"]), (&Value::Null, &"none".into()));
}

#[test]
fn colours_are_never_printed() {
    let place = Place::new(&[1], &[1.0]);
    for line in ["formats", "quantize --format e4m3", "verify --list --filter codec/e4m3"] {
        let mut command = assert_cmd::Command::new(env!("CARGO_BIN_EXE_roundlaw"));
        let output = command.env("NO_COLOR", "1").args(line.split_whitespace()).write_stdin("1").output().unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), place.stdout(line, "1"), "{line}");
    }
}

#[test]
fn files_hold_values_and_codes_of_the_width_of_the_format() {
    let values = [0.0, -0.0, 1.0, -1.5, 0.3, 500.0];
    let place = Place::new(&[2, 3], &values);
    let summary = place.stdout("quantize --format e4m3 in.npy out.npy --codes codes.npy", "");
    assert_eq!(summary, "6 elements: 1 saturated, 0 underflowed to 0, 0 not finite\n");
    assert_eq!(place.read("out.npy", "<f4", &[2, 3]), [0.0f32, -0.0, 1.0, -1.5, 0.3125, 448.0].map(f32::to_bits));
    let json = document(&place.stdout("quantize --format e4m3 in.npy out.npy --json", ""));
    let counts = serde_json::json!({
        "elements": 6, "saturated": 1, "underflowed": 0, "nan": 0, "inexact": 0, "adapter": "cpu", "fingerprint": null,
        "tensor_scale": null,
    });
    assert_eq!(json, counts);
    for (line, descr, codes) in [
        ("e4m3", "|u1", vec![0u32, 0x80, 0x38, 0xbc, 0x2a, 0x7e]),
        ("e2m1", "|u1", vec![0, 8, 2, 0xb, 1, 7]),
        ("int8 --step 0.5", "|u1", vec![0, 0, 2, 0xfd, 1, 0x7f]),
        ("int4 --step 0.5", "|u1", vec![0, 0, 2, 0xd, 1, 7]),
        ("int9 --step 0.5", "<u2", vec![0, 0, 2, 0x1fd, 1, 0xff]),
        ("bf16", "<u2", vec![0, 0x8000, 0x3f80, 0xbfc0, 0x3e9a, 0x43fa]),
        ("f16", "<u2", vec![0, 0x8000, 0x3c00, 0xbe00, 0x34cd, 0x5fd0]),
        ("tf32", "<u4", vec![0, 0x40000, 0x1fc00, 0x5fe00, 0x1f4cd, 0x21fd0]),
        ("fp32", "<u4", values.map(f32::to_bits).to_vec()),
    ] {
        place.stdout(&format!("quantize --format {line} in.npy out.npy --codes codes.npy"), "");
        assert_eq!(place.read("codes.npy", descr, &[2, 3]), codes, "{line}");
    }
}

#[test]
fn scales_have_a_byte_for_each_block_of_a_row() {
    let values: Vec<f32> = (0..2 * 3 * 40).map(|k| ((k / 40) as f32 - 2.0).exp2() * (1.0 + (k % 5) as f32)).collect();
    let place = Place::new(&[2, 3, 40], &values);
    for (line, blocks) in [
        ("mxfp4", 2),
        ("mxfp4 --block 8", 5),
        ("mxfp8 --block 64", 1),
        ("mxint8 --block vector", 1),
        ("bfp8", 3),
        ("nvfp4", 3),
        ("int8 --step absmax", 1),
    ] {
        place.stdout(&format!("quantize --format {line} in.npy out.npy --codes codes.npy --scales scales.npy"), "");
        let scales = place.read("scales.npy", "|u1", &[2, 3, blocks]);
        place.read("codes.npy", "|u1", &[2, 3, 40]);
        place.read("out.npy", "<f4", &[2, 3, 40]);
        // The largest magnitude of row k is 5 times 2^(k-2): of MXFP4, that is the scale 2^(k-2).
        if line == "mxfp4" {
            assert_eq!(scales, (0..6).flat_map(|k| [127 + k - 2; 2]).collect::<Vec<u32>>());
        }
    }
}

#[test]
fn random_words_come_from_a_file_or_a_seed() {
    let place = Place::new(&[4], &[1.0625; 4]);
    let words: Vec<u8> = [0u32, 0x7fff_ffff, 0x8000_0000, u32::MAX].into_iter().flat_map(u32::to_le_bytes).collect();
    fs::write(place.0.path().join("words.npy"), file(1, &dict("'<u4'", "False", &tuple(&[4])), &words)).unwrap();
    // Half a step above 1: the upper half of the words rounds up.
    place.stdout("quantize --format e4m3 --rounding stochastic --random words.npy in.npy out.npy", "");
    assert_eq!(place.read("out.npy", "<f4", &[4]), [1.0f32, 1.0, 1.125, 1.125].map(f32::to_bits));
    let seeded = |seed: &str| {
        place.stdout(&format!("quantize --format e4m3 --rounding stochastic {seed}"), &"1.0625 ".repeat(40))
    };
    assert_eq!(seeded("--seed 0"), seeded(""));
    assert!(seeded("--seed 1") != seeded("--seed 2"));
}

#[test]
fn the_scale_of_a_tensor_is_told_and_a_seed_that_nothing_draws_with_is_refused() {
    let place = Place::new(&[4], &[0.5, 1.0, 2.0, 5.25]);
    let text = place.stdout("quantize --format nvfp4 in.npy out.npy", "");
    // 5.25 / (6 * 448)
    assert!(text.contains("\ntensor scale 0.001953125\n"), "{text}");
    let json = document(&place.stdout("quantize --format nvfp4 in.npy out.npy --json --tensor-scale 0.25", ""));
    assert_eq!(json["tensor_scale"], 0.25);
    let rows = document(&place.stdout("quantize --format nvfp4 --json", "5.25 1"));
    assert_eq!(rows[1]["tensor_scale"], "0.001953125");
    let refused = place.run("quantize --format e4m3 --seed 1", "1");
    let text = String::from_utf8(refused.stderr).unwrap();
    assert_eq!((refused.status.code(), text.contains("--seed: allowed with")), (Some(2), true), "{text}");
}
