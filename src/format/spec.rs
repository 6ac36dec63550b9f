//! What a recipe asks for at a site: a format with its options, or an idealised law.

use super::{Float, Format, Layout, Nan, Overflow, Rounding, ScaleMode, Sharing, Subnormals, WHOLE};

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
        self.scale.to_bits() << 12 == 0
    }

    /// The name, then the options that are not defaults.
    fn canonical(&self) -> String {
        let default = Quantizer::new(self.format);
        let mut text = self.format.name.to_string();
        let mut add = |option: String| text += &format!(" {option}");
        if let (Layout::Float(own), Layout::Float(usual)) = (self.layout, default.layout) {
            float_options(&own, &usual).into_iter().for_each(|(key, value)| add(format!("{key}={value}")));
        }
        if let (Layout::Logarithmic { roots, bias, .. }, true) = (self.layout, self.layout != default.layout) {
            add(format!("roots={roots} bias={bias}"));
        }
        match (self.layout, self.sharing) {
            (Layout::Integer { .. }, Some(_)) => add("step=absmax".into()),
            (Layout::Integer { .. }, None) => {
                add(format!("step={}", self.scale));
                if !self.is_power_of_two() {
                    add("times=reciprocal".into());
                }
            }
            _ if self.scale != 1.0 => add(format!("scale={}", self.scale)),
            _ => {}
        }
        if let Layout::Integer { full: true, .. } = self.layout {
            add("range=full".into());
        }
        if let (Some(sharing), Some(usual)) = (self.sharing, default.sharing) {
            if sharing.size != usual.size {
                add(format!("block={}", block_name(sharing.size)));
            }
            if sharing.mode != usual.mode {
                add(format!("scale_mode={}", sharing.mode.name()));
            }
        }
        if self.tensor_scale != 1.0 {
            add(format!("tensor_scale={}", self.tensor_scale));
        }
        if self.overflow != default.overflow {
            add(format!("overflow={}", self.overflow.name()));
        }
        if self.nan != default.nan {
            add(format!("nan={}", self.nan.name()));
        }
        if self.subnormals != default.subnormals {
            add(format!("subnormals={}", self.subnormals.name()));
        }
        text
    }
}

/// The options of a float format that differ from another's, with the words of a config.
pub fn float_options(own: &Float, usual: &Float) -> Vec<(&'static str, String)> {
    let mut options = Vec::new();
    if own.bias != usual.bias {
        options.push(("bias", own.bias.to_string()));
    }
    if own.specials != usual.specials {
        options.push(("specials", own.specials.name().to_string()));
    }
    if own.gradual != usual.gradual {
        options.push(("gradual_underflow", own.gradual.to_string()));
    }
    options
}

/// A block's size in a config: a number, or `vector`.
pub fn block_name(size: u32) -> String {
    if size == WHOLE { "vector".into() } else { size.to_string() }
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
            Spec::Format(quantizer) => quantizer.canonical(),
            Spec::Noise { noise, eps, law, shared } => {
                let batch = if *shared { " shared_batch=true" } else { "" };
                format!("{} eps={eps} law={}{batch}", noise.name(), law.name())
            }
        }
    }

    /// The text of the column `<site>_rounding`; laws have none.
    pub fn rounding(&self) -> Option<String> {
        match self {
            Spec::Format(quantizer) => Some(quantizer.rounding.canonical()),
            Spec::Noise { .. } => None,
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
            Layout::Logarithmic { bits, roots, bias } => {
                let value = |code: i32| scale * libm::exp2(f64::from(code - bias) / f64::from(roots));
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
