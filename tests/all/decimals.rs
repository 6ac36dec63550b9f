//! Decimals on stdin are rounded once, to the format.

use std::process::Output;

use roundlaw::codec::{self, MAGNITUDE};
use roundlaw::decimal::{Number, rounds_odd_alike};
use roundlaw::format::{Direction, FORMATS, Format, QuantOp, Quantizer, Rounding, class, format};
use serde_json::Value;

fn run(line: &str, stdin: &str) -> Output {
    let mut command = assert_cmd::Command::new(env!("CARGO_BIN_EXE_roundlaw"));
    command.args(line.split_whitespace()).write_stdin(stdin).output().unwrap()
}

/// The rows of one list, and what was said on stderr.
#[track_caller]
fn rows(line: &str, stdin: &str) -> (Vec<Value>, String) {
    let output = run(&format!("quantize --json --format {line}"), stdin);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{line}: {said}");
    (serde_json::from_slice::<Value>(&output.stdout).unwrap().as_array().unwrap().clone(), said)
}

/// Value and note of one number, of which nothing has to be said.
#[track_caller]
fn one(line: &str, number: &str) -> (String, String) {
    let (rows, said) = rows(line, number);
    assert_eq!(said, "", "{line} {number}");
    let text = |key: &str| rows[0][key].as_str().unwrap().to_string();
    (text("value"), text("note"))
}

#[test]
fn known_values() {
    for (line, number, value, note) in [
        // 432 lies halfway between 416 and the even 448.
        ("e4m3", "431.99999999999994", "416.0", ""),
        ("e4m3", "432", "448.0", ""),
        ("e4m3", "432.00000000000000000000000000000000001", "448.0", ""),
        ("e4m3", "464.00000000000000000000000000000000001", "448.0", "saturated"),
        ("e4m3 --rounding toward-zero", "447.99999999999999999999", "416.0", ""),
        ("e4m3 --overflow ieee", "463.99999999999999999999", "448.0", ""),
        ("e4m3 --overflow ieee", "464.00000000000000000001", "NaN", "not finite"),
        // Half the smallest subnormal, 2^-10, ties to zero.
        ("e4m3", "0.0009765625", "0.0", "underflowed"),
        ("e4m3", "0.00097656250000000000000001", "0.001953125", ""),
        ("e4m3", "-0.00097656250000000000000001", "-0.001953125", ""),
        ("e4m3", "0.0029296874999999999999999", "0.001953125", ""),
        ("e4m3 --rounding nearest-away", "0.00097656249999999999999999", "0.0", "underflowed"),
        // What f32 takes for zero is none.
        ("e4m3", "1e-50", "0.0", "underflowed"),
        ("e4m3", "0e-50", "0.0", ""),
        ("e4m3 --rounding up", "1e-50", "0.001953125", ""),
        ("e4m3 --rounding down", "-1e-999999999999", "-0.001953125", ""),
        ("bf16 --rounding up", "1e-50", "9.1835e-41", ""),
        // Halfway between two subnormals of bf16, 2^-134, where f32 has 15 bits left.
        ("bf16", "4.591774807899560578e-41", "0.0", "underflowed"),
        ("bf16", "4.591774807899560579e-41", "9.1835e-41", ""),
        ("int8 --step 1", "0.5", "0.0", "underflowed"),
        ("int8 --step 1", "0.50000000000000000000000000000001", "1.0", ""),
        ("int8 --step 1", "127.5", "127.0", "saturated"),
        ("int8 --step 1", "127.49999999999999999999999999", "127.0", ""),
        ("e8m0 --rounding up", "1.00000000000000000000000000001", "2.0", ""),
        ("e8m0", "1.99999999999999999999999999999", "1.0", ""),
        // 6 is the largest of a block of scale 1, and what lies beyond makes it 2.
        ("mxfp4 --scale-mode rceil", "6", "6.0", ""),
        ("mxfp4 --scale-mode rceil", "6.00000000000000000000000000001", "6.0", ""),
        ("mxfp4 --scale-mode rceil --rounding up", "6.00000000000000000000000000001", "8.0", ""),
        ("fp32", "16777216.999999999999999999999", "16777216.0", ""),
        ("fp32", "16777217.000000000000000000001", "16777218.0", ""),
    ] {
        assert_eq!(one(line, number), (value.to_string(), note.to_string()), "{line} {number}");
    }
}

#[test]
fn what_was_written_is_shown_and_the_error_is_that_of_it() {
    let (rows, _) = rows("e4m3", "431.99999999999994 0.1 464 0x43e80000 1e-50");
    let column = |key: &str| rows.iter().map(|row| row[key].as_str().unwrap()).collect::<Vec<_>>();
    assert_eq!(column("input"), ["431.99999999999994", "0.1", "464.0", "464.0", "1e-50"]);
    assert_eq!(column("input_bits"), ["0x43d80000", "0x3dcccccd", "0x43e80000", "0x43e80000", "0x00000000"]);
    assert_eq!(column("error"), ["-15.99999999999994", "0.0015625", "-16.0", "-16.0", "-1e-50"]);
}

/// A step that is no power of two, the scale of a tensor and random bits work on f32: where the f32 below and above a number
/// come to different codes, that is said.
#[test]
fn a_number_that_is_rounded_twice_is_told() {
    for (line, numbers, said) in [
        ("int8 --step 0.3", "0.1 1 2.3", ""),
        ("int8 --step 0.3", "0.15 0.15000001 1", "1 of 3 numbers"),
        ("e8m22", "16777219", "1 of 1 numbers"),
        ("e8m22", "0.1", ""),
        ("log8 --base-factor 3", "0.1 0.7 1e-3", ""),
        ("e4m3 --rounding stochastic --bits 8", "0.1", ""),
        ("nvfp4", "0.1 0.2 0.3", ""),
    ] {
        let (_, text) = rows(line, numbers);
        assert_eq!(text.lines().count(), usize::from(!said.is_empty()), "{line} {numbers}: {text}");
        assert!(text.contains(said), "{line} {numbers}: {text}");
    }
}

/// As much as the memory takes: no number of numbers is too large by itself.
#[test]
fn a_list_may_be_long() {
    let output = run("quantize --format e4m3", &"1 ".repeat((1 << 20) + 1));
    assert!(output.status.success() && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.stdout.iter().filter(|&&byte| byte == b'\n').count(), (1 << 20) + 2);
    let spaces = format!("{}1.5", " ".repeat((1 << 26) + 1));
    assert_eq!(one("e4m3", &spaces).0, "1.5");
}

#[cfg(target_os = "linux")]
#[test]
fn a_list_beyond_the_memory_is_refused() {
    for (stdin, parts) in [
        ("1 ".repeat(4_000_000), &["longer than ", " numbers: 0."][..]),
        (" ".repeat(100_000_000), &["longer than ", " bytes: 0."]),
    ] {
        let mut command = assert_cmd::Command::new("sh");
        command.args(["-c", "ulimit -v 900000; exec \"$0\" quantize --format e4m3", env!("CARGO_BIN_EXE_roundlaw")]);
        let output = command.env("RAYON_NUM_THREADS", "1").write_stdin(stdin).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), text.lines().count()), (Some(2), 1), "{text}");
        let parts = parts.iter().chain(&["stdin is ", "`ulimit -v`", "IN.npy"]);
        parts.for_each(|part| assert!(text.contains(part), "{text:?} does not name {part:?}"));
    }
}

/// A number next to the point halfway between two of a format, nearer to it than any f32, goes to the right one, and so do
/// numbers next to one of a format in directed roundings.
#[test]
fn odd_f32_round_as_the_numbers_do() {
    let others = ["e8m20", "e8m21", "e5m21", "e2m5", "e6m9"].map(|name| format(name).unwrap());
    let mut compared = 0;
    for format in FORMATS.iter().chain(others) {
        let nearest = QuantOp::of(&Quantizer::new(format));
        if nearest.kind != class::SCALAR || !rounds_odd_alike(&nearest) {
            continue;
        }
        compared += 1;
        compare(format);
    }
    assert!(compared > 12, "{compared} formats");
    for (name, direction) in [("e8m22", Direction::NearestEven), ("e4m3", Direction::Stochastic)] {
        let quantizer =
            Quantizer { rounding: Rounding::new(direction), ..Quantizer::new(roundlaw::format(name).unwrap()) };
        assert!(!rounds_odd_alike(&QuantOp::of(&quantizer)), "{name}");
    }
}

/// The point between 2^20 and 2^24 of `posit8` is 2^22, and no number becomes 0, or more than the largest posit.
#[test]
fn posits_are_rounded_once() {
    let posit8 = |direction| {
        let plain = Quantizer::new(roundlaw::format("posit8").unwrap());
        QuantOp::of(&Quantizer { rounding: Rounding::new(direction), ..plain })
    };
    let [even, up, down] = [Direction::NearestEven, Direction::Up, Direction::Down].map(posit8);
    for (text, op, expected) in [
        ("4194304", &even, 2f32.powi(20)),
        ("4194304.0000001", &even, 2f32.powi(24)),
        ("4194303.9999999", &even, 2f32.powi(20)),
        ("1.0625000000001", &even, 1.125),
        ("1.0625", &even, 1.0),
        ("1e-60", &even, 2f32.powi(-24)),
        ("1e-60", &up, 2f32.powi(-24)),
        ("1e-60", &down, 0.0),
        ("1.0000000000001", &up, 1.125),
        ("3.4e38", &even, 2f32.powi(24)),
    ] {
        assert!(rounds_odd_alike(op), "{text}");
        let found = codec::quantize(op, Number::parse(text).unwrap().odd(), 0, 0);
        assert_eq!(f32::from_bits(found.bits), expected, "{text}");
    }
}

fn compare(format: &'static Format) {
    let with = |direction| QuantOp::of(&Quantizer { rounding: Rounding::new(direction), ..Quantizer::new(format) });
    let [even, up, zero] = [Direction::NearestEven, Direction::Up, Direction::TowardZero].map(with);
    let value = |code: u32| f64::from(f32::from_bits(codec::decoded(code, &even, 0)));
    let last = even.max_code - 1;
    let codes = (0..=last).step_by((last as usize / 40).max(1)).chain(0..4.min(last));
    for code in codes {
        let (a, b) = (value(code), value(code + 1));
        for (point, op, below_is, above_is) in [((a + b) / 2.0, &even, a, b), (a, &up, a, b), (b, &zero, a, b)] {
            // The exact decimal of the point, and less than one unit of its last place beside it.
            let exact = format!("{point:.200}");
            let above = format!("{exact}00000001");
            let below = decremented(&exact);
            let rounds = |text: &str| {
                let found = codec::quantize(op, Number::parse(text).unwrap().odd(), 0, 0);
                f64::from(f32::from_bits(found.bits & MAGNITUDE))
            };
            assert_eq!(rounds(&above), above_is, "{} {above}", format.name);
            if point > 0.0 && (op.rounding != Direction::Up as u32) {
                assert_eq!(rounds(&below), below_is, "{} {below}", format.name);
            }
        }
    }
}

/// A decimal with places behind the point, less one unit in a place behind its last.
fn decremented(text: &str) -> String {
    let mut digits: Vec<u8> = text.bytes().collect();
    for digit in digits.iter_mut().rev().filter(|digit| digit.is_ascii_digit()) {
        if *digit > b'0' {
            *digit -= 1;
            break;
        }
        *digit = b'9';
    }
    String::from_utf8(digits).unwrap() + "9999"
}

#[test]
fn a_decimal_may_be_longer_than_a_line() {
    let long = format!("0.1{}", "1".repeat(70_000));
    let output = run("quantize --format e4m3", &format!("{long} 2.5"));
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(table.contains("0.1111") && table.contains("...") && table.contains("0.109375"), "{table}");
    assert!(table.lines().all(|line| line.len() < 300), "{table}");
    let (rows, _) = rows("e4m3", &long);
    assert_eq!(rows[0]["input"].as_str().unwrap().len(), long.len(), "JSON has all of it");
}
