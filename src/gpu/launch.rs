//! What a launch is: some cohorts of one problem point, block by block.

use super::device::Context;
use super::kernels::Variant;
use super::operands::Operand;
use super::params::Head;
use super::shapes::{Shapes, Tuning};
use super::slice::SLICE_OPS;
use super::train::layout::Layout;
use crate::plan::{Phase, Plan, ProblemPoint, Trajectory};
use crate::watch::Watch;

/// Operations on covariates that each have a pipeline of draw alone, at most: more would draw the covariates too often.
const ALONE: usize = 3;

/// Cohorts of one problem point that run together, and how.
#[derive(Clone, Copy)]
pub struct Launch<'a> {
    pub context: &'a Context,
    pub variant: Variant,
    /// Whether runs, and operations on covariates, have pipelines of their own.
    pub own: bool,
    pub plan: &'a Plan,
    pub point: &'a ProblemPoint,
    pub shapes: &'a Shapes,
    /// The seed index of each slot.
    pub seeds: &'a [u32],
    pub tuning: Tuning,
    /// Whether the sums for exact risks take the strict form, where the device makes them.
    pub strict_gram: bool,
    /// Asked before every dispatch, told after every block.
    pub watch: &'a Watch,
}

/// Samples that lie on the device together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Block {
    pub first: u64,
    pub samples: u64,
}

/// Whether a point's operations on covariates may have pipelines of their own.
pub fn may_stand_alone(data_ops: &[Operand]) -> bool {
    data_ops.len() <= ALONE
}

impl Launch<'_> {
    /// What the parameters of its dispatches start with.
    pub fn head(&self) -> Head {
        Head::of(self.plan.config.sweep.seed)
    }

    /// The pipeline that trains a trajectory in a phase.
    pub fn train_variant(&self, t: &Trajectory, phase: &Phase) -> Variant {
        if !self.own {
            return self.variant;
        }
        let layout = Layout::of(self.plan, t, self.context.subgroup());
        Variant::of_runs(t, &phase.ops, self.plan.average, layout, self.variant.strict)
    }

    /// Operations of a dispatch of draw, at most.
    pub fn draw_ops(&self) -> usize {
        if self.own && may_stand_alone(&self.shapes.data_ops) { 1 } else { SLICE_OPS as usize }
    }

    /// The pipeline of draw for these operations.
    pub fn draw_variant(&self, ops: &[Operand]) -> Variant {
        match ops {
            [alone] if self.draw_ops() == 1 => Variant::of_op(alone.split, self.variant.strict),
            _ => self.variant,
        }
    }

    pub fn blocks(&self) -> impl Iterator<Item = Block> {
        let (all, most) = (self.point.samples, u64::from(self.shapes.samples));
        (0..all).step_by(most as usize).map(move |first| Block { first, samples: most.min(all - first) })
    }
}
