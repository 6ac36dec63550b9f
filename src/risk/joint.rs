//! The joint law of features and labels given the sketch, from which `sampling = "feature"` draws them.

use super::evaluator::Evaluator;
use super::gram::{Gram, PackedGram};
use super::truth::Truth;
use crate::codec::flush48;
use crate::error::Result;
use crate::plan::ProblemPoint;
use crate::problem::{self, Eigenvalues};
use crate::random::Stream;
use crate::watch::Watch;

/// What one draw of the sketch makes of standard normals n and n' in place of the coordinates of x behind the first K.
///
/// Of these coordinates, with L and u = L^-1 G H w* as the exact risk has them, L from G (H + eps I) G^T where x has noise
/// eps: p = L n has the law of G x, a closed tail in it, and y = <u_1 .. u_M, n> + e_M n' the law of the label given the first M of p: x is normal, so that given p the label is
/// normal of a mean linear in p, and of a variance that p does not change. A sample is x_1 .. x_K and then n.
#[derive(Clone)]
pub struct JointLaw {
    /// K.
    literal: usize,
    /// What stands for the sketch: row-major, K columns of it, then those of L; in f32 with the floor.
    pub factor: Vec<f32>,
    /// What stands for w*: K entries of it, then u; in components of 8 significant bits whose sum they are, the largest first.
    pub coefficients: Vec<Vec<f32>>,
    /// e_M = f32(sqrt(sigma^2 + what n leaves of the label's variance)), of M from 1 on.
    deviations: Vec<f32>,
}

impl JointLaw {
    /// Those of [`ProblemPoint::laws`], none where covariates are drawn; and by draw of the sketch the sums that they come
    /// from, where exact risks come from the same: where K is 0.
    ///
    /// # Errors
    /// [`crate::Error::Incomplete`] where the watch asks to end.
    pub fn all(point: &ProblemPoint, stream: &Stream, watch: &Watch) -> Result<(Vec<JointLaw>, Vec<PackedGram>)> {
        let problem = &point.problem;
        let Some(truth) = Truth::new(point, *stream).filter(|_| problem.draws_features()) else {
            return Ok((Vec::new(), Vec::new()));
        };
        let (mut laws, mut grams) = (vec![None; point.laws.len()], Vec::new());
        let (literal, dim) = (problem.literal() as usize, problem.dim as usize);
        let behind = Eigenvalues { lambda: truth.eigenvalues.lambda[literal..].to_vec(), scales: Vec::new() };
        let (head, target) = truth.target.split_at(literal);
        for (index, draw) in point.sketches.iter().enumerate() {
            let (rows, sketch) = (draw.rows as usize, truth.draw(draw));
            let columns: Vec<f32> = match literal {
                0 => Vec::new(),
                _ => sketch.chunks(dim).flat_map(|row| &row[literal..]).copied().collect(),
            };
            let columns = if literal == 0 { &sketch } else { &columns };
            let sums = |lambda: &[f64]| Gram::new(lambda, target, columns, rows, watch);
            let clean = sums(&behind.lambda)?;
            if literal == 0 {
                grams.push(PackedGram::of(&clean));
            }
            for (number, law) in point.laws.iter().enumerate().filter(|(_, law)| law.draw == index) {
                // Noise changes what features have in common with one another, not with the label.
                let noisy = || behind.lambda.iter().map(|lambda| lambda + law.added).collect::<Vec<f64>>();
                let lower = if law.added > 0.0 { sums(&noisy())?.lower } else { clean.lower.clone() };
                let gram = Gram { lower, b: clean.b.clone() };
                let evaluator = Evaluator::new(problem, point.tail, &behind, target, Some(gram), watch)?;
                let heads = sketch.chunks(dim).map(|row| &row[..literal]);
                laws[number] = Some(JointLaw::new(heads, head, &evaluator, problem.noise));
            }
        }
        Ok((laws.into_iter().flatten().collect(), grams))
    }

    fn new<'a>(sketch: impl Iterator<Item = &'a [f32]>, target: &[f64], evaluator: &Evaluator, noise: f64) -> JointLaw {
        let floor = |value: f64| f32::from_bits(flush48((value as f32).to_bits()));
        let Evaluator { factor, y, model, .. } = evaluator;
        let mut rows = Vec::new();
        for (j, (own, l)) in sketch.zip(factor.chunks(*model)).enumerate() {
            rows.extend_from_slice(own);
            rows.extend(l.iter().enumerate().map(|(k, l)| if k <= j { floor(*l) } else { 0.0 }));
        }
        let entries: Vec<f32> = target.iter().chain(y).map(|entry| *entry as f32).collect();
        let deviations = evaluator.approximations().map(|least| floor((noise * noise + least).sqrt())).collect();
        let coefficients = problem::components(&entries, &[8; 3]);
        JointLaw { literal: target.len(), factor: rows, coefficients, deviations }
    }

    /// Rows of L: the largest model size of the draw.
    pub fn rows(&self) -> usize {
        self.deviations.len()
    }

    /// K and as many as there are rows.
    pub fn columns(&self) -> usize {
        self.literal + self.rows()
    }

    /// Coordinates that the label of a model size reads.
    pub fn read_by(&self, model: u32) -> usize {
        self.literal + model as usize
    }

    /// e_M.
    pub fn deviation(&self, model: u32) -> f32 {
        self.deviations[model as usize - 1]
    }
}
