//! Kernels of a sweep one by one: the same plans for every adapter, on each by its own code.

use super::roofline::{Cost, F32, GRID, NORMAL, Peaks, WORD};
use super::{Bench, Row, Suite, cpu_kernels, gpu_kernels, rate};
use crate::bench::repeat::Timing;
use crate::config::Config;
use crate::error::Result;
use crate::format::QuantOp;
use crate::plan::{Cohort, Plan, Snapshot};
use crate::reference;
use crate::site::{Grids, Site};
use crate::verify::Device;
use crate::watch::Watch;

/// A whole number of slices, so that no column is padding.
pub const DIM: u32 = 2048;
pub const MODELS: [u32; 3] = [32, 128, 512];
/// Samples of the prefix whose bits are compared with the reference.
pub const PREFIX: u64 = 48;
/// Elements of a row of numbers through a codec.
pub const COLUMNS: usize = 2048;

/// A format at data, feature and parameter, which a kernel each rounds.
#[derive(Clone, Copy, Debug)]
pub struct Format {
    pub name: &'static str,
    text: &'static str,
}

pub const FORMATS: [Format; 4] = [
    Format { name: "none", text: "" },
    Format { name: "e4m3", text: "format = \"e4m3\"" },
    Format { name: "mxfp4", text: "format = \"mxfp4\"" },
    Format { name: "int8 stochastic", text: "format = \"int8\", step = 0.03125, rounding = \"stochastic\"" },
];

impl Format {
    fn sites(&self, sites: &[&str]) -> String {
        match self.text {
            "" => String::new(),
            text => sites.iter().map(|site| format!("{site} = {{ {text} }}\n")).collect(),
        }
    }

    pub fn is_none(&self) -> bool {
        self.text.is_empty()
    }

    fn is_random(&self) -> bool {
        self.text.contains("stochastic")
    }

    /// Of numbers alone.
    pub fn op(&self) -> Result<QuantOp> {
        let text = config(32, 2 * PREFIX, 1, 1, &self.sites(&["weight"]));
        let config = Config::parse(&text, &[])?;
        let spec = config.recipes().first().and_then(|recipe| recipe.sites[Site::Weight].as_ref());
        Ok(QuantOp::new(spec, Site::Weight, Grids { data: 16, sketch: 8 }))
    }
}

/// What a launch has at once.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    pub seeds: u32,
    pub samples: u64,
    /// Runs of a seed, which share its features.
    pub runs: u32,
}

/// One plan.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    pub format: Format,
    pub model: u32,
    pub sizes: Sizes,
}

fn config(model: u32, samples: u64, seeds: u32, runs: u32, sites: &str) -> String {
    let steps: Vec<String> = (1..=runs).map(|k| format!("{}", f64::from(k) / 256.0)).collect();
    format!(
        "[problem]\ndim = {DIM}\nspectrum = {{ kind = \"power\", exponent = 1.5 }}\n\
         [train]\nmodel = {model}\nsamples = {samples}\ncheckpoints = [{PREFIX}]\nschedule = \"constant\"\n\
         step_size = [{}]\n[[recipe]]\nname = \"bench\"\n{sites}[sweep]\nseeds = {seeds}\n",
        steps.join(", ")
    )
}

impl Case {
    pub fn plan(&self) -> Result<Plan> {
        let Sizes { seeds, samples, runs } = self.sizes;
        let sites = self.format.sites(&["data", "feature", "parameter"]);
        Plan::new(Config::parse(&config(self.model, samples, seeds, runs, &sites), &[])?)
    }

    /// The first difference of these rows' prefixes from the reference, of the first and the last cohort.
    pub fn difference(&self, plan: &Plan, found: &[(Cohort, &[Snapshot])], watch: &Watch) -> Result<Option<String>> {
        let prefix = plan.prefix(PREFIX, |_, _| true);
        let asked = [found.first(), found.last().filter(|_| found.len() > 1)];
        for (cohort, rows) in asked.into_iter().flatten() {
            let must = reference::cohort(&prefix, *cohort, None, watch)?;
            let own: Vec<Snapshot> = rows.iter().filter(|row| row.seen == PREFIX).cloned().collect();
            if let Some(place) = prefix.difference(*cohort, &must, &own) {
                return Ok(Some(place));
            }
        }
        Ok(None)
    }
}

/// A kernel of a sweep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Draw,
    Project,
    Feature,
    Train,
}

impl Stage {
    pub const ALL: [Stage; 4] = [Stage::Draw, Stage::Project, Stage::Feature, Stage::Train];

    /// That of its shader.
    pub fn name(self) -> &'static str {
        match self {
            Stage::Draw => "draw",
            Stage::Project => "project",
            Stage::Feature => "feature",
            Stage::Train => "train",
        }
    }

    fn unit(self) -> &'static str {
        match self {
            Stage::Draw | Stage::Feature => "elements/s",
            Stage::Project => "multiply-adds/s",
            Stage::Train => "element-steps/s",
        }
    }

    /// Elements of a launch, each of which has a [`Cost`].
    pub fn work(self, case: &Case) -> f64 {
        let Sizes { seeds, samples, runs } = case.sizes;
        let (cells, model) = (f64::from(seeds) * samples as f64, f64::from(case.model));
        match self {
            Stage::Draw => cells * f64::from(DIM),
            Stage::Project => cells * f64::from(DIM) * model,
            Stage::Feature => cells * model,
            Stage::Train => cells * model * f64::from(runs),
        }
    }

    /// What an element takes at least. Rounding to a format counts for its random word alone: what else it costs is seen in
    /// the share. A GPU passes its stages through memory; the CPU's stay in its caches.
    fn cost(self, case: &Case, through_memory: bool) -> Cost {
        let random = if case.format.is_random() { WORD } else { 0.0 };
        let bytes = |bytes: f64| if through_memory { bytes } else { 0.0 };
        match self {
            Stage::Draw => Cost { integers: WORD + NORMAL + GRID + random, bytes: bytes(F32), ..Cost::default() },
            // x is read once for each of M rows, and p written once for each of D columns.
            Stage::Project => Cost {
                multiply_adds: 1.0,
                bytes: bytes(F32 / f64::from(case.model) + F32 / f64::from(DIM)),
                ..Cost::default()
            },
            Stage::Feature => Cost { multiply_adds: 1.0, integers: random, bytes: bytes(2.0 * F32), ..Cost::default() },
            // <z, v> and v + c g; runs that share z may read it together.
            Stage::Train => Cost {
                opaque: 2.0,
                integers: random,
                bytes: bytes(F32 / f64::from(case.sizes.runs)),
                ..Cost::default()
            },
        }
    }

    /// Its row.
    pub fn row(self, case: &Case, peaks: &Peaks, timing: Timing, verified: bool, device: &Device) -> Row {
        let Sizes { seeds, samples, runs } = case.sizes;
        let size = match (self, device) {
            (_, Device::Cpu) => format!("D = {DIM}, M = {}", case.model),
            (Stage::Train, _) => {
                format!("D = {DIM}, M = {}; {seeds} seeds, {runs} runs each, {samples} samples", case.model)
            }
            _ => format!("D = {DIM}, M = {}; {seeds} seeds, {samples} samples", case.model),
        };
        let bound = peaks.bound(&self.cost(case, matches!(device, Device::Gpu(_))));
        let row = rate(Suite::Kernels, self.name(), size, self.unit(), self.work(case), timing, verified);
        Row { bound, format: Some(case.format.name.into()), ..row }
    }
}

/// The row of the sums for exact risks, whose peak nobody measures: f64 products of the entries of G H G^T up to its
/// diagonal.
pub fn gram_row(case: &Case, timing: Timing, verified: bool) -> Row {
    let (model, seeds) = (case.model, case.sizes.seeds);
    let entries = f64::from(model) * f64::from(model + 1) / 2.0;
    let size = format!("D = {DIM}, M = {model}; {seeds} seeds");
    let work = f64::from(seeds) * f64::from(DIM) * entries;
    rate(Suite::Kernels, "gram", size, "f64 multiply-adds/s", work, timing, verified)
}

/// The row of a codec: f32 read, and so many words written for each.
pub fn codec_row(format: &Format, elements: usize, written: f64, peaks: &Peaks, timing: Timing, verified: bool) -> Row {
    let integers = if format.is_random() { WORD } else { 0.0 };
    let bound = peaks.bound(&Cost { bytes: F32 * (1.0 + written), integers, ..Cost::default() });
    let size = format!("rows of {COLUMNS}; {elements} elements");
    let row = rate(Suite::Kernels, "codec", size, "elements/s", elements as f64, timing, verified);
    Row { bound, format: Some(format.name.into()), ..row }
}

/// Every kernel for every format and M, and the codec of each format.
pub fn measure(bench: &mut Bench, peaks: &Peaks) -> Result<()> {
    for format in FORMATS {
        for model in MODELS {
            bench.begin(&format!("kernels, {}, M = {model}", format.name))?;
            match bench.device {
                Device::Cpu => cpu_kernels::stages(bench, format, model, peaks)?,
                Device::Gpu(gpu) => gpu_kernels::stages(bench, gpu, format, model, peaks)?,
            }
        }
        if format.is_none() {
            continue;
        }
        bench.begin(&format!("codec, {}", format.name))?;
        match bench.device {
            Device::Cpu => cpu_kernels::codec(bench, &format, peaks)?,
            Device::Gpu(gpu) => gpu_kernels::codec(bench, gpu, &format, peaks)?,
        }
    }
    Ok(())
}
