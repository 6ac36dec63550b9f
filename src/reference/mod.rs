//! The scalar reference: sequential and written to be read against the shaders, kernel by kernel. It shares with
//! the fast CPU code the format table, the counter layout, the generator's rounds and the table of normals, which
//! known answers pin; the codec, the sums and the update are its own.

pub mod draw;
pub mod project;
pub mod train;

use crate::config::Sketch;
use crate::plan::{Cohort, Plan, Point};
use crate::problem;
use crate::random::Stream;
use crate::row::{Counts, SITES, Site};
use train::State;

/// The state of one trajectory after `seen` samples.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawRow {
    pub trajectory: usize,
    pub seen: u64,
    /// f32 bits of v.
    pub v: Vec<u32>,
    /// f32 bits of the folded average: hi, then lo; empty when no average is kept.
    pub hi: Vec<u32>,
    pub lo: Vec<u32>,
    pub diverged_at: Option<u64>,
    /// In `Site::ALL` order.
    pub counts: [Counts; SITES],
}

/// One sample as the trajectories of a cohort see it.
pub struct Sample {
    pub y: f32,
    /// Per pair: counts of the data site.
    pub data: Vec<Counts>,
    /// Per feature: z and its counts; empty where no wanted trajectory reads it.
    pub features: Vec<(Vec<f32>, Counts)>,
}

/// What all samples of a cohort share.
pub struct Source<'a> {
    point: &'a Point,
    stream: Stream,
    scales: Vec<f32>,
    target: Vec<f32>,
    /// Per pair: the rows of the quantized sketch and their counts.
    sketches: Vec<(Vec<Vec<f32>>, Vec<Counts>)>,
    pairs: Vec<usize>,
    features: Vec<usize>,
}

impl Source<'_> {
    /// `wanted` are the trajectories that will read the samples.
    pub fn new<'a>(plan: &'a Plan, cohort: Cohort, wanted: &[usize]) -> Source<'a> {
        let point = &plan.points[cohort.point];
        let stream = Stream::new(plan.config.sweep.seed, cohort.seed_index);
        let reads = |f: &usize| wanted.iter().any(|&t| point.trajectories[t].feature == *f);
        let features: Vec<usize> = (0..point.features.len()).filter(reads).collect();
        let used = |p: &usize| features.iter().any(|&f| point.features[f].pair == *p);
        let pairs: Vec<usize> = (0..point.pairs.len()).filter(used).collect();
        let sketched = point.problem.sketch == Sketch::Gaussian;
        let sketches = (0..point.pairs.len())
            .map(|p| match pairs.contains(&p) && sketched {
                true => draw::sketch(&point.pairs[p].sketch, &stream, point.model, point.problem.dim),
                false => (Vec::new(), Vec::new()),
            })
            .collect();
        let scales = problem::spectrum(&point.problem).scales;
        let target = problem::target(&point.problem, &stream);
        Source { point, stream, scales, target, sketches, pairs, features }
    }

    /// Draws, projects and quantizes sample `n`.
    pub fn sample(&self, n: u32) -> Sample {
        let (point, stream) = (self.point, &self.stream);
        let x = draw::covariate(&self.scales, stream, n);
        let y = draw::label(&x, &self.target, point.problem.noise, stream, n);
        let mut projected = vec![Vec::new(); point.pairs.len()];
        let mut data = vec![Counts::default(); point.pairs.len()];
        for &p in &self.pairs {
            let (quantized, counts) = draw::data(&point.pairs[p].data, &x, stream, n);
            data[p] = counts;
            projected[p] = match point.problem.sketch {
                Sketch::Gaussian => self.sketches[p].0.iter().map(|row| project::dot(&quantized, row)).collect(),
                Sketch::None => quantized,
            };
        }
        let mut features = vec![(Vec::new(), Counts::default()); point.features.len()];
        for &f in &self.features {
            let feature = &point.features[f];
            features[f] = project::feature(feature, &projected[feature.pair], stream, n);
        }
        Sample { y, data, features }
    }
}

/// Runs every trajectory of a cohort, sample by sample, and returns its rows by (trajectory, seen).
/// `only` restricts it to one trajectory.
pub fn cohort(plan: &Plan, cohort: Cohort, only: Option<usize>) -> Vec<RawRow> {
    let mut rows = Vec::new();
    each(plan, cohort, only, |row| rows.push(row));
    rows.sort_by_key(|row| (row.trajectory, row.seen));
    rows
}

/// [`cohort`] with every row handed out as soon as it is due, by (seen, trajectory).
pub fn each(plan: &Plan, cohort: Cohort, only: Option<usize>, mut emit: impl FnMut(RawRow)) {
    let point = &plan.points[cohort.point];
    let wanted: Vec<usize> = (0..point.trajectories.len()).filter(|&t| only.is_none_or(|o| o == t)).collect();
    let end = wanted.iter().map(|&t| point.trajectories[t].samples).max().unwrap_or(0);
    let source = Source::new(plan, cohort, &wanted);
    let mut states: Vec<State> = point.trajectories.iter().map(|t| State::new(t, plan.average)).collect();
    for &t in &wanted {
        let trajectory = &point.trajectories[t];
        let pair = point.features[trajectory.feature].pair;
        for counts in source.sketches[pair].1.iter().take(trajectory.model as usize) {
            states[t].counts[Site::Sketch as usize] += *counts;
        }
    }
    for n in 0..end {
        let sample = source.sample(n as u32);
        for &t in &wanted {
            let trajectory = &point.trajectories[t];
            if n >= trajectory.samples {
                continue;
            }
            let (z, counts) = &sample.features[trajectory.feature];
            if states[t].diverged_at.is_none() {
                states[t].counts[Site::Data as usize] += sample.data[point.features[trajectory.feature].pair];
                states[t].counts[Site::Feature as usize] += *counts;
                states[t].sample(trajectory, &source.stream, n as u32, z, sample.y);
            }
            if trajectory.rows.binary_search(&(n + 1)).is_ok() {
                emit(states[t].row(t, n + 1));
            }
        }
    }
}
