//! Passes over the vectors of a run, which hold whole rows of 32 lanes.

use multiversion::multiversion;

use super::codec::apply_samples;
use super::codec::fused::{Fused, counts_of};
use super::draw::quantize_row;
use super::lanes::{LANES, flush48, tree};
use super::train::Sample;
use crate::codec::{DIVERGED, MAGNITUDE};
use crate::format::QuantOp;
use crate::site::Counts;

/// z as Z^T r reads it. Blocks run along the batch.
#[inline(always)]
pub fn round_features(
    op: &QuantOp,
    out: &mut Vec<f32>,
    first: u32,
    samples: &[Sample],
    model: usize,
    key: [u32; 4],
    counts: &mut Counts,
) {
    out.clear();
    samples.iter().for_each(|sample| out.extend_from_slice(sample.z));
    let (width, size) = (samples[0].z.len(), samples.len());
    if !op.shares() {
        for (z, n) in out.chunks_mut(width).zip(first..) {
            quantize_row(op, z, model, key, n, counts);
        }
        return;
    }
    let mut column = vec![0.0; size];
    for j in 0..model {
        column.iter_mut().enumerate().for_each(|(b, z)| *z = out[b * width + j]);
        apply_samples(op, &mut column, j as u32, key, first, counts);
        column.iter().enumerate().for_each(|(b, z)| out[b * width + j] = *z);
    }
}

/// g summed over the batch in order, starting from the first product.
#[inline(always)]
pub fn sum<'a>(g: &mut [f32], mut z: impl Iterator<Item = &'a [f32]>, residuals: &[f32]) {
    if let (Some(z), Some(r)) = (z.next(), residuals.first()) {
        for (g, z) in g.iter_mut().zip(z) {
            *g = z * r;
        }
    }
    for (z, r) in z.zip(&residuals[1..]) {
        for (g, z) in g.iter_mut().zip(z) {
            *g += z * r;
        }
    }
}

/// next = fl(v + fl(c g)) for g = z r of one sample.
#[inline(always)]
pub fn step(v: &[f32], next: &mut [f32], z: &[f32], r: f32, c: f32) {
    for ((next, v), z) in next.iter_mut().zip(v).zip(z) {
        *next = v + c * flush48(z * r);
    }
}

/// [`step`] as it is stored where no format rounds it, and whether it diverges.
#[inline(always)]
pub fn advance(v: &[f32], next: &mut [f32], z: &[f32], r: f32, c: f32) -> bool {
    let mut largest = [0; LANES];
    let rows = next.as_chunks_mut::<LANES>().0.iter_mut().zip(v.as_chunks::<LANES>().0);
    for ((next, v), z) in rows.zip(z.as_chunks::<LANES>().0) {
        for l in 0..LANES {
            next[l] = flush48(v[l] + c * flush48(z[l] * r));
            largest[l] = largest[l].max(next[l].to_bits() & MAGNITUDE);
        }
    }
    any_diverges(&largest)
}

/// [`advance`] with the product of the features `ahead` and the result, in the same pass.
#[inline(always)]
pub fn advance_ahead(v: &[f32], next: &mut [f32], z: &[f32], r: f32, c: f32, ahead: &[f32]) -> (bool, f32) {
    let (mut sums, mut largest) = ([0.0; LANES], [0; LANES]);
    let rows = next.as_chunks_mut::<LANES>().0.iter_mut().zip(v.as_chunks::<LANES>().0);
    for (((next, v), z), ahead) in rows.zip(z.as_chunks::<LANES>().0).zip(ahead.as_chunks::<LANES>().0) {
        // Kept in registers: read back from memory each product would wait for the store.
        let mut new = [0.0; LANES];
        for l in 0..LANES {
            new[l] = flush48(v[l] + c * flush48(z[l] * r));
        }
        for l in 0..LANES {
            largest[l] = largest[l].max(new[l].to_bits() & MAGNITUDE);
            sums[l] += ahead[l] * new[l];
        }
        *next = new;
    }
    (any_diverges(&largest), tree(sums))
}

/// [`advance_ahead`] with weights that the product reads as `fused` rounds them, and what rounding did.
#[inline(always)]
pub fn advance_rounded<const SHARES: bool>(
    v: &[f32],
    next: &mut [f32],
    (z, r, c): (&[f32], f32, f32),
    ahead: &[f32],
    fused: &Fused,
) -> (bool, f32, Counts) {
    let (mut sums, mut largest, mut counted) = ([0.0; LANES], [0; LANES], [0; LANES]);
    let rows = next.as_chunks_mut::<LANES>().0.iter_mut().zip(v.as_chunks::<LANES>().0);
    for (((next, v), z), ahead) in rows.zip(z.as_chunks::<LANES>().0).zip(ahead.as_chunks::<LANES>().0) {
        let mut new = [0.0; LANES];
        for l in 0..LANES {
            new[l] = flush48(v[l] + c * flush48(z[l] * r));
        }
        let read = fused.row::<SHARES>(&new, &mut counted);
        for l in 0..LANES {
            largest[l] = largest[l].max(new[l].to_bits() & MAGNITUDE);
            sums[l] += ahead[l] * read[l];
        }
        *next = new;
    }
    (any_diverges(&largest), tree(sums), counts_of(&counted))
}

/// Whether one of the values is too large to go on with, or no number.
#[inline(always)]
pub fn diverges(values: &[f32]) -> bool {
    let mut largest = [0; LANES];
    for row in values.as_chunks::<LANES>().0 {
        for l in 0..LANES {
            largest[l] = largest[l].max(row[l].to_bits() & MAGNITUDE);
        }
    }
    any_diverges(&largest)
}

/// Of magnitudes: compared lane by lane, as a mask, where the largest of all would be a chain of shuffles.
#[inline(always)]
fn any_diverges(largest: &[u32; LANES]) -> bool {
    largest.iter().fold(false, |any, lane| any | (*lane >= DIVERGED))
}

/// <z, v> in 32 lanes.
#[inline(always)]
pub fn dot(z: &[f32], v: &[f32]) -> f32 {
    let mut sums = [0.0; LANES];
    add_products(z, v, &mut sums);
    tree(sums)
}

#[inline(always)]
pub fn add_products(z: &[f32], v: &[f32], sums: &mut [f32; LANES]) {
    for (z, v) in z.as_chunks::<LANES>().0.iter().zip(v.as_chunks::<LANES>().0) {
        for l in 0..LANES {
            sums[l] += z[l] * v[l];
        }
    }
}

/// Z v as bits, for Z of so many columns.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512cd+avx512dq+avx512vl+avx2+fma+bmi2", "x86_64+avx2+fma+bmi2"))]
pub fn gemv(z: &[f32], columns: usize, v: &[f32]) -> Vec<u32> {
    let padded = |row: &[f32]| {
        let mut row = row.to_vec();
        row.resize(columns.next_multiple_of(LANES), 0.0);
        row
    };
    let v = padded(v);
    z.chunks(columns).map(|row| dot(&padded(row), &v).to_bits()).collect()
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
