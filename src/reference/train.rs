//! One SGD run. Twin of shaders/train.wgsl.

use super::RawRow;
use super::draw::tree;
use crate::codec::{DIVERGED, apply, floor48};
use crate::plan::{TRAIN_SITES, Trajectory};
use crate::random::Stream;
use crate::row::{Counts, SITES, Site};

/// Updates whose iterates are summed before the sum joins the average.
pub const GROUP: u64 = 256;

/// A run between two samples.
pub struct State {
    v: Vec<f32>,
    /// Open group sum of the average, and its folded total hi + lo.
    s: Vec<f32>,
    hi: Vec<f32>,
    lo: Vec<f32>,
    /// Samples (index, z, y) of the open batch.
    batch: Vec<(u32, Vec<f32>, f32)>,
    update: u64,
    pub diverged_at: Option<u64>,
    /// In `Site::ALL` order.
    pub counts: [Counts; SITES],
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
            diverged_at: None,
            counts: Default::default(),
        }
    }

    /// Takes one sample; the last of a batch triggers the update.
    pub fn sample(&mut self, trajectory: &Trajectory, stream: &Stream, n: u32, z: &[f32], y: f32) {
        self.batch.push((n, z.to_vec(), y));
        if self.batch.len() == trajectory.batch as usize {
            self.step(trajectory, stream);
            self.batch.clear();
            self.update += 1;
        }
    }

    fn apply(
        &mut self,
        trajectory: &Trajectory,
        site: Site,
        values: &mut [f32],
        word: impl Fn(&Stream, usize, u32) -> u32,
        stream: &Stream,
    ) {
        let slot = TRAIN_SITES.iter().position(|s| *s == site).expect("the train kernel owns this site");
        let op = &trajectory.ops[slot];
        self.counts[site as usize] += apply(op, values, |k| word(stream, k, op.purpose));
    }

    /// One update on the whole batch.
    fn step(&mut self, trajectory: &Trajectory, stream: &Stream) {
        let t = self.update as u32;
        let samples: Vec<u32> = self.batch.iter().map(|(n, _, _)| *n).collect();
        let by_sample = |stream: &Stream, b: usize, purpose: u32| stream.word(0, samples[b], purpose);
        let by_update = |stream: &Stream, j: usize, purpose: u32| stream.word(j as u32, t, purpose);

        let mut read = self.v.clone();
        self.apply(trajectory, Site::Parameter, &mut read, by_update, stream);
        let mut labels: Vec<f32> = self.batch.iter().map(|(_, _, y)| *y).collect();
        self.apply(trajectory, Site::Label, &mut labels, by_sample, stream);
        let mut activations: Vec<f32> = self.batch.iter().map(|(_, z, _)| dot(z, &read)).collect();
        self.apply(trajectory, Site::Activation, &mut activations, by_sample, stream);
        let mut residuals: Vec<f32> = labels.iter().zip(&activations).map(|(y, a)| y - a).collect();
        self.apply(trajectory, Site::Gradient, &mut residuals, by_sample, stream);

        let step = step_size(trajectory, t);
        let mut next = Vec::with_capacity(self.v.len());
        for j in 0..self.v.len() {
            let mut products = self.batch.iter().zip(&residuals).map(|((_, z, _), r)| z[j] * r);
            let mut g = products.next().unwrap_or(0.0);
            for product in products {
                g += product;
            }
            let g = f32::from_bits(floor48(g.to_bits()));
            next.push(self.v[j] + step * g);
        }
        self.apply(trajectory, Site::Weight, &mut next, by_update, stream);

        if next.iter().any(|v| v.to_bits() & 0x7fff_ffff >= DIVERGED) {
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

    pub fn row(&self, trajectory: usize, seen: u64) -> RawRow {
        let (mut hi, mut lo) = (self.hi.clone(), self.lo.clone());
        fold(&self.s, &mut hi, &mut lo);
        let bits = |values: &[f32]| values.iter().map(|v| v.to_bits()).collect();
        RawRow {
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

/// c_t = fl(gamma_t / B): halving is exact.
pub fn step_size(trajectory: &Trajectory, t: u32) -> f32 {
    f32::from_bits(trajectory.step.to_bits() - ((t / trajectory.stage) << 23))
}

/// <z, v> in 32 lanes (lane = index mod 32), then the halving tree.
fn dot(z: &[f32], v: &[f32]) -> f32 {
    let mut lanes = [0.0f32; 32];
    for (j, (z, v)) in z.iter().zip(v).enumerate() {
        lanes[j % 32] += z * v;
    }
    tree(lanes)
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
