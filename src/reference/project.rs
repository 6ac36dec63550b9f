//! Projection. Twin of shaders/project.wgsl; the totals of several components are added in shaders/feature.wgsl.

use crate::codec::{component, flush48};
use crate::error::Result;
use crate::format::Splitting;
use crate::watch::Watch;

/// Coordinates summed before a slice joins the total.
pub const SLICE: usize = 128;

/// p of every row of the sketch.
pub fn project(x: &[f32], rows: &[Vec<f32>], splitting: &Splitting, watch: &Watch) -> Result<Vec<f32>> {
    rows.iter().map(|row| watch.ask().map(|()| dot(x, row, splitting))).collect()
}

/// p = <x, g>: the exact products of their components, each pair of components summed on its own, the smallest total first.
pub fn dot(x: &[f32], g: &[f32], splitting: &Splitting) -> f32 {
    let (x, g) = (components(x, &splitting.x), components(g, &splitting.g));
    let totals = splitting.products.iter().rev().map(|&(i, j)| sum(&x[i], &g[j]));
    let total = totals.reduce(|sum, total| sum + total).unwrap_or(0.0);
    f32::from_bits(flush48(total.to_bits()))
}

/// Sequential in slices of 128, slices added in order.
fn sum(x: &[f32], g: &[f32]) -> f32 {
    let mut total = 0.0f32;
    for (x, g) in x.chunks(SLICE).zip(g.chunks(SLICE)) {
        let mut slice = 0.0f32;
        for (x, g) in x.iter().zip(g) {
            slice += x * g;
        }
        total += slice;
    }
    total
}

/// The vector cut into components of so many significant bits; one component is the vector itself.
pub(super) fn components(values: &[f32], bits: &[u32]) -> Vec<Vec<f32>> {
    if bits.len() == 1 {
        return vec![values.to_vec()];
    }
    let mut rest = values.to_vec();
    bits.iter().map(|&bits| rest.iter_mut().map(|rest| component(rest, bits)).collect()).collect()
}
