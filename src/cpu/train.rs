//! One SGD run over a block of samples.

use multiversion::multiversion;

use super::codec::{apply_samples, apply_vector};
use super::lanes::{LANES, SLICE, flush48};
use crate::codec::{DIVERGED, MAGNITUDE};
use crate::format::{QuantOp, class};
use crate::plan::Snapshot;
use crate::plan::{TrainOps, Trajectory};
use crate::site::{Counts, PerSite, Site};

/// A run between two batches; vectors are padded with zeros to whole slices.
pub struct Run {
    pub v: Vec<f32>,
    read: Vec<f32>,
    next: Vec<f32>,
    s: Vec<f32>,
    hi: Vec<f32>,
    lo: Vec<f32>,
    activations: Vec<f32>,
    labels: Vec<f32>,
    /// z as Z^T r reads it, sample by sample, where feature_grad rounds it.
    gradient_z: Vec<f32>,
    /// Lane sums of a dot product.
    lanes: Vec<f32>,
    average: bool,
    pub update: u64,
    /// Values counted as `nan` before the open batch.
    nan: u64,
    pub diverged_at: Option<u64>,
    pub counts: PerSite<Counts>,
}

/// One batch: a padded feature vector per sample.
pub struct Batch<'a> {
    pub first: u32,
    pub z: &'a [&'a [f32]],
    /// The features that Z^T r reads, before feature_grad rounds them.
    pub gradient_z: &'a [&'a [f32]],
    pub y: &'a [f32],
}

impl Run {
    pub fn new(trajectory: &Trajectory, average: bool) -> Run {
        let zeros = || vec![0.0; (trajectory.model as usize).next_multiple_of(SLICE)];
        Run {
            v: zeros(),
            read: zeros(),
            next: zeros(),
            s: zeros(),
            hi: zeros(),
            lo: zeros(),
            activations: vec![0.0; trajectory.batch as usize],
            labels: vec![0.0; trajectory.batch as usize],
            gradient_z: Vec::new(),
            lanes: vec![0.0; LANES],
            average,
            update: 0,
            nan: 0,
            diverged_at: None,
            counts: Default::default(),
        }
    }

    /// One update.
    pub fn step(&mut self, trajectory: &Trajectory, key: [u32; 4], batch: &Batch) {
        step(self, trajectory, key, batch);
        self.update += 1;
        self.nan = self.not_numbers();
    }

    fn not_numbers(&self) -> u64 {
        self.counts.iter().map(|(_, counts)| counts.nan).sum()
    }

    pub fn row(&self, trajectory: usize, model: usize, seen: u64) -> Snapshot {
        let (mut hi, mut lo) = (self.hi.clone(), self.lo.clone());
        fold(&self.s, &mut hi, &mut lo);
        let bits = |values: &[f32]| values[..model].iter().map(|v| v.to_bits()).collect();
        let sums = |values: &[f32]| if self.average { bits(values) } else { Vec::new() };
        Snapshot {
            trajectory,
            seen,
            v: bits(&self.v),
            hi: sums(&hi),
            lo: sums(&lo),
            diverged_at: self.diverged_at,
            counts: self.counts,
        }
    }
}

#[multiversion(targets("x86_64+avx512f+avx512bw+avx512cd+avx512dq+avx512vl+avx2+fma+bmi2", "x86_64+avx2+fma+bmi2"))]
fn step(run: &mut Run, trajectory: &Trajectory, key: [u32; 4], batch: &Batch) {
    let model = trajectory.model as usize;
    // Vectors are used up to the last lane group that holds an element.
    let used = model.next_multiple_of(LANES);
    let TrainOps { label, parameter, activation, gradient, weight, feature_grad } = &trajectory.ops;
    let t = run.update as u32;

    if parameter.kind != class::NONE {
        run.read.copy_from_slice(&run.v);
        let counts = &mut run.counts[Site::Parameter];
        apply_vector(parameter, &mut run.read, model, key, t, counts);
    }
    let read: &[f32] = if parameter.kind == class::NONE { &run.v } else { &run.read };
    for (a, z) in run.activations.iter_mut().zip(batch.z) {
        *a = dot(&z[..used], &read[..used], &mut run.lanes);
    }
    run.labels.copy_from_slice(batch.y);
    let site = |op: &QuantOp, site: Site, values: &mut [f32], counts: &mut PerSite<Counts>| {
        apply_samples(op, values, 0, key, batch.first, &mut counts[site]);
    };
    site(label, Site::Label, &mut run.labels, &mut run.counts);
    site(activation, Site::Activation, &mut run.activations, &mut run.counts);
    for (a, y) in run.activations.iter_mut().zip(&run.labels) {
        *a = y - *a;
    }
    site(gradient, Site::Gradient, &mut run.activations, &mut run.counts);

    let c = trajectory.step.at(t);
    if feature_grad.kind == class::NONE {
        advance(&run.v[..used], &mut run.next[..used], batch.gradient_z, &run.activations, c);
    } else {
        let counts = &mut run.counts[Site::FeatureGrad];
        round_gradient_features(feature_grad, &mut run.gradient_z, batch, model, key, counts);
        let rounded: Vec<&[f32]> = run.gradient_z.chunks(batch.gradient_z[0].len()).collect();
        advance(&run.v[..used], &mut run.next[..used], &rounded, &run.activations, c);
    }
    if weight.kind == class::NONE {
        for v in &mut run.next[..used] {
            *v = flush48(*v);
        }
    } else {
        apply_vector(weight, &mut run.next, model, key, t, &mut run.counts[Site::Weight]);
    }

    let mut largest = 0;
    for v in &run.next[..used] {
        largest = largest.max(v.to_bits() & MAGNITUDE);
    }
    if largest >= DIVERGED || run.not_numbers() > run.nan {
        run.diverged_at = Some(run.update);
        return;
    }
    if run.average {
        for (s, v) in run.s[..used].iter_mut().zip(&run.v[..used]) {
            *s += v;
        }
        if (run.update + 1).is_multiple_of(crate::reference::train::GROUP) {
            fold(&run.s, &mut run.hi, &mut run.lo);
            run.s.fill(0.0);
        }
    }
    std::mem::swap(&mut run.v, &mut run.next);
}

/// z as Z^T r reads it. Blocks run along the batch.
#[inline(always)]
fn round_gradient_features(
    op: &QuantOp,
    out: &mut Vec<f32>,
    batch: &Batch,
    model: usize,
    key: [u32; 4],
    counts: &mut Counts,
) {
    out.clear();
    batch.gradient_z.iter().for_each(|z| out.extend_from_slice(z));
    let (width, size) = (batch.gradient_z[0].len(), batch.gradient_z.len());
    if !op.shares() {
        for (z, n) in out.chunks_mut(width).zip(batch.first..) {
            apply_vector(op, z, model, key, n, counts);
        }
        return;
    }
    let mut column = vec![0.0; size];
    for j in 0..model {
        column.iter_mut().enumerate().for_each(|(b, z)| *z = out[b * width + j]);
        apply_samples(op, &mut column, j as u32, key, batch.first, counts);
        column.iter().enumerate().for_each(|(b, z)| out[b * width + j] = *z);
    }
}

/// next = fl(v + fl(c g)), g summed over the batch in order, starting from the first product. Plain passes over
/// slices: sums in a local array of 32 lanes come out of the compiler as scalar code.
#[inline(always)]
fn advance(v: &[f32], next: &mut [f32], z: &[&[f32]], residuals: &[f32], c: f32) {
    for (g, z) in next.iter_mut().zip(z[0]) {
        *g = z * residuals[0];
    }
    for (z, r) in z.iter().zip(residuals).skip(1) {
        for (g, z) in next.iter_mut().zip(*z) {
            *g += z * r;
        }
    }
    for (g, v) in next.iter_mut().zip(v) {
        *g = v + c * flush48(*g);
    }
}

/// <z, v> in 32 lanes; `lanes` lies in memory for the same reason.
#[inline(always)]
fn dot(z: &[f32], v: &[f32], lanes: &mut [f32]) -> f32 {
    lanes.fill(0.0);
    for (z, v) in z.chunks_exact(LANES).zip(v.chunks_exact(LANES)) {
        for ((sum, z), v) in lanes.iter_mut().zip(z).zip(v) {
            *sum += z * v;
        }
    }
    for half in [16, 8, 4, 2, 1] {
        let (low, high) = lanes.split_at_mut(half);
        for (low, high) in low.iter_mut().zip(high) {
            *low += *high;
        }
    }
    lanes[0]
}

/// Z v as bits, for Z of so many columns.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512cd+avx512dq+avx512vl+avx2+fma+bmi2", "x86_64+avx2+fma+bmi2"))]
pub fn gemv(z: &[f32], columns: usize, v: &[f32]) -> Vec<u32> {
    let padded = |row: &[f32]| {
        let mut row = row.to_vec();
        row.resize(columns.next_multiple_of(LANES), 0.0);
        row
    };
    let (v, mut lanes) = (padded(v), vec![0.0; LANES]);
    z.chunks(columns).map(|row| dot(&padded(row), &v, &mut lanes).to_bits()).collect()
}

/// (hi, q) = TwoSum(hi, s), lo = fl(lo + q).
#[inline(always)]
pub fn fold(s: &[f32], hi: &mut [f32], lo: &mut [f32]) {
    for ((s, hi), lo) in s.iter().zip(hi).zip(lo) {
        let sum = *hi + s;
        let part = sum - *hi;
        *lo += (*hi - (sum - part)) + (s - part);
        *hi = sum;
    }
}
