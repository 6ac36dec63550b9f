//! Draws a tile of samples: covariates, labels, quantized data; and the sketch.

use std::sync::Arc;

use multiversion::multiversion;

use super::codec::apply_vector;
use super::lanes::{LANES, SLICE, flush48, round_significand, tree, words, words_of_pass};
use crate::format::QuantOp;
use crate::plan::{Feature, SketchDraw};
use crate::problem::Covariates;
use crate::problem::Sketch;
use crate::random::normal::normal;
use crate::random::{FIRST_TEST, Purpose};
use crate::site::Counts;

/// What a cohort's samples are made of; vectors are padded with zeros to whole slices.
pub struct CohortSource {
    pub key: [u32; 4],
    pub dim: usize,
    /// Of these, the first ones that `data` rounds.
    pub literal: usize,
    pub samples: Samples,
}

pub enum Samples {
    /// Scales s_i, and how each label follows from what they scale.
    Normals { scales: Vec<f32>, labels: Vec<LabelSource> },
    /// Rows of a file; training samples read them in this order.
    Rows { covariates: Arc<Covariates>, order: Vec<u32> },
}

/// A label but for its noise is a product with the coordinates.
pub struct LabelSource {
    /// Components of w*, or of what stands for it where features are drawn; the largest first, 0 or missing where the label
    /// reads no coordinate.
    pub components: Vec<Vec<f32>>,
    /// Of the noise.
    pub deviation: f32,
}

impl CohortSource {
    /// Labels of a sample: model sizes may have their own.
    pub fn labels(&self) -> usize {
        if let Samples::Normals { labels, .. } = &self.samples { labels.len() } else { 1 }
    }

    /// Coordinates rounded up to whole slices.
    pub fn columns(&self) -> usize {
        self.dim.next_multiple_of(SLICE)
    }
}

/// x into the padded row, and every label, of sample `n`; from 2^31 on those that test.
pub fn sample(source: &CohortSource, n: u32, x: &mut [f32], y: &mut [f32]) {
    covariates(source, n, 0, x);
    match &source.samples {
        Samples::Normals { labels, .. } => {
            let noise = normal(words(source.key, 0, n, Purpose::LabelNoise as u32)[0][0]);
            for (y, LabelSource { components, deviation }) in y.iter_mut().zip(labels) {
                let totals = components.iter().rev().map(|component| product(x, component));
                *y = flush48(totals.reduce(|sum, total| sum + total).unwrap_or(0.0) + deviation * noise);
            }
        }
        Samples::Rows { covariates, order } => y.fill(covariates.label(row_of(covariates, order, n))),
    }
}

/// Whole slices of x of sample `n`, from column `first` on.
pub fn covariates(source: &CohortSource, n: u32, first: usize, out: &mut [f32]) {
    match &source.samples {
        Samples::Normals { scales, .. } => normals(source.key, &scales[first..][..out.len()], first / SLICE, n, out),
        Samples::Rows { covariates, order } => {
            let row = covariates.row(row_of(covariates, order, n));
            let used = out.len().min(source.dim - first);
            out[..used].copy_from_slice(&row[first..][..used]);
            out[used..].fill(0.0);
        }
    }
}

/// The label of sample `n` where it comes from a file.
pub fn file_label(source: &CohortSource, n: u32) -> Option<f32> {
    match &source.samples {
        Samples::Normals { .. } => None,
        Samples::Rows { covariates, order } => Some(covariates.label(row_of(covariates, order, n))),
    }
}

fn row_of(covariates: &Covariates, order: &[u32], n: u32) -> u32 {
    match n.checked_sub(FIRST_TEST) {
        None => order[n as usize],
        Some(k) => covariates.held_row(k as usize),
    }
}

/// Drawn covariates of whole slices from number `first` on.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512cd+avx512dq+avx512vl+avx2+fma+bmi2", "x86_64+avx2+fma+bmi2"))]
fn normals(key: [u32; 4], scales: &[f32], first: usize, n: u32, out: &mut [f32]) {
    for (slice, (scales, out)) in scales.chunks_exact(SLICE).zip(out.chunks_exact_mut(SLICE)).enumerate() {
        let drawn = words(key, first + slice, n, Purpose::Covariate as u32);
        for (j, drawn) in drawn.iter().enumerate() {
            let (scales, out) = (&scales[j * LANES..][..LANES], &mut out[j * LANES..][..LANES]);
            for l in 0..LANES {
                out[l] = flush48(round_significand(scales[l] * normal(drawn[l]), 16));
            }
        }
    }
}

/// <x, w> in 32 lanes.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512cd+avx512dq+avx512vl+avx2+fma+bmi2", "x86_64+avx2+fma+bmi2"))]
fn product(x: &[f32], w: &[f32]) -> f32 {
    let mut lanes = [0.0f32; LANES];
    for (x, w) in x.as_chunks::<LANES>().0.iter().zip(w.as_chunks::<LANES>().0) {
        for l in 0..LANES {
            lanes[l] += x[l] * w[l];
        }
    }
    tree(lanes)
}

/// Row `j` of the clean sketch, padded with zeros.
pub fn sketch_row(sketch: &Sketch, draw: &SketchDraw, key: [u32; 4], j: u32, dim: usize, row: &mut [f32]) {
    match sketch {
        Sketch::File(input) => {
            for (value, s) in row.iter_mut().zip(&input.values[j as usize * dim..][..dim]) {
                *value = flush48(*s);
            }
        }
        _ => drawn_sketch_row(key, draw.pass, j, row),
    }
    row[dim..].fill(0.0);
}

#[multiversion(targets("x86_64+avx512f+avx512bw+avx512cd+avx512dq+avx512vl+avx2+fma+bmi2", "x86_64+avx2+fma+bmi2"))]
fn drawn_sketch_row(key: [u32; 4], pass: u32, j: u32, row: &mut [f32]) {
    for (slice, chunk) in row.chunks_mut(SLICE).enumerate() {
        let drawn = words_of_pass(key, slice, j, Purpose::Sketch as u32, pass);
        for (l, value) in chunk.iter_mut().enumerate() {
            *value = flush48(round_significand(normal(drawn[l / LANES][l % LANES]), 8));
        }
    }
}

/// Values that an op at `data` leaves unrounded, in its unit.
pub fn pass(op: &QuantOp, x: &[f32], out: &mut [f32]) {
    let unit = libm::ldexp(1.0, -op.unit) as f32;
    out.iter_mut().zip(x).for_each(|(out, x)| *out = flush48(x * unit));
}

/// Applies an op to one padded vector in place.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512cd+avx512dq+avx512vl+avx2+fma+bmi2", "x86_64+avx2+fma+bmi2"))]
pub fn quantize_row(op: &QuantOp, row: &mut [f32], len: usize, key: [u32; 4], second: u32, counts: &mut Counts) {
    apply_vector(op, row, len, key, second, counts);
}

/// z of one sample: scaled projections with the closed tail, then the feature op. `z` is padded.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512cd+avx512dq+avx512vl+avx2+fma+bmi2", "x86_64+avx2+fma+bmi2"))]
pub fn feature(feature: &Feature, projected: &[f32], z: &mut [f32], key: [u32; 4], n: u32, counts: &mut Counts) {
    let len = projected.len();
    z[..len].copy_from_slice(projected);
    z[len..].fill(0.0);
    if feature.factor.is_set() {
        quantize_row(&feature.factor, z, len, key, n, &mut Counts::default());
    }
    for z in z.iter_mut() {
        *z = flush48(*z * feature.scale);
    }
    if feature.tail != 0.0 {
        for (slice, chunk) in z[..len].chunks_mut(SLICE).enumerate() {
            let drawn = words(key, slice, n, Purpose::Tail as u32);
            for (l, z) in chunk.iter_mut().enumerate() {
                *z = flush48(*z + feature.tail * normal(drawn[l / LANES][l % LANES]));
            }
        }
    }
    if feature.op.is_set() {
        quantize_row(&feature.op, z, len, key, n, counts);
    }
}
