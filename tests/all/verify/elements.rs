//! Faults at single elements are diagnosed.

use half::{bf16, f16};
use roundlaw::format::{Overflow, Quantizer, format};
use roundlaw::verify::foreign::{self, Case, Cut, Found, Inputs, table};

use super::foreign::{
    E2M1, E4M3, E5M2, Grid, array, diagnosed, double, even, exponent, list, list_of, list_of_values, power, right,
};

fn quantizer(name: &str) -> Quantizer {
    Quantizer::new(format(name).unwrap())
}

fn is_tie(q: f64) -> bool {
    q.fract() == 0.5
}

#[test]
fn right_codecs_have_no_cause() {
    right(&list("e4m3", |bits| E4M3.encode(double(bits), even)));
    right(&list("e5m2", |bits| E5M2.encode(double(bits), even)));
    right(&list("f16", |bits| f16::from_f32(f32::from_bits(bits)).to_bits().into()));
    right(&list("bf16", |bits| bf16::from_f32(f32::from_bits(bits)).to_bits().into()));
}

#[test]
fn other_ties_and_truncations() {
    let of = |rule: fn(f64) -> f64| list("e4m3", move |bits| E4M3.encode(double(bits), rule));
    diagnosed(&of(f64::round), "ties go away from zero");
    diagnosed(&of(|q| if is_tie(q) { q.floor() } else { even(q) }), "ties go toward zero");
    diagnosed(
        &of(|q| if is_tie(q) { q.floor() + f64::from(q.floor() % 2.0 == 0.0) } else { even(q) }),
        "ties go to odd",
    );
    diagnosed(&of(f64::floor), "truncation: rounds toward zero");
    diagnosed(
        &list("e4m3", |bits| {
            let x = double(bits);
            let up = |q: f64| if is_tie(q) { if x < 0.0 { q.floor() } else { q.ceil() } } else { even(q) };
            E4M3.encode(x, up)
        }),
        "ties go up, as by floor(x + 1/2)",
    );
    let cut = list("e4m3", |bits| {
        let x = double(bits);
        let is_small = x.abs() < power(-6) && !x.is_nan();
        if is_small { E4M3.sign(x) } else { E4M3.encode(x, f64::floor) }
    });
    diagnosed(&cut, "truncation of bits: the significand is cut, and what is subnormal is 0");
    // The upper half of the bits: a NaN may become an infinity.
    let upper = list("bf16", |bits| bits >> 16);
    diagnosed(&upper, "truncation of bits: the significand is cut, and what is subnormal is 0");
}

#[test]
fn double_rounding() {
    let through = |round: fn(f32) -> f64| list("e4m3", move |bits| E4M3.encode(round(f32::from_bits(bits)), even));
    diagnosed(&through(|x| f16::from_f32(x).to_f64()), "double rounding: values go through f16");
    diagnosed(&through(|x| bf16::from_f32(x).to_f64()), "double rounding: values go through bf16");
    let cut = |x: f32| f32::from_bits(x.to_bits() & 0xffff_0000).into();
    diagnosed(&through(cut), "values are cut to bf16 before");
    // Beside ties of bf16, of all exponents.
    let bits: Vec<u32> = (0..1 << 12).map(|k| k << 20 | 0x8001 | (k & 1) << 16).collect();
    let tf32 = |bits: u32| (bits + 0xfff + (bits >> 13 & 1)) & !0x1fff;
    let codes = bits.iter().map(|bits| bf16::from_f32(f32::from_bits(tf32(*bits))).to_bits().into()).collect();
    let case = Case::list(quantizer("bf16"), false, bits, None, Found::Codes { codes, scales: vec![] });
    diagnosed(&case, "double rounding: values go through tf32");
    // Numbers of f64 that are no f32, and lie above ties; some below the smallest normal f32.
    let numbers: Vec<f64> = (0..500).map(|k| (1.0 + (f64::from(k) + 0.5) / 128.0) * (1.0 + power(-40))).collect();
    let tiny = (0..100).map(|k| (f64::from(2 * k + 1) + power(-30)) * power(-134));
    let numbers: Vec<f64> = numbers.into_iter().chain(tiny).collect();
    let nearest: Vec<u32> = numbers.iter().map(|x| (*x as f32).to_bits()).collect();
    // Each lies above the f32 that is nearest it.
    let bits = nearest.iter().map(|bits| bits | 1).collect();
    let codes = nearest.iter().map(|bits| u32::from(bf16::from_f32(f32::from_bits(*bits)).to_bits())).collect();
    let inputs = Inputs { shape: vec![numbers.len()], bits, nearest: Some(nearest), is_fortran: false };
    let case = Case::new(quantizer("bf16"), false, inputs, Cut::Along(0), Found::Codes { codes, scales: vec![] });
    diagnosed(&case, "double rounding: values go through f32, its subnormals too");
}

#[test]
fn other_formats_maxima_and_biases() {
    let of = |grid: Grid| list("e4m3", move |bits| grid.encode(double(bits), even));
    diagnosed(&of(E5M2), "another format: e5m2");
    diagnosed(&of(Grid { bias: 8, largest: 224.0, ..E4M3 }), "another exponent bias: one more");
    diagnosed(&of(Grid { bias: 6, largest: 896.0, ..E4M3 }), "another exponent bias: one less");
    diagnosed(
        &of(Grid { largest: 240.0, nan: 0x7c, ..E4M3 }),
        "wrong maximum: the top exponent counts as infinity and NaN",
    );
    // Codes do not tell 480 from NaN.
    let to_480 = |x: f64| match x {
        _ if x.is_nan() => x,
        _ if x.is_infinite() => 480f64.copysign(x),
        _ => (Grid { largest: 480.0, ..E4M3 }).rounded(x.abs(), even).copysign(x),
    };
    diagnosed(&list_of_values("e4m3", to_480), "wrong maximum: every code counts as a number");
    let fnuz = list("e4m3", |bits| match double(bits) {
        x if x.is_nan() => 0x80,
        x => match (Grid { bias: 8, largest: 240.0, ..E4M3 }).encode(x, even) {
            0x80 => 0,
            code => code,
        },
    });
    diagnosed(&fnuz, "another format: e4m3fnuz");
    let e3m2 = Grid { width: 6, mantissa: 2, bias: 4, largest: 14.0, nan: 0 };
    let fnuz = list("e3m2", move |bits| match double(bits) {
        x if x.is_nan() => 0x20,
        x => match e3m2.encode(x, even) {
            0x20 => 0,
            code => code,
        },
    });
    diagnosed(&fnuz, "the fnuz format of these widths, whose bias is one more");
    let only_nan = list("e5m2", |bits| Grid { largest: 98304.0, nan: 0x7f, ..E5M2 }.encode(double(bits), even));
    diagnosed(&only_nan, "wrong maximum: only the largest code is NaN");
    diagnosed(&list("f16", |bits| bf16::from_f32(f32::from_bits(bits)).to_bits().into()), "another format: bf16");
}

#[test]
fn signs_of_zero() {
    let dropped = list("e4m3", |bits| match E4M3.encode(double(bits), even) {
        0x80 => 0,
        code => code,
    });
    diagnosed(&dropped, "loses the sign of zero");
    let kept = list("e4m3fnuz", |bits| match double(bits) {
        x if x.is_nan() => 0x80,
        x => Grid { bias: 8, largest: 240.0, ..E4M3 }.encode(x, even),
    });
    diagnosed(&kept, "keeps the sign of zero: its code is that of NaN");
    let int8 = Quantizer { scale: 0.25, ..quantizer("int8") };
    let bits: Vec<u32> = (-200..200).map(|k| (k as f32 / 16.0).to_bits()).collect();
    let values = bits.iter().map(|bits| ((double(*bits) * 4.0).round_ties_even() / 4.0) as f32).map(f32::to_bits);
    let case = Case::list(int8, false, bits.clone(), None, Found::Values(values.collect()));
    diagnosed(&case, "keeps the sign of zero");
}

#[test]
fn the_order_of_nibbles() {
    let bits: Vec<u32> = (0..64).map(|k| (k as f32 / 7.0 - 4.0).to_bits()).collect();
    let codes: Vec<u32> = (0..64).map(|k: usize| E2M1.encode(double(bits[k ^ 1]), even)).collect();
    let found = Found::Codes { codes, scales: vec![] };
    let found = diagnosed(&array(quantizer("e2m1"), bits, 16, found), "the two codes of a byte are exchanged");
    assert!(found.causes[0].repeat.unwrap().is_swapped);
}

#[test]
fn subnormals() {
    let bits = |bits: u32| f32::from_bits(bits);
    let inputs = list("bf16", |x| {
        let x = bits(x);
        let x = if x.is_subnormal() { 0.0f32.copysign(x) } else { x };
        bf16::from_f32(x).to_bits().into()
    });
    diagnosed(&inputs, "flushes subnormal inputs");
    let results = list("e4m3", |x| match E4M3.encode(double(x), even) {
        code if code & 0x7f < 8 => code & 0x80,
        code => code,
    });
    diagnosed(&results, "flushes subnormal results to zero");
    // Between 0 and the smallest normal number there is nothing: the nearer of the two.
    let none = list("e4m3", |x| match double(x) {
        x if x.abs() < power(-6) => E4M3.sign(x) | E4M3.code(even(x.abs() / power(-6)) * power(-6)),
        x => E4M3.encode(x, even),
    });
    diagnosed(&none, "has no subnormal numbers");
}

#[test]
fn nan_and_infinity() {
    let nan = |code: u32| list("e4m3", move |x| if double(x).is_nan() { code } else { E4M3.encode(double(x), even) });
    diagnosed(&nan(0), "NaN becomes 0");
    diagnosed(&nan(0x7e), "NaN becomes the largest value");
    let ones = list("e2m1", |x| if double(x).is_nan() { 0xf } else { E2M1.encode(double(x), even) });
    diagnosed(&ones, "NaN becomes the code of all ones");
    let own = list("e4m3", |x| match double(x) {
        x if x.is_nan() => E4M3.sign(x) | 0x7e,
        x => E4M3.encode(x, even),
    });
    diagnosed(&own, "NaN becomes the largest value of its sign");
    let zero = list("e4m3", |x| match double(x) {
        x if x.is_nan() => E4M3.sign(x),
        x => E4M3.encode(x, even),
    });
    diagnosed(&zero, "NaN becomes a zero of its sign");
    let ieee_e5m2 = Quantizer { overflow: Overflow::Ieee, ..quantizer("e5m2") };
    let e5m2 = |infinity: u32| {
        list_of(ieee_e5m2, move |x| match double(x) {
            x if x.is_infinite() => E5M2.sign(x) | infinity,
            x if x.is_nan() => E5M2.encode(x, even),
            x if Grid { largest: 1e30, ..E5M2 }.rounded(x.abs(), even) > 57344.0 => E5M2.sign(x) | 0x7c,
            x => E5M2.encode(x, even),
        })
    };
    right(&e5m2(0x7c));
    diagnosed(&e5m2(0x7e), "infinity becomes NaN");
    let beyond = |x: f64| Grid { largest: 1e30, ..E4M3 }.rounded(x.abs(), even) > 448.0;
    let overflows = |x: u32| match double(x) {
        x if x.is_nan() || beyond(x) => E4M3.sign(x) | 0x7f,
        x => E4M3.encode(x, even),
    };
    diagnosed(&list("e4m3", overflows), "infinity or NaN beyond the largest value");
    let ieee = Quantizer { overflow: Overflow::Ieee, ..quantizer("e4m3") };
    right(&list_of(ieee, overflows));
    diagnosed(&list_of(ieee, |x| E4M3.encode(double(x), even)), "saturates beyond the largest value");
    let only_infinity = |x: u32| if double(x).is_infinite() { E4M3.encode(double(x), even) } else { overflows(x) };
    diagnosed(&list_of(ieee, only_infinity), "infinity saturates");
    let infinity_alone = list("e4m3", |x| match double(x) {
        x if x.is_infinite() => E4M3.sign(x) | 0x7f,
        x => E4M3.encode(x, even),
    });
    diagnosed(&infinity_alone, "infinity becomes an infinity or NaN");
}

#[test]
fn flushed_values() {
    let tiny: Vec<u32> = (0..4000).map(|k| k << 15).collect();
    let values = tiny.iter().map(|x| bf16::from_f32(f32::from_bits(*x)).to_f32());
    let flushed = values.map(|x| if x.is_subnormal() { 0 } else { x.to_bits() }).collect();
    diagnosed(&Case::list(quantizer("bf16"), false, tiny, None, Found::Values(flushed)), "flushes subnormal values");
}

/// Codes of ml_dtypes, which overflows to NaN and infinity, and makes zeros of a NaN where a format has none.
const ENCODE: &str = include_str!("../../oracles/encode.csv");

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
        let quantizer = Quantizer { overflow: Overflow::Saturate, ..quantizer(name) };
        let found = diagnosed(&table::read(name, &text, quantizer, false).unwrap(), cause);
        assert_eq!(found.elements, lines.len());
    }
}

#[test]
fn half_differs_in_nothing_but_the_bits_of_a_nan() {
    let found = foreign::check(&list("f16", |bits| f16::from_f32(f32::from_bits(bits)).to_bits().into()));
    assert!(found.different == 0 && found.other_nans > 0, "{found:?}");
}

#[test]
fn logarithms_are_of_numbers_not_of_bits() {
    assert_eq!([0.75, 1.0, 3.9, power(-130)].map(exponent), [-1, 0, 1, -130]);
}
