//! The scalar reference, written to be read against the shaders, kernel by kernel. The codec, the splitting of x and G,
//! the sums and the update are its own. A sample and a run are sequential; the samples of a cohort, which know nothing of
//! one another, and its runs, which only read them, may go side by side. What plan and problem hand to every adapter (the words of an
//! operation, the features' scale, step sizes), the generator's rounds and the normals it shares with the fast CPU code:
//! docs/checking.md has the list, and what proves it.

pub mod draw;
pub mod feature;
pub mod gemv;
pub mod joint;
pub mod losses;
pub mod maxima;
mod optima;
pub mod peaks;
pub mod project;
pub mod quantize;
pub mod risk;
pub mod sketch;
pub mod train;
mod tree;
pub mod truth;
pub mod verify;

use rayon::prelude::*;

use crate::error::Result;
use crate::plan::{Cohort, Phase, Plan, ProblemPoint, Snapshot};
use crate::problem;
use crate::problem::Covariates;
use crate::random::{FIRST_TEST, Stream};
use crate::site::{Counts, Site};
use crate::watch::Watch;
use joint::{Joint, Label};
use train::State;
use truth::Truth;

/// Samples that are made side by side, and that all runs then read.
const BLOCK: usize = 64;

/// One sample as the trajectories of a cohort see it.
pub struct Sample {
    /// Per feature: the label that goes with it.
    pub y: Vec<f32>,
    /// Per pair: counts of the data site.
    pub data: Vec<Counts>,
    /// Per feature: z and its counts; empty where no wanted trajectory reads it.
    pub features: Vec<(Vec<f32>, Counts)>,
}

/// What all samples of a cohort share.
pub struct CohortData<'a> {
    point: &'a ProblemPoint,
    stream: Stream,
    draws: Draws<'a>,
    /// Per pair: the rows of the quantized sketch and their counts.
    sketches: Vec<(Vec<Vec<f32>>, Vec<Counts>)>,
    pairs: Vec<usize>,
    features: Vec<usize>,
}

/// Where x and y come from.
enum Draws<'a> {
    /// Scales, and every label that goes with what they scale.
    Normals {
        scales: Vec<f32>,
        labels: Vec<Label>,
    },
    Rows {
        covariates: &'a Covariates,
        order: Vec<u32>,
    },
}

impl CohortData<'_> {
    /// `wanted` are the features that will be read.
    pub fn new<'a>(
        seed: u64,
        point: &'a ProblemPoint,
        seed_index: u32,
        wanted: impl Fn(usize) -> bool,
        watch: &Watch,
    ) -> Result<CohortData<'a>> {
        let stream = Stream::new(seed, seed_index);
        let problem = &point.problem;
        let features: Vec<usize> = (0..point.features.len()).filter(|&f| wanted(f)).collect();
        let used = |p: &usize| features.iter().any(|&f| point.features[f].pair == *p);
        let pairs: Vec<usize> = (0..point.pairs.len()).filter(used).collect();
        let truth = Truth::new(problem, &stream);
        let joints = joints(point, &truth, &stream, watch)?;
        let sketches = (0..point.pairs.len())
            .map(|p| match (joints.get(point.pairs[p].law), pairs.contains(&p) && problem.is_sketched()) {
                (_, false) => Ok((Vec::new(), Vec::new())),
                (Some(joint), true) => Ok((joint.factor.clone(), vec![Counts::default(); joint.factor.len()])),
                (None, true) => {
                    let (op, draw) = (&point.pairs[p].sketch, &point.sketches[point.pairs[p].draw]);
                    let rows = sketch::sketch(op, &problem.sketch, draw, &stream, problem.dim);
                    let rows = rows.map(|row| watch.ask().map(|()| row)).collect::<Result<Vec<_>>>()?;
                    Ok(rows.into_iter().unzip())
                }
            })
            .collect::<Result<_>>()?;
        let draws = match problem.covariates() {
            Some(covariates) => Draws::Rows { covariates, order: covariates.order(&stream) },
            None if problem.draws_features() => {
                let labels = point.labels.iter().map(|label| joints[label.law].label(label.model)).collect();
                let mut scales = truth.scales[..problem.literal() as usize].to_vec();
                scales.resize(point.coordinates as usize, 1.0);
                Draws::Normals { scales, labels }
            }
            None => {
                let Truth { scales, pieces, .. } = truth;
                let label = Label { pieces, deviation: problem::label_deviation(problem, point.tail) };
                Draws::Normals { scales, labels: vec![label] }
            }
        };
        Ok(CohortData { point, stream, draws, sketches, pairs, features })
    }

    /// x, or the normals that features are made of, and every label of sample `n`; from 2^31 on those that test.
    fn pair(&self, n: u32) -> (Vec<f32>, Vec<f32>) {
        match &self.draws {
            Draws::Normals { scales, labels } => {
                let x = draw::covariate(scales, &self.stream, n);
                let label = |own: &Label| draw::label(&x, &own.pieces, own.deviation, &self.stream, n);
                let y = labels.iter().map(label).collect();
                (x, y)
            }
            Draws::Rows { covariates, order } => {
                let row = match n.checked_sub(FIRST_TEST) {
                    None => order[n as usize],
                    Some(k) => covariates.held_row(k as usize),
                };
                (covariates.row(row).to_vec(), vec![covariates.label(row)])
            }
        }
    }

    /// Draws, projects and quantizes sample `n`.
    pub fn sample(&self, n: u32, watch: &Watch) -> Result<Sample> {
        let (point, stream) = (self.point, &self.stream);
        let (x, labels) = self.pair(n);
        let mut projected = vec![Vec::new(); point.pairs.len()];
        let mut data = vec![Counts::default(); point.pairs.len()];
        for &p in &self.pairs {
            let pair = &point.pairs[p];
            let (head, behind) = x.split_at(point.problem.literal() as usize);
            let (mut quantized, counts) = draw::data(&pair.data, head, stream, n);
            quantized.extend(draw::pass(&pair.data, behind));
            data[p] = counts;
            projected[p] = match point.problem.is_sketched() {
                true => project::project(&quantized, &self.sketches[p].0, &pair.splitting, watch)?,
                false => quantized,
            };
        }
        let mut features = vec![(Vec::new(), Counts::default()); point.features.len()];
        for &f in &self.features {
            let feature = &point.features[f];
            features[f] = feature::feature(feature, &projected[feature.pair], stream, n);
        }
        let y = point.features.iter().map(|feature| labels[feature.label]).collect();
        Ok(Sample { y, data, features })
    }

    /// Trajectory `t` before its first sample.
    fn begun(&self, t: usize, average: bool) -> State {
        let trajectory = &self.point.trajectories[t];
        let mut state = State::new(trajectory, average);
        // Phases have one sketch.
        state.counts[Site::Sketch] = self.sketch_counts(trajectory.phases[0].feature);
        state
    }

    /// Takes samples from number `first` on, as far as trajectory `t` goes, and returns its rows that are due.
    fn train(&self, t: usize, state: &mut State, first: u64, samples: &[Sample]) -> Vec<Snapshot> {
        let trajectory = &self.point.trajectories[t];
        let mut rows = Vec::new();
        for (n, sample) in (first..trajectory.samples).zip(samples) {
            if state.diverged_at.is_none() {
                let Phase { feature, gradient_feature, ops, .. } = &trajectory.phases[trajectory.phase_at(n)];
                let (z, counts) = &sample.features[*feature];
                let (gradient_z, _) = &sample.features[*gradient_feature];
                state.counts[Site::Data] += sample.data[self.point.features[*feature].pair];
                state.counts[Site::Feature] += *counts;
                state.sample(trajectory, ops, &self.stream, n as u32, [z, gradient_z], sample.y[*feature]);
            }
            if trajectory.rows.binary_search(&(n + 1)).is_ok() {
                rows.push(state.row(t, n + 1));
            }
        }
        rows
    }

    /// Counts of the sketch site over the rows that a feature reads.
    fn sketch_counts(&self, feature: usize) -> Counts {
        let feature = &self.point.features[feature];
        let mut sum = Counts::default();
        for counts in self.sketches[feature.pair].1.iter().take(feature.model as usize) {
            sum += *counts;
        }
        sum
    }
}

/// The joint law of features and labels under each law; none where covariates are drawn.
fn joints(point: &ProblemPoint, truth: &Truth, stream: &Stream, watch: &Watch) -> Result<Vec<Joint>> {
    point.laws.iter().map(|law| Joint::new(point, truth, law, stream, watch)).collect()
}

/// Runs every trajectory of a cohort, sample by sample, and returns its rows by (trajectory, seen).
/// `only` restricts it to one trajectory. The watch is asked for every vector that is drawn or projected.
pub fn cohort(plan: &Plan, cohort: Cohort, only: Option<usize>, watch: &Watch) -> Result<Vec<Snapshot>> {
    let mut rows = Vec::new();
    each(plan, cohort, only, watch, |row| rows.push(row))?;
    rows.sort_by_key(|row| (row.trajectory, row.seen));
    Ok(rows)
}

/// [`cohort`] of all trajectories by all threads of the pool. Not for who holds a lock: a thread that waits takes up other
/// work of the pool.
pub fn cohort_by_all_threads(plan: &Plan, cohort: Cohort, watch: &Watch) -> Result<Vec<Snapshot>> {
    let mut rows = Vec::new();
    follow(plan, cohort, None, Threads::All, watch, |row| rows.push(row))?;
    rows.sort_by_key(|row| (row.trajectory, row.seen));
    Ok(rows)
}

/// [`cohort`] with every row handed out as soon as it is due, by (seen, trajectory).
pub fn each(plan: &Plan, cohort: Cohort, only: Option<usize>, watch: &Watch, emit: impl FnMut(Snapshot)) -> Result<()> {
    follow(plan, cohort, only, Threads::One, watch, emit)
}

/// Who makes the samples of a block, and then takes them.
#[derive(Clone, Copy)]
enum Threads {
    One,
    All,
}

fn follow(
    plan: &Plan,
    cohort: Cohort,
    only: Option<usize>,
    threads: Threads,
    watch: &Watch,
    mut emit: impl FnMut(Snapshot),
) -> Result<()> {
    let point = &plan.points[cohort.point];
    let wanted: Vec<usize> = (0..point.trajectories.len()).filter(|&t| only.is_none_or(|o| o == t)).collect();
    let end = wanted.iter().map(|&t| point.trajectories[t].samples).max().unwrap_or(0);
    let reads = |f: usize| wanted.iter().any(|&t| point.trajectories[t].reads(f));
    let source = CohortData::new(plan.config.sweep.seed, point, cohort.seed_index, reads, watch)?;
    let mut states: Vec<(usize, State)> = wanted.iter().map(|&t| (t, source.begun(t, plan.average))).collect();
    for first in (0..end).step_by(BLOCK) {
        let numbers = first as u32..end.min(first + BLOCK as u64) as u32;
        let (length, sample) = (numbers.len(), |n| source.sample(n, watch));
        let samples: Vec<Sample> = match threads {
            Threads::One => numbers.map(sample).collect::<Result<_>>()?,
            Threads::All => numbers.into_par_iter().map(sample).collect::<Result<_>>()?,
        };
        let of_block = |(t, state): &mut (usize, State)| source.train(*t, state, first, &samples);
        let mut rows: Vec<Snapshot> = match threads {
            Threads::One => states.iter_mut().flat_map(of_block).collect(),
            Threads::All => states.par_iter_mut().flat_map_iter(of_block).collect(),
        };
        rows.sort_by_key(|row| (row.seen, row.trajectory));
        rows.into_iter().for_each(&mut emit);
        watch.step(length as f64 / end as f64)?;
    }
    Ok(())
}
