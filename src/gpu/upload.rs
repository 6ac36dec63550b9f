//! Covariates that the host hands over panel by panel, one ahead of the device: rows of a file, or its own draws.

use std::sync::mpsc::SyncSender;

use rayon::ThreadPoolBuilder;
use rayon::prelude::*;

use super::launch::{Block, Launch};
use super::shapes::{Columns, Shapes};
use crate::cpu;
use crate::cpu::draw::{CohortSource, covariates, file_label};
use crate::random::Stream;

/// One panel of one block.
pub struct Panel {
    /// [slot][sample][column of the panel].
    pub x: Vec<f32>,
    /// [slot][sample], with the first panel of a block; empty where the device makes the labels.
    pub labels: Vec<f32>,
}

/// Sends every panel of every block, in the order in which the device takes them and as often, until nobody receives.
pub fn produce(launch: &Launch, panels: &SyncSender<Panel>) {
    // A pool of its own: every thread of the shared one may be waiting for the device that waits for these panels.
    let Ok(pool) = ThreadPoolBuilder::new().build() else { return };
    pool.install(|| produce_all(launch, panels));
}

fn produce_all(launch: &Launch, panels: &SyncSender<Panel>) {
    let Launch { point, shapes, plan, .. } = *launch;
    let source = |index: &u32| cpu::source(point, &Stream::new(plan.config.sweep.seed, *index));
    let sources: Vec<CohortSource> = launch.seeds.iter().map(source).collect();
    for block in launch.blocks() {
        for columns in shapes.passes().iter().flat_map(|_| shapes.panels()) {
            let panel = panel(shapes, &sources, block, columns);
            if panels.send(panel).is_err() {
                return;
            }
        }
    }
}

fn panel(shapes: &Shapes, sources: &[CohortSource], block: Block, columns: Columns) -> Panel {
    let Block { first, samples } = block;
    let (rows, width) = (shapes.samples as usize, columns.width as usize);
    let mut x = vec![0.0; sources.len() * rows * width];
    x.par_chunks_mut(width).enumerate().for_each(|(cell, out)| {
        let (slot, sample) = (cell / rows, (cell % rows) as u64);
        if sample < samples {
            covariates(&sources[slot], (first + sample) as u32, columns.first as usize, out);
        }
    });
    let label = |source: &CohortSource, sample: u64| file_label(source, (first + sample) as u32);
    let mut labels = Vec::new();
    if columns.first == 0 {
        for source in sources {
            let known: Vec<f32> = (0..samples).filter_map(|sample| label(source, sample)).collect();
            let missing = if known.is_empty() { 0 } else { rows - known.len() };
            labels.extend(known.into_iter().chain(std::iter::repeat_n(0.0, missing)));
        }
    }
    Panel { x, labels }
}
