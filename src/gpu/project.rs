//! The host of shaders/project.wgsl: products of the components of x and G, panel by panel.

use super::in_words::Product;
use super::kernels::PROJECT;
use super::launch::Block;
use super::params::{Tail, params};
use super::pipeline::Bound;
use super::samples::Samples;
use super::shapes::Columns;
use crate::error::Result;
use crate::twin::constants;

params! {
    pub struct Params {
        /// Of columns in the panel.
        pub quads: u32,
        /// Before the panel, in a row of G.
        pub quads_before: u32,
        /// Of a row of G.
        pub row_quads: u32,
        pub samples: u32,
        pub rows: u32,
        pub slots: u32,
        /// Whether the panel is the first.
        pub is_first: u32,
        pub products_at: u32,
    }
}

constants! {
    /// Rows, and samples, of a thread.
    pub const TILE: u32 = 4;
}

impl Samples<'_> {
    /// Adds the products of a panel to those of the panels before.
    pub fn project(&self, block: Block, columns: Columns) -> Result<()> {
        let (shapes, rows) = (self.launch.shapes, self.launch.point.model);
        let products = &shapes.products;
        let mut tail = Tail::default();
        let params = Params {
            head: self.launch.head(),
            quads: columns.width / 4,
            quads_before: columns.first / 4,
            row_quads: shapes.stride / 4,
            samples: shapes.samples,
            rows,
            slots: shapes.slots,
            is_first: u32::from(columns.first == 0),
            products_at: tail.append(products),
        };
        let components = |of: fn(&Product) -> u32| u64::from(1 + products.iter().map(of).max().unwrap_or(0));
        let slot_rows = u64::from(shapes.slots) * u64::from(rows);
        let buffers = [
            Bound::new(&self.x, components(|p| p.x) * shapes.cells() * u64::from(columns.width)),
            Bound::new(&self.g, components(|p| p.g) * slot_rows * u64::from(shapes.stride)),
            Bound::new(&self.p, products.len() as u64 * shapes.cells() * u64::from(rows)),
        ];
        let [x, y, _] = self.launch.context.workgroup_size(&PROJECT, self.launch.variant);
        let groups =
            [rows.div_ceil(x * TILE), (block.samples as u32).div_ceil(y * TILE), shapes.slots * products.len() as u32];
        self.dispatch(&PROJECT, &tail.behind(params), &buffers, groups)
    }
}
