//! The codec against oracles that know nothing of it: lists of every value of a format, exact arithmetic, and other
//! people's libraries.

#[path = "codec/blocks.rs"]
mod blocks;
#[path = "codec/edges.rs"]
mod edges;
#[path = "codec/laws.rs"]
mod laws;
#[path = "codec/libraries.rs"]
mod libraries;
#[path = "codec/list.rs"]
mod list;
#[path = "codec/lists.rs"]
mod lists;
#[path = "codec/random.rs"]
mod random;
#[path = "codec/tables.rs"]
mod tables;

use roundlaw::codec::{Rounded, quantize};
use roundlaw::format::{Direction, Op, Quantizer, Rounding, format};

/// A format by name with its defaults; integers get the step 1.
fn quantizer(name: &str) -> Quantizer {
    Quantizer::new(format(name).unwrap_or_else(|| panic!("no format {name}")))
}

fn with_direction(name: &str, direction: Direction) -> Quantizer {
    Quantizer { rounding: Rounding::new(direction), ..quantizer(name) }
}

/// What becomes of one value that shares no scale.
fn one(quantizer: &Quantizer, x: f32) -> Rounded {
    quantize(&Op::of(quantizer), x.to_bits(), 0, 0)
}

fn value(rounded: Rounded) -> f32 {
    f32::from_bits(rounded.bits)
}

/// Directions without random bits.
const FIXED: [Direction; 5] =
    [Direction::NearestEven, Direction::NearestAway, Direction::TowardZero, Direction::Up, Direction::Down];
