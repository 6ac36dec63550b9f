//! How a value becomes one of a format's: directions, random bits, and what happens at the edges.

use super::binary32::FRACTION;

/// How a value between two codes is rounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "kebab-case")]
#[repr(u32)]
pub enum Direction {
    /// To the nearest code, ties to the even one.
    NearestEven = 0,
    /// To the nearest code, ties away from zero.
    NearestAway = 2,
    TowardZero = 3,
    /// Toward plus infinity.
    Up = 4,
    /// Toward minus infinity.
    Down = 5,
    /// Up in magnitude with the probability of the discarded fraction (IEEE P3109, StochasticA and B).
    Stochastic = 1,
    /// Subtractive dither: the magnitude plus a random part of a step is rounded, and the part taken off again, so
    /// that the error is uniform and independent of the value.
    Dither = 6,
}

impl Direction {
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// The abbreviation of the literature, as in the names of the cases that `verify` runs.
    pub fn abbreviation(self) -> &'static str {
        match self {
            Direction::NearestEven => "rne",
            Direction::NearestAway => "rna",
            Direction::TowardZero => "rtz",
            Direction::Up => "ru",
            Direction::Down => "rd",
            Direction::Stochastic => "sr",
            Direction::Dither => "dither",
        }
    }

    /// Whether random bits decide.
    pub fn is_random(self) -> bool {
        matches!(self, Direction::Stochastic | Direction::Dither)
    }
}

/// A direction and, where it is random, how many bits decide and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rounding {
    pub direction: Direction,
    /// Random bits, the top ones of a word: 8, 16 or 32.
    pub bits: u32,
    /// StochasticB: half a unit is added to the random bits, which makes the mean error 0; else StochasticA, which
    /// rounds the discarded fraction down to `bits` bits.
    pub zero_mean: bool,
}

impl Rounding {
    pub const NEAREST_EVEN: Rounding = Rounding::new(Direction::NearestEven);

    /// With the defaults of that direction.
    pub const fn new(direction: Direction) -> Rounding {
        let bits = if matches!(direction, Direction::Dither) { 8 } else { 32 };
        Rounding { direction, bits, zero_mean: false }
    }
}

/// What becomes of a value beyond the largest one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "kebab-case")]
pub enum Overflow {
    /// The largest value.
    Saturate,
    /// An infinity, or NaN where the format has none. In a sweep the run diverges at the update that would read it.
    Ieee,
}

impl Overflow {
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// What becomes of NaN, and of a block that holds NaN or an infinity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "kebab-case")]
pub enum Nan {
    /// NaN, where the format has none an f32 one; the whole block is NaN.
    Propagate,
    /// The largest value, positive. In a block NaN and infinities count as the largest f32.
    Satfinite,
}

impl Nan {
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// What an f32 below 2^-126 counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "kebab-case")]
pub enum Subnormals {
    /// Its value.
    Honour,
    /// Zero, as on hardware that flushes.
    Flush,
}

impl Subnormals {
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// How a block's largest magnitude A becomes the exponent of its scale, less the element's emax.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "kebab-case")]
pub enum ScaleMode {
    /// floor(log2 A) (OCP MX 1.0).
    Floor,
    /// The smallest scale with which A does not exceed the element's largest value.
    Rceil,
    /// The exponent of A rounded to the element's mantissa, ties up.
    Even,
    /// ceil(log2 A).
    Ceil,
    /// That of the scale nearest A over the element's largest value, on the line of numbers; of two the one with the even
    /// byte.
    Nearest,
    /// No power of two: the f32 fl(A fl(1/L)) of the element's largest value L.
    Absmax,
}

impl ScaleMode {
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// What is added to the significand of A before its exponent is read: a carry makes the exponent one larger; and what
    /// is then taken off. `largest` is the element's largest value of exponent `emax`, `mantissa` its mantissa bits.
    pub(super) fn addend(self, largest: f32, emax: i32, mantissa: u32) -> (u32, i32) {
        // A carry where A is beyond a number times a power of two.
        let beyond = |number: f32| FRACTION - (number.to_bits() & FRACTION);
        match self {
            ScaleMode::Floor | ScaleMode::Absmax => (0, emax),
            ScaleMode::Rceil => (beyond(largest), emax),
            ScaleMode::Even => (1 << (22 - mantissa), emax),
            ScaleMode::Ceil => (FRACTION, emax),
            // Halfway between the scales 1/2 and 1.
            ScaleMode::Nearest => (beyond(0.75 * largest), libm::ilogbf(0.75 * largest) + 1),
        }
    }
}

/// How elements share scales.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sharing {
    /// Elements that share a scale: one of [`BLOCK_SIZES`], or [`WHOLE`].
    pub size: u32,
    /// Of power-of-two scales.
    pub mode: ScaleMode,
}

impl Sharing {
    /// That of blocks of so many elements, with the default mode.
    pub const fn of(size: u32) -> Sharing {
        Sharing { size, mode: ScaleMode::Floor }
    }
}

/// The sizes of blocks, ascending, but [`WHOLE`].
pub const BLOCK_SIZES: [u32; 4] = [8, 16, 32, 64];

/// The size of a block that is a whole vector.
pub const WHOLE: u32 = u32::MAX;
