//! Stored numbers as f32, the numbers that the codec rounds.
//!
//! Types of up to 24 significant bits within f32's range are taken as they are. Of the others (float64, and integers of
//! 32 and 64 bits) a number that is no f32 is rounded to odd, or to the nearest. Rounded to odd it is on the same side as
//! before of every number with a last bit of 0, so that a format of at most 22 significant bits rounds what was stored and
//! not what f32 made of it (Boldo and Melquiond, 2008).

use rayon::prelude::*;

use super::element::Element;
use crate::codec::stored;
use crate::format::{QuantOp, Quantizer, format};

/// Elements that a thread takes at a time.
const PIECE: usize = 1 << 13;

/// How numbers of a type become f32.
pub struct Numbers {
    element: Element,
    /// The number of each code, where codes are stored.
    table: Vec<u32>,
    to_odd: bool,
}

impl Numbers {
    /// `to_odd`: a number that is no f32 becomes the neighbour whose last bit is 1, and not the nearest.
    pub fn new(element: Element, to_odd: bool) -> Numbers {
        let of_code = |name| {
            let op = QuantOp::of(&Quantizer::new(format(name).expect("a type's format has a row")));
            (0..1 << op.width).map(|code| stored(&op, code, 0)).collect()
        };
        Numbers { element, table: element.format().map_or_else(Vec::new, of_code), to_odd }
    }

    /// The bits of the f32 of each number; and how many numbers were no f32.
    pub fn bits(&self, bytes: &[u8], bits: &mut [u32]) -> u64 {
        let bytes = bytes.par_chunks(PIECE * self.element.bytes());
        bits.par_chunks_mut(PIECE).zip(bytes).map(|(bits, bytes)| self.piece(bytes, bits)).sum()
    }

    fn piece(&self, bytes: &[u8], bits: &mut [u32]) -> u64 {
        let to_odd = self.to_odd;
        match self.element {
            Element::F32 => each(bytes, bits, u32::from_le_bytes),
            Element::F64 => inexact(bytes, bits, |x| single(f64::from_le_bytes(x), to_odd)),
            Element::F16 | Element::Bf16 => each(bytes, bits, |x| self.table[u16::from_le_bytes(x) as usize]),
            Element::E5m2
            | Element::E4m3
            | Element::E8m0
            | Element::E5m2Fnuz
            | Element::E4m3Fnuz
            | Element::E3m2
            | Element::E2m3
            | Element::E2m1 => each(bytes, bits, |[x]| self.table[x as usize]),
            Element::I8 => each(bytes, bits, |x| f32::from(i8::from_le_bytes(x)).to_bits()),
            Element::U8 => each(bytes, bits, |[x]| f32::from(x).to_bits()),
            Element::I16 => each(bytes, bits, |x| f32::from(i16::from_le_bytes(x)).to_bits()),
            Element::U16 => each(bytes, bits, |x| f32::from(u16::from_le_bytes(x)).to_bits()),
            Element::I32 => inexact(bytes, bits, |x| single(i32::from_le_bytes(x).into(), to_odd)),
            Element::U32 => inexact(bytes, bits, |x| single(u32::from_le_bytes(x).into(), to_odd)),
            Element::I64 => inexact(bytes, bits, |x| {
                let x = i64::from_le_bytes(x);
                whole(x.unsigned_abs(), x < 0, to_odd)
            }),
            Element::U64 => inexact(bytes, bits, |x| whole(u64::from_le_bytes(x), false, to_odd)),
        }
    }
}

/// The codes, or bytes of scales, that are stored: their bits, as a whole number.
pub fn codes(element: Element, bytes: &[u8], codes: &mut [u32]) {
    match element.bytes() {
        1 => each(bytes, codes, |[x]| x.into()),
        2 => each(bytes, codes, |x| u16::from_le_bytes(x).into()),
        _ => each(bytes, codes, u32::from_le_bytes),
    };
}

fn each<const N: usize>(bytes: &[u8], bits: &mut [u32], of: impl Fn([u8; N]) -> u32) -> u64 {
    bits.iter_mut().zip(bytes.as_chunks::<N>().0).for_each(|(bits, bytes)| *bits = of(*bytes));
    0
}

fn inexact<const N: usize>(bytes: &[u8], bits: &mut [u32], of: impl Fn([u8; N]) -> (u32, bool)) -> u64 {
    let mut count = 0;
    for (bits, bytes) in bits.iter_mut().zip(bytes.as_chunks::<N>().0) {
        let (own, is_exact) = of(*bytes);
        *bits = own;
        count += u64::from(!is_exact);
    }
    count
}

/// The f32 of a number, and whether it is that number.
#[inline(always)]
fn single(x: f64, to_odd: bool) -> (u32, bool) {
    let nearest = x as f32;
    let (bits, back) = (nearest.to_bits(), f64::from(nearest));
    let is_exact = back == x || x.is_nan();
    (if is_exact || !to_odd { bits } else { odd(bits, back.abs() > x.abs()) }, is_exact)
}

/// The same of a whole number, which f64 may not hold.
fn whole(magnitude: u64, is_negative: bool, to_odd: bool) -> (u32, bool) {
    const END: f32 = 18_446_744_073_709_551_616.0;
    let nearest = magnitude as f32;
    // Beyond the largest u64 what comes back is that.
    let (back, is_above) = (nearest as u64, nearest == END);
    let is_exact = back == magnitude && !is_above;
    let bits = nearest.to_bits();
    let bits = if is_exact || !to_odd { bits } else { odd(bits, back > magnitude || is_above) };
    (bits | u32::from(is_negative) << 31, is_exact)
}

/// Of the two f32 around a number the one whose last bit is 1; `bits` is one of them, the larger one in magnitude if
/// `is_above`.
#[inline(always)]
fn odd(bits: u32, is_above: bool) -> u32 {
    (bits - u32::from(is_above)) | 1
}
