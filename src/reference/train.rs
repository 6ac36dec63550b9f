//! One SGD run. Twin of shaders/train.wgsl and shaders/update.wgsl.

use super::Snapshot;
use super::gemv::dot;
use crate::codec::{DIVERGED, MAGNITUDE, apply, flush48};
use crate::format::QuantOp;
use crate::plan::{TrainOps, Trajectory};
use crate::random::Stream;
use crate::site::{Counts, PerSite, Site};

/// Updates whose iterates are summed before the sum joins the average.
pub const GROUP: u64 = 256;

/// A run between two samples.
pub struct State {
    v: Vec<f32>,
    /// Open group sum of the average, and its folded total hi + lo.
    s: Vec<f32>,
    hi: Vec<f32>,
    lo: Vec<f32>,
    /// Samples of the open batch.
    batch: Vec<BatchSample>,
    update: u64,
    /// Values counted as `nan` before the open batch.
    nan: u64,
    pub diverged_at: Option<u64>,
    /// In `Site::ALL` order.
    pub counts: PerSite<Counts>,
}

/// A sample of the open batch.
struct BatchSample {
    n: u32,
    /// z as the activation reads it, and as Z^T r does.
    z: Vec<f32>,
    gradient_z: Vec<f32>,
    y: f32,
}

impl State {
    pub fn new(trajectory: &Trajectory, average: bool) -> State {
        let zeros = vec![0.0; trajectory.model as usize];
        let sums = if average { zeros.clone() } else { Vec::new() };
        State {
            v: zeros,
            s: sums.clone(),
            hi: sums.clone(),
            lo: sums,
            batch: Vec::new(),
            update: 0,
            nan: 0,
            diverged_at: None,
            counts: Default::default(),
        }
    }

    /// Takes one sample, z as the activation and as Z^T r read it; the last of a batch triggers the update, which `ops`
    /// round.
    pub fn sample(&mut self, trajectory: &Trajectory, ops: &TrainOps, stream: &Stream, n: u32, z: [&[f32]; 2], y: f32) {
        self.batch.push(BatchSample { n, z: z[0].to_vec(), gradient_z: z[1].to_vec(), y });
        if self.batch.len() == trajectory.batch as usize {
            self.step(trajectory, ops, stream);
            self.batch.clear();
            self.update += 1;
            self.nan = self.not_numbers();
        }
    }

    fn not_numbers(&self) -> u64 {
        self.counts.iter().map(|(_, counts)| counts.nan).sum()
    }

    fn apply(
        &mut self,
        site: Site,
        op: &QuantOp,
        values: &mut [f32],
        word: impl Fn(&Stream, usize, u32) -> u32,
        stream: &Stream,
    ) {
        self.counts[site] += apply(op, values, |k| word(stream, k, op.purpose));
    }

    /// One update on the whole batch.
    fn step(&mut self, trajectory: &Trajectory, ops: &TrainOps, stream: &Stream) {
        let t = self.update as u32;
        let samples: Vec<u32> = self.batch.iter().map(|sample| sample.n).collect();
        let by_sample = |stream: &Stream, b: usize, purpose: u32| stream.word(0, samples[b], purpose);
        let by_update = |stream: &Stream, j: usize, purpose: u32| stream.word(j as u32, t, purpose);

        let mut read = self.v.clone();
        self.apply(Site::Parameter, &ops.parameter, &mut read, by_update, stream);
        let mut labels: Vec<f32> = self.batch.iter().map(|sample| sample.y).collect();
        self.apply(Site::Label, &ops.label, &mut labels, by_sample, stream);
        let mut activations: Vec<f32> = self.batch.iter().map(|sample| dot(&sample.z, &read)).collect();
        self.apply(Site::Activation, &ops.activation, &mut activations, by_sample, stream);
        let mut residuals: Vec<f32> = labels.iter().zip(&activations).map(|(y, a)| y - a).collect();
        self.apply(Site::Gradient, &ops.gradient, &mut residuals, by_sample, stream);

        self.round_gradient_features(&ops.feature_grad, &samples, stream);
        let step = trajectory.step.at(t);
        let mut next = Vec::with_capacity(self.v.len());
        for j in 0..self.v.len() {
            let mut products = self.batch.iter().zip(&residuals).map(|(sample, r)| sample.gradient_z[j] * r);
            let mut g = products.next().unwrap_or(0.0);
            for product in products {
                g += product;
            }
            let g = f32::from_bits(flush48(g.to_bits()));
            next.push(self.v[j] + step * g);
        }
        self.apply(Site::Weight, &ops.weight, &mut next, by_update, stream);

        // A value that a format made infinite or NaN stands as +0: the update that read it is not applied.
        if self.not_numbers() > self.nan || next.iter().any(|v| v.to_bits() & MAGNITUDE >= DIVERGED) {
            self.diverged_at = Some(self.update);
            return;
        }
        for (s, v) in self.s.iter_mut().zip(&self.v) {
            *s += v;
        }
        if (self.update + 1).is_multiple_of(GROUP) {
            fold(&self.s, &mut self.hi, &mut self.lo);
            self.s.fill(0.0);
        }
        self.v = next;
    }

    /// Rounds z as Z^T r reads it. Blocks run along the batch; a shared draw is one per sample.
    fn round_gradient_features(&mut self, op: &QuantOp, samples: &[u32], stream: &Stream) {
        if !op.is_set() {
            return;
        }
        for j in 0..self.v.len() {
            let mut column: Vec<f32> = self.batch.iter().map(|sample| sample.gradient_z[j]).collect();
            let coordinate = if op.one_draw != 0 { 0 } else { j as u32 };
            let own = QuantOp { one_draw: 0, ..*op };
            self.counts[Site::FeatureGrad] +=
                apply(&own, &mut column, |b| stream.word(coordinate, samples[b], op.purpose));
            for (sample, z) in self.batch.iter_mut().zip(column) {
                sample.gradient_z[j] = z;
            }
        }
    }

    pub fn row(&self, trajectory: usize, seen: u64) -> Snapshot {
        let (mut hi, mut lo) = (self.hi.clone(), self.lo.clone());
        fold(&self.s, &mut hi, &mut lo);
        let bits = |values: &[f32]| values.iter().map(|v| v.to_bits()).collect();
        Snapshot {
            trajectory,
            seen,
            v: bits(&self.v),
            hi: bits(&hi),
            lo: bits(&lo),
            diverged_at: self.diverged_at,
            counts: self.counts,
        }
    }
}

/// (hi, q) = TwoSum(hi, s), lo = fl(lo + q) (Knuth).
fn fold(s: &[f32], hi: &mut [f32], lo: &mut [f32]) {
    for ((s, hi), lo) in s.iter().zip(hi).zip(lo) {
        let sum = *hi + s;
        let part = sum - *hi;
        let q = (*hi - (sum - part)) + (s - part);
        *hi = sum;
        *lo += q;
    }
}
