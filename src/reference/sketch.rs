//! The quantized sketch. Twin of shaders/sketch.wgsl.

use crate::codec::apply;
use crate::error::Result;
use crate::format::QuantOp;
use crate::plan::SketchDraw;
use crate::problem::{Sketch, sketch_entry};
use crate::random::Stream;
use crate::site::Counts;
use crate::watch::Watch;

/// Qsketch(G), row by row, with the counts of each row. A shared draw serves the whole of G.
pub fn sketch(
    op: &QuantOp,
    kind: &Sketch,
    draw: &SketchDraw,
    stream: &Stream,
    dim: u32,
    watch: &Watch,
) -> Result<(Vec<Vec<f32>>, Vec<Counts>)> {
    let row = |j: u32| {
        let mut values: Vec<f32> = (0..dim).map(|i| sketch_entry(kind, stream, draw.pass, j, i)).collect();
        let second = if op.one_draw != 0 { 0 } else { j };
        let counts = apply(op, &mut values, |i| stream.word(i as u32, second, op.purpose));
        watch.ask().map(|()| (values, counts))
    };
    let rows: Vec<_> = (0..draw.rows).map(row).collect::<Result<_>>()?;
    Ok(rows.into_iter().unzip())
}
