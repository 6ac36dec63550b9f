//! The scalar reference: sequential and written to be read against the shaders, kernel by kernel. It shares with
//! the fast CPU code the format table, the counter layout, the generator's rounds and the table of normals, which
//! known answers pin; the codec, the sums and the update are its own.

pub mod draw;
pub mod project;
pub mod train;

use crate::config::Sketch;
use crate::plan::{Cohort, Plan};
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

/// Runs every trajectory of a cohort, sample by sample, and returns its rows by (trajectory, seen).
/// `only` restricts it to one trajectory.
pub fn cohort(plan: &Plan, cohort: Cohort, only: Option<usize>) -> Vec<RawRow> {
    let point = &plan.points[cohort.point];
    let stream = Stream::new(plan.config.sweep.seed, cohort.seed_index);
    let wanted: Vec<usize> = (0..point.trajectories.len()).filter(|&t| only.is_none_or(|o| o == t)).collect();
    let end = wanted.iter().map(|&t| point.trajectories[t].samples).max().unwrap_or(0);
    let features: Vec<usize> =
        (0..point.features.len()).filter(|&f| wanted.iter().any(|&t| point.trajectories[t].feature == f)).collect();
    let pairs: Vec<usize> =
        (0..point.pairs.len()).filter(|&p| features.iter().any(|&f| point.features[f].pair == p)).collect();

    let spectrum = problem::spectrum(&point.problem);
    let target = problem::target(&point.problem, &stream);
    let sketched = point.problem.sketch == Sketch::Gaussian;
    let sketches: Vec<(Vec<Vec<f32>>, Vec<Counts>)> = (0..point.pairs.len())
        .map(|p| match pairs.contains(&p) && sketched {
            true => draw::sketch(&point.pairs[p].sketch, &stream, point.model, point.problem.dim),
            false => (Vec::new(), Vec::new()),
        })
        .collect();

    let mut states: Vec<State> = point.trajectories.iter().map(|t| State::new(t, plan.average)).collect();
    for &t in &wanted {
        let pair = point.features[point.trajectories[t].feature].pair;
        for rows in sketches[pair].1.iter().take(point.trajectories[t].model as usize) {
            states[t].counts[Site::Sketch as usize] += *rows;
        }
    }
    let mut rows = Vec::new();
    for n in 0..end {
        let n = n as u32;
        let x = draw::covariate(&spectrum.scales, &stream, n);
        let y = draw::label(&x, &target, point.problem.noise, &stream, n);
        let mut projected = vec![Vec::new(); point.pairs.len()];
        let mut data_counts = vec![Counts::default(); point.pairs.len()];
        for &p in &pairs {
            let (quantized, counts) = draw::data(&point.pairs[p].data, &x, &stream, n);
            data_counts[p] = counts;
            projected[p] = match sketched {
                true => sketches[p].0.iter().map(|row| project::dot(&quantized, row)).collect(),
                false => quantized,
            };
        }
        let mut feature_vectors = vec![(Vec::new(), Counts::default()); point.features.len()];
        for &f in &features {
            let feature = &point.features[f];
            feature_vectors[f] = project::feature(feature, &projected[feature.pair], &stream, n);
        }
        for &t in &wanted {
            let trajectory = &point.trajectories[t];
            if u64::from(n) >= trajectory.samples {
                continue;
            }
            let (z, feature_counts) = &feature_vectors[trajectory.feature];
            if states[t].diverged_at.is_none() {
                states[t].counts[Site::Data as usize] += data_counts[point.features[trajectory.feature].pair];
                states[t].counts[Site::Feature as usize] += *feature_counts;
                states[t].sample(trajectory, &stream, n, z, y);
            }
            if trajectory.rows.binary_search(&(u64::from(n) + 1)).is_ok() {
                rows.push(states[t].row(t, u64::from(n) + 1));
            }
        }
    }
    rows.sort_by_key(|row| (row.trajectory, row.seen));
    rows
}
