//! What the options of a format allow one another.

use strum::VariantArray as _;

use super::option::is_power_of_two;
use super::{Direction, Float, Layout, Quantizer};

/// Whether values are rounded to codes at all: `fp32` leaves them as they are.
pub(super) fn has_codes(q: &Quantizer) -> bool {
    q.layout != Layout::Identity
}

/// Whether the format's class defines that direction.
pub(super) fn knows(q: &Quantizer, direction: Direction) -> bool {
    !matches!(q.layout, Layout::Coded(coding) if !coding.directions.contains(&direction))
}

/// The most random bits with which value and dither together are exact in f32; `None` where there is no dither.
pub(super) fn dither_bits(q: &Quantizer) -> Option<u32> {
    match (q.layout, q.sharing) {
        (Layout::Integer { bits, full }, None) => Some(24 - bits - u32::from(full)),
        (Layout::Unsigned { bits, .. }, None) => Some(23 - bits),
        _ => None,
    }
}

/// Whether the direction fits, and what is allowed, where a format does not know them all.
pub(super) fn direction_limits(q: &Quantizer) -> Option<(bool, String)> {
    let direction = q.rounding.direction;
    let refused = |allowed: &str| Some((false, format!("another rounding: {allowed}")));
    match (direction, q.layout, dither_bits(q)) {
        (_, Layout::Coded(_), _) => {
            let known = Direction::VARIANTS.iter().filter(|direction| knows(q, **direction));
            let names: Vec<&str> = known.map(|direction| direction.name()).collect();
            Some((knows(q, direction), names.join(", ")))
        }
        (Direction::Dither, _, None) => refused("dither is for integers with a fixed step"),
        (Direction::Dither, _, Some(..8)) => refused("so many bits of a code leave no room for 8 random ones in f32"),
        _ => None,
    }
}

/// Whether a scale is a power of two from 2^least to 2^most.
pub(super) fn is_scale(scale: f64, least: i32, most: i32) -> bool {
    scale > 0.0 && is_power_of_two(scale) && (least..=most).contains(&libm::ilogb(scale))
}

/// Exponents of the smallest and the largest scale. Every scaled value of a float is an f32.
pub(super) fn scales(layout: &Layout) -> (i32, i32) {
    match layout {
        Layout::Float(float) => ((-149 - float.lsb()).max(-32), (127 - libm::ilogb(float.max())).min(32)),
        _ => (-32, 32),
    }
}

/// The bias of a layout that has one.
pub(super) fn bias(layout: &mut Layout) -> Option<&mut i32> {
    match layout {
        Layout::Float(Float { bias, .. }) | Layout::Logarithmic { bias, .. } => Some(bias),
        _ => None,
    }
}

/// The smallest and the largest bias with which every value is an f32.
pub(super) fn biases(q: &Quantizer) -> (i32, i32) {
    match q.layout {
        Layout::Float(float) => float.biases(),
        Layout::Logarithmic { bits, base_factor, .. } => {
            // A scale that is none is told apart from this.
            let (least, most) = scales(&q.layout);
            let scale = if is_scale(q.scale, least, most) { libm::ilogb(q.scale) } else { 0 };
            // Codes 1 to the largest lie in 2^-126 to below 2^128, scaled.
            let (n, largest) = (base_factor as i32, (1 << (bits - 1)) - 1);
            (largest - n * (128 - scale) + 1, 1 + n * (126 + scale))
        }
        _ => (0, 0),
    }
}

/// Factor and bias of a logarithmic format stand together in a column where one of them is set.
pub(super) fn is_other_logarithm(q: &Quantizer) -> bool {
    matches!(q.layout, Layout::Logarithmic { .. }) && q.layout != q.format.layout
}
