//! What the samples of one seed index are made of, and what projects them.

use super::draw::{CohortSource, LabelSource, Samples};
use super::lanes::{SLICE, component};
use super::padded_sketch;
use super::project::Panels;
use crate::plan::{Label, Pair, ProblemPoint};
use crate::problem;
use crate::random::Stream;
use crate::risk::JointLaw;
use crate::site::Counts;

/// The quantized sketch of a pair.
pub struct Projector {
    /// One per component of G; none without a sketch.
    pub panels: Vec<Panels>,
    /// Counts of the sketch site, row by row.
    pub rows: Vec<Counts>,
}

/// What the samples of one seed index are made of; `laws` are those of [`JointLaw::all`], or none where no label is read.
pub fn source(point: &ProblemPoint, stream: &Stream, laws: &[JointLaw]) -> CohortSource {
    let (problem, dim) = (&point.problem, point.coordinates as usize);
    let pad = |mut values: Vec<f32>| {
        values.resize(values.len().next_multiple_of(SLICE), 0.0);
        values
    };
    let samples = match problem.covariates() {
        Some(covariates) => Samples::Rows { covariates: covariates.clone(), order: covariates.order(stream) },
        None if problem.draws_features() => {
            let of_law = |&Label { model, law }: &Label| {
                let law = laws.get(law)?;
                let components = law.coefficients.iter().map(|u| pad(u[..law.read_by(model)].to_vec())).collect();
                Some(LabelSource { components, deviation: law.deviation(model) })
            };
            let scales = pad(point.scales());
            Samples::Normals { scales, labels: point.labels.iter().filter_map(of_law).collect() }
        }
        None => {
            let eigenvalues = problem::eigenvalues(problem);
            let components = problem::target(problem, &eigenvalues, stream).into_iter().map(pad).collect();
            let deviation = problem::label_deviation(problem, point.tail);
            Samples::Normals { scales: pad(eigenvalues.scales), labels: vec![LabelSource { components, deviation }] }
        }
    };
    CohortSource { key: stream.key(), dim, literal: problem.literal() as usize, samples }
}

pub fn projectors(point: &ProblemPoint, source: &CohortSource, laws: &[JointLaw]) -> Vec<Projector> {
    let project = |pair: &Pair| {
        let Some(draw) = point.sketches.get(pair.draw) else {
            return Projector { panels: Vec::new(), rows: Vec::new() };
        };
        let (mut rest, rows) = match laws.get(pair.law) {
            Some(law) => (padded_factor(law, source.columns()), vec![Counts::default(); law.rows()]),
            None => padded_sketch(point, draw, &pair.sketch, source.key),
        };
        let panels = components(&mut rest, &pair.splitting.g)
            .map(|component| Panels::new(&component, source.columns()))
            .collect();
        Projector { panels, rows }
    };
    point.pairs.iter().map(project).collect()
}

/// What stands for the sketch with rows padded to `columns`.
fn padded_factor(law: &JointLaw, columns: usize) -> Vec<f32> {
    let mut padded = vec![0.0; columns * law.rows()];
    for (padded, row) in padded.chunks_mut(columns).zip(law.factor.chunks(law.columns())) {
        padded[..row.len()].copy_from_slice(row);
    }
    padded
}

/// The values split into components of so many significant bits; one component is all of them as they are.
pub fn components<'a>(rest: &'a mut [f32], bits: &'a [u32]) -> impl Iterator<Item = Vec<f32>> + 'a {
    bits.iter().map(|&width| match bits.len() {
        1 => rest.to_vec(),
        _ => rest.iter_mut().map(|rest| component(rest, width)).collect(),
    })
}
