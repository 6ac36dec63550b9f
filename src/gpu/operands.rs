//! What a launch multiplies: operations on covariates and on the sketch, and the components of their results.

use crate::format::{QuantOp, WHOLE};
use crate::plan::ProblemPoint;

/// Operations of one dispatch of draw or sketch: their counters lie in workgroup memory.
const OPS: usize = 32;

/// An operation on x or on G, and the components that its results are cut into.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SplitOp {
    pub op: QuantOp,
    /// Index into [`ProblemPoint::sketches`]; 0 for x.
    pub draw: usize,
    pub components: u32,
    /// Significant bits of each component.
    pub bits: u32,
    /// Index of the first component.
    pub first: u32,
}

impl SplitOp {
    /// Whether one scale serves a whole vector: all of its panels are measured before the first is quantized.
    pub fn is_whole(&self) -> bool {
        self.op.shares() && self.op.block == WHOLE
    }

    /// Loop iterations for a slice of 128 columns in draw and sketch.
    fn loops(&self) -> u64 {
        12 + 4 * u64::from(self.components)
    }

    /// The parameters of a kernel that applies it.
    pub fn words(&self) -> impl Iterator<Item = u32> {
        let op: Vec<u32> = bytemuck::cast_slice(&[self.op]).to_vec();
        op.into_iter().chain([self.components, self.bits])
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

/// Index of the operation with this splitting, added where it is new.
fn position(list: &mut Vec<SplitOp>, op: QuantOp, draw: usize, significands: &[u32]) -> usize {
    let components = significands.len() as u32;
    // A single component is the value as it is.
    let bits = if components == 1 { 24 } else { significands[0] };
    let same = |have: &SplitOp| (have.op, have.draw, have.components, have.bits) == (op, draw, components, bits);
    list.iter().position(same).unwrap_or_else(|| {
        list.push(SplitOp { op, draw, components, bits, first: components_of(list) });
        list.len() - 1
    })
}

pub fn components_of(list: &[SplitOp]) -> u32 {
    list.iter().map(|op| op.components).sum()
}

/// What the pairs multiply.
#[derive(Default)]
pub struct Operands {
    pub data: Vec<SplitOp>,
    pub sketch: Vec<SplitOp>,
    pub pairs: Vec<PairAt>,
    pub products: Vec<[u32; 3]>,
}

pub fn operands(point: &ProblemPoint) -> Operands {
    let mut all = Operands::default();
    for (index, pair) in point.pairs.iter().enumerate() {
        let data = position(&mut all.data, pair.data, 0, &pair.splitting.x);
        let sketch = position(&mut all.sketch, pair.sketch, pair.draw, &pair.splitting.g);
        let (x, g, first) = (all.data[data].first, all.sketch[sketch].first, all.products.len() as u32);
        let rows = point.rows(index);
        all.products.extend(pair.splitting.products.iter().map(|&(i, j)| [x + i as u32, g + j as u32, rows]));
        let products = all.products.len() as u32 - first;
        all.pairs.push(PairAt { data: data as u32, sketch: sketch as u32, first, products });
    }
    all
}

/// Loop iterations of a slice of 128 columns, operations included; a dispatch has at most [`OPS`].
pub fn slice_loops(ops: &[SplitOp]) -> u64 {
    14 + ops.chunks(OPS).map(|ops| ops.iter().map(SplitOp::loops).sum()).max().unwrap_or(0)
}

/// Chunks of at most [`OPS`] operations: (index of the first, the chunk).
pub fn chunks(ops: &[SplitOp]) -> impl Iterator<Item = (u32, &[SplitOp])> {
    ops.chunks(OPS).enumerate().map(|(chunk, ops)| ((chunk * OPS) as u32, ops))
}

pub fn first_component(ops: &[SplitOp]) -> u32 {
    ops.first().map_or(0, |op| op.first)
}

/// Consecutive operations of one draw: (index of the first, the operations).
pub fn runs(ops: &[SplitOp], draw: usize) -> impl Iterator<Item = (u32, &[SplitOp])> {
    let groups = ops.chunk_by(|a, b| a.draw == b.draw);
    let at = groups.scan(0, |at, group| Some((std::mem::replace(at, *at + group.len() as u32), group)));
    at.filter(move |(_, group)| group[0].draw == draw)
}
