//! What a wave multiplies: operations on covariates and on the sketch, and the pieces of their results.

use crate::format::{Op, WHOLE};
use crate::plan::Point;

/// Operations of one dispatch of draw or sketch: their counters lie in workgroup memory.
const OPS: usize = 32;

/// An operation on x or on G, and the pieces that its results are cut into.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CutOp {
    pub op: Op,
    /// Index into [`Point::sketches`]; 0 for x.
    pub draw: usize,
    pub pieces: u32,
    /// Significant bits of each piece.
    pub bits: u32,
    /// Index of the first piece.
    pub first: u32,
}

impl CutOp {
    /// Whether one scale serves a whole vector: all of its panels are measured before the first is quantized.
    pub fn is_whole(&self) -> bool {
        self.op.shares() && self.op.block == WHOLE
    }

    /// Loop iterations for a slice of 128 columns in draw and sketch.
    fn loops(&self) -> u64 {
        12 + 4 * u64::from(self.pieces)
    }

    /// The parameters of a kernel that applies it.
    pub fn words(&self) -> impl Iterator<Item = u32> {
        let op: Vec<u32> = bytemuck::cast_slice(&[self.op]).to_vec();
        op.into_iter().chain([self.pieces, self.bits])
    }
}

/// Where a pair finds its operands and its products.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PairAt {
    /// Operation on covariates, and on the sketch.
    pub data: u32,
    pub sketch: u32,
    /// Index of its first product, and how many it has.
    pub first: u32,
    pub products: u32,
}

/// Index of the operation with these cuts, added where it is new.
fn position(list: &mut Vec<CutOp>, op: Op, draw: usize, cuts: &[u32]) -> usize {
    let pieces = cuts.len() as u32;
    // A single piece is the value as it is.
    let bits = if pieces == 1 { 24 } else { cuts[0] };
    let same = |have: &CutOp| (have.op, have.draw, have.pieces, have.bits) == (op, draw, pieces, bits);
    list.iter().position(same).unwrap_or_else(|| {
        list.push(CutOp { op, draw, pieces, bits, first: pieces_of(list) });
        list.len() - 1
    })
}

pub fn pieces_of(list: &[CutOp]) -> u32 {
    list.iter().map(|op| op.pieces).sum()
}

/// What the pairs multiply.
#[derive(Default)]
pub struct Operands {
    pub data: Vec<CutOp>,
    pub sketch: Vec<CutOp>,
    pub pairs: Vec<PairAt>,
    pub products: Vec<[u32; 3]>,
}

pub fn operands(point: &Point) -> Operands {
    let mut all = Operands::default();
    for (index, pair) in point.pairs.iter().enumerate() {
        let data = position(&mut all.data, pair.data, 0, &pair.cuts.x);
        let sketch = position(&mut all.sketch, pair.sketch, pair.draw, &pair.cuts.g);
        let (x, g, first) = (all.data[data].first, all.sketch[sketch].first, all.products.len() as u32);
        let rows = point.rows(index);
        all.products.extend(pair.cuts.products.iter().map(|&(i, j)| [x + i as u32, g + j as u32, rows]));
        let products = all.products.len() as u32 - first;
        all.pairs.push(PairAt { data: data as u32, sketch: sketch as u32, first, products });
    }
    all
}

/// Loop iterations of a slice of 128 columns, operations included; a dispatch has at most [`OPS`].
pub fn slice_loops(ops: &[CutOp]) -> u64 {
    14 + ops.chunks(OPS).map(|ops| ops.iter().map(CutOp::loops).sum()).max().unwrap_or(0)
}

/// Chunks of at most [`OPS`] operations: (index of the first, the chunk).
pub fn chunks(ops: &[CutOp]) -> impl Iterator<Item = (u32, &[CutOp])> {
    ops.chunks(OPS).enumerate().map(|(chunk, ops)| ((chunk * OPS) as u32, ops))
}

pub fn first_piece(ops: &[CutOp]) -> u32 {
    ops.first().map_or(0, |op| op.first)
}

/// Consecutive operations of one draw: (index of the first, the operations).
pub fn runs(ops: &[CutOp], draw: usize) -> impl Iterator<Item = (u32, &[CutOp])> {
    let groups = ops.chunk_by(|a, b| a.draw == b.draw);
    let at = groups.scan(0, |at, group| Some((std::mem::replace(at, *at + group.len() as u32), group)));
    at.filter(move |(_, group)| group[0].draw == draw)
}
