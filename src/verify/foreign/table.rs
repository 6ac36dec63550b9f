//! A list of values and of what a codec stored for each, as text: CSV (RFC 4180), with commas, semicolons or tabs.

use csv::{ReaderBuilder, StringRecord, Trim};

use super::case::{Case, Found};
use crate::codec::MAGNITUDE;
use crate::decimal::{Number, rounds_odd_alike};
use crate::error::{Error, Result};
use crate::format::{QuantOp, Quantizer, class, policy};

/// The fields that a column may be called by.
const INPUT: &str = "input";
const CODE: &str = "code";
const SCALE: &str = "scale";
const VALUE: &str = "value";

/// Where the columns are.
#[derive(Clone, Copy)]
struct Columns {
    count: usize,
    input: usize,
    /// Of codes or, if `has_values`, of values.
    stored: usize,
    scale: Option<usize>,
    has_values: bool,
}

/// What the numbers of a column are: bits as whole numbers, or decimals with a point, an exponent or a sign. `0x` is
/// bits in both.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Bits,
    Decimals,
}

/// The rows of a table as one row of elements. The columns are input, code and, of formats that share scales, the scale of
/// the element's block; or those that a first line names, of which one may be `value` in place of `code`. Codes of two's
/// complement may be signed, or sign-extended to a byte. `name` is that of the file, for messages.
pub fn read(name: &str, text: &str, quantizer: Quantizer, given: bool) -> Result<Case> {
    let op = QuantOp::of(&quantizer);
    let text = text.trim_start_matches('\u{feff}');
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(Trim::All)
        .delimiter(delimiter(text))
        .from_reader(text.as_bytes());
    let mut rows = Rows::new(op);
    let mut record = StringRecord::new();
    while reader.read_record(&mut record).map_err(|error| Error::Input(format!("{name}: {error}")))? {
        let is_blank = record.iter().all(str::is_empty);
        if !is_blank && !rows.begins(&record) {
            rows.add(&record).ok_or_else(|| {
                let (line, text) = place(text, &record);
                Error::Input(format!("{name}, line {line}: {text:?}: allowed are {}", rows.allowed()))
            })?;
        }
    }
    if rows.inputs.is_empty() {
        return Err(Error::Input(format!("{name}: no row: allowed are rows of {}", rows.allowed())));
    }
    rows.case(name, quantizer, given)
}

/// What separates the fields of the first line that has any.
fn delimiter(text: &str) -> u8 {
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    [b'\t', b';'].into_iter().find(|mark| first.trim().bytes().any(|byte| byte == *mark)).unwrap_or(b',')
}

/// The line that a record begins in, counted from 1, and its text. Line breaks before it count for the reader as its own.
fn place<'a>(text: &'a str, record: &StringRecord) -> (usize, &'a str) {
    let start = record.position().map_or(0, |position| position.byte() as usize);
    let at = start + text[start..].len() - text[start..].trim_start().len();
    (text[..at].matches('\n').count() + 1, text[at..].lines().next().unwrap_or_default())
}

/// The rows that were read.
struct Rows {
    op: QuantOp,
    columns: Columns,
    is_first: bool,
    kinds: [Option<Kind>; 2],
    inputs: Vec<u32>,
    nearest: Vec<u32>,
    stored: Vec<u32>,
    /// The scale that a row has for its block.
    scales: Vec<u32>,
}

impl Rows {
    fn new(op: QuantOp) -> Rows {
        let shares = op.shares();
        let columns = Columns {
            count: if shares { 3 } else { 2 },
            input: 0,
            stored: 1,
            scale: shares.then_some(2),
            has_values: false,
        };
        let none = Vec::new;
        Rows {
            op,
            columns,
            is_first: true,
            kinds: [None; 2],
            inputs: none(),
            nearest: none(),
            stored: none(),
            scales: none(),
        }
    }

    /// Whether a record is the first and names the columns.
    fn begins(&mut self, record: &StringRecord) -> bool {
        let is_number = |field: &str| bits(field).is_some() || Number::parse(field).is_some();
        let is_header = self.is_first
            && record.iter().any(|field| field.starts_with(char::is_alphabetic))
            && !record.iter().any(is_number);
        self.is_first = false;
        let find = |name: &str| record.iter().position(|field| field.eq_ignore_ascii_case(name));
        if is_header && let Some(stored) = find(CODE).or(find(VALUE)) {
            let has_values = find(CODE).is_none();
            let scale = find(SCALE).filter(|_| !has_values && self.op.shares());
            let known = [Some(stored), find(SCALE), find(VALUE)];
            let input = find(INPUT).or((0..record.len()).find(|column| !known.contains(&Some(*column))));
            let count = record.len();
            self.columns = Columns { count, input: input.unwrap_or(count), stored, scale, has_values };
        }
        is_header
    }

    /// What a row may be.
    fn allowed(&self) -> String {
        let Columns { has_values, scale, .. } = self.columns;
        let width = self.op.width;
        let (what, rest) = match (has_values, scale) {
            (true, _) => ("f32 bits and the bits of a value".to_string(), "0x43e00000"),
            (_, None) => (format!("f32 bits and a code of {width} bits"), "0x7e"),
            (_, Some(_)) if self.op.kind == class::ABSMAX => {
                (format!("f32 bits, a code of {width} bits and a scale, which is an f32"), "0x7,0.125")
            }
            (_, Some(_)) => (format!("f32 bits, a code of {width} bits and a scale's byte"), "0x7,0x85"),
        };
        format!("{what}, as 0x43e80000,{rest}, or a decimal with a point in every row, as 464.0")
    }

    /// Adds a row, if it is one.
    fn add(&mut self, record: &StringRecord) -> Option<()> {
        let Columns { count, input, stored, scale, has_values } = self.columns;
        if record.len() != count {
            return None;
        }
        let number = self.number(0, record.get(input)?)?;
        let odd = if rounds_odd_alike(&self.op) { number.odd() } else { number.nearest };
        let stored = match has_values {
            true => self.number(1, record.get(stored)?)?.nearest,
            false => code_of(&self.op, whole(record.get(stored)?)?)?,
        };
        let scale = match scale {
            Some(column) => Some(self.scale(record.get(column)?)?),
            None => None,
        };
        self.scales.extend(scale);
        self.inputs.push(odd);
        self.nearest.push(number.nearest);
        self.stored.push(stored);
        Some(())
    }

    /// The scale of a row's block: a byte, or where it is an f32 a decimal or 0x bits.
    fn scale(&self, field: &str) -> Option<u32> {
        match self.op.kind {
            class::ABSMAX => Number::parse(field).map(|number| number.nearest).filter(|bits| *bits <= MAGNITUDE),
            _ => u8::try_from(whole(field)?).ok().map(u32::from),
        }
    }

    /// A number of the column of inputs or of values, whose numbers are all of one kind.
    fn number(&mut self, column: usize, field: &str) -> Option<Number> {
        let kind = &mut self.kinds[column];
        if field.starts_with("0x") || field.starts_with("0X") {
            return Number::parse(field);
        }
        let (own, number) = match bits(field) {
            Some(bits) => (Kind::Bits, Number::parse(&format!("0x{bits:x}"))?),
            None => (Kind::Decimals, Number::parse(field)?),
        };
        (*kind.get_or_insert(own) == own).then_some(number)
    }

    fn case(self, name: &str, quantizer: Quantizer, given: bool) -> Result<Case> {
        let Rows { inputs, nearest, stored, scales, columns, op, .. } = self;
        let found = match columns.has_values {
            true => Found::Values(stored),
            false => {
                if op.shares() && scales.is_empty() {
                    return Err(Error::Input(format!(
                        "{name}: no column {SCALE}: allowed are input, {CODE} and {SCALE}"
                    )));
                }
                let size = if op.shares() { op.block as usize } else { usize::MAX };
                let blocks = scales.chunks(size.min(inputs.len()));
                if let Some(block) = blocks.clone().position(|block| block.iter().any(|scale| *scale != block[0])) {
                    let (first, last) = (block * size, (block * size).saturating_add(size).min(inputs.len()) - 1);
                    return Err(Error::Input(format!(
                        "{name}: rows {first} to {last}, from 0 on, are a block: allowed is one {SCALE} for all of them"
                    )));
                }
                Found::Codes { codes: stored, scales: blocks.map(|block| block[0]).collect() }
            }
        };
        let nearest = (nearest != inputs).then_some(nearest);
        Ok(Case::list(quantizer, given, inputs, nearest, found))
    }
}

/// A whole number that f32 bits can be.
fn bits(field: &str) -> Option<u32> {
    whole(field).and_then(|number| u32::try_from(number).ok()).filter(|_| !field.starts_with(['+', '-']))
}

/// A whole number, decimal or 0x.
fn whole(field: &str) -> Option<i64> {
    match field.strip_prefix("0x").or(field.strip_prefix("0X")) {
        Some(digits) => i64::from_str_radix(digits, 16).ok(),
        None => field.parse().ok(),
    }
}

/// The code as the format has it, or `None` for what is none.
fn code_of(op: &QuantOp, code: i64) -> Option<u32> {
    let all = (1i64 << op.width) - 1;
    let is_signed = op.has(policy::INTEGER) && !op.has(policy::OFFSET);
    let extended = is_signed && (code < 0 && code > -(1 << op.width) || code <= 0xff && code | all == 0xff);
    ((0..=all).contains(&code) || extended).then_some((code & all) as u32)
}
