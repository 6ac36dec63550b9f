//! Users' arrays: a reader of NumPy's `.npy` files, that refuses everything it does not know by name, and a writer.
//!
//! Format: NumPy's `numpy.lib.format`, versions 1.0, 2.0 and 3.0. No input makes it panic, wait or allocate more than
//! the file is long: sizes are checked against the file's length before anything is allocated or read.

mod header;
mod write;

use std::path::Path;

use crate::error::{Error, Result};
use crate::tensor::Reader;

pub use crate::tensor::Element;
pub use header::{Allowed, Header};
pub use write::{filled_by, filled_with, header_of};

/// The largest magnitude of a value, 2^20: sums of squares of such values stay far from overflow in float32.
pub const MAX_MAGNITUDE: f64 = 1_048_576.0;

const MAGIC: &[u8] = b"\x93NUMPY";
/// The longest header that NumPy itself reads without being told to (`max_header_size`).
const MAX_HEADER: u64 = 10_000;
/// Bytes read at a time, a multiple of every element's size.
const CHUNK: usize = 1 << 16;
/// What other files begin with, for the message.
const FOREIGN: [(&[u8], &str); 4] = [
    (b"PK", "a zip archive, as .npz is"),
    (b"\x80", "a pickle"),
    (b"\x1f\x8b", "gzip data"),
    (b"\x89HDF", "an HDF5 file"),
];

/// An array as read from a file, in C order. Every extent is at least 1, and their product is the number of values;
/// no extents at all are a single number.
#[derive(Clone, Debug, PartialEq)]
pub struct Npy {
    /// The file's name as messages give it.
    pub name: String,
    pub shape: Vec<usize>,
    pub values: Values,
    /// FNV-1a 64 of the file's bytes.
    pub hash: u64,
}

/// The values in the precision of the file.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    F32(Vec<f32>),
    F64(Vec<f64>),
    U32(Vec<u32>),
}

impl Npy {
    /// Reads the whole file.
    ///
    /// Everything that is not a regular file of one little-endian float32 or float64 array in C order, of finite values
    /// up to [`MAX_MAGNITUDE`], is an [`Error::Input`] that names the file, the place and what is allowed.
    pub fn read(path: &Path) -> Result<Npy> {
        let npy = Npy::read_any(path, &[Element::F32, Element::F64])?;
        npy.check("a finite number", f64::is_finite)?;
        npy.check("a magnitude of at most 2^20", |value| value.abs() <= MAX_MAGNITUDE)?;
        Ok(npy)
    }

    /// Reads the whole file, whatever its values, if its elements are `allowed`: F32, F64 or U32.
    pub fn read_any(path: &Path, allowed: &[Element]) -> Result<Npy> {
        let mut reader = Reader::file(path)?.hashing();
        let header = header(&mut reader, Allowed { elements: allowed, any_layout: false })?;
        let count = reader.holds(header.element, &header.shape)?;
        let values = match header.element {
            Element::F32 => Values::F32(read_values(&mut reader, count, f32::from_le_bytes)?),
            Element::F64 => Values::F64(read_values(&mut reader, count, f64::from_le_bytes)?),
            Element::U32 => Values::U32(read_values(&mut reader, count, u32::from_le_bytes)?),
            other => return Err(reader.wrong(format!("elements {} are not read", other.name()))),
        };
        Ok(Npy { hash: reader.hash(), name: reader.name, shape: header.shape, values })
    }

    /// Refuses the first value that does not fit, by its index; `allowed` says which do, as `a number above 0`.
    pub fn check(&self, allowed: &str, fits: impl Fn(f64) -> bool) -> Result<()> {
        let first = match &self.values {
            Values::F32(values) => values.iter().position(|&v| !fits(v.into())).map(|at| (at, values[at].into())),
            Values::F64(values) => values.iter().position(|&v| !fits(v)).map(|at| (at, values[at])),
            Values::U32(values) => values.iter().position(|&v| !fits(v.into())).map(|at| (at, values[at].into())),
        };
        let Some((mut at, value)) = first else { return Ok(()) };
        let mut index = vec![0; self.shape.len()];
        for (place, extent) in index.iter_mut().zip(&self.shape).rev() {
            (*place, at) = (at % extent, at / extent);
        }
        Err(Error::Input(format!("{}: element {index:?} is {value:?}: allowed is {allowed}", self.name)))
    }

    /// The values as float32; float64 is rounded to nearest, ties to even, and becomes subnormal or zero where it is
    /// below 2^-126 in magnitude.
    pub fn into_f32(self) -> Vec<f32> {
        match self.values {
            Values::F32(values) => values,
            Values::F64(values) => values.into_iter().map(|value| value as f32).collect(),
            Values::U32(values) => values.into_iter().map(|value| value as f32).collect(),
        }
    }
}

/// Reads magic, version and header, after which the data begin.
pub fn header(reader: &mut Reader, allowed: Allowed) -> Result<Header> {
    let mut magic = [0; MAGIC.len()];
    let read = reader.some(&mut magic)?;
    let magic = &magic[..read];
    if !MAGIC.starts_with(magic) || magic.is_empty() {
        let known = FOREIGN.iter().find(|(start, _)| magic.starts_with(start)).map(|(_, what)| *what);
        let text = magic.iter().all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace());
        let what = match known {
            _ if magic.is_empty() => "nothing",
            Some(what) => what,
            None if text => "text, as CSV is",
            None => "an unknown format",
        };
        return Err(reader.wrong(format!("byte 0 begins {what}: allowed is one array saved with numpy.save")));
    }
    let version = reader.part(2 + (MAGIC.len() - magic.len()) as u64)?;
    let length = match version[..] {
        [1, 0] => reader.part(2)?,
        [2 | 3, 0] => reader.part(4)?,
        _ => {
            let version: Vec<String> = version.iter().map(u8::to_string).collect();
            let version = version.join(".");
            return Err(reader.wrong(format!("byte 6 is format version {version}: allowed are 1.0, 2.0 and 3.0")));
        }
    };
    let length = length.iter().rev().fold(0, |length, &byte| length << 8 | u64::from(byte));
    if length > MAX_HEADER {
        let at = MAGIC.len() + 2;
        return Err(reader.wrong(format!("byte {at} is a header of {length} bytes: allowed are {MAX_HEADER}")));
    }
    let start = reader.at as usize;
    let text = reader.part(length)?;
    Header::parse(&text, start, allowed).map_err(|message| reader.wrong(message))
}

/// Reads `count` elements, which the file is known to have.
fn read_values<T, const N: usize>(reader: &mut Reader, count: usize, decode: impl Fn([u8; N]) -> T) -> Result<Vec<T>> {
    let mut values = Vec::new();
    let refused = values.try_reserve_exact(count);
    refused.map_err(|e| reader.wrong(format!("the {count} elements don't fit the memory: {e}")))?;
    let mut buffer = vec![0; CHUNK];
    while values.len() < count {
        let bytes = (count - values.len()).min(CHUNK / N) * N;
        reader.fill(&mut buffer[..bytes])?;
        values.extend(buffer[..bytes].as_chunks::<N>().0.iter().map(|&element| decode(element)));
    }
    Ok(values)
}
