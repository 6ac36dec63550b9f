//! What a dispatch of draw or sketch does to its vectors.

use bytemuck::Zeroable;

use super::in_words::SplitOp;
use super::operands::{Operand, first_component};
use super::params::Tail;
use super::slice::Panel;

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
