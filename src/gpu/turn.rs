//! The host of shaders/turn.wgsl: G by columns, as the projection reads it.

use wgpu::Buffer;

use super::kernels::TURN;
use super::operands::components_of;
use super::params::{Parameters, params};
use super::pipeline::Bound;
use super::samples::Samples;
use crate::error::Result;
use crate::twin::constants;

params! {
    pub struct Params {
        /// That there are.
        pub rows: u32,
        /// Of a column, a multiple of 8.
        pub row_stride: u32,
        pub columns: u32,
    }
}

constants! {
    /// Columns and rows of a workgroup.
    pub const TURNED_COLUMNS: u32 = 32;
    pub const TURNED_ROWS: u32 = 64;
}

impl Samples<'_> {
    /// Turns the components of G, which lie row by row.
    pub fn turn(&self, by_row: &Buffer) -> Result<()> {
        let (shapes, rows) = (self.launch.shapes, self.launch.point.model);
        let params =
            Params { head: self.launch.head(), rows, row_stride: shapes.row_stride as u32, columns: shapes.stride };
        let buffers = [Bound::new(by_row, shapes.sketched_words()), Bound::new(&self.g, shapes.g_words())];
        let groups = [
            shapes.stride / TURNED_COLUMNS,
            rows.div_ceil(TURNED_ROWS),
            components_of(&shapes.sketch_ops) * shapes.slots,
        ];
        self.dispatch(&TURN, self.launch.variant, &Parameters::of(params), &buffers, groups)
    }
}
