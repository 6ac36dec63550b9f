//! The host of shaders/sketch.wgsl: the quantized sketch of every slot.

use wgpu::Buffer;

use super::kernels::SKETCH;
use super::label::{SlotLaws, factor_words};
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
        /// Whether the host filled `uploaded` with G, or with what stands for it.
        pub uploads: u32,
        /// First word of the draw there.
        pub uploaded_at: u32,
        /// Words of a slot there, 0 where all have the same.
        pub uploaded_step: u32,
    }
}

impl Samples<'_> {
    /// Quantizes each draw of the sketch by all of its operations, and turns it.
    pub fn sketch(&self, laws: &[SlotLaws]) -> Result<()> {
        let (shapes, point) = (self.launch.shapes, self.launch.point);
        let by_row = self.launch.context.buffer("G by rows", shapes.sketched_words());
        let fill = |values: &[f32]| self.launch.context.filled("uploaded sketch", bytemuck::cast_slice(values));
        let uploaded = match &point.problem.sketch {
            _ if point.problem.draws_features() => fill(&factor_words(point.coordinates as usize, laws)),
            Sketch::File(input) => fill(&input.values[..shapes.uploaded_g as usize]),
            _ => self.launch.context.buffer("uploaded sketch", 0),
        };
        for (index, draw) in point.projected_on().iter().enumerate() {
            for (at, ops) in chunks(&shapes.sketch_ops, SLICE_OPS as usize) {
                for (first, ops) in runs(ops, index) {
                    if ops.iter().any(Operand::is_whole) {
                        self.sketch_panels(index, draw, Task::Measure, &uploaded, &by_row)?;
                    }
                    let task = Task::Quantize { first: at + first, ops };
                    self.sketch_panels(index, draw, task, &uploaded, &by_row)?;
                }
            }
        }
        self.turn(&by_row)
    }

    /// Draw number `index`.
    fn sketch_panels(
        &self,
        index: usize,
        draw: &SketchDraw,
        task: Task,
        uploaded: &Buffer,
        by_row: &Buffer,
    ) -> Result<()> {
        let (shapes, point) = (self.launch.shapes, self.launch.point);
        let words = |draw: &SketchDraw| draw.rows * point.coordinates;
        let own = point.problem.draws_features();
        let (at, step) = if own {
            let words: Vec<u32> = point.projected_on().iter().map(words).collect();
            (words[..index].iter().sum(), words.iter().sum())
        } else {
            (0, 0)
        };
        let limit = u64::from(shapes.stride).min(self.launch.tuning.panel);
        for columns in columns(shapes.stride, self.columns(limit, task.ops()) as u32) {
            let mut tail = Tail::default();
            let panel = Panel {
                dim: point.coordinates,
                rounded: point.coordinates,
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
            let params = Params {
                head: self.launch.head(),
                panel,
                pass_word: draw.pass,
                uploads: u32::from(uploads),
                uploaded_at: at,
                uploaded_step: step,
            };
            let buffers = [
                Bound::new(uploaded, shapes.uploaded_g),
                Bound::new(by_row, panel.component_words(task)),
                Bound::new(&self.sketch_counts, panel.count_words()),
            ];
            self.dispatch(&SKETCH, self.launch.variant, &tail.behind(params), &buffers, [draw.rows, shapes.slots, 1])?;
        }
        Ok(())
    }
}
