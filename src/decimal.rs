//! Numbers as people write them: the f32 around each, so that a format rounds what was written and not what f32 made of
//! it.

use std::cmp::Ordering;

use crate::error::{Error, Result};
use crate::format::{QuantOp, class};

/// The most numbers of one list; longer ones belong into arrays.
pub const MAX_NUMBERS: usize = 1 << 20;
/// The characters of a wrong word that a message quotes.
const QUOTED: usize = 40;

/// A number that was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Number {
    /// The text of a decimal that f32 does not hold.
    pub inexact: Option<String>,
    /// The f32 nearest it, ties to even, as bits.
    pub nearest: u32,
    /// The f32 next to it toward zero, as bits; of a number that f32 holds, that one.
    below: u32,
}

impl Number {
    /// Decimal, as `1.5`, `1e-3`, `inf` and `nan`, or bits, as `0x3fc00000`. `None`: neither, or beyond f32.
    pub fn parse(word: &str) -> Option<Number> {
        if let Some(digits) = word.strip_prefix("0x").or(word.strip_prefix("0X")) {
            let bits = u32::from_str_radix(digits, 16).ok()?;
            return Some(Number { inexact: None, nearest: bits, below: bits });
        }
        let nearest: f32 = word.parse().ok()?;
        let exact = |bits: u32| Some(Number { inexact: None, nearest: bits, below: bits });
        if !nearest.is_finite() {
            // A decimal beyond f32 would be taken for an infinity.
            return if word.contains(|c: char| c.is_ascii_digit()) { None } else { exact(nearest.to_bits()) };
        }
        let bits = nearest.to_bits();
        // No f32 has more significant digits than 112.
        let below = match Digits::of(word).cmp(&Digits::of(&format!("{:.120e}", nearest.abs()))) {
            Ordering::Equal => return exact(bits),
            Ordering::Greater => bits,
            Ordering::Less => bits - 1,
        };
        Some(Number { inexact: Some(word.to_string()), nearest: bits, below })
    }

    /// The f32 around it; both are the number if f32 holds it.
    pub fn around(&self) -> [u32; 2] {
        [self.below, self.below + u32::from(self.inexact.is_some())]
    }

    /// Of the f32 around it the one whose last bit is 1, unless f32 holds it. It is on the same side as the number of
    /// whatever has a last bit of 0 (Boldo and Melquiond, 2008, rounding to odd).
    pub fn odd(&self) -> u32 {
        self.below | u32::from(self.inexact.is_some())
    }

    /// The nearest f64.
    pub fn value(&self) -> f64 {
        let written = self.inexact.as_ref().and_then(|text| text.parse().ok());
        written.unwrap_or(f64::from(f32::from_bits(self.nearest)))
    }
}

/// Whether [`Number::odd`] rounds to what the number itself would: where each number of the format, each point halfway
/// between two, and what chooses a block's scale is an f32 with a last bit of 0, and no random word is asked.
pub fn rounds_odd_alike(op: &QuantOp) -> bool {
    // Halfway is one bit more, and the last of 24 bits and of 2^-149 stays 0.
    let fits = op.significand <= 22 && op.lsb_min - if op.kind == class::BLOCK { 127 } else { 0 } >= -147;
    !op.draws()
        && match op.kind {
            class::SCALAR | class::BLOCK => fits,
            class::EXPONENT => true,
            // Powers of two; other roots are f32 of all 24 bits.
            class::LOGARITHMIC => op.mantissa == 1,
            _ => false,
        }
}

/// The numbers of a list, separated by blanks or commas.
pub fn numbers(text: &str) -> Result<Vec<Number>> {
    let words = text.split(|c: char| c.is_whitespace() || c == ',').filter(|word| !word.is_empty());
    let number = |word: &str| {
        Number::parse(word).ok_or_else(|| {
            let quoted: String = word.chars().take(QUOTED).collect();
            let cut = if quoted.len() < word.len() { "..." } else { "" };
            let allowed = "numbers that f32 holds, as 1.5, 1e-3, inf and nan, or bits, as 0x3fc00000";
            Error::Input(format!("{quoted:?}{cut}: allowed are {allowed}"))
        })
    };
    let numbers: Vec<Number> = words.take(MAX_NUMBERS + 1).map(number).collect::<Result<_>>()?;
    match numbers.len() {
        0 => Err(Error::Input("no number is given: allowed are numbers, or name IN.npy and OUT.npy".into())),
        1..=MAX_NUMBERS => Ok(numbers),
        _ => Err(Error::Input(format!(
            "there are more than {MAX_NUMBERS} numbers: save them as an array, and name IN.npy and OUT.npy"
        ))),
    }
}

/// The magnitude of a decimal: 0.d1 d2 d3 ... times a power of ten, without zeros at either end. The order is that of
/// numbers, since that of texts is that of digits; zero, without digits, has the smallest power.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Digits {
    power: i64,
    digits: String,
}

impl Digits {
    /// Of a text that is known to be a decimal.
    fn of(text: &str) -> Digits {
        let (significand, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (whole, fraction) = significand.split_once('.').unwrap_or((significand, ""));
        let whole = whole.trim_start_matches(['+', '-']);
        let huge = if exponent.starts_with('-') { i64::MIN / 2 } else { i64::MAX / 2 };
        let exponent: i64 = exponent.parse().unwrap_or(huge);
        let all = format!("{whole}{fraction}");
        let digits = all.trim_start_matches('0');
        let power = exponent.saturating_add(digits.len() as i64 - fraction.len() as i64);
        match digits.trim_end_matches('0') {
            "" => Digits { power: i64::MIN, digits: String::new() },
            digits => Digits { power, digits: digits.to_string() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{MAGNITUDE, SIGN};

    #[test]
    fn the_f32_around_a_decimal() {
        let one = 1.0f32.to_bits();
        for (word, exact, below) in [
            ("1", true, one),
            ("+1.000e0", true, one),
            ("0.0001e4", true, one),
            ("1000000e-6", true, one),
            ("1.00000000000000000000000000000001", false, one),
            ("0.99999999999999999999999999999999", false, one - 1),
            ("-0.99999999999999999999999999999999", false, (one - 1) | SIGN),
            ("0", true, 0),
            ("-0.000", true, SIGN),
            ("0e99", true, 0),
            ("1e-50", false, 0),
            ("-1e-9999999999999999999999", false, SIGN),
            ("0.1", false, 0.1f32.to_bits() - 1),
            ("16777217", false, 16777216f32.to_bits()),
            ("16777219", false, 16777218f32.to_bits()),
            ("3.4028235e38", false, f32::MAX.to_bits()),
            ("340282346638528859811704183484516925440", true, f32::MAX.to_bits()),
            ("340282346638528859811704183484516925441", false, f32::MAX.to_bits()),
            ("1e-45", false, 0),
            ("1.5e-45", false, 1),
        ] {
            let number = Number::parse(word).unwrap();
            assert_eq!((number.inexact.is_none(), number.around()[0]), (exact, below), "{word}");
            assert_eq!(number.nearest, word.parse::<f32>().unwrap().to_bits(), "{word}");
            assert_eq!(number.odd(), if exact { below } else { below | 1 }, "{word}");
        }
        for word in ["", "x", "1e39", "-1e99999999999999999999", "0x", "0x1_0", "0x123456789", "1,5", "--1", "e5"] {
            assert_eq!(Number::parse(word), None, "{word}");
        }
        assert_eq!(Number::parse("-inf").unwrap().nearest, f32::NEG_INFINITY.to_bits());
        assert!(f32::from_bits(Number::parse("nan").unwrap().nearest).is_nan());
    }

    /// Every f32 is its own decimal, and half a unit beside it is not.
    #[test]
    fn exact_decimals_of_f32_are_exact() {
        for k in 0..20_000u32 {
            let bits = k.wrapping_mul(0x9e37_79b9) & MAGNITUDE;
            let value = f32::from_bits(bits);
            if !value.is_finite() || value == f32::MAX {
                continue;
            }
            let exact = Number::parse(&format!("{value:.150}")).unwrap();
            assert_eq!((exact.inexact.as_deref(), exact.around()), (None, [bits; 2]), "{value:?}");
            let middle = (f64::from(value) + f64::from(f32::from_bits(bits + 1))) / 2.0;
            let inexact = Number::parse(&format!("{middle:.160}")).unwrap();
            assert_eq!((inexact.inexact.is_some(), inexact.around()), (true, [bits, bits + 1]), "{value:?}");
        }
    }
}
