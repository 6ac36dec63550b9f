//! What the updates of a run have in common: the operations of its sites, and the step size.

use super::grid::Cell;
use crate::config::{Config, Schedule};
use crate::error::{Error, Result};
use crate::format::QuantOp;
use crate::site::Site;
use crate::twin::twin;

/// Operations of the sites that a trajectory applies itself; data, sketch and feature are shared. Kernels read them in
/// this order.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, bytemuck::Pod, bytemuck::Zeroable)]
pub struct TrainOps {
    pub label: QuantOp,
    pub parameter: QuantOp,
    pub activation: QuantOp,
    pub gradient: QuantOp,
    pub weight: QuantOp,
    pub feature_grad: QuantOp,
}

impl TrainOps {
    pub fn new(op: impl Fn(Site) -> QuantOp) -> TrainOps {
        TrainOps {
            label: op(Site::Label),
            parameter: op(Site::Parameter),
            activation: op(Site::Activation),
            gradient: op(Site::Gradient),
            weight: op(Site::Weight),
            feature_grad: op(Site::FeatureGrad),
        }
    }

    /// Each operation with its site, in the order of the members.
    pub fn by_site(&self) -> [(Site, &QuantOp); 6] {
        let TrainOps { label, parameter, activation, gradient, weight, feature_grad } = self;
        [
            (Site::Label, label),
            (Site::Parameter, parameter),
            (Site::Activation, activation),
            (Site::Gradient, gradient),
            (Site::Weight, weight),
            (Site::FeatureGrad, feature_grad),
        ]
    }
}

twin! {
    /// c_t = gamma_t / B of every update t.
    pub struct StepSize {
        /// f32(gamma/B), the step of update 0.
        pub first: f32,
        /// Updates between halvings; `u32::MAX` when the step stays.
        pub stage: u32,
    }
}

impl StepSize {
    /// That of a cell. Error: the last step falls below 2^-48.
    pub(super) fn new(config: &Config, cell: &Cell) -> Result<StepSize> {
        let updates = (cell.samples / u64::from(cell.batch)) as f64;
        let step = cell.step_size / f64::from(cell.batch);
        let stage = match config.train.schedule {
            Schedule::Constant => u32::MAX,
            Schedule::Geometric if updates < 2.0 => 1,
            Schedule::Geometric => (updates / libm::log2(updates)).ceil() as u32,
        };
        let halvings = ((updates - 1.0) / f64::from(stage)).floor() as i32;
        if libm::ldexp(step, -halvings) < libm::ldexp(1.0, -48) {
            return Err(Error::Input(format!(
                "{} = {:?}: with batch {} and {} samples the last step over the batch is below 2^-48; \
                 allowed are larger steps, smaller batches or fewer samples",
                config.key("train.step_size"),
                cell.step_size,
                cell.batch,
                cell.samples
            )));
        }
        Ok(StepSize { first: step as f32, stage })
    }

    /// c_t = fl(gamma_t / B) of an update t of the cell: halving is exact, for no step of it is below 2^-48.
    #[inline(always)]
    pub fn at(&self, t: u32) -> f32 {
        f32::from_bits(self.first.to_bits() - ((t / self.stage) << 23))
    }
}
