//! Features and labels given the sketch, by the definitions: a second computation beside that of
//! [`crate::risk::JointLaw`], which every adapter reads. No routine is common to both, the order of every sum is.

use super::project::components;
use super::risk::norm;
use super::sketch::sketch;
use super::truth::Truth;
use crate::codec::flush48;
use crate::error::Result;
use crate::format::QuantOp;
use crate::plan::{DrawnLaw, ProblemPoint};
use crate::random::Stream;
use crate::watch::Watch;

/// A pivot of at most this part of its diagonal entry adds no direction.
const DROPPED: f64 = 1.0 / (1u64 << 44) as f64;

/// Of one law, its draw of the sketch, and the coordinates behind the first K: p = L n, and y = <u, n> + e_M n'.
pub struct Joint {
    /// Row j of L up to its diagonal, in f64.
    exact: Vec<Vec<f64>>,
    /// Row j as it is used: K entries of the sketch, and those of L.
    pub factor: Vec<Vec<f32>>,
    /// K.
    literal: usize,
    /// K entries of w*, then u.
    entries: Vec<f32>,
    /// e_M, of M from 1.
    deviations: Vec<f32>,
}

/// A label: what it multiplies each coordinate by, piece by piece, and the deviation of its noise.
pub struct Label {
    pub pieces: Vec<Vec<f32>>,
    pub deviation: f32,
}

impl Joint {
    pub fn new(point: &ProblemPoint, truth: &Truth, law: &DrawnLaw, stream: &Stream, watch: &Watch) -> Result<Joint> {
        let (problem, literal, target) = (&point.problem, point.problem.literal() as usize, truth.target());
        let (head, target) = target.split_at(literal);
        let lambda = &truth.lambda[literal..];
        let none = QuantOp::none();
        let draw = &point.sketches[law.draw];
        let clean = sketch(&none, &problem.sketch, draw, stream, problem.dim);
        let g: Vec<Vec<f32>> = clean.map(|(row, _)| watch.ask().map(|()| row)).collect::<Result<_>>()?;
        let size = g.len();
        let tail = point.tail.features * norm(problem, size) / size as f64;
        let energy = lambda.iter().zip(target).fold(0.0, |sum, (lambda, w)| sum + lambda * w * w) + point.tail.label;
        let entries = head.iter().map(|w| *w as f32).collect();
        let mut own = Joint { exact: Vec::new(), factor: Vec::new(), literal, entries, deviations: Vec::new() };
        let (mut y, mut signal) = (Vec::new(), 0.0);
        for (j, row) in g.iter().enumerate() {
            watch.ask()?;
            let (own_head, behind) = row.split_at(literal);
            let weighted: Vec<f64> = lambda.iter().zip(behind).map(|(lambda, g)| lambda * f64::from(*g)).collect();
            let noisy: Vec<f64> =
                lambda.iter().zip(behind).map(|(lambda, g)| (lambda + law.added) * f64::from(*g)).collect();
            let product = |g: &[f32]| noisy.iter().zip(&g[literal..]).fold(0.0, |sum, (a, g)| sum + a * f64::from(*g));
            let mut sums: Vec<f64> = g[..=j].iter().map(|other| product(other)).collect();
            sums[j] += tail;
            let root = own.eliminate(sums);
            own.factor.push(own_head.iter().copied().chain(own.exact[j].iter().map(|l| floored(*l))).collect());
            let b = weighted.iter().zip(target).fold(0.0, |sum, (a, w)| sum + a * w);
            let rest = own.exact[j].iter().zip(&y).fold(b, |rest, (l, y)| rest - l * y);
            y.push(if root == 0.0 { 0.0 } else { rest / root });
            signal += y[j] * y[j];
            own.entries.push(y[j] as f32);
            let unexplained = (energy - signal).max(0.0);
            own.deviations.push(floored((problem.noise * problem.noise + unexplained).sqrt()));
        }
        Ok(own)
    }

    /// Adds the next row of L, from that of Gram up to its diagonal; gives its pivot.
    fn eliminate(&mut self, mut row: Vec<f64>) -> f64 {
        let j = row.len() - 1;
        for k in 0..j {
            let above = &self.exact[k];
            let left = (0..k).fold(row[k], |left, i| left - row[i] * above[i]);
            row[k] = if above[k] == 0.0 { 0.0 } else { left / above[k] };
        }
        let pivot = row[..j].iter().fold(row[j], |left, l| left - l * l);
        row[j] = if pivot <= DROPPED * row[j] { 0.0 } else { pivot.sqrt() };
        self.exact.push(row);
        self.exact[j][j]
    }

    /// That of model size `model`, which reads as many normals.
    pub fn label(&self, model: u32) -> Label {
        let model = model as usize;
        let entries = &self.entries[..self.literal + model];
        Label { pieces: components(entries, &[8; 3]), deviation: self.deviations[model - 1] }
    }
}

fn floored(value: f64) -> f32 {
    f32::from_bits(flush48((value as f32).to_bits()))
}
