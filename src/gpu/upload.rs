//! Covariates that the host hands over panel by panel, one ahead of the device: rows of a file, or its own draws.

use std::sync::mpsc::SyncSender;

use rayon::ThreadPoolBuilder;
use rayon::prelude::*;

use super::shapes::Shapes;
use crate::cpu;
use crate::cpu::draw::{CohortSource, covariates, file_label};
use crate::plan::ProblemPoint;
use crate::random::Stream;

/// One panel of one block.
pub struct Panel {
    /// [slot][sample][column of the panel].
    pub x: Vec<f32>,
    /// [slot][sample], with the first panel of a block; empty where the device makes the labels.
    pub labels: Vec<f32>,
}

/// Sends every panel of every block, in the order in which the device takes them and as often, until nobody receives.
pub fn produce(point: &ProblemPoint, shapes: &Shapes, seed: u64, seeds: &[u32], panels: &SyncSender<Panel>) {
    // A pool of its own: every thread of the shared one may be waiting for the device that waits for these panels.
    let Ok(pool) = ThreadPoolBuilder::new().build() else { return };
    pool.install(|| produce_all(point, shapes, seed, seeds, panels));
}

fn produce_all(point: &ProblemPoint, shapes: &Shapes, seed: u64, seeds: &[u32], panels: &SyncSender<Panel>) {
    let sources: Vec<CohortSource> = seeds.iter().map(|&index| cpu::source(point, &Stream::new(seed, index))).collect();
    for first in (0..point.samples).step_by(shapes.samples as usize) {
        let samples = u64::from(shapes.samples).min(point.samples - first);
        for (at, width) in shapes.passes().iter().flat_map(|_| shapes.panels()) {
            let panel = panel(shapes, &sources, (first, samples), (at as usize, width as usize));
            if panels.send(panel).is_err() {
                return;
            }
        }
    }
}

fn panel(
    shapes: &Shapes,
    sources: &[CohortSource],
    (first, samples): (u64, u64),
    (at, width): (usize, usize),
) -> Panel {
    let rows = shapes.samples as usize;
    let mut x = vec![0.0; sources.len() * rows * width];
    x.par_chunks_mut(width).enumerate().for_each(|(cell, out)| {
        let (slot, sample) = (cell / rows, (cell % rows) as u64);
        if sample < samples {
            covariates(&sources[slot], (first + sample) as u32, at, out);
        }
    });
    let label = |source: &CohortSource, sample: u64| file_label(source, (first + sample) as u32);
    let mut labels = Vec::new();
    if at == 0 {
        for source in sources {
            let known: Vec<f32> = (0..samples).filter_map(|sample| label(source, sample)).collect();
            let missing = if known.is_empty() { 0 } else { rows - known.len() };
            labels.extend(known.into_iter().chain(std::iter::repeat_n(0.0, missing)));
        }
    }
    Panel { x, labels }
}
