//! The host of shaders/feature.wgsl: every feature vector of a block.

use super::in_words::Feature;
use super::kernels::FEATURE;
use super::launch::Block;
use super::operands::Operand;
use super::params::{Tail, params};
use super::pipeline::Bound;
use super::samples::Samples;
use super::tally::{FEATURE_TALLY, TALLY};
use crate::error::Result;
use crate::format::policy;
use crate::plan;

params! {
    pub struct Params {
        /// Of a row of p.
        pub stride: u32,
        pub first_sample: u32,
        pub samples: u32,
        pub slots: u32,
        pub seeds_at: u32,
        pub features_at: u32,
        /// Rows of the sketch that a slot has counts of.
        pub sketch_rows: u32,
    }
}

impl Samples<'_> {
    fn feature_of(&self, feature: &plan::Feature, z_at: u64) -> Feature {
        let shapes = self.launch.shapes;
        let pair = &shapes.pairs[feature.pair];
        let (data, sketch) = (&shapes.data_ops[pair.data as usize], &shapes.sketch_ops[pair.sketch as usize]);
        // A nan is made by formats that overflow, and by none other.
        let marked =
            |operand: &Operand, number: u32| if operand.split.op.has(policy::OVERFLOWS) { number + 1 } else { 0 };
        Feature {
            // Without a sketch the covariates take the place of the projections.
            product: if shapes.sketched { pair.first } else { data.first },
            products: if shapes.sketched { pair.products } else { 1 },
            model: feature.model,
            scale: feature.scale,
            tail: feature.tail,
            z_at: z_at as u32,
            data_op: marked(data, pair.data),
            sketch_op: marked(sketch, pair.sketch),
            factor: feature.factor,
            op: feature.op,
        }
    }

    /// Makes z of a block from its projections.
    pub fn feature(&self, block: Block) -> Result<()> {
        let (shapes, point) = (self.launch.shapes, self.launch.point);
        let (source, stride) =
            if shapes.sketched { (&self.p, shapes.row_stride as u32) } else { (&self.x, shapes.stride) };
        let features: Vec<Feature> =
            point.features.iter().zip(&shapes.z_at).map(|(feature, &at)| self.feature_of(feature, at)).collect();
        let mut tail = Tail::default();
        let params = Params {
            head: self.launch.head(),
            stride,
            first_sample: block.first as u32,
            samples: shapes.samples,
            slots: shapes.slots,
            seeds_at: tail.append(self.launch.seeds),
            features_at: tail.append(&features),
            sketch_rows: point.model,
        };
        let most = |of: &dyn Fn(&Feature) -> u64| features.iter().map(of).max().unwrap_or(0);
        let (cells, slot_rows) = (shapes.cells(), u64::from(shapes.slots) * u64::from(point.model));
        let tallies = |vectors: u64| u64::from(TALLY) * vectors;
        let buffers = [
            Bound::new(source, most(&|f| u64::from(f.product + f.products)) * cells * u64::from(stride)),
            Bound::new(&self.data_counts, most(&|f| f.data_op.into()) * tallies(cells)),
            Bound::new(&self.sketch_counts, most(&|f| f.sketch_op.into()) * tallies(slot_rows)),
            Bound::new(&self.z, most(&|f| u64::from(f.z_at) + cells * u64::from(f.model))),
            Bound::new(&self.feature_counts, u64::from(FEATURE_TALLY) * features.len() as u64 * cells),
        ];
        let groups = [block.samples as u32, shapes.slots, features.len() as u32];
        self.dispatch(&FEATURE, self.launch.variant, &tail.behind(params), &buffers, groups)
    }
}
