//! The sketch in numbers.

use super::{Problem, Sketch};
use crate::codec::{flush48, round_significand};
use crate::random::normal::normal;
use crate::random::{Purpose, Stream};

/// Entry (row, column) of the unit-variance sketch G on 8 significant bits, or of the file's S.
pub fn sketch_entry(sketch: &Sketch, stream: &Stream, pass: u32, row: u32, column: u32) -> f32 {
    let bits = match sketch {
        Sketch::File(input) => input.values[row as usize * input.shape[1] + column as usize].to_bits(),
        _ => {
            let word = stream.word_of_pass(column, row, Purpose::Sketch as u32, pass);
            round_significand(normal(word).to_bits(), 8)
        }
    };
    f32::from_bits(flush48(bits))
}

/// The features of model size M are the sketch's over the root of this: M, or for a file M over its rows.
pub fn sketch_norm(problem: &Problem, model: u32) -> f64 {
    match &problem.sketch {
        Sketch::Gaussian { .. } => f64::from(model),
        Sketch::None => 1.0,
        Sketch::File(input) => f64::from(model) / input.shape[0] as f64,
    }
}
