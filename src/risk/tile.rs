//! Register tiles of f64 products, added one after another: the loop inside the Gram matrix and its factor.

use multiversion::multiversion;

/// Rows that stand side by side, which one instruction takes.
pub const LANES: usize = 8;
/// Rows that share a lane's loads.
pub const ROWS: usize = 4;

/// Row-major rows in groups of [`LANES`]: group after group, of each one column after another, padded with zeros.
pub struct Panels {
    data: Vec<[f64; LANES]>,
    columns: usize,
}

impl Panels {
    pub fn new(rows: usize, columns: usize) -> Panels {
        Panels { data: vec![[0.0; LANES]; rows.div_ceil(LANES) * columns], columns }
    }

    /// The columns of group number `group`.
    pub fn group(&self, group: usize) -> &[[f64; LANES]] {
        &self.data[group * self.columns..][..self.columns]
    }

    pub fn group_mut(&mut self, group: usize) -> &mut [[f64; LANES]] {
        &mut self.data[group * self.columns..][..self.columns]
    }
}

/// `sums[r][l]` plus `factors[i][first + r] * lanes[i][l]` for each i, in order; each product and each sum is rounded.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512cd+avx512dq+avx512vl+avx2+fma+bmi2", "x86_64+avx2+fma+bmi2"))]
pub fn add(factors: &[[f64; LANES]], first: usize, lanes: &[[f64; LANES]], sums: &mut [[f64; LANES]; ROWS]) {
    each(factors, first, lanes, sums, |sum, product| sum + product);
}

/// The same with the products taken away.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512cd+avx512dq+avx512vl+avx2+fma+bmi2", "x86_64+avx2+fma+bmi2"))]
pub fn subtract(factors: &[[f64; LANES]], first: usize, lanes: &[[f64; LANES]], sums: &mut [[f64; LANES]; ROWS]) {
    each(factors, first, lanes, sums, |sum, product| sum - product);
}

#[inline(always)]
fn each(
    factors: &[[f64; LANES]],
    first: usize,
    lanes: &[[f64; LANES]],
    sums: &mut [[f64; LANES]; ROWS],
    then: impl Fn(f64, f64) -> f64,
) {
    // A copy stays in registers.
    let mut own = *sums;
    for (factors, lanes) in factors.iter().zip(lanes) {
        for (row, factor) in own.iter_mut().zip(&factors[first..first + ROWS]) {
            for (sum, lane) in row.iter_mut().zip(lanes) {
                *sum = then(*sum, factor * lane);
            }
        }
    }
    *sums = own;
}

/// Values in [-1, 1) with as many digits as there are, for tests.
#[cfg(test)]
pub fn values(count: usize) -> Vec<f64> {
    use crate::random::threefry4x32;
    let word = |i: usize| threefry4x32([1, 2, 3, 4], [i as u32, 0, 0, 0]);
    let value = |[a, b, ..]: [u32; 4]| f64::from(a as i32) / 2f64.powi(31) + f64::from(b) / 2f64.powi(63);
    (0..count).map(|i| value(word(i))).collect()
}
