//! The header of a safetensors file: the length of a JSON document, and in it type, shape and place of each tensor.
//!
//! Format: the page "Safetensors" of Hugging Face, section "Format"; a tensor is in C order, little-endian.

use std::path::Path;

use serde_json::{Map, Value};

use super::element::{Element, size};
use super::reader::Reader;
use crate::error::Result;
use crate::words::{nearest, question};

/// The longest header that the format allows.
const MAX_HEADER: u64 = 100_000_000;
/// Bytes of the header's length.
const LENGTH: u64 = 8;
/// Names that a message lists.
const LISTED: usize = 8;
/// What a file's name ends with.
pub const ENDING: &str = ".safetensors";

/// A tensor of a file, and where its data begin.
pub struct Tensor {
    pub element: Element,
    pub shape: Vec<usize>,
    /// Byte of the file.
    pub start: u64,
}

/// Finds a tensor by its name; its type must be `allowed`.
pub fn find(path: &Path, name: &str, allowed: &[Element]) -> Result<Tensor> {
    let mut reader = Reader::file(path)?;
    let (header, start) = header(&mut reader)?;
    let wrong = |message: String| reader.wrong(message);
    let entry = header.get(name).ok_or_else(|| wrong(unknown(name, &header)))?;
    let key = |key: &str| (format!("tensor {name:?}, {key}"), entry.get(key).unwrap_or(&Value::Null));
    let (place, dtype) = key("dtype");
    let element = dtype.as_str().and_then(Element::of_safetensors).filter(|element| allowed.contains(element));
    let element = element.ok_or_else(|| {
        let names: Vec<&str> = allowed.iter().map(|element| element.safetensors()).collect();
        wrong(format!("{place} = {dtype}: allowed are {}", names.join(", ")))
    })?;
    let whole = |value: &Value| value.as_array()?.iter().map(Value::as_u64).collect::<Option<Vec<u64>>>();
    let (place, extents) = key("shape");
    let shape = whole(extents).and_then(|all| all.into_iter().map(|extent| usize::try_from(extent).ok()).collect());
    let shape: Vec<usize> = shape.ok_or_else(|| wrong(format!("{place} = {extents}: allowed is a list of extents")))?;
    if size(element, &shape).is_some_and(|(count, _)| !(count as u64 * u64::from(element.bits())).is_multiple_of(8)) {
        let (bits, name) = (element.bits(), element.safetensors());
        let allowed = format!("allowed are elements that fill whole bytes, {bits} bits each of {name}");
        return Err(wrong(format!("{place} = {extents}: {allowed}")));
    }
    let (place, offsets) = key("data_offsets");
    let bytes = size(element, &shape).map(|(_, bytes)| bytes);
    let held = reader.len.unwrap_or_default() - start;
    let fits = |begin: u64, end: u64| end <= held && Some(end) == bytes.and_then(|bytes| begin.checked_add(bytes));
    match whole(offsets).as_deref() {
        Some(&[begin, end]) if fits(begin, end) => Ok(Tensor { element, shape, start: start + begin }),
        _ => {
            let fill = bytes.map_or("more bytes than any file has".into(), |bytes| format!("{bytes} bytes"));
            Err(wrong(format!(
                "{place} = {offsets}: allowed are begin and end of {fill}, as {shape:?} of {} fills, within the file's {held} \
                 bytes of data",
                element.safetensors()
            )))
        }
    }
}

/// The document, and the byte that its offsets count from.
fn header(reader: &mut Reader) -> Result<(Map<String, Value>, u64)> {
    let length = reader.part(LENGTH)?.iter().rev().fold(0, |length, &byte| length << 8 | u64::from(byte));
    let most = MAX_HEADER.min(reader.len.unwrap_or_default() - LENGTH);
    if length > most {
        return Err(reader.wrong(format!("byte 0 is a header of {length} bytes: allowed are {most}")));
    }
    let text = reader.part(length)?;
    match serde_json::from_slice(&text) {
        Ok(Value::Object(header)) => Ok((header, LENGTH + length)),
        Ok(_) => Err(reader.wrong("the header is no JSON object: allowed is one, of tensors by name".into())),
        Err(error) => Err(reader.wrong(format!("the header is no JSON ({error}): allowed is an object of tensors"))),
    }
}

/// What is told of a file of which no tensor is named.
pub fn unnamed(path: &Path) -> Result<String> {
    let mut reader = Reader::file(path)?;
    let (header, _) = header(&mut reader)?;
    Ok(format!("{}: allowed is FILE{ENDING}:TENSOR, for one of {}", reader.name, listed(&header)))
}

fn unknown(name: &str, header: &Map<String, Value>) -> String {
    let names: Vec<&str> = names(header).collect();
    format!("tensor {name:?}: allowed are {}{}", listed(header), question(nearest(name, &names)))
}

/// The names of the tensors; one entry is about the file.
fn names(header: &Map<String, Value>) -> impl Iterator<Item = &str> {
    header.keys().map(String::as_str).filter(|name| *name != "__metadata__")
}

fn listed(header: &Map<String, Value>) -> String {
    let first: Vec<&str> = names(header).take(LISTED).collect();
    let more = match names(header).count() - first.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    if first.is_empty() { "none: the file holds no tensor".into() } else { format!("{}{more}", first.join(", ")) }
}
