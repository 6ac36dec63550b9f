//! Covariates, labels and quantized data. Twin of shaders/draw.wgsl.

use super::tree::tree;
use crate::codec::{apply, flush48, round_significand};
use crate::format::QuantOp;
use crate::random::normal::normal;
use crate::random::{Purpose, Stream};
use crate::site::Counts;

/// x_i = fl16(fl(s_i n_i)) of sample `n`.
pub fn covariate(scales: &[f32], stream: &Stream, n: u32) -> Vec<f32> {
    let element = |(i, s): (usize, &f32)| {
        let x = s * normal(stream.word(i as u32, n, Purpose::Covariate as u32));
        f32::from_bits(flush48(round_significand(x.to_bits(), 16)))
    };
    scales.iter().enumerate().map(element).collect()
}

/// y = fl(<x, w*> + fl(deviation n)): the dot product with each component of w* in 32 lanes, the smallest total first.
pub fn label(x: &[f32], target: &[Vec<f32>], deviation: f32, stream: &Stream, n: u32) -> f32 {
    let totals = target.iter().rev().map(|component| {
        let mut lanes = [0.0f32; 32];
        for (i, (x, w)) in x.iter().zip(component).enumerate() {
            lanes[i % 32] += x * w;
        }
        tree(lanes)
    });
    let product = totals.reduce(|sum, total| sum + total).unwrap_or(0.0);
    let y = product + deviation * normal(stream.word(0, n, Purpose::LabelNoise as u32));
    f32::from_bits(flush48(y.to_bits()))
}

/// Coordinates that the operation at `data` leaves as they are, in its unit.
pub fn pass(op: &QuantOp, x: &[f32]) -> impl Iterator<Item = f32> {
    let unit = libm::ldexp(1.0, -op.unit) as f32;
    x.iter().map(move |x| f32::from_bits(flush48((x * unit).to_bits())))
}

/// Qdata(x) of sample `n`.
pub fn data(op: &QuantOp, x: &[f32], stream: &Stream, n: u32) -> (Vec<f32>, Counts) {
    let mut values = x.to_vec();
    let counts = apply(op, &mut values, |i| stream.word(i as u32, n, op.purpose));
    (values, counts)
}
