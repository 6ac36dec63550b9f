//! The host of shaders/turn.wgsl: G by columns, as the projection reads it.

use wgpu::Buffer;

use super::kernels::TURN;
use super::operands::components_of;
use super::params::{Parameters, params};
use super::pipeline::Bound;
use super::samples::Samples;
use super::shapes::{Columns, columns};
use crate::error::Result;
use crate::twin::constants;

params! {
    pub struct Params {
        /// That there are.
        pub rows: u32,
        /// Of a column, a multiple of 8.
        pub row_stride: u32,
        pub columns: u32,
        /// Column of this dispatch.
        pub first: u32,
    }
}

constants! {
    /// Columns and rows of a workgroup.
    pub const TURNED_COLUMNS: u32 = 32;
    pub const TURNED_ROWS: u32 = 64;
}

/// Columns of a dispatch, at most: devices have as few as 65,535 workgroups along an axis.
const WIDEST: u32 = 65_535 / 4 * 4 * TURNED_COLUMNS;

impl Samples<'_> {
    /// Turns the components of G, which lie row by row.
    pub fn turn(&self, by_row: &Buffer) -> Result<()> {
        let (shapes, rows) = (self.launch.shapes, self.launch.point.model);
        let buffers = [Bound::new(by_row, shapes.sketched_words()), Bound::new(&self.g, shapes.g_words())];
        let vectors = components_of(&shapes.sketch_ops) * shapes.slots;
        for Columns { first, width } in columns(shapes.stride, WIDEST) {
            let (head, row_stride) = (self.launch.head(), shapes.row_stride as u32);
            let params = Parameters::of(Params { head, rows, row_stride, columns: shapes.stride, first });
            let groups = [width / TURNED_COLUMNS, rows.div_ceil(TURNED_ROWS), vectors];
            self.dispatch(&TURN, self.launch.variant, &params, &buffers, groups)?;
        }
        Ok(())
    }
}
