//! Somebody else's codec, as a list of inputs and codes: where it differs, and what would explain it.

use csv::{ReaderBuilder, StringRecord, Trim};

use crate::codec::{INFINITY, MAGNITUDE, NO_CODE, Rounded, SIGN, quantize};
use crate::error::{Error, Result};
use crate::format::{
    Direction, Float, Layout, Nan, Overflow, QuantOp, Quantizer, Rounding, Specials, Subnormals, policy,
};

/// Differences told one by one.
const FIRST: usize = 10;

/// A value and the code that somebody's codec gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForeignCode {
    /// f32 bits.
    pub input: u32,
    pub code: u32,
}

/// What a comparison found.
#[derive(Clone, Debug, PartialEq)]
pub struct CodecComparison {
    pub rows: usize,
    pub different: usize,
    /// NaN inputs with another of the format's NaN codes: no difference.
    pub other_nans: usize,
    /// The first differences.
    pub first: Vec<CodeDifference>,
    /// Likely causes, the best first.
    pub causes: Vec<Cause>,
}

/// A row whose code is not ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodeDifference {
    /// From 0 on.
    pub row: usize,
    pub theirs: ForeignCode,
    pub ours: Rounded,
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

/// Compares a codec with that of a format.
pub fn check(quantizer: &Quantizer, rows: &[ForeignCode]) -> CodecComparison {
    let op = QuantOp::of(quantizer);
    let ours: Vec<Rounded> = rows.iter().map(|row| quantize(&op, row.input, 0, 0)).collect();
    let nans = |k: usize| is_nan_code(&op, ours[k].code) && is_nan_code(&op, rows[k].code);
    let (same, different): (Vec<usize>, Vec<usize>) =
        (0..rows.len()).partition(|&k| ours[k].code == rows[k].code || nans(k));
    let difference = |&row: &usize| CodeDifference { row, theirs: rows[row], ours: ours[row] };
    let first = different.iter().take(FIRST).map(difference).collect();
    let mut causes = Vec::new();
    for Habit { name, code } in habits(quantizer) {
        let agrees = |k: &&usize| code(rows[**k].input) == rows[**k].code;
        let explains = different.iter().filter(agrees).count();
        let contradicts = same.iter().filter(|&&k| !nans(k)).filter(|k| !agrees(k)).count();
        // What speaks against itself more often than for itself is no likely cause.
        if explains > contradicts {
            causes.push(Cause { name, explains, contradicts });
        }
    }
    causes.sort_by_key(|cause| (cause.contradicts, std::cmp::Reverse(cause.explains)));
    let other_nans = same.iter().filter(|&&k| ours[k].code != rows[k].code).count();
    CodecComparison { rows: rows.len(), different: different.len(), other_nans, first, causes }
}

/// Rows of a CSV (RFC 4180): f32 bits and code, decimal or 0x; a first line of names is skipped. Codes of two's
/// complement may be signed, or sign-extended to a byte. `name` is that of the file, for messages.
pub fn rows(name: &str, text: &str, quantizer: &Quantizer) -> Result<Vec<ForeignCode>> {
    let op = QuantOp::of(quantizer);
    let wrong = |record: &StringRecord| {
        let (line, text) = place(text, record);
        let allowed = format!("f32 bits and a code of {} bits, as 0x43e80000,0x7e", op.width);
        Error::Input(format!("{name}, line {line}: {text:?}: allowed are {allowed}"))
    };
    let mut reader =
        ReaderBuilder::new().has_headers(false).flexible(true).trim(Trim::All).from_reader(text.as_bytes());
    let (mut rows, mut record, mut is_first) = (Vec::new(), StringRecord::new(), true);
    while reader.read_record(&mut record).map_err(|error| Error::Input(format!("{name}: {error}")))? {
        let is_blank = record.len() == 1 && record[0].is_empty();
        let is_header = is_first && record.get(0).is_some_and(|field| field.starts_with(char::is_alphabetic));
        is_first &= is_blank;
        if !is_blank && !is_header {
            rows.push(row(&op, &record).ok_or_else(|| wrong(&record))?);
        }
    }
    if rows.is_empty() {
        return Err(Error::Input(format!("{name}: no row: allowed are rows of f32 bits and code, as 0x43e80000,0x7e")));
    }
    Ok(rows)
}

/// The line that a record begins in, counted from 1, and its text. Line breaks before it count for the reader as its own.
fn place<'a>(text: &'a str, record: &StringRecord) -> (usize, &'a str) {
    let start = record.position().map_or(0, |position| position.byte() as usize);
    let at = start + text[start..].len() - text[start..].trim_start().len();
    (text[..at].matches('\n').count() + 1, text[at..].lines().next().unwrap_or_default())
}

/// The numbers of a record, if it holds two that can be.
fn row(op: &QuantOp, record: &StringRecord) -> Option<ForeignCode> {
    let number = |text: &str| match text.strip_prefix("0x").or(text.strip_prefix("0X")) {
        Some(digits) => i64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    };
    let mut fields = record.iter();
    let (Some(input), Some(code), None) = (fields.next(), fields.next(), fields.next()) else { return None };
    Some(ForeignCode { input: u32::try_from(number(input)?).ok()?, code: code_of(op, number(code)?)? })
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
            FNUZ => code == 1 << (op.width - 1),
            _ => false,
        }
}

const NAN: u32 = Specials::Nan as u32;
const IEEE: u32 = Specials::Ieee as u32;
const FNUZ: u32 = Specials::Fnuz as u32;

/// What other codecs are known to do otherwise.
struct Habit {
    name: &'static str,
    /// The code that it gives f32 bits.
    code: Box<dyn Fn(u32) -> u32>,
}

impl Habit {
    fn new(name: &'static str, code: impl Fn(u32) -> u32 + 'static) -> Habit {
        Habit { name, code: Box::new(code) }
    }

    /// Other options of the same format.
    fn of(name: &'static str, quantizer: Quantizer) -> Habit {
        let op = QuantOp::of(&quantizer);
        Habit::new(name, move |bits| quantize(&op, bits, 0, 0).code)
    }
}

/// Every habit that a codec of the format may have.
fn habits(base: &Quantizer) -> Vec<Habit> {
    let rounding = |name, direction| Habit::of(name, Quantizer { rounding: Rounding::new(direction), ..*base });
    let mut habits = vec![
        rounding("ties go away from zero", Direction::NearestAway),
        rounding("ties go to even", Direction::NearestEven),
        rounding("truncation: rounds toward zero", Direction::TowardZero),
        rounding("rounds up", Direction::Up),
        rounding("rounds down", Direction::Down),
        Habit::of("saturates beyond the largest value", Quantizer { overflow: Overflow::Saturate, ..*base }),
        Habit::of("infinity or NaN beyond the largest value", Quantizer { overflow: Overflow::Ieee, ..*base }),
        Habit::of("flushes subnormal inputs", Quantizer { subnormals: Subnormals::Flush, ..*base }),
        Habit::of("NaN becomes the largest value", Quantizer { nan: Nan::Satfinite, ..*base }),
    ];
    habits.extend(of_nans(base));
    match base.layout {
        Layout::Integer { bits, full } => habits.extend(of_integers(base, bits, full)),
        Layout::Float(float) => habits.extend(of_floats(base, float)),
        _ => {}
    }
    habits
}

/// Codes that a NaN becomes.
fn of_nans(base: &Quantizer) -> [Habit; 4] {
    let op = QuantOp::of(base);
    let sign_bit = 1u32 << (op.width - 1);
    let nan_is = |name, code: fn(bool, u32) -> u32| {
        Habit::new(name, move |bits| {
            let own = quantize(&op, bits, 0, 0).code;
            if bits & MAGNITUDE > INFINITY { code(bits & SIGN != 0, sign_bit) } else { own }
        })
    };
    [
        nan_is("NaN becomes 0", |_, _| 0),
        nan_is("NaN becomes a zero of its sign", |negative, sign| if negative { sign } else { 0 }),
        nan_is("NaN becomes a zero of the other sign", |negative, sign| if negative { 0 } else { sign }),
        nan_is("NaN becomes the code of all ones", |_, sign| sign | (sign - 1)),
    ]
}

/// The most negative code, and other ways to divide by the step.
fn of_integers(base: &Quantizer, bits: u32, full: bool) -> [Habit; 3] {
    let op = QuantOp::of(base);
    let other = Quantizer { layout: Layout::Integer { bits, full: !full }, ..*base };
    let name = if full { "never uses the most negative code" } else { "uses the most negative code" };
    let (step, limits) = (base.scale as f32, (-f64::from(op.min_code), f64::from(op.max_code)));
    let sign = 1u32 << (op.width - 1);
    let clamped = move |q: f64| q.round_ties_even().clamp(limits.0, limits.1) as i32 as u32 & (sign | (sign - 1));
    [
        Habit::of(name, other),
        Habit::new("divides by the step in f32", move |x| clamped((f32::from_bits(x) / step).into())),
        Habit::new("divides by the step exactly", move |x| clamped(f64::from(f32::from_bits(x)) / f64::from(step))),
    ]
}

/// Other top codes, biases, subnormals and zeros.
fn of_floats(base: &Quantizer, float: Float) -> Vec<Habit> {
    let op = QuantOp::of(base);
    let sign = 1u32 << (op.width - 1);
    let with = |name, float: Float| Habit::of(name, Quantizer { layout: Layout::Float(float), ..*base });
    let mut habits = Vec::new();
    for (name, specials) in [
        ("wrong maximum: every code counts as a number", Specials::None),
        ("wrong maximum: only the largest code is NaN", Specials::Nan),
        ("wrong maximum: the top exponent counts as infinity and NaN", Specials::Ieee),
        ("wrong NaN: it takes the code of -0 (fnuz)", Specials::Fnuz),
    ] {
        if specials != float.specials && (Float { specials, ..float }).max_code() > 0 {
            habits.push(with(name, Float { specials, ..float }));
        }
    }
    // The formats of that name have a bias of one more, so that their numbers reach as far.
    let fnuz = Float { specials: Specials::Fnuz, bias: float.bias + 1, ..float };
    if float.specials != Specials::Fnuz && fnuz.bias <= float.biases().1 {
        habits.push(with("the fnuz format of these widths, whose bias is one more", fnuz));
    }
    for (name, bias) in
        [("another exponent bias: one more", float.bias + 1), ("another exponent bias: one less", float.bias - 1)]
    {
        let (low, high) = float.biases();
        if (low..=high).contains(&bias) {
            habits.push(with(name, Float { bias, ..float }));
        }
    }
    let smallest_normal = 1 << float.mantissa;
    habits.push(Habit::new("flushes subnormal results to zero", move |bits| {
        let code = quantize(&op, bits, 0, 0).code;
        let zero = if op.has(policy::ONE_ZERO) { 0 } else { code & sign };
        if code & (sign - 1) < smallest_normal && !is_nan_code(&op, code) { zero } else { code }
    }));
    if op.has(policy::ONE_ZERO) {
        return habits;
    }
    habits.push(Habit::new("loses the sign of zero", move |bits| {
        let code = quantize(&op, bits, 0, 0).code;
        if code == sign { 0 } else { code }
    }));
    habits
}
