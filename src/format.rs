//! The table of number formats, and what a site of the simulated step does to a value.
//!
//! A format is one row of [`FORMATS`]; everything else here is derived from it.

mod op;

pub use op::{Cuts, Op, class};

/// How a row of the table lays out its values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Layout {
    /// Every f32: the site is left as it is.
    Identity,
    /// value = (-1)^s 2^(max(E,1) - bias) ((E > 0) + M / 2^mantissa).
    Float { mantissa: u32, bias: i32, max: f32 },
    /// value = q step, |q| <= 2^(bits-1) - 1.
    Integer { bits: u32 },
    /// `size` consecutive elements share a power of two, by default the floor of the block's largest exponent less
    /// `emax`. `unit` is the exponent of an integer element's step.
    Block { element: &'static Layout, unit: i32, emax: i32, size: u32 },
}

/// What becomes of a value beyond the largest one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overflow {
    /// The largest value.
    Saturate,
    /// An infinity, or NaN where the format has none: the run diverges at the update that would read it.
    Ieee,
}

impl Overflow {
    pub const ALL: [Overflow; 2] = [Overflow::Saturate, Overflow::Ieee];

    pub fn name(self) -> &'static str {
        if self == Overflow::Saturate { "saturate" } else { "ieee" }
    }
}

/// One number format.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Format {
    /// The name in a config.
    pub name: &'static str,
    pub layout: Layout,
    /// Unless the config says otherwise.
    pub overflow: Overflow,
    /// The specification that defines it.
    pub source: &'static str,
}

const E4M3: Layout = Layout::Float { mantissa: 3, bias: 7, max: 448.0 };
const E5M2: Layout = Layout::Float { mantissa: 2, bias: 15, max: 57344.0 };
const E3M2: Layout = Layout::Float { mantissa: 2, bias: 3, max: 28.0 };
const E2M3: Layout = Layout::Float { mantissa: 3, bias: 1, max: 7.5 };
const E2M1: Layout = Layout::Float { mantissa: 1, bias: 1, max: 6.0 };
const F16: Layout = Layout::Float { mantissa: 10, bias: 15, max: 65504.0 };
const BF16: Layout = Layout::Float { mantissa: 7, bias: 127, max: f32::from_bits(0x7f7f_0000) };
const TF32: Layout = Layout::Float { mantissa: 10, bias: 127, max: f32::from_bits(0x7f7f_e000) };
const INT8: Layout = Layout::Integer { bits: 8 };

const fn saturating(name: &'static str, layout: Layout, source: &'static str) -> Format {
    Format { name, layout, overflow: Overflow::Saturate, source }
}

const fn ieee(name: &'static str, layout: Layout, source: &'static str) -> Format {
    Format { name, layout, overflow: Overflow::Ieee, source }
}

const fn mx(element: &'static Layout, emax: i32) -> Layout {
    Layout::Block { element, unit: 0, emax, size: 32 }
}

const fn integer(name: &'static str, bits: u32) -> Format {
    saturating(name, Layout::Integer { bits }, "two's complement, symmetric, fixed step")
}

/// `bits` bits with the sign; the largest element of a block keeps them all (block floating point).
const fn shared_exponent(name: &'static str, element: &'static Layout, bits: i32) -> Format {
    let layout = Layout::Block { element, unit: 2 - bits, emax: 0, size: 16 };
    saturating(name, layout, "block floating point: one exponent for a block, symmetric two's complement mantissas")
}

/// All formats, in the order `--help` and error messages list them.
pub const FORMATS: &[Format] = &[
    saturating("fp32", Layout::Identity, "IEEE 754-2019, binary32"),
    ieee("tf32", TF32, "binary32 with 10 mantissa bits"),
    ieee("bf16", BF16, "the upper half of binary32"),
    ieee("f16", F16, "IEEE 754-2019, binary16"),
    saturating("e5m2", E5M2, "OCP 8-bit Floating Point Specification 1.0, E5M2"),
    saturating("e4m3", E4M3, "OCP 8-bit Floating Point Specification 1.0, E4M3"),
    saturating("e3m2", E3M2, "OCP Microscaling Formats Specification 1.0, FP6 E3M2"),
    saturating("e2m3", E2M3, "OCP Microscaling Formats Specification 1.0, FP6 E2M3"),
    saturating("e2m1", E2M1, "OCP Microscaling Formats Specification 1.0, FP4 E2M1"),
    integer("int16", 16),
    integer("int12", 12),
    integer("int8", 8),
    integer("int6", 6),
    integer("int5", 5),
    integer("int4", 4),
    integer("int3", 3),
    integer("int2", 2),
    saturating("mxfp8", mx(&E4M3, 8), "OCP Microscaling Formats Specification 1.0, MXFP8 with E4M3 elements"),
    saturating("mxfp8-e5m2", mx(&E5M2, 15), "OCP Microscaling Formats Specification 1.0, MXFP8 with E5M2 elements"),
    saturating("mxfp6-e3m2", mx(&E3M2, 4), "OCP Microscaling Formats Specification 1.0, MXFP6 with E3M2 elements"),
    saturating("mxfp6-e2m3", mx(&E2M3, 2), "OCP Microscaling Formats Specification 1.0, MXFP6 with E2M3 elements"),
    saturating("mxfp4", mx(&E2M1, 2), "OCP Microscaling Formats Specification 1.0, MXFP4"),
    saturating(
        "mxint8",
        Layout::Block { element: &INT8, unit: -6, emax: 0, size: 32 },
        "OCP Microscaling Formats Specification 1.0, MXINT8, symmetric",
    ),
    shared_exponent("bfp16", &Layout::Integer { bits: 16 }, 16),
    shared_exponent("bfp12", &Layout::Integer { bits: 12 }, 12),
    shared_exponent("bfp8", &INT8, 8),
    shared_exponent("bfp6", &Layout::Integer { bits: 6 }, 6),
    shared_exponent("bfp4", &Layout::Integer { bits: 4 }, 4),
];

/// The row of that name.
pub fn format(name: &str) -> Option<&'static Format> {
    FORMATS.iter().find(|format| format.name == name)
}

/// How a value between two codes is rounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Direction {
    /// To the nearest code, ties to the even one.
    NearestEven = 0,
    /// Up in magnitude with the probability of the discarded fraction (IEEE P3109, StochasticA and B).
    Stochastic = 1,
    /// To the nearest code, ties away from zero.
    NearestAway = 2,
    TowardZero = 3,
    /// Toward plus infinity.
    Up = 4,
    /// Toward minus infinity.
    Down = 5,
}

impl Direction {
    pub const ALL: [Direction; 6] = [
        Direction::NearestEven,
        Direction::NearestAway,
        Direction::TowardZero,
        Direction::Up,
        Direction::Down,
        Direction::Stochastic,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Direction::NearestEven => "nearest-even",
            Direction::NearestAway => "nearest-away",
            Direction::TowardZero => "toward-zero",
            Direction::Up => "up",
            Direction::Down => "down",
            Direction::Stochastic => "stochastic",
        }
    }
}

/// A direction and, where it is stochastic, how many random bits decide and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rounding {
    pub direction: Direction,
    /// Random bits of a stochastic rounding, the top ones of a word: 8, 16 or 32.
    pub bits: u32,
    /// StochasticB: half a unit is added to the random bits, which makes the mean error 0; else StochasticA, which
    /// rounds the discarded fraction down to `bits` bits.
    pub zero_mean: bool,
}

impl Rounding {
    pub const NEAREST_EVEN: Rounding = Rounding { direction: Direction::NearestEven, bits: 32, zero_mean: false };

    /// The text of the column `<site>_rounding`: the direction, then the options that are not defaults.
    pub fn canonical(&self) -> String {
        let mut text = self.direction.name().to_string();
        if self.bits != 32 {
            text += &format!(" bits={}", self.bits);
        }
        if self.zero_mean {
            text += " variant=b";
        }
        text
    }
}

/// How a block's largest magnitude A becomes the exponent of its scale, less the element's emax.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScaleMode {
    /// floor(log2 A) (OCP MX 1.0).
    Floor,
    /// The smallest scale with which A does not exceed the element's largest value.
    Rceil,
    /// The exponent of A rounded to the element's mantissa, ties up.
    Even,
    /// ceil(log2 A).
    Ceil,
}

impl ScaleMode {
    pub const ALL: [ScaleMode; 4] = [ScaleMode::Floor, ScaleMode::Rceil, ScaleMode::Even, ScaleMode::Ceil];

    pub fn name(self) -> &'static str {
        ["floor", "rceil", "even", "ceil"][self as usize]
    }

    /// What is added to the bits of A before its exponent is read: a carry makes the exponent one larger. `max_bits`
    /// are those of the element's largest value, `mantissa` its mantissa bits.
    fn addend(self, max_bits: u32, mantissa: u32) -> u32 {
        match self {
            ScaleMode::Floor => 0,
            ScaleMode::Rceil => 0x7f_ffff - (max_bits & 0x7f_ffff),
            ScaleMode::Even => 1 << (22 - mantissa),
            ScaleMode::Ceil => 0x7f_ffff,
        }
    }
}

/// A block as long as the vector that blocks run along.
pub const WHOLE: u32 = u32::MAX;

/// How a block format shares its scales.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sharing {
    /// Elements that share a scale: 8, 16, 32, 64 or [`WHOLE`].
    pub size: u32,
    pub mode: ScaleMode,
}

/// How an idealised noise law joins a value u; e = sqrt(eps), n has mean 0 and variance 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noise {
    /// u + e n, one n per element.
    Additive,
    /// u (1 + e n), one n per element.
    Relative,
    /// u (1 + e n), one n per vector.
    Multiplicative,
}

impl Noise {
    pub const ALL: [Noise; 3] = [Noise::Additive, Noise::Relative, Noise::Multiplicative];

    pub fn name(self) -> &'static str {
        ["additive", "relative", "multiplicative"][self as usize]
    }
}

/// The distribution of n.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Law {
    Gaussian = 0,
    /// +1 or -1, each with probability 1/2.
    TwoPoint = 1,
}

impl Law {
    pub const ALL: [Law; 2] = [Law::Gaussian, Law::TwoPoint];

    pub fn name(self) -> &'static str {
        ["gaussian", "two-point"][self as usize]
    }
}

/// What a recipe asks for at a site.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Spec {
    /// `scale` is the step of an integer format and the power of two a float format is multiplied by.
    /// `sharing` says more of a block format, and nothing of the others.
    Format { format: &'static Format, scale: f64, rounding: Rounding, overflow: Overflow, sharing: Option<Sharing> },
    /// An idealised law. `shared`: label, activation and gradient draw once per batch, not once per sample.
    Noise { noise: Noise, eps: f64, law: Law, shared: bool },
}

impl Spec {
    /// The text of the column `<site>`: the name, then the options that are not defaults.
    pub fn canonical(&self) -> String {
        match self {
            Spec::Format { format, scale, overflow, sharing, .. } => {
                let mut text = format.name.to_string();
                match format.layout {
                    Layout::Integer { .. } => text += &format!(" step={scale}"),
                    _ if *scale != 1.0 => text += &format!(" scale={scale}"),
                    _ => {}
                }
                if let (Some(sharing), Layout::Block { size, .. }) = (sharing, format.layout) {
                    match sharing.size {
                        WHOLE => text += " block=vector",
                        other if other != size => text += &format!(" block={other}"),
                        _ => {}
                    }
                    if sharing.mode != ScaleMode::Floor {
                        text += &format!(" scale_mode={}", sharing.mode.name());
                    }
                }
                if *overflow != format.overflow {
                    text += &format!(" overflow={}", overflow.name());
                }
                text
            }
            Spec::Noise { noise, eps, law, shared } => {
                let batch = if *shared { " shared_batch=true" } else { "" };
                format!("{} eps={eps} law={}{batch}", noise.name(), law.name())
            }
        }
    }

    /// The text of the column `<site>_rounding`; laws have none.
    pub fn rounding(&self) -> Option<String> {
        match self {
            Spec::Format { rounding, .. } => Some(rounding.canonical()),
            Spec::Noise { .. } => None,
        }
    }

    /// Smallest normal value, largest value and relative precision (significand bits) of a fixed grid.
    pub fn range(&self) -> Option<Range> {
        let Spec::Format { format, scale, .. } = self else { return None };
        let scale = *scale;
        match format.layout {
            Layout::Float { mantissa, bias, max } => Some(Range {
                min_normal: scale * (2f64).powi(1 - bias),
                max: scale * f64::from(max),
                significand: mantissa + 1,
                fixed: false,
            }),
            Layout::Integer { bits } => Some(Range {
                min_normal: scale,
                max: scale * ((1u32 << (bits - 1)) - 1) as f64,
                significand: bits - 1,
                fixed: true,
            }),
            _ => None,
        }
    }
}

/// See [`Spec::range`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    pub min_normal: f64,
    pub max: f64,
    pub significand: u32,
    pub fixed: bool,
}
