//! Arrays as people store them, read piece by piece.

use std::path::Path;

use super::element::{Element, size};
use super::packed::Packed;
use super::reader::{LONGER, Reader};
use super::safetensors;
use crate::error::{Error, Result};
use crate::npy::{Allowed, header};

/// An array that is yet to be read: an `.npy` file or pipe, `-` for stdin, `FILE.safetensors:TENSOR`, or one in memory.
pub struct Source<'a> {
    reader: Reader<'a>,
    pub element: Element,
    pub shape: Vec<usize>,
    /// The first axis is the fastest, and not the last.
    pub is_fortran: bool,
    /// Elements in all, and those that are yet to be read.
    pub count: usize,
    left: usize,
    /// Of elements that are not whole bytes.
    packed: Packed,
}

impl<'a> Source<'a> {
    /// Opens an array whose elements are `allowed`. Every refusal names the file, what is wrong and what is allowed.
    pub fn open(path: &Path, allowed: &[Element]) -> Result<Source<'a>> {
        if let Some((file, tensor)) = named_tensor(path) {
            let found = safetensors::find(file, tensor, allowed)?;
            let mut reader = Reader::file_from(file, found.start)?;
            reader.name = format!("{}:{}", reader.name, tensor.escape_debug());
            let (count, _) = size(found.element, &found.shape).unwrap_or_default();
            let safetensors::Tensor { element, shape, .. } = found;
            let packed = Packed::new(element.bits());
            return Ok(Source { reader, element, shape, is_fortran: false, count, left: count, packed });
        }
        if path.to_str().is_some_and(|path| path.ends_with(safetensors::ENDING)) {
            return Err(Error::Input(safetensors::unnamed(path)?));
        }
        let mut reader = Reader::any(path)?;
        let header = header(&mut reader, Allowed { elements: allowed, any_layout: true })?;
        let count = reader.holds(header.element, &header.shape)?;
        let (element, shape, is_fortran) = (header.element, header.shape, header.is_fortran);
        let packed = Packed::new(element.bits());
        let mut source = Source { reader, element, shape, is_fortran, count, left: count, packed };
        source.end()?;
        Ok(source)
    }

    /// An array in memory, which messages call `name`: its bytes, in the order in which its elements are stored.
    pub fn memory(
        name: &str,
        element: Element,
        shape: Vec<usize>,
        is_fortran: bool,
        bytes: &'a [u8],
    ) -> Result<Source<'a>> {
        let reader = Reader::memory(name, bytes);
        let count = reader.holds(element, &shape)?;
        let packed = Packed::new(element.bits());
        Ok(Source { reader, element, shape, is_fortran, count, left: count, packed })
    }

    /// The file, and the tensor's name, as messages give them.
    pub fn name(&self) -> &str {
        &self.reader.name
    }

    /// Whether it can be read once only.
    pub fn is_pipe(&self) -> bool {
        self.reader.len.is_none()
    }

    /// The next `count` elements, which must exist, in the order of the file; of less than a byte, each in one.
    pub fn read(&mut self, count: usize, bytes: &mut Vec<u8>) -> Result<()> {
        bytes.resize(count * self.element.bytes(), 0);
        match self.element.bits() {
            ..8 => self.packed.read(&mut self.reader, bytes)?,
            _ => self.reader.fill(bytes)?,
        }
        self.left -= count;
        self.end()
    }

    /// A pipe must end with its array; of a file that is known from the start.
    fn end(&mut self) -> Result<()> {
        match self.left == 0 && self.is_pipe() && !self.reader.is_at_end()? {
            true => Err(self.reader.wrong(format!("{LONGER}: allowed is one array"))),
            false => Ok(()),
        }
    }
}

/// File and tensor of `FILE.safetensors:TENSOR`.
fn named_tensor(path: &Path) -> Option<(&Path, &str)> {
    let text = path.to_str()?;
    let end = text.find(&format!("{}:", safetensors::ENDING))? + safetensors::ENDING.len();
    Some((Path::new(&text[..end]), &text[end + 1..]))
}

/// The file that an array is in.
pub fn file_of(path: &Path) -> &Path {
    named_tensor(path).map_or(path, |(file, _)| file)
}
