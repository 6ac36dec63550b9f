//! What a launch multiplies: operations on covariates and on the sketch, and the components of their results.

use super::in_words::{Product, SplitOp};
use super::slice::SLICE_OPS;
use crate::format::{QuantOp, WHOLE};
use crate::plan::ProblemPoint;

/// Loops of draw for a slice but for its operations, and those for them: a test counts the shader's. Iterations of a
/// loop include its last test, which some devices count towards their limit.
pub const SLICE_LOOPS: usize = 5;
pub const OPERATION_LOOPS: usize = 5;
/// Iterations of a loop over the four elements that a lane has of a slice.
const FOUR: u64 = 4 + 1;

/// What x or G becomes under an operation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Operand {
    pub split: SplitOp,
    /// Index into [`ProblemPoint::projected_on`]; 0 for x.
    pub draw: usize,
    /// Index of the first component.
    pub first: u32,
}

impl Operand {
    /// Whether one scale serves a whole vector: all of its panels are measured before the first is quantized.
    pub fn is_whole(&self) -> bool {
        self.split.op.shares() && self.split.op.block == WHOLE
    }

    /// Loop iterations for a slice in draw and sketch: operations, offers to blocks, clearing, elements, components.
    fn loops(&self) -> u64 {
        let loops: [u64; OPERATION_LOOPS] = [1, FOUR, 2, FOUR, 4 * (1 + u64::from(self.split.components))];
        loops.iter().sum()
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
fn position(list: &mut Vec<Operand>, op: QuantOp, draw: usize, significands: &[u32]) -> usize {
    let components = significands.len() as u32;
    // A single component is the value as it is.
    let bits = if components == 1 { 24 } else { significands[0] };
    let split = SplitOp { op, components, bits };
    list.iter().position(|have| (have.split, have.draw) == (split, draw)).unwrap_or_else(|| {
        list.push(Operand { split, draw, first: components_of(list) });
        list.len() - 1
    })
}

pub fn components_of(list: &[Operand]) -> u32 {
    list.iter().map(|operand| operand.split.components).sum()
}

/// What the pairs multiply.
#[derive(Default)]
pub struct Operands {
    pub data: Vec<Operand>,
    pub sketch: Vec<Operand>,
    pub pairs: Vec<PairAt>,
    pub products: Vec<Product>,
}

pub fn operands(point: &ProblemPoint) -> Operands {
    let mut all = Operands::default();
    for (index, pair) in point.pairs.iter().enumerate() {
        let data = position(&mut all.data, pair.data, 0, &pair.splitting.x);
        let sketch = position(&mut all.sketch, pair.sketch, point.projects_on(pair), &pair.splitting.g);
        let (x, g, first) = (all.data[data].first, all.sketch[sketch].first, all.products.len() as u32);
        let rows = point.rows(index);
        let product = |&(i, j): &(usize, usize)| Product { x: x + i as u32, g: g + j as u32, rows };
        all.products.extend(pair.splitting.products.iter().map(product));
        let products = all.products.len() as u32 - first;
        all.pairs.push(PairAt { data: data as u32, sketch: sketch as u32, first, products });
    }
    all
}

/// Loop iterations of a slice in draw: slices, covariates, their largest magnitude, components of w*, products with
/// each; then operations, of which a dispatch has at most [`SLICE_OPS`].
pub fn slice_loops(ops: &[Operand], target_components: u32) -> u64 {
    let targets = u64::from(target_components);
    let loops: [u64; SLICE_LOOPS] = [1, FOUR, FOUR, 1 + targets, FOUR * targets];
    let of_ops = ops.chunks(SLICE_OPS as usize).map(|ops| 1 + ops.iter().map(Operand::loops).sum::<u64>());
    loops.iter().sum::<u64>() + of_ops.max().unwrap_or(1)
}

/// Chunks of at most so many operations: (index of the first, the chunk).
pub fn chunks(ops: &[Operand], most: usize) -> impl Iterator<Item = (u32, &[Operand])> {
    (0..).step_by(most).zip(ops.chunks(most))
}

pub fn first_component(ops: &[Operand]) -> u32 {
    ops.first().map_or(0, |op| op.first)
}

/// Consecutive operations of one draw: (index of the first, the operations).
pub fn runs(ops: &[Operand], draw: usize) -> impl Iterator<Item = (u32, &[Operand])> {
    let groups = ops.chunk_by(|a, b| a.draw == b.draw);
    let at = groups.scan(0, |at, group| Some((std::mem::replace(at, *at + group.len() as u32), group)));
    at.filter(move |(_, group)| group[0].draw == draw)
}
