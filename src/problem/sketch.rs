//! The sketch in numbers.

use super::{Problem, Sketch};

/// The features of model size M are the sketch's over the root of this: M, or for a file M over its rows.
pub fn sketch_norm(problem: &Problem, model: u32) -> f64 {
    match &problem.sketch {
        Sketch::Gaussian { .. } => f64::from(model),
        Sketch::None => 1.0,
        Sketch::File(input) => f64::from(model) / input.shape[0] as f64,
    }
}
