//! `verify --codec` and `--gemm` with arrays that `quantize` made, and with faults in them.

use std::fs;
use std::process::Output;

use serde_json::Value;
use tempfile::TempDir;

use super::blocks::{numbers, word};
use crate::npy_file::{dict, f32_file, file, tuple};

struct Place(TempDir);

impl Place {
    /// With 40 rows of 160 numbers.
    fn new() -> Place {
        let place = Place(tempfile::tempdir().unwrap());
        let values: Vec<f32> = numbers(-6, 6).into_iter().map(f32::from_bits).collect();
        place.write("in.npy", &f32_file(1, &[40, 160], &values));
        place
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.0.path().join(name), bytes).unwrap();
    }

    /// The data of a file behind its header of 128 bytes.
    fn data(&self, name: &str) -> Vec<u8> {
        fs::read(self.0.path().join(name)).unwrap()[128..].to_vec()
    }

    fn run(&self, line: &str) -> Output {
        let mut command = assert_cmd::Command::new(env!("CARGO_BIN_EXE_roundlaw"));
        command.current_dir(self.0.path()).args(line.split_whitespace()).output().unwrap()
    }

    #[track_caller]
    fn text(&self, line: &str, status: i32) -> String {
        let output = self.run(line);
        assert_eq!(output.status.code(), Some(status), "{line}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    #[track_caller]
    fn document(&self, line: &str, status: i32) -> Value {
        serde_json::from_str(&self.text(&format!("{line} --json"), status)).unwrap()
    }
}

fn bytes_file(shape: &[usize], data: &[u8]) -> Vec<u8> {
    file(1, &dict("'|u1'", "False", &tuple(shape)), data)
}

#[test]
fn what_quantize_made_is_right() {
    let place = Place::new();
    for (options, cut) in [
        ("--format mxfp4", ""),
        ("--format mxfp4 --nibbles low", "--axis 0"),
        ("--format mxfp8 --scale-mode rceil", "--tile 16x16"),
        ("--format nvfp4 --nibbles high", "--tile 16x16"),
        ("--format bfp8", "--axis 0"),
        ("--format int8 --step absmax", ""),
        ("--format int8 --step absmax-f32", ""),
        ("--format mxfp8 --scale-mode absmax", "--tile 128x128"),
        ("--format bfp4 --scale-mode absmax --nibbles low", "--tile 1x64"),
        ("--format nvfp4 --four-over-six true", "--tile 16x16"),
        ("--format nvfp4 --scale-format ue5m3 --tensor-scale 1 --nibbles low", ""),
    ] {
        let made = format!("{options} {cut}");
        place.text(&format!("quantize {made} in.npy v.npy --codes c.npy --scales s.npy"), 0);
        let codes = place.document(&format!("verify --codec in.npy --codes c.npy --scales s.npy {made}"), 0);
        assert_eq!(
            (&codes["rows"], &codes["different"], &codes["different_scales"]),
            (&6400.into(), &0.into(), &0.into())
        );
        let values = place.document(
            &format!("verify --codec in.npy --values v.npy {made}")
                .replace("--nibbles low", "")
                .replace("--nibbles high", ""),
            0,
        );
        assert_eq!((&values["different"], &values["causes"]), (&0.into(), &Value::Array(vec![])), "{made}");
    }
    place.text("quantize --format e4m3 in.npy v.npy --codes c.npy", 0);
    let told = place.text("verify --codec in.npy --codes c.npy --format e4m3", 0);
    assert_eq!(told, "6400 elements, 0 differ\n");
}

#[test]
fn a_cause_comes_with_the_command_that_confirms_it() {
    let place = Place::new();
    for (made, asked, cause, confirm) in [
        (
            "--format mxfp4 --scale-mode rceil",
            "--format mxfp4",
            "scale mode rceil",
            "--format mxfp4 --scale-mode rceil",
        ),
        ("--format mxfp4 --axis 0", "--format mxfp4", "blocks run along axis 0", "--format mxfp4 --axis 0"),
        ("--format mxfp4 --block 16", "--format mxfp4", "blocks of 16", "--format mxfp4 --block 16"),
        ("--format mxfp8-e5m2", "--format mxfp8", "another format: mxfp8-e5m2", "--format mxfp8-e5m2"),
    ] {
        place.text(&format!("quantize {made} in.npy v.npy"), 0);
        let found = place.document(&format!("verify --codec in.npy --values v.npy {asked}"), 3);
        let best = &found["causes"][0];
        assert_eq!((best["cause"].as_str(), best["contradicts"].as_u64()), (Some(cause), Some(0)), "{found:#}");
        assert_eq!(best["explains"], found["different"]);
        assert_eq!(best["confirm"].as_str().unwrap(), format!("roundlaw quantize {confirm} in.npy OUT.npy"));
        // It does.
        place.text(&best["confirm"].as_str().unwrap()["roundlaw ".len()..], 0);
        assert!(place.data("OUT.npy") == place.data("v.npy"));
    }
    let text = place.text("verify --codec in.npy --values v.npy --format mxfp8", 3);
    assert!(text.contains("likely cause: another format: mxfp8-e5m2: explains"), "{text}");
    assert!(text.contains("    confirm: roundlaw quantize --format mxfp8-e5m2 in.npy OUT.npy\n"), "{text}");
    assert!(text.lines().nth(1).unwrap().starts_with("element [0, "), "{text}");
    // The other order of nibbles.
    place.text("quantize --format mxfp4 --nibbles high in.npy v.npy --codes c.npy --scales s.npy", 0);
    let line = "verify --codec in.npy --codes c.npy --scales s.npy --format mxfp4 --nibbles low";
    let best = &place.document(line, 3)["causes"][0];
    assert_eq!(best["cause"], "the two codes of a byte are exchanged");
    let command =
        "roundlaw quantize --format mxfp4 in.npy OUT.npy --codes CODES.npy --scales SCALES.npy --nibbles high";
    assert_eq!(best["confirm"], command);
    // Values that went through another format.
    place.text("quantize --format bf16 in.npy mid.npy", 0);
    place.text("quantize --format e5m10 mid.npy v.npy", 0);
    let best = &place.document("verify --codec in.npy --values v.npy --format e5m10", 3)["causes"][0];
    let command = "roundlaw quantize --format bf16 in.npy - | roundlaw quantize --format e5m10 - OUT.npy";
    assert_eq!(
        (&best["cause"], &best["confirm"]),
        (&"double rounding: values go through bf16".into(), &command.into())
    );
}

#[test]
fn differences_are_told_by_place_and_bits() {
    let place = Place::new();
    place.text("quantize --format mxfp4 in.npy v.npy --codes c.npy --scales s.npy", 0);
    let (mut codes, mut scales) = (place.data("c.npy"), place.data("s.npy"));
    codes[163] ^= 8;
    scales[199] += 1;
    place.write("c.npy", &bytes_file(&[40, 160], &codes));
    place.write("s.npy", &bytes_file(&[40, 5], &scales));
    let found = place.document("verify --codec in.npy --codes c.npy --scales s.npy --format mxfp4", 3);
    assert_eq!(
        (&found["different"], &found["scales"], &found["different_scales"]),
        (&33.into(), &200.into(), &1.into())
    );
    let first = &found["first"][0];
    assert_eq!((&first["index"], &first["row"]), (&serde_json::json!([1, 3]), &163.into()));
    assert_eq!(first["code"], format!("0x{:x}", codes[163]));
    assert_eq!(first["must_be"], format!("0x{:x}", codes[163] ^ 8));
    assert_eq!((&first["scale"], found["first"][1]["index"][0].as_u64()), (&first["must_be_scale"], Some(39)));
    // In Fortran order the same bytes are the transposed array.
    let fortran = |name: &str, descr: &str, shape: &str| {
        let data = place.data(name);
        place.write(name, &file(1, &dict(descr, "True", shape), &data));
    };
    fortran("in.npy", "'<f4'", "(160, 40)");
    fortran("c.npy", "'|u1'", "(160, 40)");
    fortran("s.npy", "'|u1'", "(5, 40)");
    let again = place.document("verify --codec in.npy --codes c.npy --scales s.npy --format mxfp4 --axis 0", 3);
    assert_eq!((&again["different"], &again["first"][0]["index"]), (&33.into(), &serde_json::json!([3, 1])));
}

#[test]
fn random_roundings_are_judged() {
    let place = Place::new();
    let options = "--format mxfp8 --rounding stochastic";
    place.text(&format!("quantize {options} --seed 1 in.npy a.npy"), 0);
    place.text(&format!("quantize {options} --seed 2 in.npy b.npy"), 0);
    let found = place.document(&format!("verify --codec in.npy --values a.npy --again b.npy {options}"), 0);
    assert_eq!((&found["different"], &found["false_alarms"]), (&0.into(), &1e-6.into()));
    assert!(found["tests"].as_array().unwrap().iter().all(|test| test["passed"] == true), "{found:#}");
    let same = place.text(&format!("verify --codec in.npy --values a.npy --again a.npy {options}"), 3);
    assert!(same.contains("independence of two calls: sum "), "{same}");
    place.text("quantize --format mxfp8 in.npy nearest.npy", 0);
    let nearest = place.text(&format!("verify --codec in.npy --values nearest.npy {options}"), 3);
    assert!(nearest.contains("variance: sum -"), "{nearest}");
    let other = place.text("verify --codec in.npy --values a.npy --format mxfp4 --rounding stochastic", 3);
    assert!(other.contains(", must be ") && other.contains(" or "), "{other}");
}

#[test]
fn products_of_matrices_and_of_codes() {
    let place = Place::new();
    let whole = |count: usize, tag: usize| -> Vec<f32> {
        (0..count).map(|k| f32::from(word(k + tag) as u8 % 13) - 6.0).collect()
    };
    // Whole numbers up to 6 are exact in E2M1 by whatever scale, but 5; every sum is exact in any order.
    let exact = |x: &f32| if x.abs() == 5.0 { 4.0f32.copysign(*x) } else { *x };
    let a: Vec<f32> = whole(6 * 64, 0).iter().map(exact).collect();
    let b: Vec<f32> = whole(64 * 3, 9000).iter().map(exact).collect();
    let product = |i: usize, j: usize| (0..64).map(|k| a[i * 64 + k] * b[k * 3 + j]).sum::<f32>();
    let mut out: Vec<f32> = (0..18).map(|k| product(k / 3, k % 3)).collect();
    place.write("a.npy", &f32_file(1, &[6, 64], &a));
    place.write("b.npy", &f32_file(1, &[64, 3], &b));
    place.write("out.npy", &f32_file(1, &[6, 3], &out));
    let told = place.text("verify --gemm a.npy b.npy out.npy --format mxfp4", 0);
    assert!(told.starts_with("6 x 3 elements: 18 with our bits, 0 beyond"), "{told}");
    place.text("quantize --format mxfp4 a.npy v.npy --codes c.npy --scales s.npy --nibbles low", 0);
    let decoded = "verify --gemm c.npy b.npy out.npy --format mxfp4 --decode --nibbles low --scales s.npy";
    assert_eq!(place.document(decoded, 0)["same_bits"], 18);
    out[7] += 1.0;
    place.write("out.npy", &f32_file(1, &[6, 3], &out));
    let found = place.document(decoded, 3);
    let wrong = &found["wrong"][0];
    assert_eq!((&found["different"], &wrong["row"], &wrong["column"]), (&1.into(), &2.into(), &1.into()));
    assert_eq!(wrong["exact"].as_f64(), Some(f64::from(product(2, 1))));
    // A vector is a matrix of one column.
    let column: Vec<f32> = (0..64).map(|k| b[k * 3]).collect();
    let first: Vec<f32> = (0..6).map(|i| product(i, 0)).collect();
    place.write("v.npy", &f32_file(1, &[64], &column));
    place.write("out.npy", &f32_file(1, &[6], &first));
    assert_eq!(place.document("verify --gemv a.npy v.npy out.npy", 0)["same_bits"], 6);
}
