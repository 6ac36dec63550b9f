//! What `verify --codec` prints.

use std::path::Path;

use serde_json::{Value, json};

use super::repeat;
use crate::codec::NO_CODE;
use crate::commands::stored::scale_text;
use crate::tensor::nibbles::Nibbles;
use crate::verify::foreign::{Case, CodecComparison, Difference, LikelyCause, Stored};

/// Causes that the text tells; the document has all.
const CAUSES: usize = 5;

/// What is told of.
pub struct Told<'a> {
    pub asked: Asked,
    pub path: &'a Path,
    pub case: &'a Case,
}

/// What was compared, for the commands that confirm a cause.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    /// Codes were stored, or values; or both stand in a table.
    pub has_codes: bool,
    pub is_table: bool,
    pub nibbles: Option<Nibbles>,
    /// Whether a two-level format has its own scale of the tensor.
    pub has_tensor_scale: bool,
}

impl Told<'_> {
    /// What is counted.
    pub fn noun(&self) -> &'static str {
        if self.asked.is_table { "rows" } else { "elements" }
    }

    pub fn document(&self, found: &CodecComparison) -> Value {
        let (scales, wrong_scales) = found.scales.map_or((None, None), |(wrong, all)| (Some(all), Some(wrong)));
        json!({
            "rows": found.elements,
            "different": found.different,
            "other_nans": found.other_nans,
            "scales": scales,
            "different_scales": wrong_scales,
            "first": found.first.iter().map(|difference| self.difference(difference)).collect::<Vec<_>>(),
            "causes": found.causes.iter().map(|cause| self.cause(cause)).collect::<Vec<_>>(),
        })
    }

    fn difference(&self, Difference { element, input, theirs, ours }: &Difference) -> Value {
        let mut document = self.place(*element, *input);
        self.add(&mut document, ["code", "fields", "scale", "value", "value_bits"], theirs, theirs);
        self.add(
            &mut document,
            ["must_be", "must_be_fields", "must_be_scale", "must_be", "must_be_bits"],
            ours,
            theirs,
        );
        document
    }

    /// The element and its input.
    pub fn place(&self, element: usize, input: u32) -> Value {
        json!({
            "row": element,
            "index": self.index(element),
            "input": format!("{:?}", f32::from_bits(input)),
            "input_bits": format!("0x{input:08x}"),
        })
    }

    /// Adds code, fields and scale, or value and its bits, by these names: whichever `theirs` has.
    pub fn add(&self, document: &mut Value, names: [&str; 5], stored: &Stored, theirs: &Stored) {
        let [code, fields, scale, value, bits] = names;
        if theirs.code == NO_CODE {
            document[value] = json!(format!("{:?}", f32::from_bits(stored.value)));
            document[bits] = json!(format!("0x{:08x}", stored.value));
            return;
        }
        document[code] = json!((stored.code != NO_CODE).then(|| code_text(stored.code)));
        document[fields] = json!(self.case.quantizer.layout.fields(stored.code));
        if self.case.op.shares() {
            document[scale] = json!(scale_text(&self.case.op, stored.scale));
        }
    }

    fn cause(&self, cause: &LikelyCause) -> Value {
        json!({
            "cause": cause.name,
            "explains": cause.explains,
            "contradicts": cause.contradicts,
            "confirm": self.confirmed(cause),
        })
    }

    /// The place along each axis of an array.
    fn index(&self, element: usize) -> Vec<usize> {
        let mut extents = self.case.shape.clone();
        if !self.case.is_fortran {
            extents.reverse();
        }
        let mut rest = element;
        let mut places: Vec<usize> = extents
            .into_iter()
            .map(|extent| {
                let place = rest % extent;
                rest /= extent;
                place
            })
            .collect();
        if !self.case.is_fortran {
            places.reverse();
        }
        places
    }

    /// The command that shows what a cause gives.
    fn confirmed(&self, cause: &LikelyCause) -> Option<String> {
        let example = self.asked.is_table.then(|| self.case.inputs[cause.example]);
        repeat::command(&self.asked, self.path, self.case, &cause.repeat?, example)
    }

    pub fn lines(&self, found: &CodecComparison) -> Vec<String> {
        let CodecComparison { elements, different, other_nans, scales, first, causes } = found;
        let nans = match other_nans {
            0 => String::new(),
            count => format!(", {count} have another of the format's NaN codes"),
        };
        let scales = scales.map_or(String::new(), |(wrong, all)| format!("; {all} scales, {wrong} differ"));
        let mut lines = vec![format!("{elements} {}, {different} differ{nans}{scales}", self.noun())];
        lines.extend(first.iter().map(|difference| self.line(difference)));
        lines.extend(causes.iter().take(CAUSES).flat_map(|cause| self.cause_lines(cause, *different)));
        if causes.len() > CAUSES {
            lines.push(format!("{} less likely causes are listed by --json", causes.len() - CAUSES));
        }
        lines
    }

    fn line(&self, Difference { element, input, theirs, ours }: &Difference) -> String {
        let (found, must) = (self.stored(theirs, theirs), self.stored(ours, theirs));
        let kind = if theirs.code == NO_CODE { "value" } else { "code" };
        format!("{}: {kind} {found}, must be {must}", self.place_text(*element, *input))
    }

    /// The element and its input.
    pub fn place_text(&self, element: usize, input: u32) -> String {
        let place = match self.asked.is_table {
            true => format!("row {element}"),
            false => format!("element {:?}", self.index(element)),
        };
        format!("{place}: input {}", number(input))
    }

    /// The value, or code and scale: whichever `theirs` has.
    pub fn stored(&self, stored: &Stored, theirs: &Stored) -> String {
        if theirs.code == NO_CODE {
            return number(stored.value);
        }
        let fields = self.case.quantizer.layout.fields(stored.code);
        let op = &self.case.op;
        let scale = if op.shares() { format!(" scale {}", scale_text(op, stored.scale)) } else { String::new() };
        format!("{} ({fields}){scale}", code_text(stored.code))
    }

    fn cause_lines(&self, cause: &LikelyCause, different: usize) -> Vec<String> {
        let noun = if self.asked.is_table { "row" } else { "element" };
        let also = match cause.contradicts {
            0 => format!("and no {noun} speaks against it"),
            1 => format!("1 {noun} speaks against it"),
            count => format!("{count} {noun}s speak against it"),
        };
        let (name, explains) = (&cause.name, cause.explains);
        let line = format!("likely cause: {name}: explains {explains} of {different}, {also}");
        let confirm = self.confirmed(cause).map(|command| format!("    confirm: {command}"));
        std::iter::once(line).chain(confirm).collect()
    }
}

fn number(bits: u32) -> String {
    format!("{:?} 0x{bits:08x}", f32::from_bits(bits))
}

fn code_text(code: u32) -> String {
    if code == NO_CODE { "no code".into() } else { format!("0x{code:x}") }
}
