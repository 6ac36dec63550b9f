//! The host of shaders/draw.wgsl: covariates, labels and quantized data of a panel.

use super::kernels::DRAW;
use super::launch::Block;
use super::params::{Tail, params};
use super::pipeline::Bound;
use super::samples::Samples;
use super::shapes::Columns;
use super::slice::{LANES, Panel};
use super::task::Task;
use crate::error::Result;
use crate::problem;
use crate::twin::constants;

params! {
    pub struct Params {
        pub panel: Panel,
        pub first_sample: u32,
        /// Whether the panel is the last of its vectors.
        pub is_last: u32,
        /// Of the label's noise.
        pub deviation: f32,
        /// Components of w* whose labels this dispatch makes too, or 0.
        pub target_components: u32,
        /// Whether the host filled `uploaded` with x.
        pub uploads: u32,
    }
}

constants! {
    /// Components of w*, at most.
    pub const TARGET_COMPONENTS: u32 = 3;
}

impl Samples<'_> {
    /// A panel under a task; the dispatch of the first operations makes labels too.
    pub fn draw(&self, block: Block, columns: Columns, task: Task) -> Result<()> {
        let (shapes, point) = (self.launch.shapes, self.launch.point);
        let mut tail = Tail::default();
        let panel = Panel {
            dim: point.coordinates,
            rounded: point.problem.literal(),
            first: columns.first,
            columns: columns.width,
            vectors: shapes.samples,
            slots: shapes.slots,
            is_first: u32::from(columns.first == 0),
            stride: columns.width,
            place: 0,
            maxima_at: shapes.data_maxima_at() as u32,
            ..Panel::under(task, self.launch.seeds, &mut tail)
        };
        let makes_labels = matches!(task, Task::Quantize { first: 0, .. });
        let params = Params {
            head: self.launch.head(),
            panel,
            first_sample: block.first as u32,
            is_last: u32::from(columns.first + columns.width == shapes.stride),
            deviation: problem::label_deviation(&point.problem, point.tail),
            target_components: if makes_labels { shapes.target_components } else { 0 },
            uploads: u32::from(point.uploads),
        };
        let components = u64::from(params.target_components);
        let (cells, dim) = (panel.cells(), u64::from(panel.dim));
        let buffers = [
            Bound::new(&self.scales, dim * (1 + u64::from(panel.slots) * components)),
            Bound::new(&self.uploaded, if point.uploads { cells * u64::from(panel.columns) } else { 0 }),
            Bound::new(&self.x, panel.component_words(task)),
            Bound::new(&self.lanes, u64::from(LANES) * components * cells),
            Bound::new(&self.labels, if components > 0 { cells } else { 0 }),
            Bound::new(&self.data_counts, panel.count_words()),
        ];
        let variant = self.launch.draw_variant(task.ops());
        self.dispatch(&DRAW, variant, &tail.behind(params), &buffers, [block.samples as u32, shapes.slots, 1])
    }
}
