//! The Cholesky factor of a Gram matrix.

use super::tile::{self, LANES, Panels, ROWS};
use crate::error::Result;
use crate::watch::Watch;

/// In place: the lower triangle of `a`, row-major n x n, becomes L, and `b` becomes L^-1 b. A pivot at most 2^-44 of its
/// diagonal entry adds no direction: its column, diagonal entry and y are 0. What is taken from an entry is taken column
/// after column.
pub fn cholesky(a: &mut [f64], b: &mut [f64], n: usize, watch: &Watch) -> Result<()> {
    let groups = n.div_ceil(LANES);
    let mut factor = Panels::new(n, n);
    for first in (0..n).step_by(ROWS) {
        watch.ask()?;
        let (own, width) = (first / LANES, ROWS.min(n - first));
        for group in own..groups {
            let top = group * LANES;
            let rows = LANES.min(n - top);
            // Of each column: its entries in the rows of the group.
            let mut sums = [[0.0; LANES]; ROWS];
            for (c, sums) in sums.iter_mut().enumerate().take(width) {
                (0..rows).for_each(|l| sums[l] = a[(top + l) * n + first + c]);
            }
            tile::subtract(&factor.group(own)[..first], first % LANES, &factor.group(group)[..first], &mut sums);
            for (c, mut sums) in sums.into_iter().enumerate().take(width) {
                let (k, lane) = (first + c, first % LANES + c);
                for before in first..k {
                    let by = factor.group(own)[before][lane];
                    let column = &factor.group(group)[before];
                    sums.iter_mut().zip(column).for_each(|(sum, l)| *sum -= by * l);
                }
                let root = match group == own {
                    true => root(sums[lane], a[k * n + k]),
                    false => factor.group(own)[k][lane],
                };
                sums.iter_mut().for_each(|sum| *sum = if root == 0.0 { 0.0 } else { *sum / root });
                if group == own {
                    sums[..lane].fill(0.0);
                    sums[lane] = root;
                }
                factor.group_mut(group)[k] = sums;
                (k.saturating_sub(top)..rows).for_each(|l| a[(top + l) * n + k] = sums[l]);
            }
        }
    }
    for i in 0..n {
        let root = a[i * n + i];
        let y = if root == 0.0 { 0.0 } else { b[i] / root };
        b[i] = y;
        for group in i / LANES..groups {
            let top = group * LANES;
            let column = &factor.group(group)[i];
            let below = (i + 1).saturating_sub(top)..LANES.min(n - top);
            below.for_each(|l| b[top + l] -= column[l] * y);
        }
    }
    Ok(())
}

fn root(pivot: f64, diagonal: f64) -> f64 {
    if pivot <= diagonal * libm::ldexp(1.0, -44) { 0.0 } else { pivot.sqrt() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::risk::tile::values;

    /// Row by row, every sum on its own.
    fn by_definition(a: &mut [f64], b: &mut [f64], n: usize) {
        for j in 0..n {
            for k in 0..=j {
                let taken = |until: usize| (0..until).fold(a[j * n + k], |sum, i| sum - a[j * n + i] * a[k * n + i]);
                a[j * n + k] = match k == j {
                    true => root(taken(j), a[j * n + j]),
                    false if a[k * n + k] == 0.0 => 0.0,
                    false => taken(k) / a[k * n + k],
                };
            }
            let rest = (0..j).fold(b[j], |sum, i| sum - a[j * n + i] * b[i]);
            b[j] = if a[j * n + j] == 0.0 { 0.0 } else { rest / a[j * n + j] };
        }
    }

    #[test]
    fn every_bit_is_that_of_the_definition() {
        for n in [1, 2, 3, 4, 5, 7, 8, 9, 12, 16, 23, 40, 65] {
            let draws = values(n * n + n);
            let (g, b) = draws.split_at(n * n);
            // The last rows repeat the first: they add no direction.
            let row = |j: usize| &g[if j + 2 >= n { 0 } else { j * n }..][..n];
            let mut a = vec![0.0; n * n];
            for j in 0..n {
                (0..=j).for_each(|k| a[j * n + k] = row(j).iter().zip(row(k)).map(|(x, y)| x * y).sum());
            }
            let (mut l, mut y) = (a.clone(), b.to_vec());
            cholesky(&mut l, &mut y, n, &Watch::default()).unwrap();
            let (mut expected, mut rest) = (a, b.to_vec());
            by_definition(&mut expected, &mut rest, n);
            let bits = |values: &[f64]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&l), bits(&expected), "{n}");
            assert_eq!(bits(&y), bits(&rest), "{n}");
            assert!(n < 3 || (l[n * n - 1], y[n - 1]) == (0.0, 0.0), "{n}");
        }
    }
}
