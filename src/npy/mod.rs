//! Users' arrays: a reader of NumPy's `.npy` files, that refuses everything it does not know by name, and a writer.
//!
//! Format: NumPy's `numpy.lib.format`, versions 1.0, 2.0 and 3.0. No input makes it panic, wait or allocate more than
//! the file is long: sizes are checked against the file's length before anything is allocated or read.

mod header;
mod write;

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use crate::error::{Error, Result};
use crate::hash::{fnv1a64, fnv1a64_more};
use header::Header;

pub use header::Element;
pub use write::{filled_by, filled_with};

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
        let mut reader = Reader::open(path)?;
        let header = reader.header(allowed)?;
        let (shape, element) = (&header.shape, header.element.name());
        let (count, bytes) = header.size().ok_or_else(|| {
            reader.wrong(format!("header key shape is {shape:?}: allowed is what the file's {} bytes hold", reader.len))
        })?;
        let (held, at) = (reader.len - reader.at, reader.at);
        if held != bytes {
            let what = if held < bytes { "the data is cut short" } else { "there is more after the data" };
            return Err(reader.wrong(format!(
                "{what}: the file has {held} bytes from byte {at} on; allowed is {bytes} for shape {shape:?} of {element}"
            )));
        }
        let values = match header.element {
            Element::F32 => Values::F32(reader.values(count, f32::from_le_bytes)?),
            Element::F64 => Values::F64(reader.values(count, f64::from_le_bytes)?),
            Element::U32 => Values::U32(reader.values(count, u32::from_le_bytes)?),
            Element::U8 | Element::U16 => return Err(reader.wrong(format!("elements {element} are not read"))),
        };
        Ok(Npy { name: reader.name, shape: header.shape, values, hash: reader.hash })
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

/// An open file, the place in it, and the hash of the bytes up to there.
struct Reader {
    name: String,
    file: File,
    len: u64,
    at: u64,
    hash: u64,
}

impl Reader {
    fn open(path: &Path) -> Result<Reader> {
        // A message is one line whatever the file is called.
        let plain = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
        let name: String = path.display().to_string().chars().map(plain).collect();
        let unreadable = |e: io::Error| {
            Error::Input(format!("{name} can't be opened: {e}: allowed is an .npy file that can be read"))
        };
        // Before it is opened, since opening a FIFO waits for a writer.
        let kind = fs::metadata(path).map_err(unreadable)?;
        if !kind.is_file() {
            let what = if kind.is_dir() { "a directory" } else { "no regular file" };
            return Err(Error::Input(format!("{name} is {what}: allowed is an .npy file")));
        }
        let file = File::open(path).map_err(unreadable)?;
        let len = file.metadata().map_err(unreadable)?.len();
        if len == 0 {
            return Err(Error::Input(format!("{name} is empty: allowed is an array saved with numpy.save")));
        }
        Ok(Reader { name, file, len, at: 0, hash: fnv1a64([]) })
    }

    fn wrong(&self, message: String) -> Error {
        Error::Input(format!("{}: {message}", self.name))
    }

    /// Reads the next bytes; the file must have as many.
    fn fill(&mut self, bytes: &mut [u8]) -> Result<()> {
        self.file.read_exact(bytes).map_err(|e| self.wrong(format!("byte {} on can't be read: {e}", self.at)))?;
        self.at += bytes.len() as u64;
        self.hash = fnv1a64_more(self.hash, bytes.iter().copied());
        Ok(())
    }

    /// Reads the next `count` bytes of the header.
    fn part(&mut self, count: u64) -> Result<Vec<u8>> {
        if count > self.len - self.at {
            let end = self.at + count;
            return Err(self.wrong(format!("the file ends at byte {}: allowed is a header up to byte {end}", self.len)));
        }
        let mut bytes = vec![0; count as usize];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    fn header(&mut self, allowed: &[Element]) -> Result<Header> {
        let magic = self.part(self.len.min(MAGIC.len() as u64))?;
        if !MAGIC.starts_with(&magic) {
            let known = FOREIGN.iter().find(|(start, _)| magic.starts_with(start)).map(|(_, what)| *what);
            let text = magic.iter().all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace());
            let what = known.unwrap_or(if text { "text, as CSV is" } else { "an unknown format" });
            return Err(self.wrong(format!("byte 0 begins {what}: allowed is one array saved with numpy.save")));
        }
        let version = self.part(2 + (MAGIC.len() - magic.len()) as u64)?;
        let length = match version[..] {
            [1, 0] => self.part(2)?,
            [2 | 3, 0] => self.part(4)?,
            _ => {
                let version: Vec<String> = version.iter().map(u8::to_string).collect();
                let version = version.join(".");
                return Err(self.wrong(format!("byte 6 is format version {version}: allowed are 1.0, 2.0 and 3.0")));
            }
        };
        let length = length.iter().rev().fold(0, |length, &byte| length << 8 | u64::from(byte));
        if length > MAX_HEADER {
            let at = MAGIC.len() + 2;
            return Err(self.wrong(format!("byte {at} is a header of {length} bytes: allowed are {MAX_HEADER}")));
        }
        let start = self.at as usize;
        let text = self.part(length)?;
        Header::parse(&text, start, allowed).map_err(|message| self.wrong(message))
    }

    /// Reads `count` elements, which the file is known to have.
    fn values<T, const N: usize>(&mut self, count: usize, decode: impl Fn([u8; N]) -> T) -> Result<Vec<T>> {
        let mut values = Vec::new();
        let refused = values.try_reserve_exact(count);
        refused.map_err(|e| self.wrong(format!("the {count} elements don't fit the memory: {e}")))?;
        let mut buffer = vec![0; CHUNK];
        while values.len() < count {
            let bytes = (count - values.len()).min(CHUNK / N) * N;
            self.fill(&mut buffer[..bytes])?;
            values.extend(buffer[..bytes].as_chunks::<N>().0.iter().map(|&element| decode(element)));
        }
        Ok(values)
    }
}
