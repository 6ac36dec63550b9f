//! The bit patterns of an f32 (IEEE 754-2019, binary32) that formats and the codec name.

pub const SIGN: u32 = 0x8000_0000;
/// All but the sign.
pub const MAGNITUDE: u32 = 0x7fff_ffff;
/// The stored bits of the significand.
pub const FRACTION: u32 = 0x007f_ffff;
/// The leading one of a normal number's significand, which is not stored.
pub const IMPLICIT: u32 = 0x0080_0000;
/// 6/4.
pub const SIX_OVER_FOUR: u32 = 0x3fc0_0000;
pub const ONE: u32 = 0x3f80_0000;
pub const INFINITY: u32 = 0x7f80_0000;
pub const QUIET: u32 = 0x7fc0_0000;
/// The largest finite magnitude.
pub const LARGEST: u32 = 0x7f7f_ffff;
/// 2^-126.
pub const SMALLEST_NORMAL: u32 = 0x0080_0000;
/// 2^-127, a subnormal number.
pub const SMALLEST_POWER: u32 = 0x0040_0000;
