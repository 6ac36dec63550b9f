//! The table of number formats, and what a site of the simulated step does to a value.
//!
//! A format is one row of [`FORMATS`], or any `eXmY` by name; everything else here is derived from it.

pub mod binary32;
mod classes;
mod constants;
mod law;
mod layout;
mod layout_options;
mod limits;
mod op;
mod option;
mod options;
mod quantizer;
mod rounding;
mod spec;
mod splitting;

use std::sync::LazyLock;

pub use classes::Classes;
pub use constants::{class, direction, policy};
pub use law::{LAW_OPTIONS, Law, LawOptions, Noise};
pub use layout::{Coding, Element, Float, Layout, MAX_BASE_FACTOR, NO_CODE, SCALE_MANTISSA, ScaleFormat, Specials};
pub use op::QuantOp;
pub use option::{Allowed, Kind, OptionRow, Setting, Unset, applying, by_kind, number};
pub use options::{FORMAT_OPTIONS, block_name, usual};
pub use quantizer::Quantizer;
pub use rounding::{BLOCK_SIZES, Direction, Nan, Overflow, Rounding, ScaleMode, Sharing, Subnormals, WHOLE};
pub use spec::{Range, Spec};
pub use splitting::Splitting;

/// One number format.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Format {
    /// The name in a config.
    pub name: &'static str,
    #[doc(hidden)]
    pub layout: Layout,
    /// Unless the config says otherwise.
    #[doc(hidden)]
    pub overflow: Overflow,
    /// The specification that defines it.
    pub source: &'static str,
}

impl Format {
    /// How it rounds unless the config says otherwise.
    #[doc(hidden)]
    pub fn rounding(&self) -> Rounding {
        match self.layout {
            Layout::Coded(coding) => Rounding::new(coding.directions[0]),
            _ => Rounding::NEAREST_EVEN,
        }
    }

    /// Formats without a zero cannot stand at a site.
    pub fn has_zero(&self) -> bool {
        !matches!(self.layout, Layout::Coded(coding) if !coding.zero)
    }
}

/// With the bias of IEEE 754 and subnormal numbers.
const fn float(exponent: u32, mantissa: u32, specials: Specials) -> Float {
    Float { exponent, mantissa, bias: (1 << (exponent - 1)) - 1, specials, gradual: true }
}

const E4M3: Float = float(4, 3, Specials::Nan);
const E5M2: Float = float(5, 2, Specials::Ieee);
/// A bias of one more lets the largest code reach as far as an infinity would.
const E4M3FNUZ: Float = Float { bias: 8, ..float(4, 3, Specials::Fnuz) };
const E5M2FNUZ: Float = Float { bias: 16, ..float(5, 2, Specials::Fnuz) };
const E4M3B11FNUZ: Float = Float { bias: 11, ..float(4, 3, Specials::Fnuz) };
const E3M2: Float = float(3, 2, Specials::None);
const E2M3: Float = float(2, 3, Specials::None);
const E2M1: Float = float(2, 1, Specials::None);
/// Code c is 2^(c - 127), 255 is NaN. The nearest power of two is not defined alike everywhere, and no default.
const E8M0: Layout = Layout::Coded(Coding {
    class: class::EXPONENT,
    width: 8,
    limits: (254, 254),
    specials: Specials::Nan,
    policy: policy::OWN_SIGN,
    significand: 1,
    zero: false,
    directions: &[
        Direction::Down,
        Direction::Up,
        Direction::TowardZero,
        Direction::NearestEven,
        Direction::NearestAway,
    ],
    text: "8 exponent bits, bias 127",
});

/// The codes of negative numbers are those of two's complement, and NaR, which is not a real number, is the code of their
/// sign alone. Of the directions the standard has the nearest, and says which code that is where two are as near.
const fn posit(name: &'static str, width: u32, text: &'static str) -> Format {
    use Direction::{Down, NearestEven, Stochastic, TowardZero, Up};
    let largest = (1 << (width - 1)) - 1;
    let coding = Coding {
        class: class::POSIT,
        width,
        limits: (largest, largest),
        specials: Specials::Fnuz,
        policy: policy::INTEGER | policy::ONE_ZERO,
        // Around 1 the regime has two bits.
        significand: width - 4,
        zero: true,
        directions: &[NearestEven, Stochastic, TowardZero, Up, Down],
        text,
    };
    // An infinity becomes NaR.
    ieee(name, Layout::Coded(coding), "Posit Standard (2022)")
}

const fn saturating(name: &'static str, layout: Layout, source: &'static str) -> Format {
    Format { name, layout, overflow: Overflow::Saturate, source }
}

const fn ieee(name: &'static str, layout: Layout, source: &'static str) -> Format {
    Format { name, layout, overflow: Overflow::Ieee, source }
}

const fn mx(element: Float, emax: i32) -> Layout {
    Layout::Block { element: Element::Float(element), emax, size: 32 }
}

const fn integer(name: &'static str, bits: u32) -> Format {
    saturating(name, Layout::Integer { bits, full: false }, "two's complement times a step")
}

const fn unsigned(name: &'static str, bits: u32) -> Format {
    let layout = Layout::Unsigned { bits, zero_point: 0 };
    saturating(name, layout, "ONNX, QuantizeLinear: whole numbers with a zero point, times a step")
}

const fn logarithmic(name: &'static str, bits: u32, base_factor: u32) -> Format {
    let layout = Layout::Logarithmic { bits, base_factor, bias: 1 << (bits - 2) };
    saturating(name, layout, "logarithmic number system: powers of 2^(1/base_factor), and zero")
}

/// `bits` bits with the sign; the largest element of a block keeps them all (block floating point).
const fn shared_exponent(name: &'static str, bits: u32) -> Format {
    let layout = Layout::Block { element: Element::Integer { bits, unit: 2 - bits as i32 }, emax: 0, size: 16 };
    saturating(name, layout, "block floating point: one exponent for a block, symmetric two's complement mantissas")
}

/// All formats with a row, in the order `--help` and error messages list them.
pub const FORMATS: &[Format] = &[
    saturating("fp32", Layout::Identity, "IEEE 754-2019, binary32"),
    ieee("tf32", Layout::Float(float(8, 10, Specials::Ieee)), "binary32 with 10 mantissa bits"),
    ieee("bf16", Layout::Float(float(8, 7, Specials::Ieee)), "the upper half of binary32"),
    ieee("f16", Layout::Float(float(5, 10, Specials::Ieee)), "IEEE 754-2019, binary16"),
    saturating("e5m2", Layout::Float(E5M2), "OCP 8-bit Floating Point Specification 1.0, E5M2"),
    saturating("e4m3", Layout::Float(E4M3), "OCP 8-bit Floating Point Specification 1.0, E4M3"),
    saturating("e5m2fnuz", Layout::Float(E5M2FNUZ), "Noune et al., arXiv 2206.02915, 1.5.2 with a bias of 16"),
    saturating("e4m3fnuz", Layout::Float(E4M3FNUZ), "Noune et al., arXiv 2206.02915, 1.4.3 with a bias of 8"),
    saturating("e4m3b11fnuz", Layout::Float(E4M3B11FNUZ), "ml_dtypes, float8_e4m3b11fnuz"),
    saturating("e3m2", Layout::Float(E3M2), "OCP Microscaling Formats Specification 1.0, FP6 E3M2"),
    saturating("e2m3", Layout::Float(E2M3), "OCP Microscaling Formats Specification 1.0, FP6 E2M3"),
    saturating("e2m1", Layout::Float(E2M1), "OCP Microscaling Formats Specification 1.0, FP4 E2M1"),
    saturating("e8m0", E8M0, "OCP Microscaling Formats Specification 1.0, E8M0 scale"),
    integer("int16", 16),
    integer("int15", 15),
    integer("int14", 14),
    integer("int13", 13),
    integer("int12", 12),
    integer("int11", 11),
    integer("int10", 10),
    integer("int9", 9),
    integer("int8", 8),
    integer("int7", 7),
    integer("int6", 6),
    integer("int5", 5),
    integer("int4", 4),
    integer("int3", 3),
    integer("int2", 2),
    unsigned("uint16", 16),
    unsigned("uint8", 8),
    unsigned("uint4", 4),
    unsigned("uint3", 3),
    unsigned("uint2", 2),
    posit("posit16", 16, "two's complement; regime, 2 exponent bits, up to 11 fraction bits"),
    posit("posit8", 8, "two's complement; regime, 2 exponent bits, up to 3 fraction bits"),
    logarithmic("log8", 8, 8),
    logarithmic("log6", 6, 4),
    logarithmic("log4", 4, 1),
    saturating("mxfp8", mx(E4M3, 8), "OCP Microscaling Formats Specification 1.0, MXFP8 with E4M3 elements"),
    saturating("mxfp8-e5m2", mx(E5M2, 15), "OCP Microscaling Formats Specification 1.0, MXFP8 with E5M2 elements"),
    saturating("mxfp6-e3m2", mx(E3M2, 4), "OCP Microscaling Formats Specification 1.0, MXFP6 with E3M2 elements"),
    saturating("mxfp6-e2m3", mx(E2M3, 2), "OCP Microscaling Formats Specification 1.0, MXFP6 with E2M3 elements"),
    saturating("mxfp4", mx(E2M1, 2), "OCP Microscaling Formats Specification 1.0, MXFP4"),
    saturating(
        "mxint8",
        Layout::Block { element: Element::Integer { bits: 8, unit: -6 }, emax: 0, size: 32 },
        "OCP Microscaling Formats Specification 1.0, MXINT8, symmetric",
    ),
    saturating(
        "nvfp4",
        Layout::TwoLevel { element: E2M1, scale: ScaleFormat::E4m3, size: 16 },
        "NVIDIA Transformer Engine, NVFP4 block scaling",
    ),
    shared_exponent("bfp16", 16),
    shared_exponent("bfp12", 12),
    shared_exponent("bfp8", 8),
    shared_exponent("bfp6", 6),
    shared_exponent("bfp4", 4),
];

/// Every `eXmY` without a row, 1 <= X <= 8 and 0 <= Y <= 22, as IEEE 754 would define it for those widths.
static OTHERS: LazyLock<Vec<Format>> = LazyLock::new(|| {
    let sizes = (1..=8).flat_map(|exponent| (0..=22).map(move |mantissa| (exponent, mantissa)));
    let mut formats = Vec::new();
    for (exponent, mantissa) in sizes {
        let name = format!("e{exponent}m{mantissa}");
        if FORMATS.iter().all(|format| format.name != name) {
            // Leaked once: a format's name lives as long as the table.
            let name: &'static str = Box::leak(name.into_boxed_str());
            let layout = Layout::Float(float(exponent, mantissa, Specials::Ieee));
            formats.push(ieee(name, layout, "the rules of IEEE 754-2019, 3.4"));
        }
    }
    formats
});

/// What `--help` and messages allow as a format.
pub fn names() -> String {
    let names: Vec<&str> = FORMATS.iter().map(|format| format.name).collect();
    names.join(", ") + ", or any eXmY with X = 1 to 8 exponent bits and Y = 0 to 22 mantissa bits"
}

/// The format of that name: a row of [`FORMATS`], or any eXmY.
///
/// # Examples
/// ```
/// use roundlaw::{FORMATS, format};
///
/// let e4m3 = format("e4m3").expect("a row of the table");
/// assert_eq!(e4m3.source, "OCP 8-bit Floating Point Specification 1.0, E4M3");
/// assert!(format("e3m4").is_some() && format("e9m3").is_none());
/// assert!(FORMATS.iter().any(|format| format.name == "nvfp4"));
/// ```
pub fn format(name: &str) -> Option<&'static Format> {
    FORMATS.iter().chain(OTHERS.iter()).find(|format| format.name == name)
}
