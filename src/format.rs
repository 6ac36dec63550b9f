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
    /// `size` consecutive elements share a power of two, the floor of the block's largest exponent less `emax`.
    Block { element: &'static Layout, emax: i32, size: u32 },
}

/// One number format.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Format {
    /// The name in a config.
    pub name: &'static str,
    pub layout: Layout,
    /// The specification that defines it.
    pub source: &'static str,
}

const E2M1: Layout = Layout::Float { mantissa: 1, bias: 1, max: 6.0 };

/// All formats, in the order `--help` and error messages list them.
pub const FORMATS: &[Format] = &[
    Format { name: "fp32", layout: Layout::Identity, source: "IEEE 754-2019, binary32" },
    Format {
        name: "e4m3",
        layout: Layout::Float { mantissa: 3, bias: 7, max: 448.0 },
        source: "OCP 8-bit Floating Point Specification 1.0, E4M3",
    },
    Format { name: "int8", layout: Layout::Integer { bits: 8 }, source: "two's complement, symmetric, fixed step" },
    Format {
        name: "mxfp4",
        layout: Layout::Block { element: &E2M1, emax: 2, size: 32 },
        source: "OCP Microscaling Formats Specification 1.0, MXFP4",
    },
];

/// The row of that name.
pub fn format(name: &str) -> Option<&'static Format> {
    FORMATS.iter().find(|format| format.name == name)
}

/// How a value between two codes is rounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Rounding {
    /// To the nearest code, ties to the even one.
    NearestEven = 0,
    /// Up with the probability of the discarded fraction, cut to 32 bits (IEEE P3109, StochasticA).
    Stochastic = 1,
}

impl Rounding {
    pub const ALL: [Rounding; 2] = [Rounding::NearestEven, Rounding::Stochastic];

    pub fn name(self) -> &'static str {
        match self {
            Rounding::NearestEven => "nearest-even",
            Rounding::Stochastic => "stochastic",
        }
    }
}

/// What a recipe asks for at a site.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Spec {
    /// `scale` is the step of an integer format and the power of two a float format is multiplied by.
    Format { format: &'static Format, scale: f64, rounding: Rounding },
    /// u + sqrt(eps) n with a standard normal n per element (the additive model of low-precision theory).
    Additive { eps: f64 },
}

impl Spec {
    /// The text of the column `<site>`: the name, then the options that are not defaults.
    pub fn canonical(&self) -> String {
        match self {
            Spec::Format { format, scale, .. } => match format.layout {
                Layout::Integer { .. } => format!("{} step={scale}", format.name),
                _ if *scale != 1.0 => format!("{} scale={scale}", format.name),
                _ => format.name.to_string(),
            },
            Spec::Additive { eps } => format!("additive eps={eps} law=gaussian"),
        }
    }

    /// The text of the column `<site>_rounding`; laws have none.
    pub fn rounding(&self) -> Option<&'static str> {
        match self {
            Spec::Format { rounding, .. } => Some(rounding.name()),
            Spec::Additive { .. } => None,
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
}

/// A site's operation as plain words: the reference, the fast CPU code and the shaders read the same.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Pod, Zeroable)]
pub struct Op {
    /// One of [`class`].
    pub class: u32,
    /// `Rounding as u32`.
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
    /// f32 bits of the standard deviation of an additive law.
    pub noise: u32,
    /// The result of a law is rounded to this many significant bits.
    pub significand: u32,
    /// The result is divided by 2^unit: integer codes, not values, go through the projection.
    pub unit: i32,
    /// Purpose word of the site's random words.
    pub purpose: u32,
    /// The site has counters.
    pub counted: u32,
}

impl Op {
    /// The operation of a site no recipe sets.
    pub fn none() -> Op {
        Op { significand: 24, ..Op::zeroed() }
    }

    /// The operation of `spec` at `site`.
    pub fn new(spec: Option<&Spec>, site: Site) -> Op {
        let purpose = crate::random::site_purpose(site as u32);
        let none = Op { purpose, ..Op::none() };
        match spec {
            None => none,
            Some(Spec::Additive { eps }) => Op {
                class: class::ADDITIVE,
                noise: (eps.sqrt() as f32).to_bits(),
                significand: match site {
                    Site::Data => 16,
                    Site::Sketch => 8,
                    _ => 24,
                },
                ..none
            },
            Some(Spec::Format { format, scale, rounding }) => {
                let scale = libm::ilogb(*scale);
                let op = Op { rounding: *rounding as u32, counted: 1, ..none };
                match format.layout {
                    Layout::Identity => none,
                    Layout::Block { element, emax, size } => {
                        Op { class: class::BLOCK, emax, block: size, ..grid(op, element, 0) }
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
