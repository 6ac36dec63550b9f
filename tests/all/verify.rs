//! Cases on the CPU, and other people's codecs and products.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use roundlaw::Watch;
use roundlaw::codec::quantize;
use roundlaw::format::{Direction, FORMATS, Float, Layout, Overflow, QuantOp, Quantizer, Rounding, Specials, format};
use roundlaw::verify::foreign::{self, ForeignCode};
use roundlaw::verify::gemv;
use roundlaw::verify::{Device, Level, Verdict, cases, run};

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

/// Inputs around ties, limits and special values, with the codes of somebody's codec.
fn table(codec: impl Fn(u32) -> u32) -> Vec<ForeignCode> {
    let inputs = (0..1u32 << 14).map(|k| k << 18).chain((0..1 << 12).map(|k| (k << 20) | 0x000f_ffff));
    inputs.map(|input| ForeignCode { input, code: codec(input) }).collect()
}

#[test]
fn the_habits_of_other_codecs_are_named() {
    let base = Quantizer { overflow: Overflow::Ieee, ..Quantizer::new(format("e4m3").unwrap()) };
    let Layout::Float(float) = base.layout else { panic!() };
    let op = QuantOp::of(&base);
    let of = |quantizer: Quantizer| {
        let op = QuantOp::of(&quantizer);
        table(move |bits| quantize(&op, bits, 0, 0).code)
    };
    let rounding = |direction| Quantizer { rounding: Rounding::new(direction), ..base };
    let flushed = table(|bits| match quantize(&op, bits, 0, 0).code {
        code if code & 0x7f < 8 => code & 0x80,
        code => code,
    });
    let nan = |code: u32| {
        table(move |bits| if bits & 0x7fff_ffff > 0x7f80_0000 { code } else { quantize(&op, bits, 0, 0).code })
    };
    for (rows, cause) in [
        (of(rounding(Direction::NearestAway)), "ties go away from zero"),
        (of(rounding(Direction::TowardZero)), "truncation: rounds toward zero"),
        (of(Quantizer { overflow: Overflow::Saturate, ..base }), "saturates beyond the largest value"),
        (
            of(Quantizer { layout: Layout::Float(Float { specials: Specials::None, ..float }), ..base }),
            "wrong maximum: every code counts as a number",
        ),
        (
            of(Quantizer { overflow: Overflow::Ieee, ..Quantizer::new(format("e4m3fnuz").unwrap()) }),
            "the fnuz format of these widths, whose bias is one more",
        ),
        (flushed, "flushes subnormal results to zero"),
        (nan(0), "NaN becomes 0"),
    ] {
        let report = foreign::check(&base, &rows);
        assert!(report.different > 0, "{cause}");
        let best = &report.causes[0];
        assert_eq!((best.name, best.contradicts), (cause, 0), "{:?}", report.causes);
        assert_eq!(best.explains, report.different, "{cause}");
        let first = report.first[0];
        assert_eq!((rows[first.row], first.ours.code != first.theirs.code), (first.theirs, true));
    }
    let right = foreign::check(&base, &table(|bits| quantize(&op, bits, 0, 0).code));
    assert_eq!((right.different, right.causes), (0, vec![]));
}

/// Codes of ml_dtypes, which overflows to NaN and infinity, and makes zeros of a NaN where a format has none.
const ENCODE: &str = include_str!("../oracles/encode.csv");

#[test]
fn ml_dtypes_differs_in_what_is_known_of_it() {
    for (name, cause) in [
        ("e4m3", "infinity or NaN beyond the largest value"),
        ("e4m3fnuz", "infinity or NaN beyond the largest value"),
        ("e5m2", "infinity or NaN beyond the largest value"),
        ("e2m1", "NaN becomes a zero of the other sign"),
        ("e3m2", "NaN becomes a zero of the other sign"),
    ] {
        let mut text = String::from("input,code\n");
        let lines: Vec<&str> = ENCODE.lines().filter(|line| line.split(',').next() == Some(name)).collect();
        for line in &lines {
            let cells: Vec<&str> = line.split(',').collect();
            text += &format!("0x{},0x{}\n", cells[1], cells[2]);
        }
        let quantizer = Quantizer { overflow: Overflow::Saturate, ..Quantizer::new(format(name).unwrap()) };
        let report = foreign::check(&quantizer, &foreign::rows(name, &text, &quantizer).unwrap());
        assert!(report.rows as usize == lines.len() && report.different > 0, "{name}: {report:?}");
        let best = &report.causes[0];
        assert_eq!(
            (best.name, best.contradicts, best.explains),
            (cause, 0, report.different),
            "{name}: {:?}",
            report.causes
        );
    }
}

#[test]
fn half_differs_in_nothing_but_the_bits_of_a_nan() {
    let quantizer = Quantizer::new(format("f16").unwrap());
    let report = foreign::check(&quantizer, &table(|bits| half::f16::from_f32(f32::from_bits(bits)).to_bits().into()));
    assert!(report.different == 0 && report.other_nans > 0, "{report:?}");
}

#[test]
fn integers_that_divide_or_use_the_most_negative_code_are_recognized() {
    let int8 = Quantizer { scale: 0.1f32.into(), ..Quantizer::new(format("int8").unwrap()) };
    let near_ties = (1..126u32).flat_map(|k| (0..7).map(move |d| ((k as f32 + 0.5) * 0.1).to_bits() + d - 3));
    let code = |q: f32, least: f32| q.round_ties_even().clamp(least, 127.0) as i32 as u32 & 0xff;
    let divided: Vec<ForeignCode> =
        near_ties.map(|input| ForeignCode { input, code: code(f32::from_bits(input) / 0.1f32, -127.0) }).collect();
    let report = foreign::check(&int8, &divided);
    assert!(report.different > 0, "{report:?}");
    assert_eq!((report.causes[0].name, report.causes[0].contradicts), ("divides by the step in f32", 0));
    let full = [-200.0f32, -12.8, -12.7, -1.0, 3.0]
        .map(|x| ForeignCode { input: x.to_bits(), code: code(x * (1.0 / 0.1f32), -128.0) });
    let report = foreign::check(&int8, &full);
    assert_eq!((report.different, report.causes[0].name), (2, "uses the most negative code"));
    let text = "bits,code\n0xbf800000,-10\n0xbf800000,0xf6\n3212836864,246\n";
    let row = ForeignCode { input: 0xbf80_0000, code: 0xf6 };
    assert_eq!(foreign::rows("table", text, &int8).unwrap(), [row; 3]);
    for wrong in ["0x3g,1\n", "1,256\n"] {
        assert!(foreign::rows("table", wrong, &int8).is_err());
    }
}

#[test]
fn a_product_is_ours_in_another_order_or_wrong() {
    let number = |k: usize| ((k * 2_654_435_761) % 1000) as f32 / 500.0 - 1.0;
    let columns = 300;
    let bits: Vec<u32> = (0..20 * columns).map(|k| number(k).to_bits()).collect();
    let quantizer = Quantizer::new(format("mxfp8").unwrap());
    let z = gemv::rounded(Some(&quantizer), false, &bits, columns);
    let v: Vec<f32> = (0..columns).map(|k| number(7 * k + 1)).collect();
    let ours: Vec<f32> = roundlaw::reference::gemv::product(&z, columns, &v).into_iter().map(f32::from_bits).collect();
    let report = gemv::check(&z, columns, &v, &ours);
    assert_eq!((report.rows, report.same, report.wrong.len()), (20, 20, 0));
    let sequential: Vec<f32> =
        z.chunks(columns).map(|row| row.iter().zip(&v).fold(0.0, |sum, (z, v)| z.mul_add(*v, sum))).collect();
    let report = gemv::check(&z, columns, &v, &sequential);
    assert!(report.same < 20 && report.wrong.is_empty() && report.worst <= 1.0, "{report:?}");
    let mut wrong = ours.clone();
    wrong[3] += 0.01;
    wrong[4] = f32::NAN;
    let report = gemv::check(&z, columns, &v, &wrong);
    assert_eq!(report.wrong.iter().map(|wrong| wrong.row).collect::<Vec<_>>(), [3, 4]);
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
        let report = gemv::check(&z, 2, &[1.0, 1.0], &[value]);
        assert_eq!(report.wrong.is_empty(), right, "{z:?}: {value:?}: {report:?}");
        assert_eq!(report.worst <= 1.0, right, "{report:?}");
    }
    let exact = |z: [f32; 2]| gemv::check(&z, 2, &[1.0, 1.0], &[0.5]).wrong[0].exact;
    assert_eq!((exact([inf, 1.0]), exact([-inf, 1.0])), (f64::INFINITY, f64::NEG_INFINITY));
    assert!(exact([inf, -inf]).is_nan() && exact([nan, inf]).is_nan());
    assert_eq!(exact([max, max]), 2.0 * f64::from(max));
    // In some order of three the sum leaves f32, upwards or downwards.
    for (value, right) in [(0.85 * max, true), (inf, true), (-inf, false), (nan, false), (max, false)] {
        let report = gemv::check(&[max, 0.75 * max, -0.9 * max], 3, &[1.0; 3], &[value]);
        assert_eq!(report.wrong.is_empty(), right, "{value:?}: {report:?}");
    }
}
