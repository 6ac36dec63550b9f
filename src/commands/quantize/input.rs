//! The numbers on stdin, and the random words of as many.

use std::io::Read as _;
use std::path::Path;

use crate::decimal::{self, Number};
use crate::error::{Error, Result};
use crate::limits::{self, Memory};
use crate::tensor::numbers::codes;
use crate::tensor::{Element, Source};

/// The part of the memory left that the text on stdin may take: room for it to grow, and for its numbers.
const OF_TEXT: u64 = 8;
/// Bytes for each number, from its text to what is printed: measured, and rounded up.
const OF_NUMBER: u64 = 256;

/// The numbers on stdin, as many as fit the memory that is left.
pub fn numbers() -> Result<Vec<Number>> {
    let mut text = String::new();
    let unreadable = |error| Error::Input(format!("stdin can't be read: {error}"));
    let longer = |most: u64, what: &str, Memory { bytes, of }: Memory| {
        let left = format!("{:.2} GiB are left of {of}", bytes as f64 / (1u64 << 30) as f64);
        Error::Input(format!(
            "stdin is longer than {most} {what}: {left}; save an array, and name IN.npy and OUT.npy, or give fewer at a time"
        ))
    };
    let left = memory();
    let most = left.bytes / OF_TEXT;
    std::io::stdin().take(most.saturating_add(1)).read_to_string(&mut text).map_err(unreadable)?;
    if text.len() as u64 > most {
        return Err(longer(most, "bytes", left));
    }
    let left = memory();
    let most = (left.bytes / OF_NUMBER) as usize;
    let numbers = decimal::numbers(&text, most.saturating_add(1));
    let numbers = numbers.map_err(|error| Error::Input(format!("stdin: {error}")))?;
    match numbers.len() > most {
        true => Err(longer(most as u64, "numbers", left)),
        false => Ok(numbers),
    }
}

/// The memory that is left; without end where nothing is known of limits.
fn memory() -> Memory {
    limits::memory().unwrap_or(Memory { bytes: u64::MAX, of: "the memory".into() })
}

/// The random words of `--random`.
pub fn given_words(path: &Path) -> Result<Vec<u32>> {
    let mut source = Source::open(path, &[Element::U32])?;
    let (mut bytes, mut words) = (Vec::new(), vec![0; source.count]);
    source.read(source.count, &mut bytes)?;
    codes(Element::U32, &bytes, &mut words);
    Ok(words)
}
