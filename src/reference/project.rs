//! Projection and features. Twin of shaders/project.wgsl and shaders/feature.wgsl.

use crate::codec::{apply, floor48};
use crate::plan::Feature;
use crate::random::Stream;
use crate::row::Counts;

/// Coordinates summed before a slice joins the total.
pub const SLICE: usize = 128;

/// p = <x, g>: sequential in slices of 128, slices added in order. Products are exact (16 times 8 bits).
pub fn dot(x: &[f32], g: &[f32]) -> f32 {
    let mut total = 0.0f32;
    for (x, g) in x.chunks(SLICE).zip(g.chunks(SLICE)) {
        let mut slice = 0.0f32;
        for (x, g) in x.iter().zip(g) {
            slice += x * g;
        }
        total += slice;
    }
    f32::from_bits(floor48(total.to_bits()))
}

/// z_j = Qfeature(fl(p_j scale)) of sample `n`.
pub fn feature(feature: &Feature, projected: &[f32], stream: &Stream, n: u32) -> (Vec<f32>, Counts) {
    let scaled = |p: &f32| f32::from_bits(floor48((p * feature.scale).to_bits()));
    let mut z: Vec<f32> = projected.iter().take(feature.model as usize).map(scaled).collect();
    let counts = apply(&feature.op, &mut z, |j| stream.word(j as u32, n, feature.op.purpose));
    (z, counts)
}
