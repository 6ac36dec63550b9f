//! Features of a sample. Twin of shaders/feature.wgsl.

use crate::codec::{apply, flush48};
use crate::plan::Feature;
use crate::random::normal::normal;
use crate::random::{Purpose, Stream};
use crate::site::Counts;

/// z_j = Qfeature(fl(fl(fl(p_j f) scale) + fl(tail n_j))) of sample `n`, f the factor of multiplicative data.
pub fn feature(feature: &Feature, projected: &[f32], stream: &Stream, n: u32) -> (Vec<f32>, Counts) {
    let floor = |value: f32| f32::from_bits(flush48(value.to_bits()));
    let mut z = projected[..feature.model as usize].to_vec();
    apply(&feature.factor, &mut z, |j| stream.word(j as u32, n, feature.factor.purpose));
    for (j, z) in z.iter_mut().enumerate() {
        *z = floor(*z * feature.scale);
        if feature.tail != 0.0 {
            let noise = feature.tail * normal(stream.word(j as u32, n, Purpose::Tail as u32));
            *z = floor(*z + noise);
        }
    }
    let counts = apply(&feature.op, &mut z, |j| stream.word(j as u32, n, feature.op.purpose));
    (z, counts)
}
