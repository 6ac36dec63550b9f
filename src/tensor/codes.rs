//! Codes as arrays hold them: in bytes, in two bytes above 8 bits, in four above 16; or two in a byte. And scales.

use super::Element;
use super::nibbles::Nibbles;
use crate::codec::NO_CODE;
use crate::error::{Error, Result};

/// Adds what is stored of scales to `bytes`, as elements of that type.
pub fn pack_scales(element: Element, scales: &[u32], bytes: &mut Vec<u8>) {
    match element.bytes() {
        1 => bytes.extend(scales.iter().map(|scale| *scale as u8)),
        _ => bytes.extend(scales.iter().flat_map(|scale| scale.to_le_bytes())),
    }
}

/// The codes of an array, packed piece by piece.
pub struct Codes {
    nibbles: Option<Nibbles>,
    /// Bits of a code.
    width: u32,
    /// Of the next element.
    at: usize,
    /// The first element that the format has no code for.
    missing: Option<usize>,
}

impl Codes {
    pub fn new(width: u32, nibbles: Option<Nibbles>) -> Codes {
        Codes { nibbles, width, at: 0, missing: None }
    }

    pub fn element(&self) -> Element {
        match self.width {
            ..=8 => Element::U8,
            9..=16 => Element::U16,
            _ => Element::U32,
        }
    }

    /// The shape of the array that holds the codes of an array of this shape.
    pub fn shape(&self, shape: &[usize]) -> Vec<usize> {
        let mut shape = shape.to_vec();
        if let (Some(_), Some(last)) = (self.nibbles, shape.last_mut()) {
            *last /= 2;
        }
        shape
    }

    /// Adds the next codes to `bytes`.
    pub fn pack(&mut self, codes: &[u32], bytes: &mut Vec<u8>) {
        // Of fp32 every word is a code.
        if self.missing.is_none() && self.width < 32 {
            self.missing = codes.iter().position(|code| *code == NO_CODE).map(|k| self.at + k);
        }
        self.at += codes.len();
        match (self.nibbles, self.element()) {
            (Some(nibbles), _) => nibbles.pack(codes, bytes),
            (None, Element::U8) => bytes.extend(codes.iter().map(|code| *code as u8)),
            (None, Element::U16) => bytes.extend(codes.iter().flat_map(|code| (*code as u16).to_le_bytes())),
            _ => bytes.extend(codes.iter().flat_map(|code| code.to_le_bytes())),
        }
    }

    /// # Errors
    /// [`Error::Input`] where an element has no code, by its number.
    pub fn complete(&self) -> Result<()> {
        match self.missing {
            None => Ok(()),
            Some(at) => {
                let hint = "allowed are values the format has a code for; --nan satfinite makes them of NaN, and where \
                            a format has it --overflow saturate of infinities";
                Err(Error::Input(format!("--codes: element {at} has no code in this format: {hint}")))
            }
        }
    }
}
