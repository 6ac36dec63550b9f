//! Somebody else's product of rounded matrices, against exact sums and our bits. One of a matrix and a vector has one column.

use rayon::prelude::*;

use crate::format::{QuantOp, Quantizer};
use crate::reference::gemv::dot;
use crate::reference::quantize::{Job, operation};

/// The most products of a sum with which [`check`]'s bound means something.
pub const MAX_INNER: usize = 1 << 20;
/// Wrong elements told one by one.
const FIRST: usize = 1000;

/// The values that a format without random bits makes of rows of so many columns, in blocks along them. `given`: a two-level
/// format has its own scale of the tensor.
pub fn rounded(quantizer: Option<&Quantizer>, given: bool, bits: &[u32], columns: usize) -> Vec<f32> {
    let Some(quantizer) = quantizer else { return bits.iter().map(|bits| f32::from_bits(*bits)).collect() };
    let op: QuantOp = operation(quantizer, given, bits);
    let job = Job { op, input: bits, columns, words: Default::default() };
    job.run().elements.iter().map(|element| f32::from_bits(element.bits)).collect()
}

/// What a check of somebody else's product found.
#[derive(Clone, Debug, PartialEq)]
pub struct ProductComparison {
    /// Of the product.
    pub rows: usize,
    pub columns: usize,
    /// Elements with our bits, or a NaN as we have one.
    pub same: usize,
    /// Elements whose distance from the exact sum no order of f32 additions explains.
    pub wrong: usize,
    /// The first 1000 of them.
    pub first: Vec<WrongElement>,
    /// The largest distance, in units of the element's bound; infinite where what should be finite is not, or the reverse.
    pub worst: f64,
}

/// An element of somebody else's product that is wrong in any order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WrongElement {
    pub row: usize,
    pub column: usize,
    pub value: f32,
    /// An infinity or NaN where an element is one, or where infinities of both signs meet.
    pub exact: f64,
    /// The largest distance from `exact` that rounding explains; 0 where that is not finite.
    pub bound: f64,
}

/// `out` against A B, for A in rows of `inner` elements and B in columns of as many, each after the other; `out` is in rows.
/// A sum of n products in f32 in whatever order, fused or not, is within (n u / (1 - n u)) sum |a b| of the exact one,
/// u = 2^-24 (Higham, Accuracy and Stability, 2nd ed., 3.1), unless it leaves f32 on the way. At most [`MAX_INNER`].
pub fn check(a: &[f32], inner: usize, b: &[f32], out: &[f32]) -> ProductComparison {
    let columns = b.len() / inner;
    let rows: Vec<ProductComparison> = out
        .par_chunks(columns)
        .enumerate()
        .map(|(row, out)| checked_row(row, &a[row * inner..][..inner], b, out))
        .collect();
    let none = ProductComparison { rows: 0, columns, same: 0, wrong: 0, first: Vec::new(), worst: 0.0 };
    rows.into_iter().fold(none, |mut all, row| {
        let left = FIRST - all.first.len();
        all.first.extend(row.first.into_iter().take(left));
        ProductComparison {
            rows: all.rows + 1,
            same: all.same + row.same,
            wrong: all.wrong + row.wrong,
            worst: all.worst.max(row.worst),
            ..all
        }
    })
}

/// A row of the product.
fn checked_row(row: usize, a: &[f32], b: &[f32], out: &[f32]) -> ProductComparison {
    let unit = a.len() as f64 * libm::ldexp(1.0, -24);
    let mut report =
        ProductComparison { rows: 1, columns: out.len(), same: 0, wrong: 0, first: Vec::new(), worst: 0.0 };
    for (column, (b, value)) in b.chunks(a.len()).zip(out.iter().copied()).enumerate() {
        let (ours, sum) = (dot(a, b), exact_sum(a, b));
        // The smallest subnormal stands for products that underflow.
        let bound = match sum.exact.is_finite() {
            true => unit / (1.0 - unit) * (sum.above + sum.below) + a.len() as f64 * libm::ldexp(1.0, -149),
            false => 0.0,
        };
        let same = value.is_nan() && ours.is_nan() || value.to_bits() == ours.to_bits();
        let distance = if sum.allows(value, bound) { 0.0 } else { (f64::from(value) - sum.exact).abs() / bound };
        // Of infinities and NaN there is no distance.
        let distance = if distance.is_nan() { f64::INFINITY } else { distance };
        report.same += usize::from(same);
        report.worst = report.worst.max(distance);
        if !same && distance > 1.0 {
            report.wrong += 1;
            if report.first.len() < FIRST {
                report.first.push(WrongElement { row, column, value, exact: sum.exact, bound });
            }
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
