//! Products Z v. Twin of shaders/gemv.wgsl.

use super::tree::tree;

/// <z, v> in 32 lanes (lane = index mod 32), then the halving tree.
pub fn dot(z: &[f32], v: &[f32]) -> f32 {
    let mut lanes = [0.0f32; 32];
    for (j, (z, v)) in z.iter().zip(v).enumerate() {
        lanes[j % 32] += z * v;
    }
    tree(lanes)
}

/// Z v, for Z of so many columns, as bits.
pub fn product(z: &[f32], columns: usize, v: &[f32]) -> Vec<u32> {
    z.chunks(columns).map(|row| dot(row, v).to_bits()).collect()
}
