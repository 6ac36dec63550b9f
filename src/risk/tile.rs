//! Register tiles of f64 products, added one after another: the loop inside the Gram matrix and its factor.

use multiversion::{multiversion, target::target_cfg_f};

/// Rows that stand side by side, which one instruction takes.
pub const LANES: usize = 8;
/// Rows that share a lane's loads, where registers are few.
pub const ROWS: usize = 4;

/// Row-major rows in groups of [`LANES`]: group after group, of each one column after another, zeros at first.
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

/// `sums[r][l]` plus `factors[i][r] * lanes[i][l]` for each i, in order; each product and each sum is rounded. Where the
/// products are `exact` one rounding does both.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512cd+avx512dq+avx512vl+avx2+fma+bmi2", "x86_64+avx2+fma+bmi2"))]
pub fn add(factors: &[[f64; LANES]], lanes: &[[f64; LANES]], sums: &mut [[f64; LANES]; LANES], exact: bool) {
    let (wide, fuses) = (target_cfg_f!(target_feature = "avx512f"), target_cfg_f!(target_feature = "fma"));
    let fused = |sum: f64, factor: f64, lane: f64| factor.mul_add(lane, sum);
    let separate = |sum: f64, factor: f64, lane: f64| sum + factor * lane;
    match (wide, exact && fuses) {
        (true, true) => each(factors, 0, lanes, sums, fused),
        (true, false) => each(factors, 0, lanes, sums, separate),
        (false, fuse) => {
            for (half, sums) in sums.as_chunks_mut::<ROWS>().0.iter_mut().enumerate() {
                match fuse {
                    true => each(factors, half * ROWS, lanes, sums, fused),
                    false => each(factors, half * ROWS, lanes, sums, separate),
                }
            }
        }
    }
}

/// `sums[r][l]` less `factors[i][first + r] * lanes[i][l]`, likewise.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512cd+avx512dq+avx512vl+avx2+fma+bmi2", "x86_64+avx2+fma+bmi2"))]
pub fn subtract(factors: &[[f64; LANES]], first: usize, lanes: &[[f64; LANES]], sums: &mut [[f64; LANES]; ROWS]) {
    each(factors, first, lanes, sums, |sum, factor, lane| sum - factor * lane);
}

#[inline(always)]
fn each<const N: usize>(
    factors: &[[f64; LANES]],
    first: usize,
    lanes: &[[f64; LANES]],
    sums: &mut [[f64; LANES]; N],
    then: impl Fn(f64, f64, f64) -> f64,
) {
    // A copy stays in registers.
    let mut own = *sums;
    for (factors, lanes) in factors.iter().zip(lanes) {
        for (row, factor) in own.iter_mut().zip(&factors[first..first + N]) {
            for (sum, lane) in row.iter_mut().zip(lanes) {
                *sum = then(*sum, *factor, *lane);
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
