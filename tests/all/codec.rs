//! The codec against oracles that know nothing of it: lists of every value of a format, exact arithmetic, and other
//! people's libraries.

mod absmax;
mod blocks;
mod edges;
mod four_over_six;
mod laws;
mod libraries;
mod list;
mod lists;
mod posit;
mod random;
mod tables;
mod two_level;
mod unsigned;
mod vector;

use roundlaw::codec::{Rounded, quantize};
use roundlaw::format::{Direction, QuantOp, Quantizer, Rounding, format};

/// A format by name with its defaults; integers get the step 1.
fn quantizer(name: &str) -> Quantizer {
    Quantizer::new(format(name).unwrap_or_else(|| panic!("no format {name}")))
}

fn with_direction(name: &str, direction: Direction) -> Quantizer {
    Quantizer { rounding: Rounding::new(direction), ..quantizer(name) }
}

/// What becomes of one value that shares no scale.
fn one(quantizer: &Quantizer, x: f32) -> Rounded {
    quantize(&QuantOp::of(quantizer), x.to_bits(), 0, 0)
}

fn value(rounded: Rounded) -> f32 {
    f32::from_bits(rounded.bits)
}

/// Directions without random bits.
const FIXED: [Direction; 5] =
    [Direction::NearestEven, Direction::NearestAway, Direction::TowardZero, Direction::Up, Direction::Down];
