//! Projects a tile of samples: an exact-product GEMM in slices of 128 coordinates.

use multiversion::{multiversion, target::target_cfg_f};

use super::lanes::SLICE;

/// Rows of G per panel, samples per register tile.
pub const ROWS: usize = 16;
const SAMPLES: usize = 6;

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
    /// `rows` values each.
    pub fn project(&self, x: &[f32], out: &mut [f32]) {
        for (index, panel) in self.data.chunks(self.columns * ROWS).enumerate() {
            let first = index * ROWS;
            let used = ROWS.min(self.rows - first);
            for (group, samples) in x.chunks(self.columns * SAMPLES).enumerate() {
                let mut totals = [[0.0f32; ROWS]; SAMPLES];
                tile(panel, samples, self.columns, &mut totals);
                let count = samples.len() / self.columns;
                for (s, totals) in totals.iter().take(count).enumerate() {
                    let row = &mut out[(group * SAMPLES + s) * self.rows + first..][..used];
                    for (out, total) in row.iter_mut().zip(totals) {
                        *out += *total;
                    }
                }
            }
        }
    }
}

/// Products are exact, so a fused multiply-add gives the bits of a separate one and is used where it is fast.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512cd+avx512dq+avx512vl+avx2+fma+bmi2", "x86_64+avx2+fma+bmi2"))]
fn tile(panel: &[f32], x: &[f32], columns: usize, totals: &mut [[f32; ROWS]; SAMPLES]) {
    let count = x.len() / columns;
    // A short group repeats its last sample, whose totals are not read.
    let rows: [&[f32]; SAMPLES] = std::array::from_fn(|s| &x[s.min(count - 1) * columns..][..columns]);
    for (slice, panel) in panel.chunks_exact(SLICE * ROWS).enumerate() {
        let x: [&[f32; SLICE]; SAMPLES] =
            std::array::from_fn(|s| rows[s][slice * SLICE..].first_chunk().expect("rows are padded to whole slices"));
        let mut sums = [[0.0f32; ROWS]; SAMPLES];
        for (i, g) in panel.as_chunks::<ROWS>().0.iter().enumerate().take(SLICE) {
            for (sums, x) in sums.iter_mut().zip(&x) {
                for l in 0..ROWS {
                    sums[l] = multiply_add(x[i], g[l], sums[l], target_cfg_f!(target_feature = "fma"));
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
