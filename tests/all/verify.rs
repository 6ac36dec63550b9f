//! Cases on the CPU, and other people's codecs and products.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use roundlaw::Watch;
use roundlaw::format::{FORMATS, Layout, Quantizer, format};
use roundlaw::verify::gemm;
use roundlaw::verify::{Device, Level, Verdict, cases, run};

mod absmax;
mod arrays;
mod blocks;
mod elements;
mod foreign;
mod integers;
mod posits;
mod random;
mod tables;
mod two_level;

#[test]
fn every_quick_case_passes_on_the_cpu() {
    let mut unsupported = Vec::new();
    for case in cases(Level::Quick) {
        let name = case.name.clone();
        match run(&case, &Device::Cpu, Level::Quick, &Watch::default()).unwrap() {
            Verdict::Pass(count) => assert!(count > 0, "{name}"),
            Verdict::Unsupported(_) => unsupported.push(name),
            Verdict::Fail(lines) | Verdict::Fault(lines) => panic!("{name}: {lines:#?}"),
        }
    }
    // Of words and normals the CPU has one implementation, and the known answers are asked of GPUs: every rounding is
    // compared.
    assert_eq!(unsupported, ["random/words", "normal", "driver/subgroup-max", "kernel/known-answers"]);
}

#[test]
#[cfg(unix)]
fn a_signal_ends_a_case_of_all_inputs() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_roundlaw"))
        .args(["verify", "--level", "full", "--adapter", "cpu"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Two cases that the CPU has nothing to do for are told, then come those of all inputs.
    let told: Vec<String> = BufReader::new(child.stdout.take().unwrap()).lines().take(4).map(Result::unwrap).collect();
    assert!(told.iter().step_by(2).all(|line| line.ends_with(": unsupported")), "{told:?}");
    let begun = Instant::now();
    let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(kill.success());
    let output = child.wait_with_output().unwrap();
    assert!(begun.elapsed() < Duration::from_secs(20), "it took {:?}", begun.elapsed());
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(5), "{stderr}");
    assert!(stderr.contains(&format!("stopped after 2 of {} cases", cases(Level::Full).len())), "{stderr}");
}

#[test]
fn names_of_cases_are_unique() {
    let mut names: Vec<String> = cases(Level::Full).into_iter().map(|case| case.name).collect();
    let count = names.len();
    for name in [
        "codec/e4m3/rne/encode",
        "block/mxfp4/floor",
        "random/words",
        "normal",
        "kernel/gemv/mxfp4",
        "kernel/project",
        "kernel/train/int8",
    ] {
        assert!(names.iter().any(|found| found == name), "{name}");
    }
    for format in FORMATS.iter().filter(|format| format.layout != Layout::Identity) {
        let has = |kind: &str| names.iter().any(|name| name.starts_with(&format!("{kind}/{}", format.name)));
        assert!(has("codec") || has("block"), "{}", format.name);
    }
    names.sort();
    names.dedup();
    assert_eq!(names.len(), count);
}

#[test]
fn a_product_is_ours_in_another_order_or_wrong() {
    let number = |k: usize| ((k * 2_654_435_761) % 1000) as f32 / 500.0 - 1.0;
    let columns = 300;
    let bits: Vec<u32> = (0..20 * columns).map(|k| number(k).to_bits()).collect();
    let quantizer = Quantizer::new(format("mxfp8").unwrap());
    let z = gemm::rounded(Some(&quantizer), false, &bits, columns);
    let v: Vec<f32> = (0..columns).map(|k| number(7 * k + 1)).collect();
    let ours: Vec<f32> = roundlaw::reference::gemv::product(&z, columns, &v).into_iter().map(f32::from_bits).collect();
    let report = gemm::check(&z, columns, &v, &ours);
    assert_eq!((report.rows, report.same, report.wrong), (20, 20, 0));
    let sequential: Vec<f32> =
        z.chunks(columns).map(|row| row.iter().zip(&v).fold(0.0, |sum, (z, v)| z.mul_add(*v, sum))).collect();
    let report = gemm::check(&z, columns, &v, &sequential);
    assert!(report.same < 20 && report.wrong == 0 && report.worst <= 1.0, "{report:?}");
    let mut wrong = ours.clone();
    wrong[3] += 0.01;
    wrong[4] = f32::NAN;
    let report = gemm::check(&z, columns, &v, &wrong);
    assert_eq!(report.first.iter().map(|wrong| wrong.row).collect::<Vec<_>>(), [3, 4]);
}

#[test]
fn a_product_of_matrices_is_one_of_vectors_for_each_column() {
    let number = |k: usize| ((k * 2_654_435_761) % 1000) as f32 / 500.0 - 1.0;
    let (rows, inner, columns) = (7, 65, 5);
    let a: Vec<f32> = (0..rows * inner).map(number).collect();
    let b: Vec<f32> = (0..columns * inner).map(|k| number(3 * k + 2)).collect();
    let ours: Vec<Vec<u32>> =
        b.chunks(inner).map(|column| roundlaw::reference::gemv::product(&a, inner, column)).collect();
    let mut out: Vec<f32> = (0..rows * columns).map(|k| f32::from_bits(ours[k % columns][k / columns])).collect();
    let report = gemm::check(&a, inner, &b, &out);
    assert_eq!((report.rows, report.columns, report.same, report.wrong), (rows, columns, rows * columns, 0));
    out[2 * columns + 3] += 0.5;
    let report = gemm::check(&a, inner, &b, &out);
    assert_eq!((report.same, report.wrong), (rows * columns - 1, 1));
    assert_eq!((report.first[0].row, report.first[0].column), (2, 3));
}

/// Rows of two products with v = (1, 1): what is right of infinities, NaN and sums beyond f32.
#[test]
fn a_product_that_is_no_finite_number_is_judged_by_its_value() {
    let (inf, nan, max) = (f32::INFINITY, f32::NAN, f32::MAX);
    let other_nan = f32::from_bits(0xffc1_2345);
    for (z, value, right) in [
        ([nan, 1.0], other_nan, true),
        ([nan, 1.0], f32::from_bits(0x7f80_0001), true),
        ([nan, 1.0], inf, false),
        ([nan, 1.0], 1.0, false),
        ([inf, -inf], other_nan, true),
        ([inf, -inf], inf, false),
        ([inf, 1.0], inf, true),
        ([inf, 1.0], -inf, false),
        ([inf, 1.0], nan, false),
        ([inf, 1.0], max, false),
        ([-inf, 1.0], -inf, true),
        ([max, max], inf, true),
        ([max, max], -inf, false),
        ([max, max], max, false),
        ([max, -max], 0.0, true),
        ([max, 1.0], max, true),
        ([1.0, 1.0], inf, false),
        ([1.0, 1.0], nan, false),
        ([1.0, 1.0], 2.0, true),
    ] {
        let report = gemm::check(&z, 2, &[1.0, 1.0], &[value]);
        assert_eq!(report.wrong == 0, right, "{z:?}: {value:?}: {report:?}");
        assert_eq!(report.worst <= 1.0, right, "{report:?}");
    }
    let exact = |z: [f32; 2]| gemm::check(&z, 2, &[1.0, 1.0], &[0.5]).first[0].exact;
    assert_eq!((exact([inf, 1.0]), exact([-inf, 1.0])), (f64::INFINITY, f64::NEG_INFINITY));
    assert!(exact([inf, -inf]).is_nan() && exact([nan, inf]).is_nan());
    assert_eq!(exact([max, max]), 2.0 * f64::from(max));
    // In some order of three the sum leaves f32, upwards or downwards.
    for (value, right) in [(0.85 * max, true), (inf, true), (-inf, false), (nan, false), (max, false)] {
        let report = gemm::check(&[max, 0.75 * max, -0.9 * max], 3, &[1.0; 3], &[value]);
        assert_eq!(report.wrong == 0, right, "{value:?}: {report:?}");
    }
}
