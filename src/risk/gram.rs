//! The Gram matrix of a sketch under a spectrum.

use super::tile::{self, LANES, Panels, ROWS};
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
    let (mut gram, mut b) = (vec![0.0; model * model], vec![0.0; model]);
    // G and G H.
    let (mut plain, mut weighted) = (Panels::new(model, DEPTH), Panels::new(model, DEPTH));
    for start in (0..dim).step_by(DEPTH) {
        watch.ask()?;
        let depth = DEPTH.min(dim - start);
        for (j, row) in sketch.chunks_exact(dim).take(model).enumerate() {
            let (group, lane) = (j / LANES, j % LANES);
            let (plain, weighted) = (plain.group_mut(group), weighted.group_mut(group));
            for (i, g) in row[start..start + depth].iter().enumerate() {
                let g = f64::from(*g);
                plain[i][lane] = g;
                weighted[i][lane] = lambda[start + i] * g;
                b[j] += weighted[i][lane] * target[start + i];
            }
        }
        for first in (0..model).step_by(ROWS) {
            let rows = ROWS.min(model - first);
            let factors = &weighted.group(first / LANES)[..depth];
            for group in 0..=(first + rows - 1) / LANES {
                let lanes = LANES.min(model - group * LANES);
                let at = |row: usize| (first + row) * model + group * LANES;
                let mut sums = [[0.0; LANES]; ROWS];
                for (row, sums) in sums.iter_mut().enumerate().take(rows) {
                    sums[..lanes].copy_from_slice(&gram[at(row)..][..lanes]);
                }
                tile::add(factors, first % LANES, &plain.group(group)[..depth], &mut sums);
                for (row, sums) in sums.iter().enumerate().take(rows) {
                    gram[at(row)..][..lanes].copy_from_slice(&sums[..lanes]);
                }
            }
        }
    }
    Ok((gram, b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::risk::tile::values;

    #[test]
    fn every_bit_is_that_of_the_definition() {
        for (model, dim) in [(1, 1), (3, 5), (4, 127), (8, 128), (9, 129), (21, 300), (64, 256)] {
            let draws = values(dim * (model + 3) + dim);
            let (lambda, rest) = draws.split_at(dim);
            let (target, rest) = rest.split_at(dim);
            let sketch: Vec<f32> = rest.iter().map(|g| *g as f32).collect();
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
