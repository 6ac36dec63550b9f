//! What a recipe asks for at a site: a format with its options, or an idealised law.

use super::law::{LAW_OPTIONS, LawOptions};
use super::limits::is_power_of_two;
use super::option::{Kind, column, inline_table};
use super::options::FORMAT_OPTIONS;
use super::{Format, Law, Layout, Nan, Noise, Overflow, Rounding, ScaleMode, Sharing, Subnormals};

/// A format with every option.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quantizer {
    pub format: &'static Format,
    /// That of the format, with what the recipe changed about it.
    pub layout: Layout,
    /// The step of an integer format and the power of two a float or logarithmic format is multiplied by.
    pub scale: f64,
    pub rounding: Rounding,
    pub overflow: Overflow,
    pub nan: Nan,
    pub subnormals: Subnormals,
    /// Of block formats, and of integers whose step follows from the largest magnitude.
    pub sharing: Option<Sharing>,
    /// The f32 that multiplies all of a two-level format.
    pub tensor_scale: f32,
}

impl Quantizer {
    /// With the defaults of the format; integers get the step 1.
    pub fn new(format: &'static Format) -> Quantizer {
        let sharing = format.layout.block().map(|size| Sharing { size, mode: ScaleMode::Floor });
        Quantizer {
            format,
            layout: format.layout,
            scale: 1.0,
            rounding: format.rounding(),
            overflow: format.overflow,
            nan: Nan::Propagate,
            subnormals: Subnormals::Honour,
            sharing,
            tensor_scale: 1.0,
        }
    }

    /// Whether the step is a power of two; if not, values are multiplied by its reciprocal.
    pub fn is_power_of_two(&self) -> bool {
        is_power_of_two(self.scale)
    }

    /// The defaults of the format, and of the direction.
    fn usual(&self) -> Quantizer {
        Quantizer { rounding: Rounding::new(self.rounding.direction), ..Quantizer::new(self.format) }
    }
}

/// What a recipe asks for at a site.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Spec {
    Format(Quantizer),
    /// An idealised law. `shared`: label, activation and gradient draw once per batch, not once per sample.
    Noise {
        noise: Noise,
        eps: f64,
        law: Law,
        shared: bool,
    },
}

impl Spec {
    /// The text of the column `<site>`: the name, then the options that are not defaults.
    pub fn canonical(&self) -> String {
        match self {
            Spec::Format(q) => q.format.name.to_string() + &column(FORMAT_OPTIONS, Kind::COLUMN, q, &q.usual()),
            &Spec::Noise { noise, eps, law, shared } => {
                let law = LawOptions { noise, eps, law, shared, per_sample: shared };
                noise.name().to_string() + &column(LAW_OPTIONS, Kind::COLUMN, &law, &LawOptions::new(law.per_sample))
            }
        }
    }

    /// The text of the column `<site>_rounding`: the direction, then the options that are not defaults. Laws have none.
    pub fn rounding(&self) -> Option<String> {
        match self {
            Spec::Format(q) => {
                let options = column(FORMAT_OPTIONS, &[Kind::Rounding], q, &q.usual());
                Some(q.rounding.direction.name().to_string() + &options)
            }
            Spec::Noise { .. } => None,
        }
    }

    /// What the resolved config holds: `{ NAME = VALUE, ... }` with every option that has an effect.
    pub fn inline_table(&self) -> String {
        match self {
            Spec::Format(q) => inline_table(FORMAT_OPTIONS, q),
            // A batch that shares a draw is told, where there is one draw per sample the option is left out.
            &Spec::Noise { noise, eps, law, shared } => {
                inline_table(LAW_OPTIONS, &LawOptions { noise, eps, law, shared, per_sample: shared })
            }
        }
    }

    /// Smallest normal value, largest value and relative precision (significand bits) of a fixed grid.
    pub fn range(&self) -> Option<Range> {
        let Spec::Format(quantizer) = self else { return None };
        let scale = quantizer.scale;
        match quantizer.layout {
            Layout::Float(float) => Some(Range {
                min_normal: scale * (2f64).powi(1 - float.bias),
                max: scale * float.max(),
                significand: float.mantissa + 1,
                fixed: false,
            }),
            Layout::Logarithmic { bits, base_factor, bias } => {
                let value = |code: i32| scale * libm::exp2(f64::from(code - bias) / f64::from(base_factor));
                let max = value((1 << (bits - 1)) - 1);
                Some(Range { min_normal: value(1), max, significand: 1, fixed: false })
            }
            Layout::Integer { bits, .. } if quantizer.sharing.is_none() => Some(Range {
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
