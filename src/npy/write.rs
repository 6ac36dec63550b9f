//! Writes `.npy` files of format version 1.0, as NumPy does.

use std::io::{BufWriter, Write};
use std::path::Path;

use super::{Element, MAGIC};
use crate::error::{Error, Result};
use crate::files::{Filled, filled};

/// Writes an array in C order to a file that is yet to get its name. `data` holds the elements, little-endian.
pub fn filled_with(path: &Path, element: Element, shape: &[usize], data: &[u8]) -> Result<Filled> {
    filled_by(path, element, shape, |file| file.write_all(data).map_err(Error::io(path)))
}

/// The same with elements that `fill` writes, all of them.
pub fn filled_by(
    path: &Path,
    element: Element,
    shape: &[usize],
    fill: impl FnOnce(&mut dyn Write) -> Result<()>,
) -> Result<Filled> {
    let header = header_of(element, shape, false);
    filled(path, "npy", |file| {
        let mut file = BufWriter::new(file);
        file.write_all(&header).map_err(Error::io(path))?;
        fill(&mut file)?;
        file.flush().map_err(Error::io(path))
    })
}

/// Magic, version and header of an array, in C order or in Fortran's.
pub fn header_of(element: Element, shape: &[usize], is_fortran: bool) -> Vec<u8> {
    let tuple = match shape {
        [extent] => format!("({extent},)"),
        _ => format!("({})", shape.iter().map(usize::to_string).collect::<Vec<_>>().join(", ")),
    };
    let order = if is_fortran { "True" } else { "False" };
    let dict = format!("{{'descr': '{}', 'fortran_order': {order}, 'shape': {tuple}, }}", element.name());
    // Magic, version, length, dict and a line break fill whole lines of 64 bytes.
    let length = (10 + dict.len() + 1).next_multiple_of(64) - 10;
    let mut header = MAGIC.to_vec();
    header.extend([1, 0]);
    header.extend((length as u16).to_le_bytes());
    header.extend(format!("{dict:<width$}\n", width = length - 1).bytes());
    header
}
