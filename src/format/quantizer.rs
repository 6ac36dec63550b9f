//! A format with its options.

use super::option::is_power_of_two;
use super::{Format, Layout, Nan, Overflow, Rounding, ScaleMode, Sharing, Subnormals, WHOLE};

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
    /// Of integers whose step follows from the largest magnitude, and of block formats, which without it have that of
    /// their layout.
    pub sharing: Option<Sharing>,
    /// The f32 that multiplies all of a two-level format.
    pub tensor_scale: f32,
    /// Whether a two-level block's largest magnitude goes to 6 or to 4, whichever leaves the smaller error (Cook et al.,
    /// "Four Over Six: More Accurate NVFP4 Quantization with Adaptive Block Scaling", arXiv 2512.02010).
    pub four_over_six: bool,
}

impl Quantizer {
    /// With the defaults of the format; integers get the step 1.
    pub fn new(format: &'static Format) -> Quantizer {
        Quantizer {
            format,
            layout: format.layout,
            scale: 1.0,
            rounding: format.rounding(),
            overflow: format.overflow,
            nan: Nan::Propagate,
            subnormals: Subnormals::Honour,
            sharing: format.layout.sharing(),
            tensor_scale: 1.0,
            four_over_six: false,
        }
    }

    /// Whether the step is a power of two; if not, values are multiplied by its reciprocal.
    pub fn is_power_of_two(&self) -> bool {
        is_power_of_two(self.scale)
    }

    /// Bits that a stored element takes: its own, and its share of the bits of a scale that a block has in common. A
    /// scale of all elements, or of a row of them, is too many elements' to count.
    pub fn bits(&self) -> f64 {
        let shared = self.sharing.filter(|sharing| sharing.size < WHOLE);
        let of_scale = |sharing: Sharing| if sharing.mode == ScaleMode::Absmax { 32.0 } else { 8.0 };
        f64::from(self.layout.width()) + shared.map_or(0.0, |sharing| of_scale(sharing) / f64::from(sharing.size))
    }

    /// The defaults of the format, and of the direction.
    pub(super) fn usual(&self) -> Quantizer {
        Quantizer { rounding: Rounding::new(self.rounding.direction), ..Quantizer::new(self.format) }
    }
}
