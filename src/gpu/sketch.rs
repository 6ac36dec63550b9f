//! The host of shaders/sketch.wgsl: the quantized sketch of every slot.

use wgpu::Buffer;

use super::kernels::SKETCH;
use super::operands::{Operand, chunks, runs};
use super::params::{Tail, params};
use super::pipeline::Bound;
use super::samples::Samples;
use super::shapes::columns;
use super::slice::{Panel, SLICE_OPS};
use super::task::Task;
use crate::error::Result;
use crate::plan::SketchDraw;
use crate::problem::Sketch;

params! {
    pub struct Params {
        pub panel: Panel,
        pub pass_word: u32,
        /// Whether the host filled `uploaded` with G.
        pub uploads: u32,
    }
}

impl Samples<'_> {
    /// Quantizes each draw of the sketch by all of its operations, and turns it.
    pub fn sketch(&self) -> Result<()> {
        let (shapes, point) = (self.launch.shapes, self.launch.point);
        let by_row = self.launch.context.buffer("G by rows", shapes.sketched_words());
        let uploaded = match &point.problem.sketch {
            Sketch::File(input) => {
                let rows = &input.values[..shapes.uploaded_g as usize];
                self.launch.context.filled("uploaded sketch", bytemuck::cast_slice(rows))
            }
            _ => self.launch.context.buffer("uploaded sketch", 0),
        };
        for (index, draw) in point.sketches.iter().enumerate() {
            for (at, ops) in chunks(&shapes.sketch_ops, SLICE_OPS as usize) {
                for (first, ops) in runs(ops, index) {
                    if ops.iter().any(Operand::is_whole) {
                        self.sketch_panels(draw, Task::Measure, &uploaded, &by_row)?;
                    }
                    let task = Task::Quantize { first: at + first, ops };
                    self.sketch_panels(draw, task, &uploaded, &by_row)?;
                }
            }
        }
        self.turn(&by_row)
    }

    fn sketch_panels(&self, draw: &SketchDraw, task: Task, uploaded: &Buffer, by_row: &Buffer) -> Result<()> {
        let (shapes, point) = (self.launch.shapes, self.launch.point);
        let limit = u64::from(shapes.stride).min(self.launch.tuning.panel);
        for columns in columns(shapes.stride, self.columns(limit, task.ops()) as u32) {
            let mut tail = Tail::default();
            let panel = Panel {
                dim: point.problem.dim,
                first: columns.first,
                columns: columns.width,
                vectors: point.model,
                slots: shapes.slots,
                is_first: u32::from(columns.first == 0),
                stride: shapes.stride,
                place: columns.first,
                maxima_at: shapes.sketch_maxima_at() as u32,
                ..Panel::under(task, self.launch.seeds, &mut tail)
            };
            let uploads = shapes.uploaded_g > 0;
            let params = Params { head: self.launch.head(), panel, pass_word: draw.pass, uploads: u32::from(uploads) };
            let given = u64::from(draw.rows) * u64::from(panel.dim);
            let buffers = [
                Bound::new(uploaded, if uploads { given } else { 0 }),
                Bound::new(by_row, panel.component_words(task)),
                Bound::new(&self.sketch_counts, panel.count_words()),
            ];
            self.dispatch(&SKETCH, self.launch.variant, &tail.behind(params), &buffers, [draw.rows, shapes.slots, 1])?;
        }
        Ok(())
    }
}
