//! The GPU adapter: a plan's cohorts on any device that wgpu reaches, with the bits of the reference.
//!
//! A launch is as many cohorts of one problem point as fit; its blocks go through draw -> project -> feature ->
//! train without a round trip per update. Every kernel is a WGSL file with a scalar twin in [`crate::reference`].

mod adapters;
mod counts;
mod device;
mod known;
mod launch;
mod operands;
mod probe;
mod quantize;
mod samples;
pub mod shader;
mod shapes;

mod train;
mod upload;
mod verify;

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use wgpu::{DeviceDescriptor, DeviceType, Features};

pub use adapters::{AdapterInfo, adapters, is_hardware};
use known::Block;
pub use shapes::Tuning;

use crate::error::{Error, Result};
use crate::plan::Snapshot;
use crate::plan::{Cohort, Plan};
use device::Context;
use shader::{MODEL_SIZES, Variant, train_memory};
use shapes::Limits;

/// Rows of each cohort of a block.
type Answers = Vec<Vec<Snapshot>>;

/// An open device with its pipelines.
pub struct Gpu {
    pub info: AdapterInfo,
    context: Context,
    limits: Limits,
    /// The fingerprint as probed, and with the mark of the strict shaders.
    fingerprints: [String; 2],
    /// The shaders with a barrier on every accumulator are in use.
    strict: AtomicBool,
    /// What gave the known answers.
    proved: Mutex<HashSet<Pipelines>>,
}

/// Pipelines that are proved together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Pipelines {
    /// Those of every class of format, not of grids and laws alone.
    every_class: bool,
    /// One of [`MODEL_SIZES`].
    model: u32,
}

fn no_adapter(reason: String) -> Error {
    Error::NoAdapter(format!("{reason}; `--adapter cpu` needs no GPU"))
}

impl Gpu {
    /// Opens the adapter at that position in [`adapters`] and probes its arithmetic.
    pub fn open(index: usize) -> Result<Gpu> {
        let all = adapters::enumerate();
        let count = all.len();
        let Some(adapter) = all.get(index) else {
            return Err(no_adapter(match count {
                0 => "no GPU adapter was found".to_string(),
                _ => format!("there is no adapter {index}: allowed are 0 to {}", count - 1),
            }));
        };
        let info = adapters::describe(index, adapter);
        let limits = adapter.limits();
        if limits.max_storage_buffers_per_shader_stage < 8 || limits.max_compute_invocations_per_workgroup < 64 {
            return Err(no_adapter(format!("adapter {index} ({}) cannot run the compute shaders", info.name)));
        }
        let descriptor = DeviceDescriptor {
            label: Some("roundlaw"),
            required_features: Features::empty(),
            required_limits: limits.clone(),
            ..Default::default()
        };
        let (device, queue) = pollster::block_on(adapter.request_device(&descriptor))
            .map_err(|error| no_adapter(format!("adapter {index} ({}) cannot be opened: {error}", info.name)))?;
        let total = match adapter.get_info().device_type {
            DeviceType::DiscreteGpu => 4 << 30,
            DeviceType::IntegratedGpu => 1 << 30,
            _ => 512 << 20,
        };
        let limits = Limits {
            binding: limits.max_storage_buffer_binding_size.min(limits.max_buffer_size).min((1 << 31) - 4),
            total,
            workgroup: limits.max_compute_workgroup_storage_size.into(),
        };
        let context = Context::new(device, queue);
        let own = adapter.get_info();
        let subgroups = (own.subgroup_min_size, own.subgroup_max_size);
        let plain = probe::fingerprint(&context, subgroups)
            .map_err(|error| no_adapter(format!("adapter {index} ({}) fails its first kernel: {error}", info.name)))?;
        let fingerprints = [plain.clone(), plain + "+barriers"];
        Ok(Gpu { info, context, limits, fingerprints, strict: AtomicBool::new(false), proved: Mutex::default() })
    }

    /// How the adapter's arithmetic was found to behave; "+barriers" when the strict shaders are in use.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprints[usize::from(self.strict.load(Ordering::Relaxed))]
    }

    /// Cohorts worth handing over at once: as many of every problem point as fit together. [`Error::Input`] says
    /// what one cohort needs when it does not fit.
    pub fn cohorts_at_once(&self, plan: &Plan) -> Result<usize> {
        let most = u64::from(plan.config.sweep.seeds);
        let mut fewest = u32::MAX;
        for point in &plan.points {
            fewest = fewest.min(shapes::largest(point, most, self.limits, Tuning::default())?.slots);
        }
        Ok(fewest as usize * plan.points.len())
    }

    /// The rows of each cohort, as `reference::cohort(plan, cohort, None)` gives them.
    pub fn execute(&self, plan: &Plan, cohorts: &[Cohort]) -> Result<Vec<Vec<Snapshot>>> {
        self.execute_tuned(plan, cohorts, Tuning::default())
    }

    /// [`Gpu::execute`] with other sizes of the work; the rows are the same.
    pub fn execute_tuned(&self, plan: &Plan, cohorts: &[Cohort], tuning: Tuning) -> Result<Vec<Vec<Snapshot>>> {
        for point in &plan.points {
            let model = if point.model <= MODEL_SIZES[0] { MODEL_SIZES[0] } else { MODEL_SIZES[1] };
            self.prove(Pipelines { every_class: point.has_every_class(), model })?;
        }
        let strict = self.strict.load(Ordering::Relaxed);
        self.run(plan, cohorts, tuning, strict, MODEL_SIZES[0])
    }

    fn run(
        &self,
        plan: &Plan,
        cohorts: &[Cohort],
        tuning: Tuning,
        strict: bool,
        model: u32,
    ) -> Result<Vec<Vec<Snapshot>>> {
        let mut rows = vec![Vec::new(); cohorts.len()];
        for (index, point) in plan.points.iter().enumerate() {
            let mine: Vec<usize> = (0..cohorts.len()).filter(|&c| cohorts[c].point == index).collect();
            if mine.is_empty() {
                continue;
            }
            let variant = Variant { strict, model, every_class: point.has_every_class() };
            let most = shapes::largest(point, mine.len() as u64, self.limits, tuning)?.slots;
            for launch in mine.chunks(most as usize) {
                let seeds: Vec<u32> = launch.iter().map(|&c| cohorts[c].seed_index).collect();
                let shapes = shapes::largest(point, launch.len() as u64, self.limits, tuning)?;
                let done = launch::run(&self.context, variant, &shapes, (plan, point), &seeds, tuning)?;
                for (&cohort, done) in launch.iter().zip(done) {
                    rows[cohort] = done;
                }
            }
        }
        Ok(rows)
    }

    /// Switches to the shaders with a barrier on every accumulator, or back.
    pub fn use_barriers(&self, on: bool) {
        self.strict.store(on, Ordering::Relaxed);
    }

    /// Runs the known-answer blocks through the pipelines of grids and laws, for the smaller models, and compares all
    /// bits with the reference. Where the plain shaders fail and those with a barrier on every accumulator hold, the
    /// latter are used from then on. The other pipelines are proved alike when a plan first needs them.
    pub fn self_test(&self) -> Result<()> {
        self.prove(Pipelines { every_class: false, model: MODEL_SIZES[0] })
    }

    /// [`Gpu::self_test`] of all pipelines that the adapter's workgroup memory has room for.
    pub fn self_test_all(&self) -> Result<()> {
        for model in MODEL_SIZES.into_iter().filter(|&model| u64::from(train_memory(model)) <= self.limits.workgroup) {
            self.prove(Pipelines { every_class: false, model })?;
            self.prove(Pipelines { every_class: true, model })?;
        }
        Ok(())
    }

    fn prove(&self, pipelines: Pipelines) -> Result<()> {
        let mut proved = self.proved.lock().unwrap_or_else(PoisonError::into_inner);
        if proved.contains(&pipelines) {
            return Ok(());
        }
        let blocks = if pipelines.every_class { known::every_class()? } else { known::blocks()? };
        let answers: Vec<_> = blocks.iter().map(known::answers).collect();
        let mut first = None;
        let before = self.strict.load(Ordering::Relaxed);
        for strict in [before, true] {
            match self.first_difference(&blocks, &answers, strict, pipelines.model)? {
                None => {
                    // What was proved of the plain shaders says nothing of the others.
                    if strict != before {
                        proved.clear();
                    }
                    proved.insert(pipelines);
                    self.strict.store(strict, Ordering::Relaxed);
                    return Ok(());
                }
                Some(place) => first = first.or(Some(place)),
            }
        }
        Err(no_adapter(format!(
            "adapter {} ({}) does not give the bits of the reference: {}",
            self.info.index,
            self.info.name,
            first.unwrap_or_default()
        )))
    }

    fn first_difference(
        &self,
        blocks: &[Block],
        answers: &[Answers],
        strict: bool,
        model: u32,
    ) -> Result<Option<String>> {
        for (Block { plan, cohorts, tuning }, answers) in blocks.iter().zip(answers) {
            let found = self.run(plan, cohorts, *tuning, strict, model)?;
            for ((cohort, found), expected) in cohorts.iter().zip(&found).zip(answers) {
                if let Some(place) = plan.difference(*cohort, expected, found) {
                    return Ok(Some(place));
                }
            }
        }
        Ok(None)
    }
}
