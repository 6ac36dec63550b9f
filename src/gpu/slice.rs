//! What draw and sketch have in common: a panel of columns, and the operations on it. Twin of shaders/slice.wgsl.

use crate::cpu::lanes;
use crate::reference;
use crate::twin::{constants, twin};

// The reference and the fast CPU code have their own.
const _: () = assert!(SLICE as usize == reference::project::SLICE && SLICE as usize == lanes::SLICE);
const _: () = assert!(LANES as usize == lanes::LANES);

constants! {
    /// Invocations that share the elements of a vector.
    pub const LANES: u32 = 32;
    /// Columns of four words of each lane; the projection's sums are slice by slice.
    pub const SLICE: u32 = 128;
    /// Operations of one dispatch, at most: their tallies lie in workgroup memory.
    pub const SLICE_OPS: u32 = 32;
}

twin! {
    /// Columns of the vectors of a launch, and what becomes of them.
    pub struct Panel {
        pub dim: u32,
        /// Columns that the operations round, the first ones.
        pub rounded: u32,
        /// Column.
        pub first: u32,
        /// A multiple of [`SLICE`].
        pub columns: u32,
        /// Of a slot: samples, or rows of the sketch.
        pub vectors: u32,
        pub slots: u32,
        pub is_first: u32,
        pub ops: u32,
        pub ops_at: u32,
        pub seeds_at: u32,
        /// Number of the first operation in the counts.
        pub first_op: u32,
        /// Number of its first component in the results.
        pub first_component: u32,
        /// Words of a vector in the results, and where the panel's first column lies there.
        pub stride: u32,
        pub place: u32,
        /// First word of the largest magnitudes behind the counts.
        pub maxima_at: u32,
        /// 1 where the dispatch takes largest magnitudes only.
        pub measures: u32,
    }
}
