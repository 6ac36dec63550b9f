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
        let bytes = bytes.par_chunks(PIECE * self.element.bytes() as usize);
        bits.par_chunks_mut(PIECE).zip(bytes).map(|(bits, bytes)| self.piece(bytes, bits)).sum()
    }

    fn piece(&self, bytes: &[u8], bits: &mut [u32]) -> u64 {
        let to_odd = self.to_odd;
        match self.element {
            Element::F32 => each(bytes, bits, u32::from_le_bytes),
            Element::F64 => inexact(bytes, bits, |x| single(f64::from_le_bytes(x), to_odd)),
            Element::F16 | Element::Bf16 => each(bytes, bits, |x| self.table[u16::from_le_bytes(x) as usize]),
            Element::E5m2 | Element::E4m3 | Element::E8m0 => each(bytes, bits, |[x]| self.table[x as usize]),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn becomes(element: Element, bytes: &[u8], odd_and_nearest: [f32; 2]) {
        for (to_odd, must) in [true, false].into_iter().zip(odd_and_nearest) {
            let mut bits = [0];
            Numbers::new(element, to_odd).bits(bytes, &mut bits);
            assert_eq!(bits, [must.to_bits()], "{element:?} {bytes:?} {to_odd}");
        }
    }

    #[test]
    fn codes_of_sixteen_bits_are_those_of_the_half_crate() {
        let bytes: Vec<u8> = (0..=u16::MAX).flat_map(u16::to_le_bytes).collect();
        let mut bits = vec![0; 1 << 16];
        for (element, of) in [
            (Element::F16, (|code| half::f16::from_bits(code).to_f32()) as fn(u16) -> f32),
            (Element::Bf16, |code| half::bf16::from_bits(code).to_f32()),
        ] {
            assert_eq!(Numbers::new(element, true).bits(&bytes, &mut bits), 0);
            for (code, bits) in (0..=u16::MAX).zip(&bits) {
                let (own, must) = (f32::from_bits(*bits), of(code));
                let same = own.to_bits() == must.to_bits() || own.is_nan() && must.is_nan();
                assert!(same, "{element:?} 0x{code:04x}: {own:?}, must be {must:?}");
            }
        }
    }

    #[test]
    fn what_f32_holds_stays_and_the_rest_is_rounded_to_odd_or_to_the_nearest() {
        let f64s = |x: f64| x.to_le_bytes();
        for exact in [0.0, -0.0, 1.5, -1e-45f32, f32::MAX, f32::INFINITY] {
            becomes(Element::F64, &f64s(exact.into()), [exact; 2]);
        }
        let ulp = f32::EPSILON;
        becomes(Element::F64, &f64s(1.0 + 1e-12), [1.0 + ulp, 1.0]);
        becomes(Element::F64, &f64s(-1.0 - 1e-12), [-1.0 - ulp, -1.0]);
        becomes(Element::F64, &f64s(1.0 - 1e-12), [1.0 - ulp / 2.0, 1.0]);
        becomes(Element::F64, &f64s(1e300), [f32::MAX, f32::INFINITY]);
        becomes(Element::F64, &f64s(-1e-300), [-f32::from_bits(1), -0.0]);
        // 2^24 + 1 lies between 2^24 and 2^24 + 2, whose last bit is 1.
        becomes(Element::I32, &(-16_777_217i32).to_le_bytes(), [-16_777_218.0, -16_777_216.0]);
        becomes(Element::U32, &u32::MAX.to_le_bytes(), [4_294_967_040.0, 4_294_967_296.0]);
        becomes(Element::U64, &u64::MAX.to_le_bytes(), [18_446_742_974_197_923_840.0, 18_446_744_073_709_551_616.0]);
        becomes(Element::I64, &i64::MIN.to_le_bytes(), [-9_223_372_036_854_775_808.0; 2]);
        becomes(Element::I64, &(-3i64).to_le_bytes(), [-3.0; 2]);
        becomes(Element::I8, &[0x80], [-128.0; 2]);
        becomes(Element::U16, &[0xff, 0xff], [65535.0; 2]);
        becomes(Element::E4m3, &[0xfe], [-448.0; 2]);
        becomes(Element::E5m2, &[0x7c], [f32::INFINITY; 2]);
        becomes(Element::E8m0, &[0x00], [f32::from_bits(0x0040_0000); 2]);
    }

    #[test]
    fn numbers_that_are_no_f32_are_counted() {
        let bytes: Vec<u8> = [0.1, 0.5, f64::NAN, 1e300, 3.0].into_iter().flat_map(f64::to_le_bytes).collect();
        let mut bits = [0; 5];
        assert_eq!(Numbers::new(Element::F64, false).bits(&bytes, &mut bits), 2);
        let bytes: Vec<u8> = [1i64 << 53, (1 << 53) + 1, i64::MAX].into_iter().flat_map(i64::to_le_bytes).collect();
        assert_eq!(Numbers::new(Element::I64, false).bits(&bytes, &mut bits[..3]), 2);
    }
}
