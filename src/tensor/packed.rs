//! Codes of less than a byte one after the other, as safetensors files hold them: the first in the lowest bits, and where
//! bytes end inside a code the rest in the lowest bits of the next byte.

use super::reader::Reader;
use crate::error::Result;

/// Codes of so many bits, read piece by piece: a piece may end inside a byte.
pub struct Packed {
    width: u32,
    /// Bits that were read, and belong to the next codes.
    rest: u32,
    held: u32,
    bytes: Vec<u8>,
}

impl Packed {
    pub fn new(width: u32) -> Packed {
        Packed { width, rest: 0, held: 0, bytes: Vec::new() }
    }

    /// Fills `codes`, a byte each.
    pub fn read(&mut self, reader: &mut Reader, codes: &mut [u8]) -> Result<()> {
        let bits = codes.len() as u64 * u64::from(self.width);
        self.bytes.resize(bits.saturating_sub(self.held.into()).div_ceil(8) as usize, 0);
        reader.fill(&mut self.bytes)?;
        let mut bytes = self.bytes.iter();
        for code in codes {
            while self.held < self.width {
                self.rest |= u32::from(*bytes.next().unwrap_or(&0)) << self.held;
                self.held += 8;
            }
            *code = (self.rest & ((1 << self.width) - 1)) as u8;
            self.rest >>= self.width;
            self.held -= self.width;
        }
        Ok(())
    }
}
