//! A site's operation as plain words, and the precision of its results.

use super::{
    Classes, Coding, Direction, Element, Float, Layout, Nan, Noise, Overflow, Quantizer, SCALE_MANTISSA, ScaleMode,
    Sharing, Spec, Specials, Subnormals, class, policy,
};
use crate::site::{Grids, Site};
use crate::twin::twin;

twin! {
    /// A site's operation as plain words: the reference, the fast CPU code and the shaders read the same.
    #[derive(Eq, Hash)]
    pub struct QuantOp {
        /// One of [`class`].
        pub kind: u32,
        /// `Direction as u32` of a format, `Law as u32` of a noise.
        pub rounding: u32,
        /// Stored significand bits below the leading one; 23 for a fixed grid. Of roots of two: the base factor.
        pub mantissa: i32,
        /// Exponent of the smallest step: every value is a multiple of 2^lsb_min (2^(lsb_min + s) in a block of scale
        /// s). Of roots of two: the code of 1.
        pub lsb_min: i32,
        /// f32 bits of the largest magnitude (before a block's scale).
        pub max_bits: u32,
        /// Codes of the largest magnitude, without sign, of a positive and of a negative number.
        pub max_code: u32,
        pub min_code: u32,
        /// Bits of a code with its sign.
        pub width: u32,
        /// `Specials as u32`.
        pub specials: u32,
        /// Bits of [`policy`].
        pub policy: u32,
        /// A block of largest exponent E gets the scale 2^(E - emax). Of a two-level format: the exponent of the smallest
        /// step of a block's scale.
        pub emax: i32,
        /// Elements that share a scale, or [`super::WHOLE`].
        pub block: u32,
        /// Added to the significand of a block's largest magnitude before the exponent is read. Of a two-level format:
        /// the code of the largest scale of a block, which that of NaN follows.
        pub scale_add: u32,
        /// f32 bits: the standard deviation of a law, the reciprocal of a step, and what takes a block's largest
        /// magnitude to its scale where that is no power of two.
        pub factor: u32,
        /// f32 bits: the step, or the scale of the tensor, 1 where there is none.
        pub step: u32,
        /// The result has at most this many significant bits; that of a law is rounded to them.
        pub significand: u32,
        /// The result is divided by 2^unit: integer codes, not values, go through the projection.
        pub unit: i32,
        /// Purpose word of the site's random words.
        pub purpose: u32,
        /// One draw serves the whole vector, or the whole batch.
        pub one_draw: u32,
        /// Places by which a random word is shifted down: it keeps its top bits.
        pub random_shift: u32,
    }
}

impl QuantOp {
    /// The operation of a site no recipe sets.
    pub const fn none() -> QuantOp {
        QuantOp {
            kind: class::NONE,
            rounding: 0,
            mantissa: 0,
            lsb_min: 0,
            max_bits: 0,
            max_code: 0,
            min_code: 0,
            width: 32,
            specials: 0,
            policy: 0,
            emax: 0,
            block: 0,
            scale_add: 0,
            factor: 0,
            step: 0,
            significand: 24,
            unit: 0,
            purpose: 0,
            one_draw: 0,
            random_shift: 0,
        }
    }

    /// The operation of `spec` at `site`; `grids` are those of its problem.
    pub fn new(spec: Option<&Spec>, site: Site, grids: Grids) -> QuantOp {
        let purpose = crate::random::site_purpose(site);
        let none = QuantOp { purpose, ..QuantOp::none() };
        match spec {
            None => none,
            Some(Spec::Noise { noise, eps, law, shared }) => QuantOp {
                kind: if *noise == Noise::Additive { class::ADDITIVE } else { class::RELATIVE },
                rounding: *law as u32,
                factor: (eps.sqrt() as f32).to_bits(),
                significand: grids.at(site),
                one_draw: u32::from(*shared || *noise == Noise::Multiplicative && !site.is_scalar()),
                ..none
            },
            Some(Spec::Format(quantizer)) => {
                let op = QuantOp { purpose, ..QuantOp::of(quantizer) };
                // A power-of-two step at the covariates leaves the codes to the projection.
                let codes = op.kind == class::SCALAR && op.policy & policy::INTEGER != 0 && site == Site::Data;
                QuantOp { unit: if codes { op.lsb_min } else { 0 }, ..op }
            }
        }
    }

    /// The operation of a format outside of any site.
    pub fn of(quantizer: &Quantizer) -> QuantOp {
        let rounding = quantizer.rounding;
        let set = |bit: u32, when: bool| if when { bit } else { 0 };
        let policy = set(policy::OVERFLOWS, quantizer.overflow == Overflow::Ieee)
            | set(policy::SATFINITE, quantizer.nan == Nan::Satfinite)
            | set(policy::FLUSHES, quantizer.subnormals == Subnormals::Flush)
            | set(policy::FOUR_OVER_SIX, quantizer.four_over_six)
            // Subtractive dither takes the middle of the interval that the random bits stand for.
            | set(policy::ZERO_MEAN, rounding.zero_mean || rounding.direction == Direction::Dither);
        let op = QuantOp {
            rounding: rounding.direction as u32,
            random_shift: 32 - rounding.bits,
            policy,
            width: quantizer.layout.width(),
            ..QuantOp::none()
        };
        let op = laid_out(op, quantizer);
        let dithered = rounding.direction == Direction::Dither && op.kind == class::SCALAR;
        // The random bits and the half behind them; the one more code of two's complement is a power of two, and its
        // dither goes beyond. What counts from a zero point has the bits of its larger side.
        let beyond = u32::from(op.min_code != op.max_code && !op.has(policy::OFFSET));
        QuantOp { significand: op.significand + if dithered { rounding.bits + 1 + beyond } else { 0 }, ..op }
    }

    /// With other scales of the tensor: S, which takes its values to codes, and g, which takes them back. A block of
    /// largest magnitude A gets the scale nearest fl(A m), m = fl(S fl(1/L)) for the largest element L.
    pub fn with_tensor_scale(self, encode: f32, decode: f32) -> QuantOp {
        // A power of two times the bits of a block's scale and those of an element.
        let exact = decode.to_bits() << 9 == 0;
        let significand = if exact { self.mantissa as u32 + 1 + SCALE_MANTISSA + 1 } else { 24 };
        let factor = (encode * (1.0 / f32::from_bits(self.max_bits))).to_bits();
        QuantOp { factor, step: decode.to_bits(), significand, ..self }
    }

    /// With the scales that take the largest magnitudes of two-level blocks to 4, not to 6.
    pub fn to_four(&self) -> QuantOp {
        QuantOp { policy: self.policy | policy::TO_FOUR, ..*self }
    }

    pub fn is_set(&self) -> bool {
        self.kind != class::NONE
    }

    /// Formats have counters, laws do not.
    pub fn is_counted(&self) -> bool {
        !matches!(self.kind, class::NONE | class::ADDITIVE | class::RELATIVE)
    }

    /// What a pipeline must know to do it.
    pub fn classes(&self) -> Classes {
        match self.kind {
            class::NONE | class::SCALAR | class::BLOCK | class::ADDITIVE | class::RELATIVE => Classes::GRIDS,
            class::POSIT => Classes::POSIT,
            _ => Classes::SCALED,
        }
    }

    /// Whether elements share a scale along the vector.
    pub fn shares(&self) -> bool {
        matches!(self.kind, class::BLOCK | class::TWO_LEVEL | class::ABSMAX)
    }

    /// Whether elements need random words.
    pub fn draws(&self) -> bool {
        let random = self.rounding == Direction::Stochastic as u32 || self.rounding == Direction::Dither as u32;
        matches!(self.kind, class::ADDITIVE | class::RELATIVE) || self.is_counted() && random
    }

    /// Whether that bit of [`policy`] is set.
    pub fn has(&self, bit: u32) -> bool {
        self.policy & bit != 0
    }

    /// Significant bits of a result at `data` or `sketch`, where an unset site leaves `natural` bits.
    pub fn precision(&self, natural: u32) -> u32 {
        if self.kind == class::NONE { natural } else { self.significand }
    }
}

/// The words of `op` that the layout decides.
fn laid_out(op: QuantOp, quantizer: &Quantizer) -> QuantOp {
    let scale = libm::ilogb(quantizer.scale);
    match quantizer.layout {
        Layout::Identity => QuantOp { kind: class::NONE, ..op },
        Layout::Coded(Coding { class: kind, limits: (max_code, min_code), specials, policy, significand, .. }) => {
            let (specials, policy) = (specials as u32, op.policy | policy);
            QuantOp { kind, max_code, min_code, specials, policy, significand, ..op }
        }
        Layout::Float(float) => minifloat(op, &float, scale),
        Layout::Integer { bits, full } => match quantizer.sharing {
            Some(sharing) => {
                // The largest code has the emax.
                let op = integer(op, bits, full, 0);
                shared(op, sharing, libm::ilogbf(f32::from_bits(op.max_bits)))
            }
            None => stepped(quantizer, |unit| integer(op, bits, full, unit)),
        },
        Layout::Unsigned { bits, zero_point } => stepped(quantizer, |unit| unsigned(op, bits, zero_point, unit)),
        Layout::Logarithmic { bits, base_factor, bias } => {
            let max_code = (1 << (bits - 1)) - 1;
            let one = bias - scale * base_factor as i32;
            let (kind, significand) = (class::LOGARITHMIC, if base_factor == 1 { 1 } else { 24 });
            QuantOp {
                kind,
                mantissa: base_factor as i32,
                lsb_min: one,
                max_code,
                min_code: max_code,
                significand,
                ..op
            }
        }
        Layout::Block { element, emax, size } => {
            let grid = match element {
                Element::Float(float) => minifloat(op, &float, 0),
                Element::Integer { bits, unit } => integer(op, bits, false, unit),
            };
            shared(grid, quantizer.sharing.unwrap_or(Sharing::of(size)), emax)
        }
        Layout::TwoLevel { element, scale, size } => {
            let block = quantizer.sharing.unwrap_or(Sharing::of(size)).size;
            let (emax, scale_add) = (scale.float().lsb(), scale.float().max_code());
            let op = QuantOp { kind: class::TWO_LEVEL, emax, block, scale_add, ..minifloat(op, &element, 0) };
            // The constant g of a recipe, and S = fl(1/g) (NVIDIA Transformer Engine, NVFP4 quantization).
            let g = quantizer.tensor_scale;
            op.with_tensor_scale((1.0 / g).min(f32::MAX), g)
        }
    }
}

fn minifloat(op: QuantOp, float: &Float, scale: i32) -> QuantOp {
    let max_code = float.max_code();
    let underflow = if float.gradual { 0 } else { policy::ABRUPT };
    let zeros = if float.specials == Specials::Fnuz { policy::ONE_ZERO } else { 0 };
    QuantOp {
        kind: class::SCALAR,
        mantissa: float.mantissa as i32,
        lsb_min: float.lsb() + scale,
        max_bits: (libm::ldexp(float.max(), scale) as f32).to_bits(),
        max_code,
        min_code: max_code,
        specials: float.specials as u32,
        policy: op.policy | underflow | zeros,
        significand: float.mantissa + 1,
        ..op
    }
}

fn integer(op: QuantOp, bits: u32, full: bool, unit: i32) -> QuantOp {
    let max_code = (1u32 << (bits - 1)) - 1;
    QuantOp {
        kind: class::SCALAR,
        mantissa: 23,
        lsb_min: unit,
        max_bits: (libm::ldexp(max_code.into(), unit) as f32).to_bits(),
        max_code,
        min_code: max_code + u32::from(full),
        policy: op.policy | policy::INTEGER | policy::ONE_ZERO,
        significand: bits - 1,
        ..op
    }
}

/// Codes count from the most negative number.
fn unsigned(op: QuantOp, bits: u32, zero_point: u32, unit: i32) -> QuantOp {
    let max_code = (1u32 << bits) - 1 - zero_point;
    let op = integer(op, bits, false, unit);
    QuantOp {
        max_bits: (libm::ldexp(max_code.into(), unit) as f32).to_bits(),
        max_code,
        min_code: zero_point,
        policy: op.policy | policy::OFFSET,
        significand: 32 - max_code.max(zero_point).leading_zeros(),
        ..op
    }
}

/// Whole numbers of steps: `of_unit` has those of 2^unit.
fn stepped(quantizer: &Quantizer, of_unit: impl Fn(i32) -> QuantOp) -> QuantOp {
    if quantizer.is_power_of_two() {
        return of_unit(libm::ilogb(quantizer.scale));
    }
    let step = quantizer.scale as f32;
    let (factor, step) = ((1.0 / step).to_bits(), step.to_bits());
    QuantOp { kind: class::STEP, factor, step, significand: 24, ..of_unit(0) }
}

/// A grid whose blocks share a power of two, or the f32 of their largest magnitudes.
fn shared(op: QuantOp, sharing: Sharing, emax: i32) -> QuantOp {
    if sharing.mode == ScaleMode::Absmax {
        let (factor, step) = ((1.0 / f32::from_bits(op.max_bits)).to_bits(), 1f32.to_bits());
        return QuantOp { kind: class::ABSMAX, block: sharing.size, factor, step, significand: 24, ..op };
    }
    let (scale_add, emax) = sharing.mode.addend(f32::from_bits(op.max_bits), emax, op.significand - 1);
    let policy = op.policy | if sharing.mode == ScaleMode::Nearest { policy::EVEN_SCALE } else { 0 };
    QuantOp { kind: class::BLOCK, emax, block: sharing.size, scale_add, policy, ..op }
}
