//! What is rounded: an array, or numbers on stdin; and the random words.

use std::io::Read as _;
use std::path::Path;

use crate::decimal::{self, MAX_NUMBERS, Number};
use crate::error::{Error, Result};
use crate::npy::{Element, Npy, Values};

/// The longest text on stdin.
const MAX_TEXT: u64 = 1 << 26;

/// An array of f32.
pub struct Array {
    pub shape: Vec<usize>,
    /// In C order.
    pub bits: Vec<u32>,
}

/// Reads an array of f32.
pub fn array(path: &Path) -> Result<Array> {
    let npy = Npy::read_any(path, &[Element::F32])?;
    let shape = npy.shape.clone();
    Ok(Array { shape, bits: npy.into_f32().into_iter().map(f32::to_bits).collect() })
}

/// The numbers on stdin.
pub fn numbers() -> Result<Vec<Number>> {
    let mut text = String::new();
    let unreadable = |error| Error::Input(format!("stdin can't be read: {error}"));
    std::io::stdin().take(MAX_TEXT + 1).read_to_string(&mut text).map_err(unreadable)?;
    if text.len() as u64 > MAX_TEXT {
        let allowed = format!("allowed are {MAX_TEXT} bytes and {MAX_NUMBERS} numbers");
        return Err(Error::Input(format!("stdin is longer: {allowed}; or save an array, and name IN.npy and OUT.npy")));
    }
    decimal::numbers(&text).map_err(|error| Error::Input(format!("stdin: {error}")))
}

/// The random words of `--random`.
pub fn given_words(path: &Path) -> Result<Vec<u32>> {
    let npy = Npy::read_any(path, &[Element::U32])?;
    match npy.values {
        Values::U32(words) => Ok(words),
        _ => Err(Error::Input(format!("{}: allowed is uint32", npy.name))),
    }
}
