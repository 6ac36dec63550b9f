//! The host of shaders/maxima.wgsl: maxima over subgroups.

use super::Gpu;
use super::kernels::MAXIMA;
use super::params::{Head, Parameters, params};
use super::pipeline::{Bound, Dispatch};
use crate::error::Result;
use crate::reference::maxima::WORD_BLOCKS;

params! {
    pub struct Params {
        pub turns: u32,
        /// Invocations of a subgroup.
        pub lanes: u32,
    }
}

impl Gpu {
    /// Invocations of a subgroup, where kernels may use subgroups and all have one size.
    pub fn subgroup(&self) -> Option<u32> {
        self.context.subgroup()
    }

    /// For each turn and block, what each invocation of a workgroup takes for the largest word of its subgroup: by
    /// subgroupMax, and by shuffles; see [`crate::reference::maxima::maxima`].
    pub fn maxima(&self, lanes: u32, turns: u32) -> Result<Vec<Vec<[u32; 2]>>> {
        let params = Parameters::of(Params { head: Head::of(0), turns, lanes });
        let variant = self.every();
        let [threads, ..] = self.context.workgroup_size(&MAXIMA, variant);
        let words = u64::from(2 * threads * WORD_BLOCKS * turns);
        let result = self.context.buffer("maxima", words);
        let (buffers, groups) = ([Bound::new(&result, words)], [1, 1, 1]);
        self.context.dispatch(Dispatch { kernel: &MAXIMA, variant, params: &params, buffers: &buffers, groups })?;
        let read = self.context.read(&[(&result, 0, words)])?;
        Ok(read.as_chunks::<2>().0.chunks(threads as usize).map(<[_]>::to_vec).collect())
    }
}
