//! Covariates that the host hands over panel by panel, one ahead of the device: rows of a file, or its own draws.

use std::fmt::Display;
use std::sync::mpsc::SyncSender;
use std::thread::{Builder, Scope};

use rayon::ThreadPoolBuilder;
use rayon::prelude::*;

use super::launch::{Block, Launch};
use super::shapes::{Columns, Shapes};
use crate::cpu;
use crate::cpu::draw::{CohortSource, covariates, file_label};
use crate::error::{Error, Result};
use crate::random::Stream;

/// One panel of one block, for the device.
pub struct Upload {
    /// [slot][sample][column of the panel].
    pub x: Vec<f32>,
    /// [slot][sample], with the first panel of a block; empty where the device makes the labels.
    pub labels: Vec<f32>,
}

/// Starts a thread that sends every panel of every block, in the order in which the device takes them and as often, until
/// nobody receives. An error says why the host has no threads for it.
pub fn start<'scope>(
    scope: &'scope Scope<'scope, '_>,
    launch: &'scope Launch,
    uploads: SyncSender<Upload>,
) -> Result<()> {
    let refused = |error: &dyn Display| {
        Error::Other(format!("the host cannot start the threads that make covariates for the device: {error}"))
    };
    // A pool of its own: every thread of the shared one may be waiting for the device that waits for these panels.
    let pool = ThreadPoolBuilder::new().build().map_err(|error| refused(&error))?;
    let thread = Builder::new().spawn_scoped(scope, move || pool.install(|| produce(launch, &uploads)));
    thread.map(|_| ()).map_err(|error| refused(&error))
}

fn produce(launch: &Launch, uploads: &SyncSender<Upload>) {
    let Launch { point, shapes, plan, .. } = *launch;
    let source = |index: &u32| cpu::source(point, &Stream::new(plan.config.sweep.seed, *index), &[]);
    let sources: Vec<CohortSource> = launch.seeds.iter().map(source).collect();
    for block in launch.blocks() {
        for columns in shapes.passes().iter().flat_map(|_| shapes.panels()) {
            if uploads.send(upload(shapes, &sources, block, columns)).is_err() {
                return;
            }
        }
    }
}

fn upload(shapes: &Shapes, sources: &[CohortSource], block: Block, columns: Columns) -> Upload {
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
    Upload { x, labels }
}
