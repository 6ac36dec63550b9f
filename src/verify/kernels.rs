//! The kernels of a sweep: small plans whose rows must be the reference's, bit for bit.

use super::{Device, Level, Verdict};
use crate::config::Config;
use crate::cpu;
use crate::error::{Error, Result};
use crate::format::{FORMATS, Format, Layout};
use crate::gpu::{Gpu, Tuning};
use crate::plan::{Cohort, Plan, Shard, Snapshot};
use crate::reference;
use crate::watch::Watch;

/// A kernel, and what a recipe asks of it.
#[derive(Clone, Debug)]
pub enum KernelCase {
    /// The known answers that every pipeline must repeat before a sweep uses it.
    Known(Level),
    Plan {
        name: String,
        text: String,
    },
}

/// Sites that a kernel rounds.
const KERNELS: [(&str, &[&str]); 4] = [
    ("draw", &["data"]),
    ("sketch", &["sketch"]),
    ("feature", &["feature"]),
    ("train", &["feature_grad", "label", "parameter", "activation", "gradient", "weight"]),
];

/// A format of each class that has several, beside every one of a class of its own; the full level tries all.
const QUICK: [&str; 9] = ["e4m3", "bf16", "int8", "uint8", "log8", "mxfp4", "mxint8", "nvfp4", "bfp8"];

impl KernelCase {
    /// In the order of the pipeline.
    pub fn all(level: Level) -> Vec<KernelCase> {
        let mut cases = vec![KernelCase::Known(level), KernelCase::plan("project", "none", "")];
        cases.push(KernelCase::drawing("feature", "label", "none", ""));
        let formats = FORMATS.iter().filter(|format| format.layout != Layout::Identity && format.has_zero());
        let is_quick = |format: &Format| QUICK.contains(&format.name) || matches!(format.layout, Layout::Coded(_));
        let formats = formats.filter(|format| level == Level::Full || is_quick(format));
        let mut texts: Vec<(String, String)> = formats
            .map(|format| {
                let option = match format.layout {
                    Layout::Integer { .. } => ", step = 0.03125".into(),
                    Layout::Unsigned { bits, .. } => format!(", step = 0.03125, zero_point = {}", 1 << (bits - 1)),
                    Layout::TwoLevel { .. } => ", tensor_scale = 0.01".into(),
                    _ => String::new(),
                };
                (format.name.to_string(), format!("format = \"{}\"{option}", format.name))
            })
            .collect();
        texts.push(("int8-reciprocal".into(), "format = \"int8\", step = 0.03".into()));
        texts.push(("int8-absmax".into(), "format = \"int8\", step = \"absmax\"".into()));
        for noise in ["additive", "relative", "multiplicative"] {
            texts.push((noise.into(), format!("noise = \"{noise}\", eps = 0.01")));
        }
        for (kernel, sites) in KERNELS {
            for (name, text) in &texts {
                let rows = sites.iter().map(|site| format!("{site} = {{ {text} }}\n"));
                let random = sites.iter().map(|site| format!("{site} = {{ {text}, rounding = \"stochastic\" }}\n"));
                let mut recipes = format!("[[recipe]]\nname = \"a\"\n{}", rows.collect::<String>());
                if text.starts_with("format") {
                    recipes += &format!("[[recipe]]\nname = \"b\"\n{}", random.collect::<String>());
                }
                cases.push(KernelCase::plan(kernel, name, &recipes));
            }
        }
        cases
    }

    fn plan(kernel: &str, name: &str, recipes: &str) -> KernelCase {
        KernelCase::drawing("ambient", kernel, name, recipes)
    }

    fn drawing(sampling: &str, kernel: &str, name: &str, recipes: &str) -> KernelCase {
        let plain = "[[recipe]]\nname = \"plain\"\n";
        let text = format!(
            "[problem]\ndim = 300\nspectrum = {{ kind = \"power\", exponent = 1.5 }}\nnoise = 0.5\nsampling = \"{sampling}\"\n\
             tail = \"closed\"\n\
             [train]\nmodel = [5, 77]\nsamples = [66]\nbatch = [3]\nstep_size = [0.05]\noutput = [\"last\", \"average\"]\n\
             {}[sweep]\nseeds = 2\nseed = 7\n",
            if recipes.is_empty() { plain } else { recipes }
        );
        let name = if recipes.is_empty() { kernel.to_string() } else { format!("{kernel}/{name}") };
        KernelCase::Plan { name: format!("kernel/{name}"), text }
    }

    pub fn name(&self) -> String {
        match self {
            KernelCase::Known(_) => "kernel/known-answers".into(),
            KernelCase::Plan { name, .. } => name.clone(),
        }
    }
}

/// Runs the plan of a case.
pub fn run(case: &KernelCase, device: &Device, watch: &Watch) -> Result<Verdict> {
    // It may be stopped; what its parts tell are no shares of it.
    let watch = &watch.share(0.0);
    let text = match case {
        KernelCase::Known(level) => return known(device, *level, watch),
        KernelCase::Plan { text, .. } => text,
    };
    let tuning = Tuning { loops: 2000, panel: 128, ..Tuning::default() };
    compared(text, watch, |plan, cohorts| match device {
        Device::Cpu => cpu::execute(plan, cohorts, watch),
        Device::Gpu(gpu) => gpu.execute_tuned(plan, cohorts, tuning, watch),
    })
}

/// A plan, in blocks of 30 samples, on a device with these sizes of the work.
pub fn plan_on(text: &str, gpu: &Gpu, tuning: Tuning, watch: &Watch) -> Result<Verdict> {
    compared(text, watch, |plan, cohorts| gpu.execute_tuned(plan, cohorts, tuning, watch))
}

fn compared(
    text: &str,
    watch: &Watch,
    execute: impl FnOnce(&Plan, &[Cohort]) -> Result<Vec<Vec<Snapshot>>>,
) -> Result<Verdict> {
    let plan = Plan::new(Config::parse(text, &[])?)?.with_block(30)?;
    let cohorts = plan.cohorts(Shard::WHOLE);
    let must = cohorts.iter().map(|&cohort| reference::cohort(&plan, cohort, None, watch));
    let must = must.collect::<Result<Vec<_>>>()?;
    let found = match execute(&plan, &cohorts) {
        Err(Error::NoAdapter(reason)) => return Ok(Verdict::Fail(vec![reason])),
        found => found?,
    };
    for ((cohort, found), must) in cohorts.iter().zip(&found).zip(&must) {
        if let Some(place) = plan.difference(*cohort, must, found) {
            return Ok(Verdict::Fail(vec![place]));
        }
    }
    Ok(Verdict::Pass(must.iter().map(|rows| rows.len() as u64).sum()))
}

fn known(device: &Device, level: Level, watch: &Watch) -> Result<Verdict> {
    match device {
        Device::Cpu => Ok(Verdict::Unsupported("a sweep on the CPU is proved by its own check".into())),
        Device::Gpu(gpu) => match if level == Level::Full { gpu.self_test_all(watch) } else { gpu.self_test(watch) } {
            Ok(()) => Ok(Verdict::Pass(1)),
            Err(Error::NoAdapter(reason)) => Ok(Verdict::Fail(vec![reason])),
            Err(error) => Err(error),
        },
    }
}
