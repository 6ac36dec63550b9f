//! The Gram matrix of a sketch under a spectrum: made here, or by a device (shaders/gram.wgsl) with the same bits.

use std::sync::Arc;

use multiversion::multiversion;

use super::tile::{self, LANES, Panels};
use crate::error::Result;
use crate::plan::{Difference, Snapshot};
use crate::watch::Watch;

/// Columns of the sketch at a time, so that a tile's operands stay in the cache.
const DEPTH: usize = 128;

/// What the exact risk needs of one draw of a cohort's clean sketch G.
#[derive(Clone, Debug, PartialEq)]
pub struct Gram {
    /// The lower triangle of G H G^T, row-major M x M. What lies above the diagonal means nothing.
    pub lower: Vec<f64>,
    /// G H w*, length M.
    pub b: Vec<f64>,
}

/// The same as a device gives it, among what it gives of other draws and cohorts: the rows up to the diagonal, then G H w*.
#[derive(Clone, Debug, PartialEq)]
pub struct PackedGram {
    values: Arc<Vec<f64>>,
    first: usize,
    model: usize,
}

/// A cohort as an adapter leaves it.
#[derive(Clone, Debug, PartialEq)]
pub struct CohortStates {
    /// By (trajectory, seen).
    pub states: Vec<Snapshot>,
    /// By draw of the sketch; none where the adapter makes none.
    pub grams: Vec<PackedGram>,
}

/// Without sums for its risks.
impl From<Vec<Snapshot>> for CohortStates {
    fn from(states: Vec<Snapshot>) -> CohortStates {
        CohortStates { states, grams: Vec::new() }
    }
}

impl Gram {
    /// Sums over the coordinates in ascending order; `sketch` has at least `model` rows of D.
    pub fn new(lambda: &[f64], target: &[f64], sketch: &[f32], model: usize, watch: &Watch) -> Result<Gram> {
        let dim = lambda.len();
        let mut lower = vec![0.0; model * model];
        let groups = model.div_ceil(LANES);
        let mut b = vec![[0.0; LANES]; groups];
        // G and G H.
        let (mut plain, mut weighted) = (Panels::new(model, DEPTH), Panels::new(model, DEPTH));
        let exact = has_exact_products(lambda, &sketch[..model * dim]);
        for start in (0..dim).step_by(DEPTH) {
            watch.ask()?;
            let here = start..dim.min(start + DEPTH);
            for (group, b) in b.iter_mut().enumerate() {
                // The last group repeats a row, whose products are dropped.
                let rows: [&[f32]; LANES] = std::array::from_fn(|l| {
                    let row = (group * LANES + l).min(model - 1);
                    &sketch[row * dim..][here.clone()]
                });
                let (plain, weighted) = (plain.group_mut(group), weighted.group_mut(group));
                fill(rows, &lambda[here.clone()], &target[here.clone()], plain, weighted, b);
            }
            let depth = here.len();
            for first in 0..groups {
                let rows = LANES.min(model - first * LANES);
                for group in 0..=first {
                    let lanes = LANES.min(model - group * LANES);
                    let at = |row: usize| (first * LANES + row) * model + group * LANES;
                    let mut sums = [[0.0; LANES]; LANES];
                    for (row, sums) in sums.iter_mut().enumerate().take(rows) {
                        sums[..lanes].copy_from_slice(&lower[at(row)..][..lanes]);
                    }
                    tile::add(&weighted.group(first)[..depth], &plain.group(group)[..depth], &mut sums, exact);
                    for (row, sums) in sums.iter().enumerate().take(rows) {
                        lower[at(row)..][..lanes].copy_from_slice(&sums[..lanes]);
                    }
                }
            }
        }
        Ok(Gram { lower, b: b.into_iter().flatten().take(model).collect() })
    }

    /// The first sum of another one that is not to the bit what it is here.
    pub fn difference(&self, other: &Gram) -> Option<Difference> {
        let model = self.b.len();
        let entries = (0..model).flat_map(|j| (j * model..=j * model + j).map(move |at| ("G H G^T", at)));
        let all = entries.map(|(place, at)| (place, at, self.lower[at], other.lower[at]));
        let of_target = (0..model).map(|j| ("G H w*", j, self.b[j], other.b[j]));
        let (place, at, must, found) = all.chain(of_target).find(|(.., a, b)| a.to_bits() != b.to_bits())?;
        Some(Difference::new(place, at, must.to_bits(), found.to_bits()))
    }
}

impl PackedGram {
    /// Number of its sums.
    pub fn sums(model: usize) -> usize {
        model * (model + 1) / 2 + model
    }

    /// The sums of one draw.
    pub fn of(gram: &Gram) -> PackedGram {
        let model = gram.b.len();
        let mut values = Vec::with_capacity(PackedGram::sums(model));
        (0..model).for_each(|j| values.extend(&gram.lower[j * model..=j * model + j]));
        values.extend(&gram.b);
        PackedGram::new(Arc::new(values), 0, model)
    }

    /// Those from number `first` on.
    pub fn new(values: Arc<Vec<f64>>, first: usize, model: usize) -> PackedGram {
        PackedGram { values, first, model }
    }

    /// Zeros above the diagonal.
    pub fn unpacked(&self) -> Gram {
        let model = self.model;
        let (triangle, b) = self.values[self.first..][..PackedGram::sums(model)].split_at(model * (model + 1) / 2);
        let mut lower = vec![0.0; model * model];
        let mut rest = triangle;
        for (j, row) in lower.chunks_mut(model).enumerate() {
            let (own, behind) = rest.split_at(j + 1);
            row[..=j].copy_from_slice(own);
            rest = behind;
        }
        Gram { lower, b: b.to_vec() }
    }
}

/// The columns of a group of rows, and of the same weighted, and what they add to G H w*.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512cd+avx512dq+avx512vl+avx2+fma+bmi2", "x86_64+avx2+fma+bmi2"))]
fn fill(
    rows: [&[f32]; LANES],
    lambda: &[f64],
    target: &[f64],
    plain: &mut [[f64; LANES]],
    weighted: &mut [[f64; LANES]],
    b: &mut [f64; LANES],
) {
    for (i, (lambda, target)) in lambda.iter().zip(target).enumerate() {
        for l in 0..LANES {
            let g = f64::from(rows[l][i]);
            plain[i][l] = g;
            weighted[i][l] = lambda * g;
            b[l] += weighted[i][l] * target;
        }
    }
}

/// Whether lambda_i G_ji G_ki always fits the 53 bits of f64: 37 of lambda, 8 of each G.
fn has_exact_products(lambda: &[f64], sketch: &[f32]) -> bool {
    lambda.iter().all(|lambda| lambda.to_bits() << (64 - 52 + 36) == 0)
        && sketch.iter().all(|g| g.to_bits() << (32 - 23 + 7) == 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::risk::tile::values;

    /// With what is drawn, whose products are exact, and with what a file may hold.
    #[test]
    fn every_bit_is_that_of_the_definition() {
        let sizes = [(1, 1), (3, 5), (4, 127), (8, 128), (9, 129), (21, 300), (64, 256)];
        for ((model, dim), exact) in sizes.into_iter().flat_map(|size| [(size, true), (size, false)]) {
            let mut draws = values(dim * (model + 3) + dim);
            let dropped = if exact { (1 << 16) - 1 } else { 0 };
            draws[..dim].iter_mut().for_each(|lambda| *lambda = f64::from_bits(lambda.to_bits() & !dropped));
            let (lambda, rest) = draws.split_at(dim);
            let (target, rest) = rest.split_at(dim);
            let entry = |g: &f64| f32::from_bits((*g as f32).to_bits() & !(dropped as u32));
            let sketch: Vec<f32> = rest.iter().map(entry).collect();
            assert_eq!(has_exact_products(lambda, &sketch[..model * dim]), exact);
            let Gram { lower, b } = Gram::new(lambda, target, &sketch, model, &Watch::default()).unwrap();
            let g = |j: usize, i: usize| f64::from(sketch[j * dim + i]);
            for j in 0..model {
                for k in 0..=j {
                    let sum = (0..dim).fold(0.0, |sum, i| sum + lambda[i] * g(j, i) * g(k, i));
                    assert_eq!(lower[j * model + k].to_bits(), sum.to_bits(), "{model} x {dim}: {j} {k}");
                }
                let sum = (0..dim).fold(0.0, |sum, i| sum + lambda[i] * g(j, i) * target[i]);
                assert_eq!(b[j].to_bits(), sum.to_bits(), "{model} x {dim}: {j}");
            }
        }
    }
}
