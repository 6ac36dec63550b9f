//! Projects a tile of samples: an exact-product GEMM in slices of 128 coordinates.

use multiversion::{multiversion, target::target_cfg_f};

use super::lanes::SLICE;

/// Rows of G per panel.
pub const ROWS: usize = 16;
/// Columns at a time, so that those of a panel stay in the first cache while all samples meet them.
const DEPTH: usize = 2 * SLICE;

/// G in panels of `ROWS` rows, coordinate by coordinate, padded with zeros.
pub struct Panels {
    data: Vec<f32>,
    /// Padded number of coordinates.
    columns: usize,
    rows: usize,
}

impl Panels {
    /// `sketch` is row-major with `columns` padded coordinates per row.
    pub fn new(sketch: &[f32], columns: usize) -> Panels {
        let rows = sketch.len() / columns;
        let mut data = vec![0.0; rows.div_ceil(ROWS) * ROWS * columns];
        for (j, row) in sketch.chunks(columns).enumerate() {
            let panel = &mut data[j / ROWS * ROWS * columns..];
            for (i, value) in row.iter().enumerate() {
                panel[i * ROWS + j % ROWS] = *value;
            }
        }
        Panels { data, columns, rows }
    }

    /// Adds the products of every sample to `out`: `x` is sample-major with padded rows, `out` sample-major with
    /// `rows` values each. `totals` is memory for their sums, of any length.
    pub fn project(&self, x: &[f32], totals: &mut Vec<f32>, out: &mut [f32]) {
        let padded = self.rows.next_multiple_of(ROWS);
        totals.clear();
        totals.resize(x.len() / self.columns * padded, 0.0);
        products(&self.data, x, self.columns, totals);
        for (out, totals) in out.chunks_mut(self.rows).zip(totals.chunks(padded)) {
            for (out, total) in out.iter_mut().zip(totals) {
                *out += total;
            }
        }
    }
}

/// `totals`, sample-major with padded rows, of all panels. Products are exact, so a fused multiply-add gives the bits of a
/// separate one and is used where it is fast. As many samples share a panel's loads as leave registers for their sums.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512cd+avx512dq+avx512vl+avx2+fma+bmi2", "x86_64+avx2+fma+bmi2"))]
fn products(panels: &[f32], x: &[f32], columns: usize, totals: &mut [f32]) {
    let fused = target_cfg_f!(target_feature = "fma");
    if target_cfg_f!(target_feature = "avx512f") {
        by_depth::<12>(panels, x, columns, totals, fused);
    } else {
        by_depth::<6>(panels, x, columns, totals, fused);
    }
}

#[inline(always)]
fn by_depth<const SAMPLES: usize>(panels: &[f32], x: &[f32], columns: usize, totals: &mut [f32], fused: bool) {
    let rows = panels.len() / columns;
    for first in (0..columns).step_by(DEPTH) {
        let depth = DEPTH.min(columns - first);
        for (index, panel) in panels.chunks(columns * ROWS).enumerate() {
            let panel = &panel[first * ROWS..][..depth * ROWS];
            for (x, totals) in x.chunks(columns * SAMPLES).zip(totals.chunks_mut(rows * SAMPLES)) {
                let count = x.len() / columns;
                // A short group repeats its last sample, whose totals are dropped.
                let x: [&[f32]; SAMPLES] = std::array::from_fn(|s| &x[s.min(count - 1) * columns + first..][..depth]);
                let mut own = [[0.0f32; ROWS]; SAMPLES];
                for (own, totals) in own.iter_mut().zip(totals.chunks(rows)) {
                    own.copy_from_slice(&totals[index * ROWS..][..ROWS]);
                }
                tile(panel, x, &mut own, fused);
                for (own, totals) in own.iter().zip(totals.chunks_mut(rows)) {
                    totals[index * ROWS..][..ROWS].copy_from_slice(own);
                }
            }
        }
    }
}

/// Adds the sums of whole slices, in order.
#[inline(always)]
fn tile<const SAMPLES: usize>(panel: &[f32], x: [&[f32]; SAMPLES], totals: &mut [[f32; ROWS]; SAMPLES], fused: bool) {
    for (slice, panel) in panel.chunks_exact(SLICE * ROWS).enumerate() {
        let x: [&[f32; SLICE]; SAMPLES] =
            std::array::from_fn(|s| x[s][slice * SLICE..].first_chunk().expect("rows are padded to whole slices"));
        let mut sums = [[0.0f32; ROWS]; SAMPLES];
        for (i, g) in panel.as_chunks::<ROWS>().0.iter().enumerate().take(SLICE) {
            for (sums, x) in sums.iter_mut().zip(&x) {
                for l in 0..ROWS {
                    sums[l] = multiply_add(x[i], g[l], sums[l], fused);
                }
            }
        }
        for (totals, sums) in totals.iter_mut().zip(&sums) {
            for (total, sum) in totals.iter_mut().zip(sums) {
                *total += sum;
            }
        }
    }
}

#[inline(always)]
fn multiply_add(a: f32, b: f32, c: f32, fused: bool) -> f32 {
    if fused { a.mul_add(b, c) } else { a * b + c }
}
