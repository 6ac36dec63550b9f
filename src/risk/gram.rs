//! The Gram matrix of a sketch under a spectrum.

use multiversion::multiversion;

use super::tile::{self, LANES, Panels};
use crate::error::Result;
use crate::watch::Watch;

/// Columns of the sketch at a time, so that a tile's operands stay in the cache.
const DEPTH: usize = 128;

/// Lower triangle of G H G^T, row-major at stride `model`, and the vector G H w*, both summed over coordinates in
/// ascending order; `sketch` has at least `model` rows of D. What lies above the diagonal means nothing.
pub fn gram(
    lambda: &[f64],
    target: &[f64],
    sketch: &[f32],
    model: usize,
    watch: &Watch,
) -> Result<(Vec<f64>, Vec<f64>)> {
    let dim = lambda.len();
    let mut gram = vec![0.0; model * model];
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
                    sums[..lanes].copy_from_slice(&gram[at(row)..][..lanes]);
                }
                tile::add(&weighted.group(first)[..depth], &plain.group(group)[..depth], &mut sums, exact);
                for (row, sums) in sums.iter().enumerate().take(rows) {
                    gram[at(row)..][..lanes].copy_from_slice(&sums[..lanes]);
                }
            }
        }
    }
    Ok((gram, b.into_iter().flatten().take(model).collect()))
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
            let (lower, b) = gram(lambda, target, &sketch, model, &Watch::default()).unwrap();
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
