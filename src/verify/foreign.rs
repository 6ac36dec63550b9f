//! Somebody else's codec, as a list of inputs and codes: where it differs, and what would explain it.

use crate::codec::{INFINITY, MAGNITUDE, NO_CODE, Rounded, SIGN, quantize};
use crate::format::{
    Direction, Float, Layout, Nan, Overflow, QuantOp, Quantizer, Rounding, Specials, Subnormals, policy,
};

/// Differences told one by one.
const FIRST: usize = 10;

/// What a comparison found.
#[derive(Clone, Debug, PartialEq)]
pub struct CodecComparison {
    pub rows: usize,
    pub different: usize,
    /// NaN inputs with another of the format's NaN codes: no difference.
    pub other_nans: usize,
    /// The first differences: (row, input, their code, ours).
    pub first: Vec<(usize, u32, u32, Rounded)>,
    /// Likely causes, the best first.
    pub causes: Vec<Cause>,
}

/// A habit of other codecs that gives some of the codes that differ.
#[derive(Clone, Debug, PartialEq)]
pub struct Cause {
    pub name: &'static str,
    /// Differences it explains.
    pub explains: usize,
    /// Rows that do not differ, and would with this habit.
    pub contradicts: usize,
}

/// Compares rows of (f32 bits, code) with the codec of a format.
pub fn check(quantizer: &Quantizer, rows: &[(u32, u32)]) -> CodecComparison {
    let op = QuantOp::of(quantizer);
    let ours: Vec<Rounded> = rows.iter().map(|(bits, _)| quantize(&op, *bits, 0, 0)).collect();
    let nans = |k: usize| is_nan_code(&op, ours[k].code) && is_nan_code(&op, rows[k].1);
    let (same, different): (Vec<usize>, Vec<usize>) =
        (0..rows.len()).partition(|&k| ours[k].code == rows[k].1 || nans(k));
    let first = different.iter().take(FIRST).map(|&k| (k, rows[k].0, rows[k].1, ours[k])).collect();
    let mut causes = Vec::new();
    for (name, habit) in habits(quantizer) {
        let agrees = |k: &&usize| habit(rows[**k].0) == rows[**k].1;
        let explains = different.iter().filter(agrees).count();
        let contradicts = same.iter().filter(|&&k| !nans(k)).filter(|k| !agrees(k)).count();
        // What speaks against itself more often than for itself is no likely cause.
        if explains > contradicts {
            causes.push(Cause { name, explains, contradicts });
        }
    }
    causes.sort_by_key(|cause| (cause.contradicts, std::cmp::Reverse(cause.explains)));
    let other_nans = same.iter().filter(|&&k| ours[k].code != rows[k].1).count();
    CodecComparison { rows: rows.len(), different: different.len(), other_nans, first, causes }
}

/// Rows of a CSV: f32 bits and code, decimal or 0x; a first line of names is skipped. Codes of two's complement may be
/// signed, or sign-extended to a byte. An error begins with its place.
pub fn rows(text: &str, quantizer: &Quantizer) -> Result<Vec<(u32, u32)>, String> {
    let op = QuantOp::of(quantizer);
    let number = |text: &str| {
        let text = text.trim();
        match text.strip_prefix("0x").or(text.strip_prefix("0X")) {
            Some(digits) => i64::from_str_radix(digits, 16).ok(),
            None => text.parse().ok(),
        }
    };
    let mut rows = Vec::new();
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    for (place, (at, line)) in lines.enumerate() {
        let is_header = place == 0 && line.trim_start().starts_with(|c: char| c.is_alphabetic() || c == '"');
        if is_header {
            continue;
        }
        let pair = line.split_once(',').and_then(|(bits, code)| Some((number(bits)?, number(code)?)));
        let fits = pair.and_then(|(bits, code)| Some((u32::try_from(bits).ok()?, code_of(&op, code)?)));
        rows.push(fits.ok_or_else(|| {
            let allowed = format!("f32 bits and a code of {} bits, as 0x43e80000,0x7e", op.width);
            format!(", line {}: {line:?}: allowed are {allowed}", at + 1)
        })?);
    }
    if rows.is_empty() {
        return Err(": no row: allowed are rows of f32 bits and code, as 0x43e80000,0x7e".into());
    }
    Ok(rows)
}

/// The code as the format has it, or `None` for what is none.
fn code_of(op: &QuantOp, code: i64) -> Option<u32> {
    let all = (1i64 << op.width) - 1;
    let extended =
        op.has(policy::INTEGER) && (code < 0 && code > -(1 << op.width) || code <= 0xff && code | all == 0xff);
    ((0..=all).contains(&code) || extended).then_some((code & all) as u32)
}

/// Whether a code is one of a format's NaNs.
fn is_nan_code(op: &QuantOp, code: u32) -> bool {
    let magnitude = if op.has(policy::OWN_SIGN) { code } else { code & ((1 << (op.width - 1)) - 1) };
    code != NO_CODE
        && match op.specials {
            NAN => magnitude > op.max_code,
            IEEE => magnitude > op.max_code + 1,
            _ => false,
        }
}

const NAN: u32 = Specials::Nan as u32;
const IEEE: u32 = Specials::Ieee as u32;

type Habit = Box<dyn Fn(u32) -> u32>;

/// What other codecs are known to do otherwise, each as the code it gives.
fn habits(base: &Quantizer) -> Vec<(&'static str, Habit)> {
    let of = |quantizer: Quantizer| -> Habit {
        let op = QuantOp::of(&quantizer);
        Box::new(move |bits| quantize(&op, bits, 0, 0).code)
    };
    let rounding = |direction: Direction| of(Quantizer { rounding: Rounding::new(direction), ..*base });
    let mut habits = vec![
        ("ties go away from zero", rounding(Direction::NearestAway)),
        ("ties go to even", rounding(Direction::NearestEven)),
        ("truncation: rounds toward zero", rounding(Direction::TowardZero)),
        ("rounds up", rounding(Direction::Up)),
        ("rounds down", rounding(Direction::Down)),
        ("saturates beyond the largest value", of(Quantizer { overflow: Overflow::Saturate, ..*base })),
        ("infinity or NaN beyond the largest value", of(Quantizer { overflow: Overflow::Ieee, ..*base })),
        ("flushes subnormal inputs", of(Quantizer { subnormals: Subnormals::Flush, ..*base })),
        ("NaN becomes the largest value", of(Quantizer { nan: Nan::Satfinite, ..*base })),
    ];
    let op = QuantOp::of(base);
    let sign_bit = 1u32 << (op.width - 1);
    let nan_is = move |code: fn(bool, u32) -> u32| -> Habit {
        Box::new(move |bits| {
            let own = quantize(&op, bits, 0, 0).code;
            if bits & MAGNITUDE > INFINITY { code(bits & SIGN != 0, sign_bit) } else { own }
        })
    };
    habits.push(("NaN becomes 0", nan_is(|_, _| 0)));
    habits.push(("NaN becomes a zero of its sign", nan_is(|negative, sign| if negative { sign } else { 0 })));
    habits.push(("NaN becomes a zero of the other sign", nan_is(|negative, sign| if negative { 0 } else { sign })));
    habits.push(("NaN becomes the code of all ones", nan_is(|_, sign| sign | (sign - 1))));
    if let Layout::Integer { bits, full } = base.layout {
        let other = Quantizer { layout: Layout::Integer { bits, full: !full }, ..*base };
        let name = if full { "never uses the most negative code" } else { "uses the most negative code" };
        habits.push((name, of(other)));
        let (step, limits) = (base.scale, (-f64::from(op.min_code), f64::from(op.max_code)));
        let clamped =
            move |q: f64| (q.round_ties_even().clamp(limits.0, limits.1) as i32 as u32) & (sign_bit | (sign_bit - 1));
        habits
            .push(("divides by the step in f32", Box::new(move |x| clamped((f32::from_bits(x) / step as f32).into()))));
        habits.push((
            "divides by the step exactly",
            Box::new(move |x| clamped(f64::from(f32::from_bits(x)) / f64::from(step as f32))),
        ));
    }
    if let Layout::Float(float) = base.layout {
        let with = |float: Float| of(Quantizer { layout: Layout::Float(float), ..*base });
        for (name, specials) in [
            ("wrong maximum: every code counts as a number", Specials::None),
            ("wrong maximum: only the largest code is NaN", Specials::Nan),
            ("wrong maximum: the top exponent counts as infinity and NaN", Specials::Ieee),
        ] {
            if specials != float.specials && (Float { specials, ..float }).max_code() > 0 {
                habits.push((name, with(Float { specials, ..float })));
            }
        }
        for (name, bias) in
            [("another exponent bias: one more", float.bias + 1), ("another exponent bias: one less", float.bias - 1)]
        {
            let (low, high) = float.biases();
            if (low..=high).contains(&bias) {
                habits.push((name, with(Float { bias, ..float })));
            }
        }
        let smallest_normal = 1 << float.mantissa;
        habits.push((
            "flushes subnormal results to zero",
            Box::new(move |bits| {
                let code = quantize(&op, bits, 0, 0).code;
                let sign = 1 << (op.width - 1);
                if code & (sign - 1) < smallest_normal { code & sign } else { code }
            }),
        ));
        let negative_zero: Habit = Box::new(move |bits| {
            let code = quantize(&op, bits, 0, 0).code;
            if code == 1 << (op.width - 1) { 0 } else { code }
        });
        habits.push(("loses the sign of zero", negative_zero));
    }
    habits
}
