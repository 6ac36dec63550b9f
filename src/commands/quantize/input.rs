//! What is rounded: an array, or numbers on stdin; and the random words.

use std::io::Read as _;
use std::path::Path;

use crate::error::{Error, Result};
use crate::npy::{Element, Npy, Values};

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

/// The numbers on stdin, one vector.
pub fn numbers() -> Result<Array> {
    let mut text = String::new();
    std::io::stdin()
        .read_to_string(&mut text)
        .map_err(|error| Error::Input(format!("stdin can't be read: {error}")))?;
    let number = |word: &str| {
        let bits = match word.strip_prefix("0x").or(word.strip_prefix("0X")) {
            Some(digits) => u32::from_str_radix(digits, 16).ok(),
            // A decimal beyond f32 would be taken for an infinity.
            None => word
                .parse::<f32>()
                .ok()
                .filter(|x| x.is_finite() || !word.contains(|c: char| c.is_ascii_digit()))
                .map(f32::to_bits),
        };
        let wrong = || {
            format!(
                "stdin: {word:?}: allowed are numbers that f32 holds, as 1.5, 1e-3, inf and nan, or bits, as 0x3fc00000"
            )
        };
        bits.ok_or_else(|| Error::Input(wrong()))
    };
    let separators = |c: char| c.is_whitespace() || c == ',';
    let bits: Vec<u32> = text.split(separators).filter(|word| !word.is_empty()).map(number).collect::<Result<_>>()?;
    if bits.is_empty() {
        return Err(Error::Input("stdin holds no number: allowed are numbers, or name IN.npy and OUT.npy".into()));
    }
    Ok(Array { shape: vec![bits.len()], bits })
}

/// The random words of `--random`.
pub fn given_words(path: &Path) -> Result<Vec<u32>> {
    let npy = Npy::read_any(path, &[Element::U32])?;
    match npy.values {
        Values::U32(words) => Ok(words),
        _ => Err(Error::Input(format!("{}: allowed is uint32", npy.name))),
    }
}
