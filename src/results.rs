//! From the raw state of a trajectory to the rows of its runs. One routine for every adapter and for replay.

use crate::config::{Checkpoints, Output};
use crate::cpu::clean_sketch;
use crate::exact_test::ExactTest;
use crate::format::Spec;
use crate::hash::fnv1a64;
use crate::plan::{Cohort, Plan, Point, Trajectory};
use crate::problem::{self, Eigenvalues};
use crate::random::Stream;
use crate::reference::RawRow;
use crate::risk::{Evaluator, Risk};
use crate::row::{Row, SITES, STREAM_VERSION, Site};
use crate::test_set::{Difference, Measured, TestSet};

/// Who computed a row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    pub adapter: String,
    pub driver: String,
    /// PCI bus id, empty where there is none.
    pub pci: String,
    pub fingerprint: String,
}

/// What judges the weights of one cohort: the exact risk under its own S and w*, and test samples.
pub struct Judge<'a> {
    point: &'a Point,
    /// Per draw of the sketch, one without a sketch; empty where the truth is not known.
    evaluators: Vec<Evaluator>,
    quantized: Option<(TestSet, ExactTest)>,
    /// Held-out rows of a file, and the point whose features they are.
    held_out: Option<(TestSet, Point)>,
}

impl Judge<'_> {
    /// Draws the cohort's sketch, target and test samples.
    pub fn new<'a>(plan: &'a Plan, cohort: Cohort) -> Judge<'a> {
        let (point, seed) = (&plan.points[cohort.point], plan.config.sweep.seed);
        if let Some(covariates) = point.problem.covariates() {
            let clean = point.clean();
            let set = TestSet::new(seed, &clean, cohort.seed_index, covariates.held_rows() as u32);
            return Judge { point, evaluators: Vec::new(), quantized: None, held_out: Some((set, clean)) };
        }
        let stream = Stream::new(seed, cohort.seed_index);
        let (judge, eigenvalues, target) = Judge::drawn(point, &stream);
        let quantized = plan.config.train.quantized_test.map(|samples| {
            let set = TestSet::new(seed, point, cohort.seed_index, samples);
            (set, ExactTest::new(point, &eigenvalues, &target, &stream))
        });
        Judge { quantized, ..judge }
    }

    /// Exact risk of the weights `v` of model size `v.len()`; `None` where the truth is not known.
    pub fn risk(&self, v: &[f64]) -> Option<Risk> {
        Some(self.evaluator(v.len())?.risk(v))
    }

    /// Mean squared error of the weights `v` on the held-out rows of a file; `None` where there are none.
    pub fn held_out(&self, v: &[f64]) -> Option<Measured> {
        let (set, clean) = self.held_out.as_ref()?;
        let own = clean.features.iter().position(|feature| feature.model as usize == v.len())?;
        set.measure(own, v)
    }

    /// The judge of seed index 0 without test samples; `None` where the truth is not known.
    pub fn of_optimum<'a>(plan: &'a Plan, point: &'a Point) -> Option<Judge<'a>> {
        let stream = Stream::new(plan.config.sweep.seed, 0);
        point.problem.covariates().is_none().then(|| Judge::drawn(point, &stream).0)
    }

    fn drawn<'a>(point: &'a Point, stream: &Stream) -> (Judge<'a>, Eigenvalues, Vec<f64>) {
        let problem = &point.problem;
        let eigenvalues = problem::eigenvalues(problem);
        let target = problem::total(&problem::target(problem, &eigenvalues, stream), problem.dim as usize);
        let evaluator =
            |sketch: &[f32], model: u32| Evaluator::new(problem, point.tail, &eigenvalues, &target, sketch, model);
        let of_draw = |draw| evaluator(&clean_sketch(point, draw, stream), draw.rows);
        let evaluators = match problem.is_sketched() {
            true => point.sketches.iter().map(of_draw).collect(),
            false => vec![evaluator(&[], point.model)],
        };
        (Judge { point, evaluators, quantized: None, held_out: None }, eigenvalues, target)
    }

    fn evaluator(&self, model: usize) -> Option<&Evaluator> {
        let own = self.point.sketches.iter().position(|draw| draw.pass as usize == model);
        self.evaluators.get(own.unwrap_or(0))
    }

    /// The minimiser of the risk for model size `model`.
    pub fn optimum(&self, model: usize) -> Vec<f64> {
        self.evaluator(model).map(|evaluator| evaluator.optimum(model)).unwrap_or_default()
    }

    /// The first value of the test samples that differs from the scalar reference.
    pub fn test_difference(&self, seed: u64, seed_index: u32) -> Option<Difference> {
        let quantized = self.quantized.as_ref().map(|(set, _)| (set, self.point));
        let (set, point) = quantized.or(self.held_out.as_ref().map(|(set, clean)| (set, clean)))?;
        set.difference(seed, point, seed_index)
    }

    /// Writes every risk of the weights `v` into the row.
    fn fill(&self, row: &mut Row, trajectory: &Trajectory, v: &[f64]) {
        let measured = self.held_out(v);
        row.held_out = measured.map(|measured| measured.mean);
        row.held_out_se = measured.and_then(|measured| measured.error);
        let Some(risk) = self.risk(v) else { return };
        row.excess = Some(risk.excess);
        row.reducible = Some(risk.reducible);
        row.approximation = Some(risk.approximation);
        if let Some((set, exact)) = &self.quantized {
            let measured = set.measure(trajectory.feature, v);
            row.quantized_test = measured.map(|measured| measured.mean - row.noise * row.noise - risk.approximation);
            row.quantized_test_se = measured.and_then(|measured| measured.error);
            let feature = &self.point.features[trajectory.feature];
            row.quantized_test_exact = exact.risk(self.point, feature, v).map(|exact| exact - risk.approximation);
        }
    }
}

/// Rows of a cohort, by (run_id, seen, output).
pub fn rows(plan: &Plan, cohort: Cohort, raw: &[RawRow], checked: bool, origin: &Origin) -> Vec<Row> {
    let judge = Judge::new(plan, cohort);
    let mut rows = Vec::new();
    for state in raw {
        let trajectory = &judge.point.trajectories[state.trajectory];
        for &(cell, samples) in &trajectory.cells {
            if !due(plan, trajectory, samples, state.seen) {
                continue;
            }
            for &output in &plan.config.train.outputs {
                let mut row = settings(plan, cohort, cell, origin);
                fill(&mut row, state, trajectory, output, &judge);
                row.checked = if checked { "exact" } else { "unsampled" }.into();
                rows.push(row);
            }
        }
    }
    rows.sort_by(|a, b| (a.run_id, a.seen, &a.output).cmp(&(b.run_id, b.seen, &b.output)));
    rows
}

/// Rows that one seed index of a trajectory comes to.
pub fn rows_of(plan: &Plan, trajectory: &Trajectory) -> usize {
    let of_cell = |&(_, samples): &(u64, u64)| {
        trajectory.rows.iter().filter(|&&seen| due(plan, trajectory, samples, seen)).count()
    };
    trajectory.cells.iter().map(of_cell).sum::<usize>() * plan.config.train.outputs.len()
}

/// Whether the cell of `samples` has a row after `seen`.
fn due(plan: &Plan, trajectory: &Trajectory, samples: u64, seen: u64) -> bool {
    seen == samples
        || seen < samples
            && match &plan.config.train.checkpoints {
                Checkpoints::At(points) => points.contains(&seen),
                Checkpoints::Log2 => {
                    (seen / u64::from(trajectory.batch)).is_power_of_two()
                        && seen.is_multiple_of(trajectory.batch.into())
                }
            }
}

/// A row with its settings and no results.
fn settings(plan: &Plan, cohort: Cohort, id: u64, origin: &Origin) -> Row {
    let (config, cell) = (&plan.config, &plan.cells[id as usize]);
    let problem = &config.problems[cell.problem];
    let recipe = &config.recipes[cell.recipe];
    let site = |site: usize| {
        let unused = site == Site::Sketch as usize && !problem.is_sketched();
        recipe.sites[site].as_ref().filter(|_| !unused)
    };
    let per_site = |text: &dyn Fn(&Spec) -> Option<String>| -> [Option<String>; SITES] {
        std::array::from_fn(|index| site(index).and_then(text))
    };
    Row {
        run_id: plan.run_id(cohort.seed_index, id),
        cell: id,
        seed_index: cohort.seed_index,
        dim: problem.dim,
        spectrum: problem.spectrum.canonical(),
        spectrum_exponent: problem.spectrum.exponent(),
        target: problem.target.canonical(),
        target_exponent: problem.target.exponent(),
        noise: problem.noise,
        sketch_kind: problem.sketch.canonical(),
        sampling: "ambient".into(),
        tail: problem.tail.name().into(),
        model: cell.model,
        samples: cell.samples,
        batch: cell.batch,
        step_size: cell.step_size,
        schedule: config.train.schedule.name().into(),
        recipe: recipe.name.clone(),
        formats: per_site(&|spec| Some(spec.canonical())),
        roundings: per_site(&Spec::rounding),
        counts: std::array::from_fn(|index| matches!(site(index), Some(Spec::Format(_))).then(Default::default)),
        stream_version: STREAM_VERSION,
        adapter: origin.adapter.clone(),
        driver: origin.driver.clone(),
        fingerprint: origin.fingerprint.clone(),
        ..Row::default()
    }
}

fn fill(row: &mut Row, state: &RawRow, trajectory: &Trajectory, output: Output, judge: &Judge) {
    row.seen = state.seen;
    row.output = output.name().into();
    row.diverged_at = state.diverged_at;
    for (counts, counted) in row.counts.iter_mut().zip(&state.counts) {
        *counts = counts.map(|_| *counted);
    }
    let words = match output {
        Output::Last => state.v.clone(),
        Output::Average => [state.hi.as_slice(), &state.lo].concat(),
    };
    row.v_digest = format!("{:016x}", fnv1a64(words.iter().flat_map(|word| word.to_le_bytes())));
    if state.diverged_at.is_none() {
        judge.fill(row, trajectory, &weights(state, trajectory, output));
    }
}

/// The output's weights: v, or (hi + lo)/t, the mean of v_0 .. v_{t-1}.
pub fn weights(state: &RawRow, trajectory: &Trajectory, output: Output) -> Vec<f64> {
    let value = |bits: &u32| f64::from(f32::from_bits(*bits));
    match output {
        Output::Last => state.v.iter().map(value).collect(),
        Output::Average => {
            let updates = (state.seen / u64::from(trajectory.batch)) as f64;
            state.hi.iter().zip(&state.lo).map(|(hi, lo)| (value(hi) + value(lo)) / updates).collect()
        }
    }
}
