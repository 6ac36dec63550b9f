//! What a recipe asks for at a site: a format with its options, or an idealised law.

use super::law::{LAW_OPTIONS, Law, LawOptions, Noise};
use super::option::{Kind, column, inline_table, short_table};
use super::options::FORMAT_OPTIONS;
use super::{Direction, Layout, Quantizer};

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

impl From<LawOptions> for Spec {
    fn from(options: LawOptions) -> Spec {
        let LawOptions { noise, eps, law, shared, per_sample: _ } = options;
        Spec::Noise { noise, eps, law, shared }
    }
}

impl Spec {
    /// The text of the column `<site>`: the name, then the options that are not defaults.
    pub fn canonical(&self) -> String {
        match self {
            Spec::Format(q) => q.format.name.to_string() + &column(FORMAT_OPTIONS, Kind::COLUMN, q, &q.usual()),
            &Spec::Noise { noise, eps, law, shared } => {
                let (own, usual) = (LawOptions::told(noise, eps, law, shared), LawOptions::new(shared));
                noise.name().to_string() + &column(LAW_OPTIONS, Kind::COLUMN, &own, &usual)
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

    /// Whether it rounds at random so that the mean of what comes out is what went in, but where it clips.
    pub fn is_unbiased(&self) -> bool {
        let is_random = |q: &Quantizer| matches!(q.rounding.direction, Direction::Stochastic | Direction::Dither);
        matches!(self, Spec::Format(quantizer) if is_random(quantizer))
    }

    /// The column `<site>_eps`: that of a law.
    pub fn eps(&self) -> Option<f64> {
        match *self {
            Spec::Format(_) => None,
            Spec::Noise { eps, .. } => Some(eps),
        }
    }

    /// The column `<site>_bits`: those of a format.
    pub fn bits(&self) -> Option<f64> {
        match self {
            Spec::Format(quantizer) => Some(quantizer.bits()),
            Spec::Noise { .. } => None,
        }
    }

    /// What the resolved config holds: `{ NAME = VALUE, ... }` with every option that has an effect.
    pub fn inline_table(&self) -> String {
        match self {
            Spec::Format(q) => inline_table(FORMAT_OPTIONS, q),
            &Spec::Noise { noise, eps, law, shared } => {
                inline_table(LAW_OPTIONS, &LawOptions::told(noise, eps, law, shared))
            }
        }
    }

    /// What a config may hold to the same effect: the name, or a table of it and of the options that are not defaults.
    pub fn short_table(&self) -> String {
        match self {
            // The other options of a rounding have defaults of its own.
            Spec::Format(q) => short_table(FORMAT_OPTIONS, q, |row| match row.name {
                "rounding" => Quantizer::new(q.format),
                _ => q.usual(),
            }),
            &Spec::Noise { noise, eps, law, shared } => {
                short_table(LAW_OPTIONS, &LawOptions::told(noise, eps, law, shared), |_| LawOptions::new(shared))
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
            // Of the side that reaches less far, unless it has nothing.
            Layout::Unsigned { bits, zero_point } => {
                let above = (1u32 << bits) - 1 - zero_point;
                let least = above.min(zero_point);
                let most = if least == 0 { above.max(zero_point) } else { least };
                Some(Range { min_normal: scale, max: scale * f64::from(most), significand: bits, fixed: true })
            }
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
