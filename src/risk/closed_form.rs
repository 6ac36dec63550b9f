//! The exact risk on quantized test features, for recipes whose data and features are unset or idealised laws.

use super::truth::Truth;
use crate::cpu;
use crate::format::{QuantOp, class};
use crate::plan::{Difference, Feature, Pair, ProblemPoint};
use crate::random::Stream;
use crate::reference;

/// What the closed form reads of one cohort.
pub struct ExactTest {
    lambda: Vec<f64>,
    target: Vec<f64>,
    /// Per pair: the sketch as the features saw it, row-major; empty without a sketch or a closed form.
    sketches: Vec<Vec<f32>>,
    explained_by_tail: f64,
}

/// Variance of a law; `None` for a number format.
fn variance(op: &QuantOp) -> Option<f64> {
    let e = f64::from(f32::from_bits(op.factor));
    match op.kind {
        class::NONE => Some(0.0),
        class::ADDITIVE | class::RELATIVE => Some(e * e),
        _ => None,
    }
}

impl ExactTest {
    /// Quantizes the cohort's sketch for every pair of formats that has a closed form.
    pub fn new(truth: &Truth) -> ExactTest {
        let point = truth.point;
        let sketch = |pair: usize| match variance(&point.pairs[pair].data) {
            Some(_) if point.problem.is_sketched() => cpu::quantized_sketch(point, pair, &truth.stream).0,
            _ => Vec::new(),
        };
        ExactTest {
            lambda: truth.eigenvalues.lambda.clone(),
            target: truth.target.clone(),
            sketches: (0..point.pairs.len()).map(sketch).collect(),
            explained_by_tail: point.tail.label,
        }
    }

    /// The first entry of the sketches, as a pair sees them, that differs from the scalar reference's.
    pub fn difference(&self, point: &ProblemPoint, stream: &Stream) -> Option<Difference> {
        let dim = point.problem.dim;
        self.sketches.iter().zip(&point.pairs).enumerate().find_map(|(p, (used, pair))| {
            if used.is_empty() {
                return None;
            }
            let Pair { sketch, draw, .. } = pair;
            let rows = reference::sketch::sketch(sketch, &point.problem.sketch, &point.sketches[*draw], stream, dim);
            rows.zip(used.chunks(dim as usize)).enumerate().find_map(|(j, ((expected, _), used))| {
                let i = (0..used.len()).find(|&i| expected[i].to_bits() != used[i].to_bits())?;
                let (place, index) = (format!("sketch of pair {p}"), j * dim as usize + i);
                Some(Difference::new(&place, index, expected[i].to_bits().into(), used[i].to_bits().into()))
            })
        })
    }

    /// E (y - <z~, v>)^2 - sigma^2 at fixed v and S: the errors of a law have mean 0, so that each adds its own
    /// second moment to that of the features. `None` where a number format rounds data or features.
    pub fn risk(&self, point: &ProblemPoint, feature: &Feature, v: &[f64]) -> Option<f64> {
        let data = &point.pairs[feature.pair].data;
        let (noise, rounded) = (variance(data)?, variance(&feature.op)?);
        let factor = variance(&feature.factor)?;
        let relative = if data.kind == class::RELATIVE { noise } else { factor };
        let additive = if data.kind == class::ADDITIVE { noise } else { point.added(feature.pair) };
        let tail = f64::from(point.tail_deviation(feature.model));
        let tail = tail * tail;
        let u = self.back(feature, v);
        let length = |v: &[f64]| v.iter().map(|v| v * v).sum::<f64>();
        let (mut bias, mut explained) = (0.0, 0.0);
        for ((lambda, u), w) in self.lambda.iter().zip(&u).zip(&self.target) {
            bias += lambda * (u - w) * (u - w);
            explained += lambda * u * u;
        }
        let spread = relative * explained + additive * length(&u) + tail * length(v);
        let noise = match (feature.op.kind, feature.op.one_draw != 0) {
            (class::NONE, _) => 0.0,
            (class::ADDITIVE, _) => rounded * length(v),
            (_, true) => rounded * (explained + spread),
            (_, false) => {
                let variances = self.variances(feature, v.len(), relative, additive);
                rounded * v.iter().zip(variances).map(|(v, variance)| v * v * (variance + tail)).sum::<f64>()
            }
        };
        Some(bias + self.explained_by_tail + spread + noise)
    }

    /// S^T v.
    fn back(&self, feature: &Feature, v: &[f64]) -> Vec<f64> {
        let scale = f64::from(feature.scale);
        let sketch = &self.sketches[feature.pair];
        if sketch.is_empty() {
            return v.iter().map(|v| v * scale).collect();
        }
        let mut u = vec![0.0; self.lambda.len()];
        for (v, row) in v.iter().zip(sketch.chunks(self.lambda.len())) {
            u.iter_mut().zip(row).for_each(|(u, g)| *u += scale * v * f64::from(*g));
        }
        u
    }

    /// Variance of each of the first `model` features before their own law and the tail.
    fn variances(&self, feature: &Feature, model: usize, relative: f64, additive: f64) -> Vec<f64> {
        let scale = f64::from(feature.scale);
        let of = |lambda: &f64| lambda * (1.0 + relative) + additive;
        let sketch = &self.sketches[feature.pair];
        if sketch.is_empty() {
            return self.lambda.iter().map(|lambda| scale * scale * of(lambda)).collect();
        }
        let variance = |row: &[f32]| -> f64 {
            row.iter().zip(&self.lambda).map(|(g, lambda)| f64::from(*g) * f64::from(*g) * of(lambda)).sum()
        };
        sketch.chunks(self.lambda.len()).take(model).map(|row| scale * scale * variance(row)).collect()
    }
}
