//! SGD runs side by side over a stretch of samples.

use multiversion::multiversion;

use super::codec::fused::Fused;
use super::codec::{apply_samples, apply_slices};
use super::draw::quantize_row;
use super::lanes::{LANES, SLICE, flush48, tree};
use super::passes::{
    add_products, advance, advance_ahead, advance_rounded, diverges, dot, fold, round_features, step, sum,
};
use crate::format::{QuantOp, class};
use crate::plan::Snapshot;
use crate::plan::{TrainOps, Trajectory};
use crate::reference::train::GROUP;
use crate::site::{Counts, PerSite, Site};

/// A run between two batches; vectors are padded with zeros to whole slices.
pub struct Run {
    v: Vec<f32>,
    read: Vec<f32>,
    next: Vec<f32>,
    s: Vec<f32>,
    hi: Vec<f32>,
    lo: Vec<f32>,
    activations: Vec<f32>,
    labels: Vec<f32>,
    /// z as Z^T r reads it, sample by sample, where feature_grad rounds it.
    gradient_z: Vec<f32>,
    ahead: Option<Ahead>,
    average: bool,
    update: u64,
    pub diverged_at: Option<u64>,
    pub counts: PerSite<Counts>,
}

/// <z, Qp(v)> of the sample that comes next, found in the pass that made v.
struct Ahead {
    product: f32,
    /// Of the parameter site: they count once the update takes place.
    counts: Counts,
}

/// A sample as one of the cohort's features has it.
#[derive(Clone, Copy)]
pub struct Sample<'a> {
    /// Padded with zeros to whole slices.
    pub z: &'a [f32],
    pub y: f32,
    /// What rounding did to its x and to its z.
    pub data: &'a Counts,
    pub feature: &'a Counts,
}

/// A run and the samples `first ..` that it is to see, a whole number of batches.
pub struct Training<'a> {
    pub run: &'a mut Run,
    pub trajectory: &'a Trajectory,
    /// Those of the phase that the samples are in.
    pub ops: &'a TrainOps,
    pub first: u64,
    pub samples: &'a [Sample<'a>],
    /// The same as Z^T r reads them, before feature_grad rounds them.
    pub gradient: &'a [Sample<'a>],
    /// The number of its trajectory, and the rows of it that are due.
    pub index: usize,
    pub rows: &'a mut Vec<Snapshot>,
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
            ahead: None,
            average,
            update: 0,
            diverged_at: None,
            counts: Default::default(),
        }
    }

    fn row(&self, trajectory: usize, model: usize, seen: u64) -> Snapshot {
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

/// Where a training is: samples that it has seen, and those that its next row has.
struct Turn {
    at: usize,
    due: usize,
    /// The parameter site, where it rounds in the pass that makes the weights.
    fused: Option<Fused>,
}

/// Trains them in turns, one update each: while an update of one waits for its sums, the processor begins that of
/// the next.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512cd+avx512dq+avx512vl+avx2+fma+bmi2", "x86_64+avx2+fma+bmi2"))]
pub fn train(trainings: &mut [Training], key: [u32; 4]) {
    let first = |own: &Training| Turn { at: 0, due: own.due(0), fused: Fused::new(&own.ops.parameter) };
    let mut turns: Vec<Turn> = trainings.iter().map(first).collect();
    loop {
        let mut ended = true;
        for (own, turn) in trainings.iter_mut().zip(&mut turns) {
            if turn.at < own.samples.len() {
                ended = false;
                own.turn(key, turn);
            }
        }
        if ended {
            return;
        }
    }
}

impl Training<'_> {
    #[inline(always)]
    fn turn(&mut self, key: [u32; 4], turn: &mut Turn) {
        if self.run.diverged_at.is_none() {
            self.update(key, turn);
        }
        turn.at += self.trajectory.batch as usize;
        if turn.at == turn.due {
            self.add_row(turn.at);
            turn.due = self.due(turn.at);
        }
    }

    /// Samples of the first row behind the first `at`.
    fn due(&self, at: usize) -> usize {
        let rows = &self.trajectory.rows;
        let next = rows.get(rows.partition_point(|due| *due <= self.first + at as u64));
        next.map_or(usize::MAX, |next| (next - self.first) as usize)
    }

    fn add_row(&mut self, seen: usize) {
        let row = self.run.row(self.index, self.trajectory.model as usize, self.first + seen as u64);
        self.rows.push(row);
    }

    /// The update on the batch that begins with sample `at`.
    #[inline(always)]
    fn update(&mut self, key: [u32; 4], Turn { at, fused, .. }: &Turn) {
        let (at, run, n) = (*at, &mut *self.run, (self.first + *at as u64) as u32);
        if self.trajectory.batch == 1 && self.ops.feature_grad.kind == class::NONE {
            let next = self.samples.get(at + 1).map(|sample| sample.z);
            let what = (self.trajectory, self.ops, fused.as_ref());
            return one(run, what, key, n, &self.samples[at], self.gradient[at].z, next);
        }
        let batch = at..at + self.trajectory.batch as usize;
        let what = (self.trajectory, self.ops);
        many(run, what, key, n, &self.samples[batch.clone()], &self.gradient[batch]);
    }
}

/// Adds to the counts of a run, and says how many of them are no numbers.
#[inline(always)]
fn count(run: &mut Run, site: Site, counts: Counts) -> u64 {
    run.counts[site] += counts;
    counts.nan
}

/// An update on one sample, `next` being the one behind it.
#[inline(always)]
fn one(
    run: &mut Run,
    (trajectory, ops, fused): (&Trajectory, &TrainOps, Option<&Fused>),
    key: [u32; 4],
    n: u32,
    sample: &Sample,
    gradient_z: &[f32],
    next: Option<&[f32]>,
) {
    let model = trajectory.model as usize;
    let used = model.next_multiple_of(LANES);
    let TrainOps { parameter, weight, .. } = ops;
    let t = run.update as u32;

    let ahead = run.ahead.take();
    let Ahead { product, counts } = ahead.unwrap_or_else(|| activation(run, parameter, model, key, t, sample.z));
    let mut nans = run.counts[Site::Sketch].nan;
    nans += count(run, Site::Data, *sample.data) + count(run, Site::Feature, *sample.feature);
    nans += count(run, Site::Parameter, counts);
    let mut residual = [product];
    nans += residuals(run, ops, key, n, &mut [sample.y], &mut residual);

    let (c, z) = (trajectory.step.at(t), &gradient_z[..used]);
    let (v, new) = (&run.v[..used], &mut run.next[..used]);
    let (diverged, found) = match (weight.kind, parameter.kind, fused, next) {
        (class::NONE, class::NONE, _, Some(next)) => {
            let (diverged, product) = advance_ahead(v, new, z, residual[0], c, &next[..used]);
            (diverged, Some(Ahead { product, counts: Counts::default() }))
        }
        (class::NONE, _, Some(fused), Some(next)) => {
            let (z, next) = ((z, residual[0], c), &next[..used]);
            let (diverged, product, counts) = match fused.shares() {
                true => advance_rounded::<true>(v, new, z, next, fused),
                false => advance_rounded::<false>(v, new, z, next, fused),
            };
            (diverged, Some(Ahead { product, counts }))
        }
        (class::NONE, ..) => (advance(v, new, z, residual[0], c), None),
        _ => {
            step(v, new, z, residual[0], c);
            let mut counts = Counts::default();
            quantize_row(weight, &mut run.next, model, key, t, &mut counts);
            nans += count(run, Site::Weight, counts);
            (diverges(&run.next[..used]), None)
        }
    };
    if !finish(run, diverged || nans > 0, used) {
        return;
    }
    run.ahead = match (found, next) {
        (Some(found), _) => Some(found),
        (None, Some(z)) => Some(activation(run, parameter, model, key, t.wrapping_add(1), z)),
        (None, None) => None,
    };
}

/// An update on a batch.
#[inline(always)]
fn many(
    run: &mut Run,
    (trajectory, ops): (&Trajectory, &TrainOps),
    key: [u32; 4],
    first: u32,
    samples: &[Sample],
    gradient: &[Sample],
) {
    let model = trajectory.model as usize;
    // Vectors are used up to the last lane group that holds an element.
    let used = model.next_multiple_of(LANES);
    let TrainOps { parameter, weight, feature_grad, .. } = ops;
    let (t, mut nans) = (run.update as u32, run.counts[Site::Sketch].nan);
    for sample in samples {
        nans += count(run, Site::Data, *sample.data) + count(run, Site::Feature, *sample.feature);
    }

    run.read.copy_from_slice(&run.v);
    if parameter.kind != class::NONE {
        let mut counts = Counts::default();
        quantize_row(parameter, &mut run.read, model, key, t, &mut counts);
        nans += count(run, Site::Parameter, counts);
    }
    let (mut activations, mut labels) = (std::mem::take(&mut run.activations), std::mem::take(&mut run.labels));
    for ((a, y), sample) in activations.iter_mut().zip(&mut labels).zip(samples) {
        (*a, *y) = (dot(&sample.z[..used], &run.read[..used]), sample.y);
    }
    nans += residuals(run, ops, key, first, &mut labels, &mut activations);

    let c = trajectory.step.at(t);
    let next = &mut run.next[..used];
    if feature_grad.kind == class::NONE {
        sum(next, gradient.iter().map(|sample| sample.z), &activations);
    } else {
        let mut counts = Counts::default();
        round_features(feature_grad, &mut run.gradient_z, first, gradient, model, key, &mut counts);
        sum(next, run.gradient_z.chunks(gradient[0].z.len()), &activations);
        nans += count(run, Site::FeatureGrad, counts);
    }
    for (g, v) in run.next[..used].iter_mut().zip(&run.v) {
        *g = v + c * flush48(*g);
    }
    (run.activations, run.labels) = (activations, labels);
    let mut counts = Counts::default();
    quantize_row(weight, &mut run.next, model, key, t, &mut counts);
    nans += count(run, Site::Weight, counts);
    let diverged = diverges(&run.next[..used]);
    finish(run, diverged || nans > 0, used);
}

/// <z, Qp(v)> of update t.
#[inline(always)]
fn activation(run: &mut Run, op: &QuantOp, model: usize, key: [u32; 4], t: u32, z: &[f32]) -> Ahead {
    match op.kind {
        class::NONE => {
            let used = model.next_multiple_of(LANES);
            Ahead { product: dot(&z[..used], &run.v[..used]), counts: Counts::default() }
        }
        _ => rounded_activation(op, &run.v, &mut run.read, model, key, t, z),
    }
}

#[multiversion(targets("x86_64+avx512f+avx512bw+avx512cd+avx512dq+avx512vl+avx2+fma+bmi2", "x86_64+avx2+fma+bmi2"))]
fn rounded_activation(
    op: &QuantOp,
    v: &[f32],
    read: &mut [f32],
    model: usize,
    key: [u32; 4],
    t: u32,
    z: &[f32],
) -> Ahead {
    let (mut sums, mut counts) = ([0.0; LANES], Counts::default());
    read.copy_from_slice(v);
    apply_slices(op, read, model, key, t, &mut counts, |slice, read| {
        add_products(&z[slice * SLICE..][..read.len()], read, &mut sums);
    });
    Ahead { product: tree(sums), counts }
}

/// From predictions to residuals; the number of what is no number on the way.
#[inline(always)]
fn residuals(
    run: &mut Run,
    ops: &TrainOps,
    key: [u32; 4],
    first: u32,
    labels: &mut [f32],
    predictions: &mut [f32],
) -> u64 {
    let mut nans = 0;
    let mut apply = |op: &QuantOp, site: Site, values: &mut [f32]| {
        let mut counts = Counts::default();
        apply_samples(op, values, 0, key, first, &mut counts);
        if op.kind != class::NONE {
            nans += count(run, site, counts);
        }
    };
    apply(&ops.label, Site::Label, labels);
    apply(&ops.activation, Site::Activation, predictions);
    for (a, y) in predictions.iter_mut().zip(labels) {
        *a = *y - *a;
    }
    apply(&ops.gradient, Site::Gradient, predictions);
    nans
}

/// Applies the update that was found, unless the run has diverged.
#[inline(always)]
fn finish(run: &mut Run, diverged: bool, used: usize) -> bool {
    if diverged {
        run.diverged_at = Some(run.update);
        return false;
    }
    if run.average {
        for (s, v) in run.s[..used].iter_mut().zip(&run.v[..used]) {
            *s += v;
        }
        if (run.update + 1).is_multiple_of(GROUP) {
            fold(&run.s, &mut run.hi, &mut run.lo);
            run.s.fill(0.0);
        }
    }
    std::mem::swap(&mut run.v, &mut run.next);
    run.update += 1;
    true
}
