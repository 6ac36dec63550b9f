//! What the words of an operation stand for.

/// What the codec does at a site.
pub mod class {
    pub const NONE: u32 = 0;
    /// A float or fixed grid.
    pub const SCALAR: u32 = 1;
    /// A grid, scaled by the power of two of a block.
    pub const BLOCK: u32 = 2;
    /// Whole numbers behind a multiplication by the reciprocal of a step.
    pub const STEP: u32 = 3;
    /// Roots of two.
    pub const LOGARITHMIC: u32 = 4;
    /// A grid, scaled by an 8-bit float of a block and the f32 of the tensor.
    pub const TWO_LEVEL: u32 = 5;
    /// Powers of two without a zero.
    pub const EXPONENT: u32 = 6;
    pub const ADDITIVE: u32 = 7;
    pub const RELATIVE: u32 = 8;
    /// A grid, scaled by the f32 of a block that takes its largest magnitude to the largest element.
    pub const ABSMAX: u32 = 9;
    /// Posits with two exponent bits.
    pub const POSIT: u32 = 10;
}

/// [`super::Direction`] as [`super::QuantOp::rounding`] has it.
pub mod direction {
    use crate::format::Direction;

    pub const NEAREST_EVEN: u32 = Direction::NearestEven as u32;
    pub const STOCHASTIC: u32 = Direction::Stochastic as u32;
    pub const NEAREST_AWAY: u32 = Direction::NearestAway as u32;
    pub const TOWARD_ZERO: u32 = Direction::TowardZero as u32;
    pub const UP: u32 = Direction::Up as u32;
    pub const DOWN: u32 = Direction::Down as u32;
    pub const DITHER: u32 = Direction::Dither as u32;
}

/// Bits of [`super::QuantOp::policy`].
pub mod policy {
    /// Values beyond the largest one become an infinity or NaN.
    pub const OVERFLOWS: u32 = 1;
    /// NaN becomes the largest value; in blocks, NaN and infinities become the largest f32.
    pub const SATFINITE: u32 = 2;
    /// Subnormal inputs count as zero.
    pub const FLUSHES: u32 = 4;
    /// Half a unit joins the random bits.
    pub const ZERO_MEAN: u32 = 8;
    /// Codes are two's complement.
    pub const INTEGER: u32 = 16;
    /// Below the smallest normal number lies nothing but zero.
    pub const ABRUPT: u32 = 32;
    /// A code says by itself which sign its number has.
    pub const OWN_SIGN: u32 = 64;
    /// Zero has no sign.
    pub const ONE_ZERO: u32 = 128;
    /// Codes count from that of the most negative number, which is 0.
    pub const OFFSET: u32 = 256;
    /// Of two powers of two that are as near, a block's scale is the one with the even byte.
    pub const EVEN_SCALE: u32 = 512;
    /// Of the two scales that take a block's largest magnitude to 6 and to 4, the one that leaves the smaller error.
    pub const FOUR_OVER_SIX: u32 = 1024;
    /// The scale takes a block's largest magnitude to two thirds of the largest element.
    pub const TO_FOUR: u32 = 2048;
}
