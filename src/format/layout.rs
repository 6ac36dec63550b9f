//! How a format lays out its values.

use super::binary32::FRACTION;
use super::{Direction, Sharing};

/// What stands for the code of a value that the format has none for.
pub const NO_CODE: u32 = u32::MAX;

/// The largest base factor of a logarithmic format: the codec has a table for each.
pub const MAX_BASE_FACTOR: u32 = 16;

/// How a row of the table lays out its values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Layout {
    /// Every f32: the site is left as it is.
    Identity,
    Float(Float),
    /// Codes of a class of formats with an encoding of its own.
    Coded(Coding),
    /// value = q step in two's complement. `full`: the most negative code is used.
    Integer {
        bits: u32,
        full: bool,
    },
    /// value = (code - zero_point) step for the codes 0 to 2^bits - 1.
    Unsigned {
        bits: u32,
        zero_point: u32,
    },
    /// 0, and with a sign the code c >= 1 for 2^((c - bias) / base_factor): powers of the base 2^(1 / base_factor)
    /// (Zhao et al., LNS-Madam, 2021).
    Logarithmic {
        bits: u32,
        base_factor: u32,
        bias: i32,
    },
    /// `size` consecutive elements share a power of two, by default the floor of the block's largest exponent less
    /// `emax`.
    Block {
        element: Element,
        emax: i32,
        size: u32,
    },
    /// `size` consecutive elements share a scale, and all of the tensor an f32.
    TwoLevel {
        element: Float,
        scale: ScaleFormat,
        size: u32,
    },
}

/// What shares a power of two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element {
    Float(Float),
    /// Symmetric two's complement times 2^unit.
    Integer {
        bits: u32,
        unit: i32,
    },
}

impl Element {
    /// Its layout alone, an integer's without its unit.
    pub const fn layout(self) -> Layout {
        match self {
            Element::Float(float) => Layout::Float(float),
            Element::Integer { bits, .. } => Layout::Integer { bits, full: false },
        }
    }
}

/// The type of a block's scale in a two-level format, whose sign bit is not used or not there. Neither has infinities.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "kebab-case")]
pub enum ScaleFormat {
    /// That of 8-bit floats (OCP 8-bit Floating Point Specification 1.0).
    E4m3,
    /// Unsigned: 5 exponent bits, 3 mantissa bits, bias 15, and NaN the code of all ones (`ue5m3` of NVIDIA's PTX;
    /// "Is Finer Better? The Limits of Microscaling Formats in Large Language Models", arXiv 2601.19026).
    Ue5m3,
}

impl ScaleFormat {
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Its numbers.
    pub const fn float(self) -> Float {
        let (exponent, bias) = match self {
            ScaleFormat::E4m3 => (4, 7),
            ScaleFormat::Ue5m3 => (5, 15),
        };
        Float { exponent, mantissa: SCALE_MANTISSA, bias, specials: Specials::Nan, gradual: true }
    }
}

/// Mantissa bits of every [`ScaleFormat`].
pub const SCALE_MANTISSA: u32 = 3;

/// A class of formats whose codes `src/codec/` gives and reads in a file of their own: all else follows from the numbers
/// that the codes stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Coding {
    /// One of [`super::class`].
    pub class: u32,
    /// Bits of a code, what it says of the sign included.
    pub width: u32,
    /// Codes of the largest and of the most negative number, or of the smallest where none is negative. Where a code is
    /// NaN it follows the largest.
    pub limits: (u32, u32),
    pub specials: Specials,
    /// Bits of [`super::policy`] that say how codes carry signs.
    pub policy: u32,
    /// Significant bits that a number has at most.
    pub significand: u32,
    /// Whether zero has a code: without one the format cannot stand at a site.
    pub zero: bool,
    /// Roundings that are defined, the usual one first.
    pub directions: &'static [Direction],
    /// The layout in words.
    pub text: &'static str,
}

/// A sign, `exponent` bits E and `mantissa` bits M: (-1)^s 2^(max(E,1) - bias) ((E > 0) + M / 2^mantissa).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Float {
    pub exponent: u32,
    pub mantissa: u32,
    pub bias: i32,
    pub specials: Specials,
    /// Gradual underflow: E = 0 holds the subnormal numbers. Without it E = 0 is zero.
    pub gradual: bool,
}

/// What the largest codes stand for, and that of -0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "kebab-case")]
#[repr(u32)]
pub enum Specials {
    /// Every code is a number.
    None = 0,
    /// The largest code is NaN.
    Nan = 1,
    /// The codes of the largest E are an infinity and NaNs (IEEE 754).
    Ieee = 2,
    /// Every code is a number but that of the sign alone, -0 elsewhere, which is NaN: there is one zero.
    Fnuz = 3,
}

impl Specials {
    pub fn name(self) -> &'static str {
        self.into()
    }
}

impl Float {
    /// Code of the largest number.
    pub const fn max_code(&self) -> u32 {
        let reserved = match self.specials {
            Specials::None | Specials::Fnuz => 0,
            Specials::Nan => 1,
            Specials::Ieee => 1 << self.mantissa,
        };
        (1 << (self.exponent + self.mantissa)) - 1 - reserved
    }

    /// The largest number is `(significand, exponent)`: significand 2^exponent.
    const fn largest(&self) -> (u32, i32) {
        let code = self.max_code();
        let (field, fraction) = (code >> self.mantissa, code & ((1 << self.mantissa) - 1));
        match field {
            0 => (fraction, self.lsb()),
            _ => (fraction | 1 << self.mantissa, self.lsb() + field as i32 - 1),
        }
    }

    /// Exponent of the smallest step.
    pub const fn lsb(&self) -> i32 {
        1 - self.bias - self.mantissa as i32
    }

    pub fn max(&self) -> f64 {
        let (significand, exponent) = self.largest();
        libm::ldexp(significand.into(), exponent)
    }

    /// The biases with which every number, and every power of two between, is an f32, the largest a normal one.
    pub fn biases(&self) -> (i32, i32) {
        let (significand, exponent) = Float { bias: 0, ..*self }.largest();
        let top = exponent + 31 - significand.leading_zeros() as i32;
        ((top - 127), (150 - self.mantissa as i32).min(top + 126))
    }
}

impl Layout {
    /// Bits of a code, the sign included; those of an element where elements share a scale.
    pub fn width(&self) -> u32 {
        match *self {
            Layout::Identity => 32,
            Layout::Float(float) => 1 + float.exponent + float.mantissa,
            Layout::Coded(coding) => coding.width,
            Layout::Integer { bits, .. } | Layout::Unsigned { bits, .. } | Layout::Logarithmic { bits, .. } => bits,
            Layout::Block { .. } | Layout::TwoLevel { .. } => self.element().width(),
        }
    }

    /// Whether values are whole numbers of steps.
    pub fn is_integer(&self) -> bool {
        matches!(self, Layout::Integer { .. } | Layout::Unsigned { .. })
    }

    /// The layout of what has a code: that of an element where elements share a scale.
    pub fn element(&self) -> Layout {
        match *self {
            Layout::Block { element, .. } => element.layout(),
            Layout::TwoLevel { element, .. } => Layout::Float(element),
            other => other,
        }
    }

    /// That of two-level blocks with another scale of a block; other layouts are as they were.
    pub fn with_scale(self, scale: ScaleFormat) -> Layout {
        match self {
            Layout::TwoLevel { element, size, .. } => Layout::TwoLevel { element, scale, size },
            other => other,
        }
    }

    /// A code in parts: sign, exponent and mantissa of a float, the steps that an integer counts, sign and the rest of
    /// another.
    pub fn fields(&self, code: u32) -> String {
        if code == NO_CODE {
            return "none".into();
        }
        let width = self.width();
        let (sign, rest) = (code >> (width - 1) & 1, code & ((1 << (width - 1)) - 1));
        match self.element() {
            Layout::Identity => format!("{sign} {:08b} {:023b}", rest >> 23, rest & FRACTION),
            Layout::Float(float) => {
                let (e, m) = (float.exponent as usize, float.mantissa as usize);
                let (field, fraction) = (rest >> m, rest & ((1 << m) - 1));
                let fraction = if m == 0 { String::new() } else { format!(" {fraction:0m$b}") };
                format!("{sign} {field:0e$b}{fraction}")
            }
            Layout::Integer { .. } => format!("{}", (i64::from(code) << (64 - width)) >> (64 - width)),
            Layout::Unsigned { zero_point, .. } => format!("{}", i64::from(code) - i64::from(zero_point)),
            Layout::Coded(_) => format!("{code:0width$b}", width = width as usize),
            _ => format!("{sign} {rest:0digits$b}", digits = width as usize - 1),
        }
    }

    /// How elements share a scale, unless a recipe says otherwise.
    pub fn sharing(&self) -> Option<Sharing> {
        match *self {
            Layout::Block { size, .. } | Layout::TwoLevel { size, .. } => Some(Sharing::of(size)),
            _ => None,
        }
    }
}
