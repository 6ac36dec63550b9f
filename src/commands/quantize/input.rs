//! What is rounded: an array, or numbers on stdin; and the random words.

use std::io::Read as _;
use std::path::Path;

use crate::error::{Error, Result};
use crate::format::QuantOp;
use crate::npy::{Element, Npy, Values};
use crate::reference::quantize::MAX_ELEMENTS;

/// An array of f32.
pub struct Array {
    pub shape: Vec<usize>,
    /// In C order.
    pub bits: Vec<u32>,
}

/// Reads an array of f32 of at most [`MAX_ELEMENTS`] elements.
pub fn array(path: &Path) -> Result<Array> {
    let npy = Npy::read_any(path, &[Element::F32])?;
    let (name, shape) = (npy.name.clone(), npy.shape.clone());
    let bits: Vec<u32> = npy.into_f32().into_iter().map(f32::to_bits).collect();
    if bits.len() > MAX_ELEMENTS {
        return Err(Error::Input(format!("{name} has {} elements: allowed are 2^28; split it", bits.len())));
    }
    Ok(Array { shape, bits })
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

/// The random words of `--random`: one per element.
pub fn given_words(path: &Path, op: &QuantOp, elements: usize) -> Result<Vec<u32>> {
    let npy = Npy::read_any(path, &[Element::U32])?;
    let Values::U32(words) = npy.values else { return Err(Error::Input(format!("{}: allowed is uint32", npy.name))) };
    if !op.draws() {
        return Err(Error::Input("--random: allowed with --rounding stochastic or dither".into()));
    }
    if words.len() != elements {
        let found = words.len();
        return Err(Error::Input(format!(
            "--random {} has {found} words: allowed are {elements}, one per element",
            npy.name
        )));
    }
    Ok(words)
}
