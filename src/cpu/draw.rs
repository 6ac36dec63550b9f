//! Draws a tile of samples: covariates, labels, quantized data; and the sketch.

use multiversion::multiversion;

use super::lanes::{LANES, SLICE, apply, apply_vector, floor48, round_significand, tree, words};
use crate::format::{Op, class};
use crate::normal::normal;
use crate::random::Purpose;
use crate::row::Counts;

/// What a cohort's draws read; vectors are padded with zeros to whole slices.
pub struct Source {
    pub key: [u32; 4],
    pub dim: usize,
    pub scales: Vec<f32>,
    pub target: Vec<f32>,
    pub noise: f32,
}

/// x, Qdata(x) for every op, and y of sample `n`. `quantized` holds one padded row per op.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512cd+avx512dq+avx512vl+avx2+fma+bmi2", "x86_64+avx2+fma+bmi2"))]
pub fn sample(source: &Source, ops: &[Op], n: u32, quantized: &mut [&mut [f32]], counts: &mut [Counts]) -> f32 {
    let mut lanes = [0.0f32; LANES];
    for slice in 0..source.scales.len() / SLICE {
        let drawn = words(source.key, slice, n, Purpose::Covariate as u32);
        let start = slice * SLICE;
        for (j, drawn) in drawn.iter().enumerate() {
            let at = start + j * LANES;
            let (scales, target) = (&source.scales[at..at + LANES], &source.target[at..at + LANES]);
            let mut x = [0.0f32; LANES];
            for l in 0..LANES {
                x[l] = floor48(round_significand(scales[l] * normal(drawn[l]), 16));
                lanes[l] += x[l] * target[l];
            }
            for row in quantized.iter_mut() {
                row[at..at + LANES].copy_from_slice(&x);
            }
        }
    }
    for ((op, row), counts) in ops.iter().zip(quantized).zip(counts) {
        if op.class != class::NONE {
            apply_vector(op, row, source.dim, source.key, n, counts);
        }
    }
    let noise = normal(words(source.key, 0, n, Purpose::LabelNoise as u32)[0][0]);
    floor48(tree(lanes) + source.noise * noise)
}

/// Row `j` of the clean sketch G, padded with zeros.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512cd+avx512dq+avx512vl+avx2+fma+bmi2", "x86_64+avx2+fma+bmi2"))]
pub fn sketch_row(key: [u32; 4], j: u32, dim: usize, row: &mut [f32]) {
    for (slice, chunk) in row.chunks_mut(SLICE).enumerate() {
        let drawn = words(key, slice, j, Purpose::Sketch as u32);
        for (l, value) in chunk.iter_mut().enumerate() {
            *value = floor48(round_significand(normal(drawn[l / LANES][l % LANES]), 8));
        }
    }
    row[dim..].fill(0.0);
}

/// Applies an op to one padded vector in place.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512cd+avx512dq+avx512vl+avx2+fma+bmi2", "x86_64+avx2+fma+bmi2"))]
pub fn quantize_row(op: &Op, row: &mut [f32], len: usize, key: [u32; 4], second: u32, counts: &mut Counts) {
    apply_vector(op, row, len, key, second, counts);
}

/// z of one sample: scaled projections, then the feature op. `z` is padded.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512cd+avx512dq+avx512vl+avx2+fma+bmi2", "x86_64+avx2+fma+bmi2"))]
pub fn feature(op: &Op, scale: f32, projected: &[f32], z: &mut [f32], key: [u32; 4], n: u32, counts: &mut Counts) {
    let len = projected.len();
    for (z, p) in z.iter_mut().zip(projected) {
        *z = floor48(p * scale);
    }
    z[len..].fill(0.0);
    let words = [0; LANES];
    if op.class == class::NONE {
        for lanes in z.as_chunks_mut::<LANES>().0 {
            apply(op, lanes, &words, counts);
        }
    } else {
        apply_vector(op, z, len, key, n, counts);
    }
}
