//! The host of shaders/project.wgsl: products of the components of x and G, panel by panel.

use super::in_words::Product;
use super::kernels::PROJECT;
use super::launch::{Block, Launch};
use super::params::{Tail, params};
use super::pipeline::Bound;
use super::samples::Samples;
use super::shapes::Columns;
use crate::error::Result;
use crate::twin::constants;

params! {
    pub struct Params {
        /// Of the panel, a multiple of [`super::slice::SLICE`].
        pub columns: u32,
        /// Column.
        pub first: u32,
        /// Columns of G.
        pub stride: u32,
        pub samples: u32,
        /// Of a sample's sums, and of a column of G: of rows.
        pub row_quads: u32,
        pub slots: u32,
        /// Whether the panel is the first.
        pub is_first: u32,
        pub products_at: u32,
    }
}

constants! {
    /// Of a workgroup.
    pub const TILE_SAMPLES: u32 = 128;
}

impl Samples<'_> {
    /// Adds the products of a panel to those of the panels before.
    pub fn project(&self, block: Block, columns: Columns) -> Result<()> {
        let Launch { shapes, point, variant, .. } = *self.launch;
        let products = &shapes.products;
        let mut tail = Tail::default();
        let params = Params {
            head: self.launch.head(),
            columns: columns.width,
            first: columns.first,
            stride: shapes.stride,
            samples: shapes.samples,
            row_quads: shapes.row_stride as u32 / 4,
            slots: shapes.slots,
            is_first: u32::from(columns.first == 0),
            products_at: tail.append(products),
        };
        let components = |of: fn(&Product) -> u32| u64::from(1 + products.iter().map(of).max().unwrap_or(0));
        let buffers = [
            Bound::new(&self.x, components(|p| p.x) * shapes.cells() * u64::from(columns.width)),
            Bound::new(&self.g, shapes.g_words()),
            Bound::new(&self.p, shapes.p_words()),
        ];
        let groups = [
            point.model.div_ceil(variant.tile.rows),
            (block.samples as u32).div_ceil(TILE_SAMPLES),
            shapes.slots * products.len() as u32,
        ];
        self.dispatch(&PROJECT, variant, &tail.behind(params), &buffers, groups)
    }
}
