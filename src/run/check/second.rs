//! The risks of checked rows, computed a second time: by the definition, from the reference's own draws.

use std::collections::{BTreeSet, HashMap};

use crate::config::Output;
use crate::error::Result;
use crate::plan::{Cohort, Difference, Plan, ProblemPoint, Snapshot};
use crate::random::{FIRST_TEST, Stream};
use crate::reference::losses::Losses;
use crate::reference::risk::{Bounded, Risk, Sums};
use crate::reference::truth::Truth;
use crate::reference::{CohortData, sketch};
use crate::risk::{self, CohortRisk, TestSet};
use crate::run::rows::Source;
use crate::store::row::Row;
use crate::watch::Watch;

/// Columns of the sketch at a time.
const COLUMNS: usize = 64;

/// Weights of one row, and what the reference makes of them.
struct Weights {
    trajectory: usize,
    seen: u64,
    output: &'static str,
    v: Vec<f64>,
    risk: Option<Risk>,
    losses: Option<Losses>,
}

/// One cohort's.
pub struct Second<'a> {
    plan: &'a Plan,
    cohort: Cohort,
    point: &'a ProblemPoint,
    stream: Stream,
    truth: Truth,
    target: Vec<f64>,
    weights: Vec<Weights>,
    /// The first difference of a sketch that was watched.
    sketch: Option<Difference>,
}

impl<'a> Second<'a> {
    /// For the states of a cohort, which the reference agrees with.
    pub fn new(plan: &'a Plan, cohort: Cohort, states: &[Snapshot]) -> Second<'a> {
        let (point, stream) = (&plan.points[cohort.point], Stream::new(plan.config.sweep.seed, cohort.seed_index));
        let truth = Truth::new(&point.problem, &stream);
        let target = truth.target();
        let mut weights = Vec::new();
        for states in states.chunk_by(|a, b| a.trajectory == b.trajectory) {
            let trajectory = &point.trajectories[states[0].trajectory];
            let places: BTreeSet<(u64, Output)> =
                trajectory.cells.iter().flat_map(|prefix| plan.places(trajectory, prefix.samples)).collect();
            let sources = places.into_iter().map(|(seen, output)| Source::of(states, trajectory, seen, output));
            weights.extend(sources.filter(|source| source.state.diverged_at.is_none()).map(|source| Weights {
                trajectory: source.state.trajectory,
                seen: source.state.seen,
                output: source.output.name(),
                v: source.weights(),
                risk: None,
                losses: None,
            }));
        }
        let mut second = Second { plan, cohort, point, stream, truth, target, weights, sketch: None };
        if !point.problem.is_sketched() && point.problem.covariates().is_none() {
            let risks = second.sums(0, |_| true).unsketched();
            second.keep(risks, |_| true);
        }
        second
    }

    /// The first eigenvalue or entry of the target that differs.
    pub fn truth_difference(&self, used: &risk::Truth) -> Option<Difference> {
        let compare = |place: &str, expected: &[f64], used: &[f64]| {
            let at = (0..expected.len()).find(|&i| expected[i].to_bits() != used[i].to_bits())?;
            Some(Difference::new(place, at, expected[at].to_bits(), used[at].to_bits()))
        };
        let target = || compare("target", &self.target, &used.target);
        compare("eigenvalues", &self.truth.lambda, &used.eigenvalues.lambda).or_else(target)
    }

    /// Compares a draw of the clean sketch, number `draw` of the problem point, with the reference's; from that one come
    /// the risks of all weights that read it.
    pub fn sketch(&mut self, draw: usize, used: &[f32], watch: &Watch) -> Result<()> {
        let (drawn, dim) = (self.point.sketches[draw], self.target.len());
        let own = |weights: &Weights| self.point.draw_of(weights.v.len() as u32) == Some(draw);
        let mut sums = self.sums(drawn.rows as usize, own);
        for first in (0..dim).step_by(COLUMNS) {
            let width = COLUMNS.min(dim - first);
            let entry = |j: u32, i: usize| {
                sketch::entry(&self.point.problem.sketch, &drawn, &self.stream, j, (first + i) as u32)
            };
            let columns: Vec<f32> = (0..drawn.rows).flat_map(|j| (0..width).map(move |i| entry(j, i))).collect();
            let index = |at: usize| at / width * dim + first + at % width;
            let differs = (0..columns.len()).find(|&at| columns[at].to_bits() != used[index(at)].to_bits());
            if let Some(at) = differs {
                let (expected, used) = (columns[at].to_bits().into(), used[index(at)].to_bits().into());
                self.sketch.get_or_insert(Difference::new("sketch", index(at), expected, used));
                return Ok(());
            }
            sums.add(first, width, &columns, watch)?;
        }
        let risks = sums.risks(watch)?;
        self.keep(risks, own);
        Ok(())
    }

    fn keep(&mut self, risks: Vec<Risk>, wanted: impl Fn(&Weights) -> bool) {
        let own = self.weights.iter_mut().filter(|weights| wanted(weights));
        own.zip(risks).for_each(|(weights, risk)| weights.risk = Some(risk));
    }

    fn sums(&self, rows: usize, wanted: impl Fn(&Weights) -> bool) -> Sums<'_> {
        let weights: Vec<&[f64]> = self.weights.iter().filter(|weights| wanted(weights)).map(|w| &w.v[..]).collect();
        Sums::new(&self.point.problem, self.point.tail, &self.truth, &self.target, rows, &weights)
    }

    /// The first value that differs in what the risks were computed from: the sketches, and the samples that measure.
    pub fn draws_difference(&mut self, used: &CohortRisk, watch: &Watch) -> Result<Option<Difference>> {
        let exact = || used.exact_test().and_then(|exact| exact.difference(self.point, &self.stream));
        match (self.sketch.take().or_else(exact), used.test_set()) {
            (None, Some(set)) => self.measure(set, watch),
            (found, _) => Ok(found),
        }
    }

    /// Draws the samples that measure again, and with them the losses of all weights.
    fn measure(&mut self, used: &TestSet, watch: &Watch) -> Result<Option<Difference>> {
        // Held-out rows are read through unrounded features, one of each size.
        let clean = self.point.problem.covariates().map(|_| self.point.clean());
        let models = self.point.models();
        let point = clean.as_ref().unwrap_or(self.point);
        for weights in &mut self.weights {
            let of_size = || models.iter().position(|&model| model as usize == weights.v.len()).unwrap_or_default();
            let last = self.point.trajectories[weights.trajectory].last_phase();
            let feature = if clean.is_some() { of_size() } else { last.feature };
            weights.losses = Some(Losses::new(feature, point.features[feature].pair));
        }
        let seed = self.plan.config.sweep.seed;
        let source = CohortData::new(seed, point, self.cohort.seed_index, |_| true, watch)?;
        for k in 0..used.samples() {
            let sample = source.sample(FIRST_TEST + k, watch)?;
            if let Some(difference) = used.difference(k, &sample) {
                return Ok(Some(difference));
            }
            for Weights { v, losses, .. } in &mut self.weights {
                losses.iter_mut().for_each(|losses| losses.add(&sample, v));
            }
        }
        Ok(None)
    }

    /// The first row with a risk that is not the definition's: its place among the rows, and the column.
    pub fn row_difference(&self, rows: &[Row]) -> Option<(usize, Difference)> {
        let key = |(at, weights): (usize, &Weights)| ((weights.trajectory, weights.seen, weights.output), at);
        let places: HashMap<(usize, u64, &str), usize> = self.weights.iter().enumerate().map(key).collect();
        let cells = self.point.trajectories.iter().enumerate();
        let trajectories: HashMap<u64, usize> =
            cells.flat_map(|(t, trajectory)| trajectory.cells.iter().map(move |prefix| (prefix.cell, t))).collect();
        rows.iter().enumerate().find_map(|(at, row)| {
            let place = (*trajectories.get(&row.cell)?, row.seen, row.output.as_str());
            Some((at, self.difference(&self.weights[*places.get(&place)?], row)?))
        })
    }

    fn difference(&self, weights: &Weights, row: &Row) -> Option<Difference> {
        let risk = |of: fn(&Risk) -> Bounded| weights.risk.as_ref().map(of);
        let mean = weights.losses.as_ref().and_then(Losses::mean);
        let error = weights.losses.as_ref().and_then(Losses::error);
        let approximation = risk(|risk| risk.approximation);
        // With a truth that is known the samples measure quantized features, else held-out rows.
        let of_test = |value: Option<Bounded>| value.filter(|_| approximation.is_some());
        let of_rows = |value: Option<Bounded>| value.filter(|_| approximation.is_none());
        let noise = Bounded { value: self.point.problem.noise * self.point.problem.noise, rounding: 0.0 };
        let quantized = mean.zip(approximation).map(|(mean, least)| mean.less(noise).less(least));
        let columns = [
            ("excess", row.excess, risk(|risk| risk.excess)),
            ("reducible", row.reducible, risk(|risk| risk.reducible)),
            ("approximation", row.approximation, approximation),
            ("signal", row.signal, risk(|risk| risk.signal)),
            ("overlap", row.overlap, risk(|risk| risk.overlap)),
            ("quantized_test", row.quantized_test, quantized),
            ("quantized_test_se", row.quantized_test_se, of_test(error)),
            ("held_out", row.held_out, of_rows(mean)),
            ("held_out_se", row.held_out_se, of_rows(error)),
        ];
        columns.into_iter().find_map(|(name, found, expected)| {
            let agrees = match (found, expected) {
                (Some(found), Some(expected)) => expected.agrees(found),
                (found, expected) => found.is_none() && expected.is_none(),
            };
            let text = |value: Option<f64>| value.map_or("null".into(), |value| format!("{value:e}"));
            let (expected, actual) = (text(expected.map(|expected| expected.value)), text(found));
            (!agrees).then(|| Difference { place: name.into(), index: 0, expected, actual })
        })
    }
}
