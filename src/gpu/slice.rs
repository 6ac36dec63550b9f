//! What draw and sketch have in common: a panel of columns, and the operations on it. Twin of shaders/slice.wgsl.

use bytemuck::Zeroable;

use super::operands::{Operand, first_component};
use super::params::Tail;
use crate::format::QuantOp;
use crate::twin::{constants, members, twin};

constants! {
    /// Invocations that share the elements of a vector.
    pub const LANES: u32 = 32;
    /// Columns of four words of each lane; the projection's sums are slice by slice.
    pub const SLICE: u32 = 128;
    /// Operations of one dispatch, at most: their tallies lie in workgroup memory.
    pub const SLICE_OPS: u32 = 32;
}

members!(QuantOp {
    class: u32 => kind: u32,
    rounding: u32,
    // A small number, which the codec's shaders compare with exponents.
    mantissa: u32 => mantissa: i32,
    lsb_min: i32,
    max_bits: u32,
    max_code: u32,
    min_code: u32,
    width: u32,
    specials: u32,
    policy: u32,
    emax: i32,
    block: u32,
    scale_add: u32,
    factor: u32,
    step: u32,
    significand: u32,
    unit: i32,
    purpose: u32,
    shared: u32 => one_draw: u32,
    random_shift: u32,
});

twin! {
    /// An operation, and the components that its results are cut into.
    pub struct SplitOp {
        pub op: QuantOp,
        pub components: u32,
        /// Significant bits of each component.
        pub bits: u32,
    }
}

twin! {
    /// Columns of the vectors of a launch, and what becomes of them.
    pub struct Panel {
        pub dim: u32,
        /// Column.
        pub first: u32,
        /// A multiple of [`SLICE`].
        pub columns: u32,
        /// Of a slot: samples, or rows of the sketch.
        pub vectors: u32,
        pub slots: u32,
        pub is_first: u32,
        pub ops: u32,
        pub ops_at: u32,
        pub seeds_at: u32,
        /// Number of the first operation in the counts.
        pub first_op: u32,
        /// Number of its first component in the results.
        pub first_component: u32,
        /// Words of a vector in the results, and where the panel's first column lies there.
        pub stride: u32,
        pub place: u32,
        /// First word of the largest magnitudes behind the counts.
        pub maxima_at: u32,
        /// 1 where the dispatch takes largest magnitudes only.
        pub measures: u32,
    }
}

/// What a dispatch does to its vectors.
#[derive(Clone, Copy)]
pub enum Task<'a> {
    /// Takes their largest magnitudes.
    Measure,
    /// Quantizes by operations, the first of which has number `first`.
    Quantize { first: u32, ops: &'a [Operand] },
}

impl<'a> Task<'a> {
    pub fn ops(self) -> &'a [Operand] {
        match self {
            Task::Measure => &[],
            Task::Quantize { ops, .. } => ops,
        }
    }
}

impl Panel {
    /// The members that a task decides, the others 0; its lists join the tail.
    pub fn under(task: Task, seeds: &[u32], tail: &mut Tail) -> Panel {
        let splits: Vec<SplitOp> = task.ops().iter().map(|operand| operand.split).collect();
        Panel {
            ops: splits.len() as u32,
            ops_at: tail.append(&splits),
            seeds_at: tail.append(seeds),
            first_op: if let Task::Quantize { first, .. } = task { first } else { 0 },
            first_component: first_component(task.ops()),
            measures: u32::from(matches!(task, Task::Measure)),
            ..Panel::zeroed()
        }
    }

    /// Vectors of all slots.
    pub fn cells(&self) -> u64 {
        u64::from(self.vectors) * u64::from(self.slots)
    }

    /// Words of the results up to the last component of a task.
    pub fn component_words(&self, task: Task) -> u64 {
        let components: u32 = task.ops().iter().map(|operand| operand.split.components).sum();
        u64::from(self.first_component + components) * self.cells() * u64::from(self.stride)
    }

    /// Words of the counts with the largest magnitudes.
    pub fn count_words(&self) -> u64 {
        u64::from(self.maxima_at) + self.cells()
    }
}
