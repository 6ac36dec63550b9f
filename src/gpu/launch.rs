//! What a launch is: some cohorts of one problem point, block by block.

use super::device::Context;
use super::kernels::Variant;
use super::params::Head;
use super::shapes::{Shapes, Tuning};
use crate::plan::{Plan, ProblemPoint, Trajectory};
use crate::watch::Watch;

/// Cohorts of one problem point that run together, and how.
#[derive(Clone, Copy)]
pub struct Launch<'a> {
    pub context: &'a Context,
    pub variant: Variant,
    /// Whether runs of train are grouped by pipelines of their own.
    pub own: bool,
    pub plan: &'a Plan,
    pub point: &'a ProblemPoint,
    pub shapes: &'a Shapes,
    /// The seed index of each slot.
    pub seeds: &'a [u32],
    pub tuning: Tuning,
    /// Asked before every dispatch, told after every block.
    pub watch: &'a Watch,
}

/// Samples that lie on the device together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Block {
    pub first: u64,
    pub samples: u64,
}

impl Launch<'_> {
    /// What the parameters of its dispatches start with.
    pub fn head(&self) -> Head {
        Head::of(self.plan.config.sweep.seed)
    }

    /// The pipeline that trains a trajectory.
    pub fn train_variant(&self, t: &Trajectory) -> Variant {
        if self.own { Variant::of(t, self.plan.average, self.variant.strict) } else { self.variant }
    }

    pub fn blocks(&self) -> impl Iterator<Item = Block> {
        let (all, most) = (self.point.samples, u64::from(self.shapes.samples));
        (0..all).step_by(most as usize).map(move |first| Block { first, samples: most.min(all - first) })
    }
}
