//! Numbers as people write them: the f32 around each, so that a format rounds what was written and not what f32 made of
//! it.

use std::cmp::Ordering;

use crate::error::{Error, Result};
use crate::format::{QuantOp, class};

/// A decimal below this power of ten is nothing beside an f32.
const TINY: i64 = -100;
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

    /// `value` less the number as it was written, rounded once.
    pub fn error_of(&self, value: f32) -> f64 {
        match &self.inexact {
            Some(text) if value.is_finite() => difference(value, text),
            // Of two f32, which f64 holds.
            _ => f64::from(value) - f64::from(f32::from_bits(self.nearest)),
        }
    }
}

/// A finite f32 less a decimal, rounded once to f64: exact in decimal, and read as one.
fn difference(value: f32, text: &str) -> f64 {
    let written = Digits::of(text);
    if value == 0.0 {
        return 0.0 - text.parse::<f64>().expect("the text was read as a number");
    }
    // Far less than half the distance of any f32 from the next f64; aligned, it might have any number of zeros.
    if written.power < TINY {
        return value.into();
    }
    let value_digits = Digits::of(&format!("{:.120e}", value.abs()));
    let is_larger = value_digits > written;
    let (large, small) = if is_larger { (value_digits, written) } else { (written, value_digits) };
    let (top, last) = (large.power, large.last().min(small.last()));
    // The magnitudes are added where the signs differ.
    let is_same_sign = value.is_sign_negative() == text.starts_with('-');
    let mut carry = 0;
    let digits = (last..top).map(|place| {
        let small = small.at(place);
        let sum = large.at(place) + if is_same_sign { -small } else { small } + carry;
        carry = sum.div_euclid(10);
        char::from(b'0' + sum.rem_euclid(10) as u8)
    });
    let digits: Vec<char> = digits.collect();
    let digits: String = digits.into_iter().rev().collect();
    let is_negative = value.is_sign_negative() != (is_same_sign && !is_larger);
    let sign = if is_negative { "-" } else { "" };
    format!("{sign}{carry}.{digits}e{top}").parse().expect("digits are a number")
}

/// Whether [`Number::odd`] rounds to what the number itself would: where each number of the format, each point halfway
/// between two, and what chooses a block's scale is an f32 with a last bit of 0, and no random word is asked.
pub fn rounds_odd_alike(op: &QuantOp) -> bool {
    // Halfway is one bit more, and the last of 24 bits and of 2^-149 stays 0.
    let fits = op.significand <= 22 && op.lsb_min - if op.kind == class::BLOCK { 127 } else { 0 } >= -147;
    !op.draws()
        && match op.kind {
            class::SCALAR | class::BLOCK => fits,
            // The points that a posit is cut at are those of one bit more: all have few bits.
            class::EXPONENT | class::POSIT => true,
            // Powers of two; other roots are f32 of all 24 bits.
            class::LOGARITHMIC => op.mantissa == 1,
            _ => false,
        }
}

/// The first numbers of a list, at most so many, separated by blanks or commas.
pub fn numbers(text: &str, most: usize) -> Result<Vec<Number>> {
    let words = text.split(|c: char| c.is_whitespace() || c == ',').filter(|word| !word.is_empty());
    let number = |word: &str| {
        Number::parse(word).ok_or_else(|| {
            let quoted: String = word.chars().take(QUOTED).collect();
            let cut = if quoted.len() < word.len() { "..." } else { "" };
            let allowed = "numbers that f32 holds, as 1.5, 1e-3, inf and nan, or bits, as 0x3fc00000";
            Error::Input(format!("{quoted:?}{cut}: allowed are {allowed}"))
        })
    };
    let numbers: Vec<Number> = words.take(most).map(number).collect::<Result<_>>()?;
    match numbers.is_empty() {
        true => Err(Error::Input("no number is given: allowed are numbers, or name IN.npy and OUT.npy".into())),
        false => Ok(numbers),
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

    /// The power of ten of the last digit.
    fn last(&self) -> i64 {
        self.power - self.digits.len() as i64
    }

    /// The digit of a power of ten.
    fn at(&self, power: i64) -> i8 {
        let place = usize::try_from(self.power - 1 - power).ok();
        place.and_then(|place| self.digits.as_bytes().get(place)).map_or(0, |digit| (digit - b'0') as i8)
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

    #[test]
    fn errors_are_those_of_the_decimal() {
        for (word, value, error) in [
            ("0.1", 0.1015625, 0.0015625),
            ("-0.3", -0.3125, -0.0125),
            ("0.3", -0.3125, -0.6125),
            ("-0.7", 0.5, 1.2),
            ("431.99999999999994", 416.0, -15.99999999999994),
            ("431.99999999999994", 448.0, 16.00000000000006),
            ("9.9", 1.0, -8.9),
            ("9.99", -0.5, -10.49),
            ("0.1", 0.0, -0.1),
            ("-0.1", -0.0, 0.1),
            ("1e-50", 1.0, 1.0),
            ("1e-50", 0.0, -1e-50),
            ("-1e-999999999999", 0.001953125, 0.001953125),
            ("-1e-999999999999", 0.0, 0.0),
            ("0.1", f32::INFINITY, f64::INFINITY),
            // Halfway between 1 and the next f64, and a little more.
            ("-1.1102230246251565404236316680908203125e-16", 1.0, 1.0),
            ("-1.1102230246251565404236316680908203126e-16", 1.0, 1.0 + f64::EPSILON),
        ] {
            assert_eq!(Number::parse(word).unwrap().error_of(value), error, "{value} - {word}");
        }
        assert!(Number::parse("0.1").unwrap().error_of(f32::NAN).is_nan());
        assert_eq!(Number::parse("464").unwrap().error_of(448.0), -16.0);
    }

    /// Against a quotient of whole numbers, which f64 holds and rounds once.
    #[test]
    fn errors_are_rounded_once() {
        for k in 0..20_000u32 {
            let random = k.wrapping_mul(0x9e37_79b9);
            let (millionths, steps) = (i64::from(random >> 8) - (1 << 23), i64::from(random & 0xffff) - (1 << 15));
            let word = format!(
                "{}{}.{:06}",
                if millionths < 0 { "-" } else { "" },
                millionths.abs() / 1_000_000,
                millionths.abs() % 1_000_000
            );
            // A value in steps of 2^-12.
            let error = (steps * 1_000_000 - (millionths << 12)) as f64 / (1_000_000_i64 << 12) as f64;
            assert_eq!(Number::parse(&word).unwrap().error_of(steps as f32 / 4096.0), error, "{word}");
        }
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
