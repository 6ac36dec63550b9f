//! The structs that stand in `words`, behind the parameters of a kernel.

use crate::format::QuantOp;
use crate::plan::StepSize;
use crate::twin::{Shared, twin};

/// All of them, with those of other rooms.
pub const IN_WORDS: &[Shared] = &[
    Shared::of::<QuantOp>(),
    Shared::of::<SplitOp>(),
    Shared::of::<Product>(),
    Shared::of::<Feature>(),
    Shared::of::<Label>(),
    Shared::of::<StepSize>(),
    Shared::of::<Run>(),
];

twin! {
    /// An operation, and the components that its results are cut into.
    #[derive(Eq, Hash)]
    pub struct SplitOp {
        pub op: QuantOp,
        pub components: u32,
        /// Significant bits of each component.
        pub bits: u32,
    }
}

twin! {
    /// A component of x times a component of G, for so many rows.
    pub struct Product {
        pub x: u32,
        pub g: u32,
        pub rows: u32,
    }
}

twin! {
    /// One feature vector of every sample.
    pub struct Feature {
        /// First product, and their number.
        pub product: u32,
        pub products: u32,
        pub model: u32,
        pub scale: f32,
        /// Deviation of the closed tail.
        pub tail: f32,
        /// First word in z.
        pub z_at: u32,
        /// 1 + number of the operation on x whose counts may hold a nan, or 0; then the same on G.
        pub data_op: u32,
        pub sketch_op: u32,
        pub factor: QuantOp,
        pub op: QuantOp,
    }
}

twin! {
    /// A label that some model size has for its own.
    pub struct Label {
        /// That it reads.
        pub coordinates: u32,
        /// First word of u, and the word of e, in those of a slot.
        pub components_at: u32,
        pub deviation_at: u32,
    }
}

twin! {
    /// What a dispatch does of a run, for every slot.
    pub struct Run {
        /// In `status`.
        pub index: u32,
        pub model: u32,
        pub batch: u32,
        pub feature: u32,
        /// First word in z, as activations read it and as Z^T r does.
        pub z_at: u32,
        pub gradient_z_at: u32,
        /// First word in `labels`.
        pub label_at: u32,
        pub step: StepSize,
        /// Its [`TrainOps`].
        pub ops_at: u32,
        pub update: u32,
        /// To do, the last of them up to place `end`.
        pub updates: u32,
        /// The first place to do in the update: B activations, then B terms of the gradient.
        pub first: u32,
        pub end: u32,
        /// Sample of the buffers.
        pub batch_start: u32,
        pub state_at: u32,
        /// Of a slot.
        pub state_words: u32,
    }
}
