//! The clean sketch and the quantized one. Twin of shaders/sketch.wgsl.

use crate::codec::{apply, flush48, round_significand};
use crate::format::QuantOp;
use crate::plan::SketchDraw;
use crate::problem::Sketch;
use crate::random::normal::normal;
use crate::random::{Purpose, Stream};
use crate::site::Counts;

/// Entry (row, column) of the unit-variance sketch G on 8 significant bits, or of the file's S.
pub fn entry(sketch: &Sketch, draw: &SketchDraw, stream: &Stream, row: u32, column: u32) -> f32 {
    let bits = match sketch {
        Sketch::File(input) => input.values[row as usize * input.shape[1] + column as usize].to_bits(),
        _ => {
            let word = stream.word_of_pass(column, row, Purpose::Sketch as u32, draw.pass);
            round_significand(normal(word).to_bits(), 8)
        }
    };
    f32::from_bits(flush48(bits))
}

/// Qsketch(G), row by row, with the counts of each row.
pub fn sketch(
    op: &QuantOp,
    kind: &Sketch,
    draw: &SketchDraw,
    stream: &Stream,
    dim: u32,
) -> impl Iterator<Item = (Vec<f32>, Counts)> {
    (0..draw.rows).map(move |j| {
        let mut values: Vec<f32> = (0..dim).map(|i| entry(kind, draw, stream, j, i)).collect();
        // A shared draw serves the whole of G.
        let second = if op.one_draw != 0 { 0 } else { j };
        let counts = apply(op, &mut values, |i| stream.word(i as u32, second, op.purpose));
        (values, counts)
    })
}
