//! What a cohort draws that its risk depends on, and the moments of the features that follow from it.

use super::gram::Gram;
use crate::cpu::clean_sketch;
use crate::plan::{Cohort, Plan, ProblemPoint, SketchDraw};
use crate::problem::{self, Eigenvalues, sketch_norm};
use crate::random::Stream;
use crate::watch::Watch;

/// The spectrum H and one cohort's target w* and clean sketch, before any quantizer.
pub struct Truth<'a> {
    pub point: &'a ProblemPoint,
    pub stream: Stream,
    /// Of H, D of them.
    pub eigenvalues: Eigenvalues,
    /// w*, length D.
    pub target: Vec<f64>,
}

/// Second moments of the unquantized features z = S x of one model size and of the label y = <w*, x> + noise. Full
/// precision SGD and the exact risk depend on nothing else.
#[derive(Clone, Debug, PartialEq)]
pub struct Moments {
    /// Sigma = S H S^T + (tau/M) I, tau being the variance of a closed tail; row-major M x M.
    pub sigma: Vec<f64>,
    /// b = S H w*, length M.
    pub b: Vec<f64>,
    /// E <w*, x>^2 = w*^T H w*, and what a closed tail adds to it.
    pub energy: f64,
    /// Variance of the label noise: sigma^2, not sigma.
    pub noise: f64,
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

    /// The moments of model size `model`, in f64 up to the rounding of its sums; `None` for sizes that no draw of
    /// the point serves, and without a sketch for any but D.
    pub fn moments(&self, model: u32) -> Option<Moments> {
        let (problem, lambda, m) = (&self.point.problem, &self.eigenvalues.lambda, model as usize);
        let explained: f64 = lambda.iter().zip(&self.target).map(|(lambda, w)| lambda * w * w).sum();
        let (energy, noise) = (explained + self.point.tail.label, problem.noise * problem.noise);
        if !problem.is_sketched() {
            if m != lambda.len() {
                return None;
            }
            let mut sigma = vec![0.0; m * m];
            (0..m).for_each(|j| sigma[j * m + j] = lambda[j]);
            let b = lambda.iter().zip(&self.target).map(|(lambda, w)| lambda * w).collect();
            return Some(Moments { sigma, b, energy, noise });
        }
        let draw = &self.point.sketches[self.point.draw_of(model)?];
        let Gram { lower, b } = Gram::new(lambda, &self.target, &self.draw(draw), m, &Watch::default()).ok()?;
        let (norm, mut sigma) = (sketch_norm(problem, model), vec![0.0; m * m]);
        for j in 0..m {
            for k in 0..=j {
                sigma[j * m + k] = lower[j * m + k] / norm;
                sigma[k * m + j] = sigma[j * m + k];
            }
            sigma[j * m + j] += self.point.tail.features / f64::from(model);
        }
        Some(Moments { sigma, b: b.iter().map(|b| b / norm.sqrt()).collect(), energy, noise })
    }
}
