//! Products Z v of rounded values: the kernel, and somebody else's against exact sums and our bits.

use super::{Device, Verdict};
use crate::codec::SIGN;
use crate::codec::bits::FRACTION;
use crate::cpu;
use crate::error::Result;
use crate::format::{QuantOp, Quantizer};
use crate::reference::gemv::product;
use crate::reference::quantize::{Job, operation};
use crate::reference::verify::mixed;

const ROWS: usize = 37;

/// Runs the case of one format.
pub fn run(quantizer: &Option<Quantizer>, device: &Device) -> Result<Verdict> {
    let mut count = 0;
    for columns in [1, 31, 200, 1025] {
        let number = |k: usize, tag: u32| {
            let word = mixed(k as u32 ^ tag);
            word & (SIGN | FRACTION) | (120 + (word >> 23) % 8) << 23
        };
        let z: Vec<u32> = (0..ROWS * columns).map(|k| number(k, 0)).collect();
        let v: Vec<u32> = (0..columns).map(|k| number(k, 0x5bd1)).collect();
        let (z, v) = (rounded(quantizer.as_ref(), false, &z, columns), rounded(quantizer.as_ref(), false, &v, columns));
        let must = product(&z, columns, &v);
        let found = match device {
            Device::Gpu(gpu) => gpu.gemv(&z, columns, &v)?,
            Device::Cpu => cpu::train::gemv(&z, columns, &v),
        };
        if let Some(row) = (0..ROWS).find(|&row| found[row] != must[row]) {
            let show = |bits: u32| format!("{:?} 0x{bits:08x}", f32::from_bits(bits));
            return Ok(Verdict::Fail(vec![
                format!("row {row} of {ROWS} x {columns}"),
                format!("device: {}", show(found[row])),
                format!("must be: {}", show(must[row])),
            ]));
        }
        count += ROWS as u64;
    }
    Ok(Verdict::Pass(count))
}

/// The columns with which [`check`]'s bound means something.
pub const MAX_COLUMNS: usize = 1 << 20;

/// The values that a format without random bits makes, blocks along the columns. `given`: a two-level format has its own
/// scale of the tensor.
pub fn rounded(quantizer: Option<&Quantizer>, given: bool, bits: &[u32], columns: usize) -> Vec<f32> {
    let Some(quantizer) = quantizer else { return bits.iter().map(|bits| f32::from_bits(*bits)).collect() };
    let op: QuantOp = operation(quantizer, given, bits);
    let job = Job { op, input: bits, columns, words: Default::default() };
    job.run().elements.iter().map(|element| f32::from_bits(element.bits)).collect()
}

/// What a check of somebody else's product found.
#[derive(Clone, Debug, PartialEq)]
pub struct ProductComparison {
    pub rows: usize,
    /// Rows with our bits.
    pub same: usize,
    /// Rows whose distance from the exact sum no order of f32 additions explains.
    pub wrong: Vec<WrongRow>,
    /// The largest distance, in units of the row's bound.
    pub worst: f64,
}

/// A row of somebody else's product that is wrong in any order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WrongRow {
    pub row: usize,
    pub value: f32,
    pub exact: f64,
    /// The largest distance from `exact` that rounding explains.
    pub bound: f64,
}

/// `out` against Z v. A sum of n products in f32 in whatever order, fused or not, is within
/// (n u / (1 - n u)) sum |z v| of the exact one, u = 2^-24 (Higham, Accuracy and Stability, 2nd ed., 3.1). At most
/// [`MAX_COLUMNS`].
pub fn check(z: &[f32], columns: usize, v: &[f32], out: &[f32]) -> ProductComparison {
    let ours = product(z, columns, v);
    let mut report = ProductComparison { rows: out.len(), same: 0, wrong: Vec::new(), worst: 0.0 };
    let unit = columns as f64 * libm::ldexp(1.0, -24);
    for (row, (z, out)) in z.chunks(columns).zip(out).enumerate() {
        let ExactSum { exact, magnitudes } = exact_sum(z, v);
        // The smallest subnormal stands for products that underflow.
        let bound = unit / (1.0 - unit) * magnitudes + columns as f64 * libm::ldexp(1.0, -149);
        let (value, same) = (*out, out.to_bits() == ours[row]);
        let distance = (f64::from(value) - exact).abs() / bound;
        report.same += usize::from(same);
        report.worst = report.worst.max(distance);
        if !same && (distance.is_nan() || distance > 1.0) {
            report.wrong.push(WrongRow { row, value, exact, bound });
        }
    }
    report
}

/// Sum of products, and of their magnitudes.
struct ExactSum {
    exact: f64,
    magnitudes: f64,
}

/// f64 holds the products exactly, and a second f64 what each addition drops (Ogita, Rump and Oishi, 2005, Sum2).
fn exact_sum(z: &[f32], v: &[f32]) -> ExactSum {
    let (mut high, mut low, mut magnitudes) = (0.0f64, 0.0f64, 0.0f64);
    for (z, v) in z.iter().zip(v) {
        let product = f64::from(*z) * f64::from(*v);
        let sum = high + product;
        let part = sum - high;
        low += (high - (sum - part)) + (product - part);
        high = sum;
        magnitudes += product.abs();
    }
    ExactSum { exact: high + low, magnitudes }
}
