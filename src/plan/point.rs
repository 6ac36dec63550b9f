//! What one problem point needs per seed index, as data.

use std::ops::Range;

use super::step::{StepSize, TrainOps};
use crate::codec::flush48;
use crate::format::{Classes, QuantOp, Splitting};
use crate::problem::{Problem, TailVariance, eigenvalues};

/// One draw of the sketch: nested sizes share one, else each M has its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SketchDraw {
    /// Pass word of its random words: 0 where sizes are nested, else M.
    pub pass: u32,
    /// The largest M that reads it.
    pub rows: u32,
}

/// What features and labels are drawn from where features are drawn: the sketch, and what noise adds to x before it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DrawnLaw {
    /// Index into [`ProblemPoint::sketches`].
    pub draw: usize,
    /// Variance that `additive` noise at `data` adds to every coordinate of x, in units of x^2.
    pub added: f64,
}

/// A label of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Label {
    /// The largest M that reads it.
    pub model: u32,
    /// Index into [`ProblemPoint::laws`]: what it is drawn from; 0 where features are not drawn.
    pub law: usize,
}

/// Quantized covariates and quantized sketch: one projection serves all runs that share both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    pub data: QuantOp,
    pub sketch: QuantOp,
    /// Index into [`ProblemPoint::sketches`]; 0 without a sketch.
    pub draw: usize,
    /// Index into [`ProblemPoint::laws`]: what stands for the sketch; 0 where features are not drawn.
    pub law: usize,
    pub splitting: Splitting,
}

/// Features of one (pair, M, feature format): z_j = Q(fl(fl(p_j f) scale) + tail n_j).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Feature {
    pub pair: usize,
    pub model: u32,
    /// The factor f that multiplicative noise on x brings, one per sample: it commutes with the sketch.
    pub factor: QuantOp,
    pub op: QuantOp,
    /// f32(1/sqrt M), times the step of integer data; f32(sqrt(rows/M)) for a sketch from a file.
    pub scale: f32,
    /// f32(sqrt(tau/M)), the deviation of the closed tail where it joins here; 0 for an open one.
    pub tail: f32,
    /// Index into [`ProblemPoint::labels`]: the label that goes with it.
    pub label: usize,
}

/// What rounds a run from some sample on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Phase {
    /// Samples that the run has seen when it begins: a multiple of the batch.
    pub from: u64,
    /// Index into [`ProblemPoint::features`]: z as the activations read it.
    pub feature: usize,
    /// z as Z^T r reads it: the same, or the unrounded features that `feature_grad` rounds.
    pub gradient_feature: usize,
    pub ops: TrainOps,
}

/// One SGD run as it is executed; with a constant schedule it serves the cells of every N whose phases begin alike.
#[derive(Clone, Debug, PartialEq)]
pub struct Trajectory {
    pub model: u32,
    pub batch: u32,
    pub recipe: usize,
    /// At least one, ascending; the first from sample 0.
    pub phases: Vec<Phase>,
    pub step: StepSize,
    /// Samples of the longest cell.
    pub samples: u64,
    /// Numbers of samples at which a row is due, ascending.
    pub rows: Vec<u64>,
    /// The cells that it serves, ascending in N.
    pub cells: Vec<Prefix>,
}

impl Trajectory {
    /// The number of the phase that trains on sample `sample`, from 0.
    pub fn phase_at(&self, sample: u64) -> usize {
        self.phases.partition_point(|phase| phase.from <= sample).saturating_sub(1)
    }

    /// Samples behind the last one of phase number `number`.
    pub fn phase_end(&self, number: usize) -> u64 {
        self.phases.get(number + 1).map_or(u64::MAX, |next| next.from)
    }

    /// What rounds when the run ends.
    pub fn last_phase(&self) -> &Phase {
        self.phases.last().expect("a trajectory has a phase")
    }

    /// Whether some phase reads these features.
    pub fn reads(&self, feature: usize) -> bool {
        self.phases.iter().any(|phase| [phase.feature, phase.gradient_feature].contains(&feature))
    }
}

/// A cell of a trajectory: the run of its first samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefix {
    /// Number of the cell.
    pub cell: u64,
    /// N of the cell.
    pub samples: u64,
}

/// What one problem point needs per seed index.
#[derive(Clone, Debug, PartialEq)]
pub struct ProblemPoint {
    pub problem: Problem,
    pub tail: TailVariance,
    /// A GPU gets its covariates from the host: from a file, or drawn there.
    pub uploads: bool,
    /// Largest M.
    pub model: u32,
    /// Coordinates that a sample is drawn in: D; where features are drawn those of x that are drawn as such, and M more.
    pub coordinates: u32,
    /// The labels of a sample: all M read one, or where features are drawn each M has its own under each law.
    pub labels: Vec<Label>,
    /// Largest N.
    pub samples: u64,
    /// Samples per block: a multiple of every batch.
    pub block: u64,
    /// Empty without a sketch.
    pub sketches: Vec<SketchDraw>,
    /// Empty where features are not drawn.
    pub laws: Vec<DrawnLaw>,
    pub pairs: Vec<Pair>,
    pub features: Vec<Feature>,
    pub trajectories: Vec<Trajectory>,
}

impl ProblemPoint {
    /// Index into [`ProblemPoint::sketches`] of the draw that model size `model` reads: its own, or the shared one of
    /// nested sizes. `None` without a sketch, and for a size that no draw serves.
    pub fn draw_of(&self, model: u32) -> Option<usize> {
        let serves = |draw: &SketchDraw| match draw.pass {
            0 => (1..=draw.rows).contains(&model),
            own => own == model,
        };
        self.sketches.iter().position(serves)
    }

    /// What samples are projected on, as pairs number it: the draws of the sketch, or for each law what stands for its one.
    pub fn projected_on(&self) -> Vec<SketchDraw> {
        match self.problem.draws_features() {
            true => self.laws.iter().map(|law| self.sketches[law.draw]).collect(),
            false => self.sketches.clone(),
        }
    }

    /// Index into [`ProblemPoint::projected_on`].
    pub fn projects_on(&self, pair: &Pair) -> usize {
        if self.problem.draws_features() { pair.law } else { pair.draw }
    }

    /// Variance that noise at `data` has added to every coordinate of x before a pair's features were drawn.
    pub fn added(&self, pair: usize) -> f64 {
        self.laws.get(self.pairs[pair].law).map_or(0.0, |law| law.added)
    }

    /// The model sizes M of the plan, ascending.
    pub fn models(&self) -> Vec<u32> {
        let mut models: Vec<u32> = self.trajectories.iter().map(|trajectory| trajectory.model).collect();
        models.sort_unstable();
        models.dedup();
        models
    }

    /// Of each feature the samples from the first to the last that some phase of a trajectory reads.
    pub fn spans(&self) -> Vec<Range<u64>> {
        let mut spans = vec![0..0; self.features.len()];
        for trajectory in &self.trajectories {
            for (number, phase) in trajectory.phases.iter().enumerate() {
                let own = phase.from..trajectory.phase_end(number).min(trajectory.samples);
                for feature in [phase.feature, phase.gradient_feature].into_iter().filter(|_| !own.is_empty()) {
                    let span: &mut Range<u64> = &mut spans[feature];
                    *span = match span.is_empty() {
                        true => own.clone(),
                        false => span.start.min(own.start)..span.end.max(own.end),
                    };
                }
            }
        }
        spans
    }

    /// Scales of the coordinates that a sample is drawn in: of x those of the spectrum, of what stands for others 1.
    pub fn scales(&self) -> Vec<f32> {
        let mut scales = if self.problem.literal() > 0 { eigenvalues(&self.problem).scales } else { Vec::new() };
        scales.truncate(self.problem.literal() as usize);
        scales.resize(self.coordinates as usize, 1.0);
        scales
    }

    /// Deviation of a feature's closed tail, 0 of an open one.
    pub fn tail_deviation(&self, model: u32) -> f32 {
        f32::from_bits(flush48(((self.tail.features / f64::from(model)).sqrt() as f32).to_bits()))
    }

    /// What pipelines must know to do its operations.
    pub fn classes(&self) -> Classes {
        let pairs = self.pairs.iter().flat_map(|pair| [&pair.data, &pair.sketch]);
        let features = self.features.iter().map(|feature| &feature.op);
        let phases = self.trajectories.iter().flat_map(|trajectory| &trajectory.phases);
        let runs = phases.flat_map(|phase| phase.ops.by_site().map(|(_, op)| op));
        pairs.chain(features).chain(runs).map(QuantOp::classes).collect()
    }

    /// Rows that a pair projects on: as many features as its largest model has.
    pub fn rows(&self, pair: usize) -> u32 {
        self.sketches.get(self.pairs[pair].draw).map_or(self.model, |draw| draw.rows)
    }
}
