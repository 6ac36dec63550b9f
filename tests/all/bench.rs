//! Measurements of the CPU, and comparisons of measurements made by hand.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};

use assert_cmd::cargo::CommandCargoExt as _;
use roundlaw::bench::head::verified_digest;
use roundlaw::bench::{Bench, Suite};
use roundlaw::verify::Device;
use roundlaw::watch::Watch;
use serde_json::{Value, json};

use crate::faulty::Faulty;

fn roundlaw(args: &[&str]) -> Output {
    Command::cargo_bin("roundlaw").unwrap().args(args).output().unwrap()
}

fn measured(suite: &str, seconds: &str) -> Value {
    let output = roundlaw(&["bench", "--adapter", "cpu", "--suite", suite, "--seconds", seconds, "--json"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("one document")
}

const HEAD: [&str; 11] =
    ["adapter", "processor", "cores", "memory", "driver", "pci", "fingerprint", "version", "clock", "digest", "rows"];
const ROW: [&str; 13] = [
    "suite", "name", "size", "format", "value", "unit", "bound", "bound_by", "share", "verified", "median", "iqr",
    "repeats",
];

fn keys(object: &Value) -> Vec<&str> {
    object.as_object().expect("an object").keys().map(String::as_str).collect()
}

/// The rows of a document whose head and rows are as they must be.
fn rows<'a>(document: &'a Value, suite: &str) -> &'a Vec<Value> {
    assert_eq!(keys(document), HEAD);
    assert_eq!(
        (&document["adapter"], &document["clock"], &document["pci"]),
        (&json!("cpu"), &json!("wall"), &Value::Null)
    );
    let digest = include_str!("../digests/smoke.txt").split_whitespace().last();
    assert_eq!(document["digest"].as_str(), digest, "of the sweep that every adapter gives alike");
    let rows = document["rows"].as_array().expect("an array");
    for row in rows {
        assert_eq!(keys(row), ROW);
        assert_eq!((&row["suite"], &row["verified"]), (&json!(suite), &json!(true)), "{row}");
        assert!(row["value"].as_f64() > Some(0.0) && row["median"].as_f64() > Some(0.0), "{row}");
        assert!(row["iqr"].as_f64() >= Some(0.0) && row["repeats"].as_u64() >= Some(3), "{row}");
    }
    rows
}

#[test]
fn kernels_of_the_cpu_are_verified_and_have_bounds() {
    let document = measured("kernels", "0.02");
    let rows = rows(&document, "kernels");
    let text = |row: &Value, key: &str| row[key].as_str().expect("a text").to_string();
    let cases: BTreeSet<_> =
        rows.iter().map(|row| (text(row, "name"), text(row, "format"), text(row, "size"))).collect();
    // Four kernels of four formats for three M, and three codecs.
    assert_eq!((rows.len(), cases.len()), (51, 51));
    for row in rows {
        let (value, bound) = (row["value"].as_f64().unwrap(), row["bound"].as_f64().expect("a bound"));
        let share = row["share"].as_f64().expect("a share");
        assert!(bound > 0.0 && (share * bound / value - 1.0).abs() < 1e-9 && row["bound_by"].is_string(), "{row}");
    }
}

#[test]
fn peaks_of_the_cpu_are_verified() {
    let document = measured("peaks", "0.02");
    let names: Vec<&Value> = rows(&document, "peaks").iter().map(|row| &row["name"]).collect();
    assert_eq!(names, ["f32 multiply-add", "u32 operations", "copy"]);
}

#[test]
fn sweeps_are_verified_and_say_how_much_ran() {
    let document = measured("sweeps", "0.01");
    let rows = rows(&document, "sweeps");
    assert_eq!(rows.len(), 2 * 5, "run-samples and runs of each");
    for row in rows {
        let size = row["size"].as_str().unwrap();
        assert!(size.contains("; ") && size.contains(" seeds"), "{size}");
    }
}

#[test]
fn one_wrong_bit_makes_a_sweep_unverified() {
    let wrong = Faulty::damaged(|_, _, rows| rows.iter_mut().for_each(|row| row.v[0] ^= 1));
    let (watch, mut rows) = (Watch::default(), Vec::new());
    assert_eq!(verified_digest(&wrong, &watch).unwrap(), None);
    let mut bench = Bench {
        device: Device::Cpu,
        adapter: &wrong,
        seconds: Some(0.01),
        watch: &watch,
        begins: &mut |_| (),
        row: &mut |row| {
            rows.push(row);
            Ok(())
        },
    };
    bench.run(&[Suite::Sweeps]).unwrap();
    assert!(rows.len() == 10 && rows.iter().all(|row| !row.verified));
}

/// A document with these rows: name, value, unit, and whether it is verified.
fn document(adapter: &str, rows: &[(&str, f64, &str, bool)]) -> Value {
    let row = |(name, value, unit, verified): &(&str, f64, &str, bool)| {
        json!({
            "suite": "kernels", "name": name, "size": format!("M = 32; {value} seeds"), "format": "e4m3", "value": value,
            "unit": unit, "verified": verified,
        })
    };
    json!({ "adapter": adapter, "rows": rows.iter().map(row).collect::<Vec<_>>() })
}

fn written(dir: &Path, name: &str, text: &str) -> String {
    let path = dir.join(name);
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

#[test]
fn measurements_are_compared_with_the_first() {
    let dir = tempfile::tempdir().unwrap();
    let first = document("cpu", &[("draw", 2e9, "elements/s", true), ("train", 4.0, "element-steps/s", true)]);
    let fast = document("fast | one", &[("draw", 5e9, "elements/s", true), ("wait", 1e-6, "s", true)]);
    let wrong = document("wrong", &[("draw", 9e9, "elements/s", false)]);
    let first = written(dir.path(), "a.json", &first.to_string());
    let others = written(dir.path(), "b.json", &json!([fast, wrong]).to_string());
    let output = roundlaw(&["bench", "compare", &first, &others]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let must = "\
| suite | name | size | format | cpu (a) | fast \\| one (b) | ratio | wrong (b) | ratio |
|---|---|---|---|---:|---:|---:|---:|---:|
| kernels | draw | M = 32 | e4m3 | 2.00 G elements/s | 5.00 G elements/s | 2.50x | 9.00 G elements/s UNVERIFIED | - |
| kernels | train | M = 32 | e4m3 | 4.00 element-steps/s | - | - | - | - |
| kernels | wait | M = 32 | e4m3 | - | 1.00 us | - | - | - |
";
    assert_eq!(String::from_utf8(output.stdout).unwrap(), must);
}

/// The one line of what is refused.
fn refused(args: &[&str]) -> String {
    let output = roundlaw(args);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), text.lines().count()), (Some(2), 1), "{args:?}: {text}");
    assert!(output.stdout.is_empty(), "{args:?}");
    text
}

#[test]
fn what_is_no_measurement_is_refused_by_file_and_key() {
    let dir = tempfile::tempdir().unwrap();
    let good = document("cpu", &[("draw", 1.0, "elements/s", true)]);
    let path = written(dir.path(), "good.json", &good.to_string());
    let changed = |place: &dyn Fn(&mut Value)| {
        let mut document = good.clone();
        place(&mut document);
        document.to_string()
    };
    for (text, must) in [
        ("{".to_string(), "no JSON: "),
        ("3".into(), "allowed is what `roundlaw bench --json` prints"),
        ("[]".into(), "allowed is what `roundlaw bench --json` prints"),
        ("[3]".into(), "[0]: allowed is an object"),
        ("{}".into(), "adapter is missing"),
        (changed(&|all| all["adapter"] = json!(1)), "adapter: allowed is a text"),
        (changed(&|all| all["rows"] = json!({})), "rows: allowed is an array"),
        (changed(&|all| all["rows"][0] = json!([])), "rows[0]: allowed is an object"),
        (changed(&|all| all["rows"][0]["value"] = json!("fast")), "rows[0].value: allowed is a number"),
        (changed(&|all| all["rows"][0]["value"] = json!(-1)), "rows[0].value: allowed is a number above 0"),
        (changed(&|all| all["rows"][0]["format"] = json!(8)), "rows[0].format: allowed is a text or null"),
        (changed(&|all| all["rows"][0]["verified"] = json!(1)), "rows[0].verified: allowed is true or false"),
        (json!([good, { "adapter": "x", "rows": [{}] }]).to_string(), "[1].rows[0].format is missing"),
    ] {
        let bad = written(dir.path(), "bad.json", &text);
        let told = refused(&["bench", "compare", &path, &bad]);
        assert!(told.contains("bad.json: ") && told.contains(must), "{text}: {told}");
    }
    let none = dir.path().join("none.json").display().to_string();
    assert!(refused(&["bench", "compare", &path, &none]).contains("none.json: "));
    assert!(refused(&["bench", "compare", &path]).contains("allowed are two or more"));
}

#[test]
fn options_say_what_is_allowed() {
    assert!(refused(&["bench", "--suite", "all"]).contains("allowed are peaks, kernels, sweeps"));
    for seconds in ["0", "-1", "nan", "inf", "1e9", "x"] {
        let told = refused(&["bench", &format!("--seconds={seconds}")]);
        assert!(told.contains("allowed are numbers above 0, up to 86400"), "{told}");
    }
    assert!(refused(&["bench", "--json", "compare", "a", "b"]).contains("cannot be used with"));
}

#[test]
fn devices_tell_of_the_machine() {
    let output = roundlaw(&["devices", "--json"]);
    let devices: Value = serde_json::from_slice(&output.stdout).expect("one document");
    let cpu = &devices[0];
    assert_eq!(cpu["name"], "cpu");
    assert!(cpu["cores"].as_u64() >= Some(1), "{cpu}");
    let text = String::from_utf8(roundlaw(&["devices"]).stdout).unwrap();
    for key in ["processor", "cores", "memory"] {
        assert_eq!(text.contains(&format!("    {key} ")), !cpu[key].is_null(), "{key}: {text}");
        assert!(devices.as_array().unwrap().iter().all(|device| device.get(key).is_some()), "{key}");
    }
    #[cfg(target_os = "linux")]
    assert!(cpu["memory"].as_u64() > Some(1 << 26), "{cpu}");
}
