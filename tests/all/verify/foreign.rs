//! Codecs of other people, right and wrong ones: plain f64 arithmetic, which is exact for all they do, and nothing of the
//! program.

use roundlaw::format::{Quantizer, format};
use roundlaw::verify::foreign::{self, Case, CodecComparison, Cut, Found, Inputs};

/// A float grid: steps of 2^(e - mantissa) from 2^e on, the smallest of them 2^(1 - bias - mantissa).
#[derive(Clone, Copy)]
pub struct Grid {
    pub width: u32,
    pub mantissa: i32,
    pub bias: i32,
    pub largest: f64,
    pub nan: u32,
}

pub const E4M3: Grid = Grid { width: 8, mantissa: 3, bias: 7, largest: 448.0, nan: 0x7f };
/// Without its sign, which no scale has.
pub const UE5M3: Grid = Grid { width: 9, mantissa: 3, bias: 15, largest: 114_688.0, nan: 0xff };
pub const E5M2: Grid = Grid { width: 8, mantissa: 2, bias: 15, largest: 57344.0, nan: 0x7e };
pub const E2M1: Grid = Grid { width: 4, mantissa: 1, bias: 1, largest: 6.0, nan: 0 };

/// floor(log2 x) of a normal f64.
pub fn exponent(x: f64) -> i32 {
    (x.to_bits() >> 52 & 0x7ff) as i32 - 1023
}

pub fn power(e: i32) -> f64 {
    (f64::from(e)).exp2()
}

pub fn even(q: f64) -> f64 {
    q.round_ties_even()
}

impl Grid {
    /// The value of the grid that a magnitude becomes; `rule` makes a whole number of a number of steps.
    pub fn rounded(self, x: f64, rule: impl Fn(f64) -> f64) -> f64 {
        let least = 1 - self.bias;
        let e = if x == 0.0 { least } else { exponent(x).max(least) };
        let step = power(e - self.mantissa);
        (rule(x / step) * step).min(self.largest)
    }

    /// The code of a value of the grid.
    pub fn code(self, value: f64) -> u32 {
        let least = power(1 - self.bias);
        if value < least {
            return (value / power(1 - self.bias - self.mantissa)) as u32;
        }
        let e = exponent(value);
        let fraction = (value / power(e) - 1.0) * power(self.mantissa);
        (((e + self.bias) as u32) << self.mantissa) + fraction as u32
    }

    /// The value of a code, sign included.
    pub fn value(self, code: u32) -> f64 {
        let sign = if code >> (self.width - 1) == 1 { -1.0 } else { 1.0 };
        let magnitude = code & ((1 << (self.width - 1)) - 1);
        let (field, fraction) = (magnitude >> self.mantissa, magnitude & ((1 << self.mantissa) - 1));
        sign * match field {
            0 => f64::from(fraction) * power(1 - self.bias - self.mantissa),
            _ => (power(self.mantissa) + f64::from(fraction)) * power(field as i32 - self.bias - self.mantissa),
        }
    }

    /// The sign bit of a value.
    pub fn sign(self, x: f64) -> u32 {
        u32::from(x.is_sign_negative()) << (self.width - 1)
    }

    /// Saturating, NaN with its sign.
    pub fn encode(self, x: f64, rule: impl Fn(f64) -> f64) -> u32 {
        match x {
            _ if x.is_nan() => self.sign(x) | self.nan,
            _ if x.is_infinite() => self.sign(x) | self.code(self.largest),
            _ => self.sign(x) | self.code(self.rounded(x.abs(), rule)),
        }
    }
}

pub fn double(bits: u32) -> f64 {
    f32::from_bits(bits).into()
}

/// Numbers between all codes: near each value and each tie of 8-bit floats, infinities, NaN, subnormals.
pub fn inputs() -> Vec<u32> {
    let coarse = (0..1u32 << 14).map(|k| k << 18);
    let near = (0..1u32 << 13).flat_map(|k| [(k << 19).wrapping_sub(1), (k << 19) + 1, (k << 19) + 0x3000]);
    coarse.chain(near).collect()
}

pub fn list(name: &str, codec: impl Fn(u32) -> u32) -> Case {
    list_of(Quantizer::new(format(name).unwrap()), codec)
}

/// The same with values in place of codes.
pub fn list_of_values(name: &str, codec: impl Fn(f64) -> f64) -> Case {
    let inputs = inputs();
    let values = inputs.iter().map(|bits| (codec(double(*bits)) as f32).to_bits()).collect();
    Case::list(Quantizer::new(format(name).unwrap()), false, inputs, None, Found::Values(values))
}

pub fn list_of(quantizer: Quantizer, codec: impl Fn(u32) -> u32) -> Case {
    let inputs = inputs();
    let codes = inputs.iter().map(|bits| codec(*bits)).collect();
    Case::list(quantizer, false, inputs, None, Found::Codes { codes, scales: vec![] })
}

/// An array of two axes, in C order, whose blocks run along its rows.
pub fn array(quantizer: Quantizer, bits: Vec<u32>, columns: usize, found: Found) -> Case {
    let shape = vec![bits.len() / columns, columns];
    let inputs = Inputs { bits, nearest: None, shape, is_fortran: false };
    Case::new(quantizer, false, inputs, Cut::Along(1), found)
}

/// What is found of a codec that has no fault.
#[track_caller]
pub fn right(case: &Case) {
    let found = foreign::check(case);
    assert_eq!((found.different, found.causes.len()), (0, 0), "{found:?}");
    assert_eq!(found.scales.map_or(0, |(different, _)| different), 0);
}

/// What is found of a codec whose fault has that name: it is the first cause, explains all, and nothing speaks against it.
#[track_caller]
pub fn diagnosed(case: &Case, name: &str) -> CodecComparison {
    let found = foreign::check(case);
    assert!(found.different > 0, "{name}: no difference");
    let best = found.causes.first().unwrap_or_else(|| panic!("{name}: no cause of {:?}", found.first));
    let told = (best.name.as_str(), best.explains, best.contradicts);
    assert_eq!(told, (name, found.different, 0), "{:#?} {:?}", found.causes, found.first);
    found
}
