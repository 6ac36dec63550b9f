//! The table of number formats, and what a site of the simulated step does to a value.
//!
//! A format is one row of [`FORMATS`]; everything else here is derived from it.

use bytemuck::{Pod, Zeroable};

use crate::row::Site;

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

/// How a block format shares its scales.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sharing {
    /// Elements that share a scale: 8, 16 or 32.
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
                    if sharing.size != size {
                        text += &format!(" block={}", sharing.size);
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

/// What the codec does at a site.
pub mod class {
    pub const NONE: u32 = 0;
    pub const SCALAR: u32 = 1;
    pub const BLOCK: u32 = 2;
    pub const ADDITIVE: u32 = 3;
    pub const RELATIVE: u32 = 4;
}

/// A site's operation as plain words: the reference, the fast CPU code and the shaders read the same.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Pod, Zeroable)]
pub struct Op {
    /// One of [`class`].
    pub class: u32,
    /// `Direction as u32` of a format, `Law as u32` of a noise.
    pub rounding: u32,
    /// Stored significand bits below the leading one; 23 for a fixed grid.
    pub mantissa: u32,
    /// Exponent of the smallest step: every value is a multiple of 2^lsb_min (2^(lsb_min + s) in a block of scale s).
    pub lsb_min: i32,
    /// f32 bits of the largest magnitude (before a block's scale).
    pub max_bits: u32,
    /// A block of largest exponent E gets the scale 2^(E - emax).
    pub emax: i32,
    /// Elements that share a scale.
    pub block: u32,
    /// f32 bits of the standard deviation of a law.
    pub noise: u32,
    /// The result of a law is rounded to this many significant bits.
    pub significand: u32,
    /// The result is divided by 2^unit: integer codes, not values, go through the projection.
    pub unit: i32,
    /// Purpose word of the site's random words.
    pub purpose: u32,
    /// Values beyond the largest one become non-finite.
    pub overflows: u32,
    /// One draw serves the whole vector, or the whole batch.
    pub shared: u32,
    /// Places by which a random word is shifted down: it keeps its top bits for a stochastic rounding.
    pub random_shift: u32,
    /// Half a unit joins the random bits.
    pub zero_mean: u32,
    /// Added to the bits of a block's largest magnitude before the exponent is read.
    pub scale_add: u32,
}

impl Op {
    /// Words of an operation in a shader's parameters.
    pub const WORDS: u32 = (size_of::<Op>() / 4) as u32;

    /// The operation of a site no recipe sets.
    pub fn none() -> Op {
        Op { significand: 24, ..Op::zeroed() }
    }

    /// The operation of `spec` at `site`; `grids` are the significant bits of a covariate and of the sketch.
    pub fn new(spec: Option<&Spec>, site: Site, grids: (u32, u32)) -> Op {
        let purpose = crate::random::site_purpose(site as u32);
        let none = Op { purpose, ..Op::none() };
        match spec {
            None => none,
            Some(Spec::Noise { noise, eps, law, shared }) => Op {
                class: if *noise == Noise::Additive { class::ADDITIVE } else { class::RELATIVE },
                rounding: *law as u32,
                noise: (eps.sqrt() as f32).to_bits(),
                significand: match site {
                    Site::Data => grids.0,
                    Site::Sketch => grids.1,
                    _ => 24,
                },
                shared: u32::from(*shared || *noise == Noise::Multiplicative && !site.is_scalar()),
                ..none
            },
            Some(Spec::Format { format, scale, rounding, overflow, sharing }) => {
                let scale = libm::ilogb(*scale);
                let overflows = u32::from(*overflow == Overflow::Ieee);
                let Rounding { direction, bits, zero_mean } = *rounding;
                let (random_shift, zero_mean) = (32 - bits, u32::from(zero_mean));
                let op = Op { rounding: direction as u32, overflows, random_shift, zero_mean, ..none };
                match format.layout {
                    Layout::Identity => none,
                    Layout::Block { element, unit, emax, size } => {
                        let sharing = sharing.unwrap_or(Sharing { size, mode: ScaleMode::Floor });
                        let op = Op { class: class::BLOCK, emax, block: sharing.size, ..grid(op, element, unit) };
                        Op { scale_add: sharing.mode.addend(op.max_bits, op.precision(24) - 1), ..op }
                    }
                    Layout::Integer { .. } if site == Site::Data => {
                        Op { unit: scale, ..grid(op, &format.layout, scale) }
                    }
                    layout => grid(op, &layout, scale),
                }
            }
        }
    }

    pub fn is_set(&self) -> bool {
        self.class != class::NONE
    }

    /// Formats have counters, laws do not.
    pub fn is_counted(&self) -> bool {
        self.class == class::SCALAR || self.class == class::BLOCK
    }

    /// Whether elements need random words.
    pub fn draws(&self) -> bool {
        let stochastic = self.rounding == Direction::Stochastic as u32;
        matches!(self.class, class::ADDITIVE | class::RELATIVE) || self.is_counted() && stochastic
    }

    /// Significant bits of a result at `data` or `sketch`, where an unset site leaves `natural` bits.
    pub fn precision(&self, natural: u32) -> u32 {
        match self.class {
            class::NONE => natural,
            class::SCALAR | class::BLOCK if self.mantissa == 23 => {
                // A fixed grid: as many bits as its largest code.
                ((self.max_bits >> 23) as i32 - 127 - self.lsb_min + 1) as u32
            }
            class::SCALAR | class::BLOCK => self.mantissa + 1,
            _ => self.significand,
        }
    }
}

fn grid(op: Op, layout: &Layout, scale: i32) -> Op {
    let times_scale = |max: f32| max.to_bits().wrapping_add_signed(scale << 23);
    match *layout {
        Layout::Float { mantissa, bias, max } => Op {
            class: class::SCALAR,
            mantissa,
            lsb_min: 1 - bias - mantissa as i32 + scale,
            max_bits: times_scale(max),
            ..op
        },
        Layout::Integer { bits } => Op {
            class: class::SCALAR,
            mantissa: 23,
            lsb_min: scale,
            max_bits: times_scale(((1u32 << (bits - 1)) - 1) as f32),
            ..op
        },
        Layout::Identity | Layout::Block { .. } => op,
    }
}

/// How the operands of a projection are cut into pieces whose products are exact in f32: at most 24 bits together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cuts {
    /// Significant bits of each piece of x and of G, the largest piece first.
    pub x: Vec<u32>,
    pub g: Vec<u32>,
    /// Pieces (of x, of G) that are multiplied, the largest product first. What is left out is below the last bit.
    pub products: Vec<(usize, usize)>,
}

impl Cuts {
    /// Nothing to multiply, nothing to cut.
    pub fn whole() -> Cuts {
        Cuts { x: vec![24], g: vec![24], products: vec![(0, 0)] }
    }

    /// For operands of `x` and `g` significant bits, each at most 24.
    pub fn new(x: u32, g: u32) -> Cuts {
        let pieces = |bits: u32, width: u32| vec![width.min(bits); bits.div_ceil(width) as usize];
        if x > 16 && g > 16 {
            // The product of the two small pieces is below the last bit of the sum.
            return Cuts { x: vec![12; 2], g: vec![12; 2], products: vec![(0, 0), (0, 1), (1, 0)] };
        }
        let (x, g) = match (x <= 16, x + g <= 24) {
            (_, true) => (vec![x], vec![g]),
            (true, _) => (vec![x], pieces(g, 24 - x)),
            (false, _) => (pieces(x, 24 - g), vec![g]),
        };
        let products = (0..x.len()).flat_map(|i| (0..g.len()).map(move |j| (i, j))).collect();
        Cuts { x, g, products }
    }
}
