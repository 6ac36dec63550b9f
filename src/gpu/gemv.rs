//! The host of shaders/gemv.wgsl: products Z v.

use super::Gpu;
use super::kernels::GEMV;
use super::params::{Head, Parameters, params};
use super::pipeline::{Bound, Dispatch};
use crate::error::{Error, Result};

params! {
    pub struct Params {
        pub columns: u32,
    }
}

impl Gpu {
    /// Z v as bits, for Z of so many columns. [`Error::Input`]: more rows than the adapter has workgroups for.
    pub fn gemv(&self, z: &[f32], columns: usize, v: &[f32]) -> Result<Vec<u32>> {
        let rows = (z.len() / columns) as u64;
        if rows > self.limits.groups {
            return Err(Error::Input(format!("Z has {rows} rows, this adapter allows {}", self.limits.groups)));
        }
        let params = Parameters::of(Params { head: Head::of(0), columns: columns as u32 });
        let z = self.context.filled("Z", bytemuck::cast_slice(z));
        let v = self.context.filled("v", bytemuck::cast_slice(v));
        let result = self.context.buffer("Z v", rows);
        let columns = columns as u64;
        let buffers = [Bound::new(&z, rows * columns), Bound::new(&v, columns), Bound::new(&result, rows)];
        let (variant, groups) = (self.every(), [rows as u32, 1, 1]);
        self.context.dispatch(Dispatch { kernel: &GEMV, variant, params: &params, buffers: &buffers, groups })?;
        self.context.read(&[(&result, 0, rows)])
    }
}
