//! What a cohort draws that its risk depends on.

use crate::cpu::clean_sketch;
use crate::plan::{Cohort, Plan, ProblemPoint, SketchDraw};
use crate::problem::{self, Eigenvalues, sketch_norm};
use crate::random::Stream;

/// The spectrum H and one cohort's target w* and clean sketch, before any quantizer.
pub struct Truth<'a> {
    pub point: &'a ProblemPoint,
    pub stream: Stream,
    /// Of H, D of them.
    pub eigenvalues: Eigenvalues,
    /// w*, length D.
    pub target: Vec<f64>,
}

impl<'a> Truth<'a> {
    /// Draws w* of a cohort; `None` with covariates from a file, whose truth nobody knows, and for a point that the plan
    /// lacks.
    pub fn of(plan: &'a Plan, cohort: Cohort) -> Option<Truth<'a>> {
        Truth::new(plan.points.get(cohort.point)?, Stream::new(plan.config.sweep.seed, cohort.seed_index))
    }

    /// The same for a point and the stream of one seed index.
    pub fn new(point: &'a ProblemPoint, stream: Stream) -> Option<Truth<'a>> {
        if point.problem.covariates().is_some() {
            return None;
        }
        let eigenvalues = problem::eigenvalues(&point.problem);
        let target = problem::target(&point.problem, &eigenvalues, &stream);
        let target = problem::total(&target, point.problem.dim as usize);
        Some(Truth { point, stream, eigenvalues, target })
    }

    /// One clean draw of the sketch, row-major with D columns: G, or S of a file.
    pub fn draw(&self, draw: &SketchDraw) -> Vec<f32> {
        clean_sketch(self.point, draw, &self.stream)
    }

    /// S of model size `model` as the runs have it, row-major M x D; `None` without a sketch, where S = I, and for sizes
    /// that no draw of the point serves.
    pub fn sketch(&self, model: u32) -> Option<Vec<f64>> {
        let draw = &self.point.sketches[self.point.draw_of(model)?];
        let root = sketch_norm(&self.point.problem, model).sqrt();
        let unscaled = self.draw(draw);
        let own = unscaled.get(..model as usize * self.target.len())?;
        Some(own.iter().map(|g| f64::from(*g) / root).collect())
    }
}
