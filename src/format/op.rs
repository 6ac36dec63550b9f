//! A site's operation as plain words, and how its results are cut for exact products.

use bytemuck::{Pod, Zeroable};

use super::{Direction, Layout, Noise, Overflow, Rounding, ScaleMode, Sharing, Spec};
use crate::row::Site;

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
    /// Elements that share a scale, or [`super::WHOLE`].
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
