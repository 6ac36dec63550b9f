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
            Device::Cpu => cpu::passes::gemv(&z, columns, &v),
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
    /// Rows with our bits, or a NaN as we have one.
    pub same: usize,
    /// Rows whose distance from the exact sum no order of f32 additions explains.
    pub wrong: Vec<WrongRow>,
    /// The largest distance, in units of the row's bound; infinite where what should be finite is not, or the reverse.
    pub worst: f64,
}

/// A row of somebody else's product that is wrong in any order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WrongRow {
    pub row: usize,
    pub value: f32,
    /// An infinity or NaN where an element is one, or where infinities of both signs meet.
    pub exact: f64,
    /// The largest distance from `exact` that rounding explains; 0 where that is not finite.
    pub bound: f64,
}

/// `out` against Z v. A sum of n products in f32 in whatever order, fused or not, is within
/// (n u / (1 - n u)) sum |z v| of the exact one, u = 2^-24 (Higham, Accuracy and Stability, 2nd ed., 3.1), unless it
/// leaves f32 on the way. At most [`MAX_COLUMNS`].
pub fn check(z: &[f32], columns: usize, v: &[f32], out: &[f32]) -> ProductComparison {
    let ours = product(z, columns, v);
    let mut report = ProductComparison { rows: out.len(), same: 0, wrong: Vec::new(), worst: 0.0 };
    let unit = columns as f64 * libm::ldexp(1.0, -24);
    for (row, (z, value)) in z.chunks(columns).zip(out.iter().copied()).enumerate() {
        let sum = exact_sum(z, v);
        // The smallest subnormal stands for products that underflow.
        let bound = match sum.exact.is_finite() {
            true => unit / (1.0 - unit) * (sum.above + sum.below) + columns as f64 * libm::ldexp(1.0, -149),
            false => 0.0,
        };
        let is_nan = value.is_nan() && f32::from_bits(ours[row]).is_nan();
        let same = is_nan || value.to_bits() == ours[row];
        let distance = if sum.allows(value, bound) { 0.0 } else { (f64::from(value) - sum.exact).abs() / bound };
        // Of infinities and NaN there is no distance.
        let distance = if distance.is_nan() { f64::INFINITY } else { distance };
        report.same += usize::from(same);
        report.worst = report.worst.max(distance);
        if !same && distance > 1.0 {
            report.wrong.push(WrongRow { row, value, exact: sum.exact, bound });
        }
    }
    report
}

/// A sum of products, and those above and below 0 for themselves, by their magnitudes.
struct ExactSum {
    exact: f64,
    above: f64,
    below: f64,
}

impl ExactSum {
    /// Whether a value that is no finite number is right: of an exact sum that is none, or where some order of sums within
    /// `bound` of theirs leaves f32.
    fn allows(&self, value: f32, bound: f64) -> bool {
        // From here on f32 rounds to infinity.
        let leaves = |sum: f64| sum + bound >= libm::ldexp(1.0, 128) - libm::ldexp(1.0, 103);
        let (above, below) = (leaves(self.above), leaves(self.below));
        match self.exact.is_finite() {
            true if value.is_nan() => above && below,
            true => value == f32::INFINITY && above || value == f32::NEG_INFINITY && below,
            false => f64::from(value) == self.exact || value.is_nan() && self.exact.is_nan(),
        }
    }
}

/// f64 holds the products exactly, and a second f64 what each addition drops (Ogita, Rump and Oishi, 2005, Sum2).
fn exact_sum(z: &[f32], v: &[f32]) -> ExactSum {
    let (mut high, mut low, mut above, mut below) = (0.0f64, 0.0f64, 0.0f64, 0.0f64);
    for (z, v) in z.iter().zip(v) {
        let product = f64::from(*z) * f64::from(*v);
        let sum = high + product;
        let part = sum - high;
        low += (high - (sum - part)) + (product - part);
        high = sum;
        let side = if product > 0.0 { &mut above } else { &mut below };
        *side += product.abs();
    }
    // What an infinity drops is no number.
    let exact = if high.is_finite() { high + low } else { high };
    ExactSum { exact, above, below }
}
