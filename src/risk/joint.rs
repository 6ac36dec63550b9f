//! The joint law of features and labels given the sketch, from which `sampling = "feature"` draws them.

use std::sync::Arc;

use super::evaluator::Evaluator;
use super::gram::{Gram, PackedGram};
use super::truth::Truth;
use crate::codec::flush48;
use crate::error::Result;
use crate::plan::{ProblemPoint, SketchDraw};
use crate::problem;
use crate::random::Stream;
use crate::watch::Watch;

/// What one draw of the sketch makes of standard normals n and n' in place of covariates x.
///
/// With L and u = L^-1 G H w* as the exact risk has them, p = L n has the law of G x, a closed tail in it, and y = <u_1 ..
/// u_M, n> + e_M n' the law of the label given the first M of p: x is normal, so that given p the label is normal of a mean
/// linear in p, and of a variance that p does not change.
pub struct JointLaw {
    /// L, row-major with as many columns as rows, in f32 with the floor.
    pub factor: Vec<f32>,
    /// u in components of 8 significant bits whose sum it is, the largest first.
    pub coefficients: Vec<Vec<f32>>,
    /// e_M = f32(sqrt(sigma^2 + approximation of M)), of M from 1 on.
    deviations: Vec<f32>,
}

impl JointLaw {
    /// Those of every draw of a point's sketch, each with the sums that it comes from; none where covariates are drawn.
    ///
    /// # Errors
    /// [`crate::Error::Incomplete`] where the watch asks to end.
    pub fn all(point: &ProblemPoint, stream: &Stream, watch: &Watch) -> Result<Vec<(JointLaw, PackedGram)>> {
        let Some(truth) = Truth::new(point, *stream).filter(|_| point.problem.draws_features()) else {
            return Ok(Vec::new());
        };
        let of_draw = |draw: &SketchDraw| {
            let (problem, eigenvalues, target) = (&point.problem, &truth.eigenvalues, &truth.target);
            let gram = Gram::new(&eigenvalues.lambda, target, &truth.draw(draw), draw.rows as usize, watch)?;
            let packed = PackedGram::of(&gram);
            let evaluator = Evaluator::new(problem, point.tail, eigenvalues, target, Some(gram), watch)?;
            Ok((JointLaw::new(&evaluator, problem.noise), packed))
        };
        point.sketches.iter().map(of_draw).collect()
    }

    fn new(evaluator: &Evaluator, noise: f64) -> JointLaw {
        let floor = |value: f64| f32::from_bits(flush48((value as f32).to_bits()));
        let Evaluator { factor, y, model, .. } = evaluator;
        let entry = |(at, l): (usize, &f64)| if at % model <= at / model { floor(*l) } else { 0.0 };
        let u: Vec<f32> = y.iter().map(|u| *u as f32).collect();
        let deviations = evaluator.approximations().map(|least| floor((noise * noise + least).sqrt())).collect();
        let factor = factor.iter().enumerate().map(entry).collect();
        JointLaw { factor, coefficients: problem::components(&u, &[8; 3]), deviations }
    }

    /// Rows of L: the largest model size of the draw.
    pub fn rows(&self) -> usize {
        self.deviations.len()
    }

    /// e_M.
    pub fn deviation(&self, model: u32) -> f32 {
        self.deviations[model as usize - 1]
    }
}

impl PackedGram {
    /// The sums of one draw.
    pub fn of(gram: &Gram) -> PackedGram {
        let model = gram.b.len();
        let mut values = Vec::with_capacity(PackedGram::sums(model));
        (0..model).for_each(|j| values.extend(&gram.lower[j * model..=j * model + j]));
        values.extend(&gram.b);
        PackedGram::new(Arc::new(values), 0, model)
    }
}
