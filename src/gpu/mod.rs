//! The GPU adapter: a plan's cohorts on any device that wgpu reaches, with the bits of the reference.
//!
//! A launch is as many cohorts of one problem point as fit; its blocks go through draw -> project -> feature ->
//! train without a round trip per update. Every kernel is a WGSL file with a scalar twin in [`crate::reference`].

mod adapters;
mod counts;
mod device;
mod draw;
mod facts;
mod faults;
mod feature;
mod gemv;
mod gram;
mod in_words;
pub mod kernels;
mod known;
mod label;
mod launch;
mod loaders;
mod maxima;
mod operands;
mod params;
mod peaks;
mod pipeline;
pub mod probe;
mod project;
mod proof;
mod quantize;
mod reading;
mod recorder;
pub mod recording;
mod run;
mod samples;
mod shapes;
mod sketch;
mod slice;
mod tally;
mod task;
mod timer;
mod train;
mod turn;
#[cfg(test)]
mod twins;
mod upload;
mod verify;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use wgpu::{DeviceDescriptor, DeviceType, Features};

pub use adapters::{AdapterInfo, adapters, find_again, is_hardware};
pub use faults::{Fault, Flip};
pub use shapes::Tuning;

use crate::error::{Error, Result};
use crate::format::Classes;
use crate::plan::{Cohort, Plan, ProblemPoint, Snapshot, Trajectory};
use crate::risk::CohortStates;
use crate::watch::Watch;
use device::Context;
use facts::needs;
use gram::GramProofs;
use kernels::{DRAW, Kernel, MODEL_SIZES, TRAIN, Tile, Variant, model_size};
use launch::{Launch, may_stand_alone};
use operands::{Operands, operands};
use proof::Proofs;
use recording::Recording;
use shapes::Limits;
use train::layout::Layout;

/// Elements of z that runs of one pipeline read before it is worth compiling: a compiler takes tens of milliseconds, and
/// the pipeline of operations that are data about 60 ps an element more.
const WORTH_A_PIPELINE: u64 = 1 << 26;

/// An open device with its pipelines.
pub struct Gpu {
    pub info: AdapterInfo,
    context: Context,
    limits: Limits,
    /// The fingerprint as probed, and with the mark of the strict shaders.
    fingerprints: [String; 2],
    proofs: Proofs,
    gram_proofs: GramProofs,
    /// Bytes of all buffers, at most: fewer than the limit where the device did not have them.
    memory: AtomicU64,
    tell: Arc<Tell>,
}

/// Gets a line of news.
pub type Tell = dyn Fn(&str) + Send + Sync;

fn no_adapter(reason: String) -> Error {
    Error::NoAdapter(format!("{reason}; `--adapter cpu` needs no GPU"))
}

/// What the kernels need and an adapter does not have.
fn lack(limits: &wgpu::Limits) -> Option<String> {
    let least = needs(MODEL_SIZES[0]);
    let asked = [
        ("invocations of a workgroup", limits.max_compute_invocations_per_workgroup.into(), least.invocations.into()),
        ("invocations of a workgroup along x", limits.max_compute_workgroup_size_x.into(), least.along_x.into()),
        ("storage buffers of a stage", limits.max_storage_buffers_per_shader_stage.into(), least.buffers.into()),
        ("bytes of workgroup memory", limits.max_compute_workgroup_storage_size.into(), least.workgroup_bytes),
    ];
    let (what, has, needed) = asked.into_iter().find(|(_, has, needed): &(_, u64, u64)| has < needed)?;
    Some(format!("it has {has} {what}, needed are {needed}"))
}

/// The pipelines of its own that a trajectory of a point would have: in each phase one of train, and one of draw.
/// `subgroup` as in [`Layout::of`].
fn own_of(
    plan: &Plan,
    point: &ProblemPoint,
    operands: &Operands,
    t: &Trajectory,
    subgroup: Option<u32>,
    strict: bool,
) -> impl Iterator<Item = (Kernel, Variant)> {
    t.phases.iter().flat_map(move |phase| {
        let pair = &operands.pairs[point.features[phase.feature].pair];
        let alone = may_stand_alone(&operands.data).then(|| operands.data[pair.data as usize].split);
        let of_draw = alone.map(|op| (DRAW, Variant::of_op(op, strict)));
        let layout = Layout::of(plan, t, subgroup);
        of_draw.into_iter().chain([(TRAIN, Variant::of_runs(t, &phase.ops, plan.average, layout, strict))])
    })
}

/// All of them.
fn own_pipelines(plan: &Plan, subgroup: Option<u32>) -> Vec<(Kernel, Variant)> {
    let mut seen = HashSet::new();
    let of_point = |point| {
        let operands = operands(point);
        let own = point.trajectories.iter().flat_map(|t| own_of(plan, point, &operands, t, subgroup, false));
        own.filter(|(_, variant)| seen.insert(*variant)).collect::<Vec<_>>()
    };
    plan.points.iter().flat_map(of_point).collect()
}

impl Gpu {
    /// Opens the adapter at that position in [`adapters`] and probes its arithmetic.
    pub fn open(index: usize) -> Result<Gpu> {
        let all = timer::TIMESTAMPS | gram::DOUBLES | Features::SUBGROUP;
        Gpu::open_with(index, all, wgpu::Adapter::limits)
    }

    /// The same with no more than every browser has: WebGPU's default limits, and `features` where the adapter has them.
    pub fn open_as_browser(index: usize, features: Features) -> Result<Gpu> {
        Gpu::open_with(index, features, |_| wgpu::Limits::default())
    }

    fn open_with(index: usize, features: Features, limits: fn(&wgpu::Adapter) -> wgpu::Limits) -> Result<Gpu> {
        let all = adapters::enumerate();
        let count = all.len();
        let Some(adapter) = all.get(index) else {
            return Err(no_adapter(match count {
                0 => "no GPU adapter was found".to_string(),
                _ => format!("there is no adapter {index}: allowed are 0 to {}", count - 1),
            }));
        };
        let info = adapters::describe(index, adapter);
        let limits = limits(adapter);
        if let Some(lack) = lack(&limits) {
            return Err(no_adapter(format!("adapter {index} ({}) cannot run the kernels: {lack}", info.name)));
        }
        let descriptor = DeviceDescriptor {
            label: Some("roundlaw"),
            required_features: adapter.features() & features,
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
            groups: limits.max_compute_workgroups_per_dimension.into(),
        };
        let own = adapter.get_info();
        let subgroups = (own.subgroup_min_size, own.subgroup_max_size);
        let context = Context::new(device, queue, subgroups);
        let plain = probe::fingerprint(&context, subgroups)
            .map_err(|error| no_adapter(format!("adapter {index} ({}) fails its first kernel: {error}", info.name)))?;
        let fingerprints = [plain.clone(), plain + "+strict"];
        let (proofs, gram_proofs) = Default::default();
        let (memory, tell) = (AtomicU64::new(total), Arc::new(|_: &str| ()));
        Ok(Gpu { info, context, limits, fingerprints, proofs, gram_proofs, memory, tell })
    }

    /// How the adapter's arithmetic was found to behave; "+strict" when the strict shaders are in use.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprints[usize::from(self.is_strict())]
    }

    /// Cohorts worth handing over at once: as many of every problem point as fit together. [`Error::Input`] says
    /// what one cohort needs when it does not fit.
    pub fn cohorts_at_once(&self, plan: &Plan) -> Result<usize> {
        let most = u64::from(plan.config.sweep.seeds);
        let mut fewest = u32::MAX;
        for point in &plan.points {
            fewest = fewest.min(shapes::largest(point, plan.average, most, self.limits(), Tuning::default())?.slots);
        }
        Ok(fewest as usize * plan.points.len())
    }

    /// The rows of each cohort, as [`crate::reference::cohort`] gives them.
    pub fn execute(&self, plan: &Plan, cohorts: &[Cohort], watch: &Watch) -> Result<Vec<Vec<Snapshot>>> {
        self.execute_tuned(plan, cohorts, Tuning::default(), watch)
    }

    /// [`Gpu::execute`] with other sizes of the work; the rows are the same.
    pub fn execute_tuned(
        &self,
        plan: &Plan,
        cohorts: &[Cohort],
        tuning: Tuning,
        watch: &Watch,
    ) -> Result<Vec<Vec<Snapshot>>> {
        let done = self.execute_with_grams(plan, cohorts, Tuning { gram: Some(false), ..tuning }, watch)?;
        Ok(done.into_iter().map(|done| done.states).collect())
    }

    /// [`Gpu::execute_tuned`], and of each cohort the sums that its exact risks need, where the device makes them.
    pub fn execute_with_grams(
        &self,
        plan: &Plan,
        cohorts: &[Cohort],
        tuning: Tuning,
        watch: &Watch,
    ) -> Result<Vec<CohortStates>> {
        let mut needed: Vec<Variant> = plan.points.iter().map(|point| self.pipelines(point, false)).collect();
        let may_own = tuning.own.unwrap_or(is_hardware(&self.info));
        let own = if may_own { own_pipelines(plan, self.context.subgroup()) } else { Vec::new() };
        let own_is_worth = tuning.own.unwrap_or_else(|| self.is_worth(plan, &own));
        let tuning = Tuning { own: Some(own_is_worth), gram: Some(self.makes_grams(tuning)), ..tuning };
        if tuning.own == Some(true) {
            needed.extend(own.into_iter().map(|(_, variant)| variant));
        }
        let strict = self.prove(&needed, Some(plan), watch)?;
        self.run(plan, cohorts, tuning, watch, |point| self.pipelines(point, strict))
    }

    /// Whether the runs of a plan are long enough for pipelines of their own: a device that is no GPU compiles far longer
    /// than it gains.
    fn is_worth(&self, plan: &Plan, own: &[(Kernel, Variant)]) -> bool {
        let trajectories = plan.points.iter().flat_map(|point| &point.trajectories);
        let work: u64 = trajectories.map(|t| t.samples * u64::from(t.model)).sum();
        let all = work.saturating_mul(plan.config.sweep.seeds.into());
        is_hardware(&self.info) && all >= own.len() as u64 * WORTH_A_PIPELINE
    }

    /// The pipelines that the runs of a point take.
    fn pipelines(&self, point: &ProblemPoint, strict: bool) -> Variant {
        let (model, tile) = (model_size(point.model), Tile::of(point.model, self.limits.workgroup));
        Variant { strict, classes: point.classes(), model, tile, ..Variant::least() }
    }

    fn run(
        &self,
        plan: &Plan,
        cohorts: &[Cohort],
        tuning: Tuning,
        watch: &Watch,
        variant: impl Fn(&ProblemPoint) -> Variant,
    ) -> Result<Vec<CohortStates>> {
        let mut done = vec![CohortStates::from(Vec::new()); cohorts.len()];
        for (index, point) in plan.points.iter().enumerate() {
            let mine: Vec<usize> = (0..cohorts.len()).filter(|&c| cohorts[c].point == index).collect();
            if mine.is_empty() {
                continue;
            }
            let variant = variant(point);
            let mut rest = &mine[..];
            while !rest.is_empty() {
                let strict_gram = self.gram_proofs.form(variant.strict);
                let tuning = Tuning { gram: tuning.gram.filter(|_| strict_gram.is_some()), ..tuning };
                let shapes = shapes::largest(point, plan.average, rest.len() as u64, self.limits(), tuning)?;
                let (together, others) = rest.split_at(shapes.slots as usize);
                let seeds: Vec<u32> = together.iter().map(|&c| cohorts[c].seed_index).collect();
                let context = &self.context;
                let watch = watch.share(together.len() as f64 / cohorts.len() as f64);
                let own = tuning.own == Some(true);
                let variant = Variant { paired: shapes.paired, ..variant };
                let (of_all, seeds, watch) = (&shapes, &seeds[..], &watch);
                let strict_gram = strict_gram == Some(true);
                let shapes = of_all;
                let launch = Launch { context, variant, own, plan, point, shapes, seeds, tuning, strict_gram, watch };
                match launch.run() {
                    Ok(mut own) => {
                        self.prove_grams(&launch, &mut own)?;
                        for (&cohort, own) in together.iter().zip(own) {
                            done[cohort] = own;
                        }
                        rest = others;
                    }
                    Err(_) if shapes.slots > 1 && context.forgives_exhaustion() => self.halve_memory(shapes.total()),
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(done)
    }

    fn limits(&self) -> Limits {
        Limits { total: self.memory.load(Ordering::Relaxed), ..self.limits }
    }

    /// Uses half of what the device did not have, and says so.
    fn halve_memory(&self, asked: u64) {
        self.memory.store(asked / 2, Ordering::Relaxed);
        let gib = |bytes: u64| bytes as f64 / f64::from(1 << 30);
        (self.tell)(&format!("the adapter has no {:.2} GiB left: going on with {:.2}", gib(asked), gib(asked / 2)));
    }

    /// Uses at most so many bytes of the device's memory.
    pub fn with_memory(mut self, bytes: u64) -> Gpu {
        self.limits.total = bytes;
        self.memory = AtomicU64::new(bytes);
        self
    }

    /// Gives `tell` a line whenever it goes on with less memory than it asked for.
    pub fn telling(self, tell: Arc<Tell>) -> Gpu {
        Gpu { tell, ..self }
    }

    /// Runs the probe of the fingerprint, whose words [`probe::traits`] places.
    pub fn probe(&self) -> Result<Vec<u32>> {
        probe::probe(&self.context)
    }

    /// What `work` gives, and what it asked of the device: one caller at a time.
    pub fn recorded<T>(&self, work: impl FnOnce() -> T) -> (T, Recording) {
        self.context.recorded(work)
    }

    fn is_strict(&self) -> bool {
        self.proofs.is_strict()
    }

    /// Switches to the strict shaders, where every accumulator is opaque, or back.
    pub fn use_strict(&self, on: bool) {
        self.proofs.use_strict(on);
    }

    /// The variant of the kernels that hold the whole codec.
    fn every(&self) -> Variant {
        Variant { classes: Classes::all(), ..Variant::least() }
    }
}
