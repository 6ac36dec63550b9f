//! Cases on a device that does what a browser's would, recorded.

use wgpu::Features;

use super::bundle::Case;
use crate::codec::SIGN;
use crate::error::{Error, Result};
use crate::format::Quantizer;
use crate::gpu::recording::{Recording, Step};
use crate::gpu::{Gpu, Tuning};
use crate::reference::verify::mixed;
use crate::verify::{self, Device, KernelCase, Level, Subject, Verdict};
use crate::watch::Watch;

/// The device with and without subgroups, and where it lies.
pub struct Recorder {
    portable: Gpu,
    /// Opened with subgroups, where they have one size.
    subgroups: Option<Gpu>,
}

/// A case to be recorded.
pub struct Work {
    pub name: String,
    subject: Subject,
    /// Whether runs share a subgroup and exchange by shuffles.
    shuffles: bool,
}

/// Bits of an input that take every pattern; of those behind them one half are 0.
const PATTERNS: u32 = 14;

/// What codecs are asked: every sign, every exponent and every first five bits of a significand, behind them zeros, and once
/// more what is next to a tie of formats with up to as many bits more, or random bits.
fn inputs() -> Vec<u32> {
    let behind = |k: u32| {
        let (word, shift) = (mixed(k), 32 - PATTERNS);
        let tie = 1 << (word % shift);
        match word >> 28 {
            0..4 => tie,
            4..6 => tie + 1,
            6..8 => tie - 1,
            _ => (word >> 8) & ((1 << shift) - 1),
        }
    };
    (0..1 << PATTERNS)
        .map(|k: u32| k << (32 - PATTERNS))
        .flat_map(|first| [first, first | behind(first ^ SIGN)])
        .collect()
}

/// The cases: those of [`verify::cases`], with the layouts of train that a run alone has.
pub fn works() -> Vec<Work> {
    let mut works = Vec::new();
    for verify::Case { name, subject } in verify::cases(Level::Quick) {
        match subject {
            // What it must give depends on the size of subgroups.
            Subject::Maxima => continue,
            Subject::Kernel(KernelCase::Plan { text, .. }) if name.starts_with("kernel/train") => {
                let alone = text.replace("batch = [3]", "batch = [1]");
                let plan = |name: String, text: String, shuffles: bool| {
                    let subject = Subject::Kernel(KernelCase::Plan { name: name.clone(), text });
                    Work { name, subject, shuffles }
                };
                works.push(plan(format!("{name}/batch"), text, false));
                works.push(plan(format!("{name}/barrier"), alone.clone(), false));
                works.push(plan(format!("{name}/shuffle"), alone, true));
            }
            subject => works.push(Work { name, subject, shuffles: false }),
        }
    }
    works
}

impl Recorder {
    /// Opens the adapter at that position in [`crate::gpu::adapters`] as a browser would.
    pub fn open(index: usize) -> Result<Recorder> {
        let subgroups = Gpu::open_as_browser(index, Features::SUBGROUP)?;
        Ok(Recorder {
            portable: Gpu::open_as_browser(index, Features::empty())?,
            subgroups: Some(subgroups).filter(|gpu| gpu.subgroup().is_some()),
        })
    }

    pub fn portable(&self) -> &Gpu {
        &self.portable
    }

    /// The name of the adapter.
    pub fn adapter(&self) -> &str {
        &self.portable.info.name
    }

    /// What the probe of the fingerprint asks, and got here.
    pub fn probe(&self) -> Result<Recording> {
        let (found, recording) = self.portable.recorded(|| self.portable.probe());
        found.map(|_| recording)
    }

    /// A case as this device answered it, with the reference's bits; `None` where it has no subgroups for it.
    ///
    /// # Errors
    /// [`Error::Mismatch`] where the bits are others.
    pub fn record(&self, work: &Work, watch: &Watch) -> Result<Option<Case>> {
        let gpu = match work.shuffles {
            false => &self.portable,
            true => match &self.subgroups {
                Some(gpu) => gpu,
                None => return Ok(None),
            },
        };
        let run = || match &work.subject {
            Subject::Codec(quantizer) => codec(quantizer, gpu),
            Subject::Kernel(KernelCase::Plan { text, .. }) => {
                // As a GPU trains: every run in a pipeline of its own.
                let tuning = Tuning { loops: 2000, panel: 128, own: Some(true), ..Tuning::default() };
                verify::plan_on(text, gpu, tuning, watch)
            }
            subject => {
                let case = verify::Case { name: work.name.clone(), subject: subject.clone() };
                verify::run(&case, &Device::Gpu(gpu), Level::Quick, watch)
            }
        };
        if let Subject::Kernel(KernelCase::Plan { .. }) = &work.subject {
            // Its pipelines are proved the first time: that is no part of it.
            run()?;
        }
        let (verdict, recording) = gpu.recorded(run);
        match verdict? {
            Verdict::Pass(compared) if answered(&recording) => {
                Ok(Some(Case { name: work.name.clone(), shuffles: work.shuffles, compared, recording }))
            }
            Verdict::Pass(_) => Err(Error::Other(format!("{}: an answer was not waited for", work.name))),
            Verdict::Fail(lines) | Verdict::Fault(lines) => Err(Error::Mismatch(format!(
                "{}: {} does not give the reference's bits: {}",
                work.name,
                self.adapter(),
                lines.join("; ")
            ))),
            Verdict::Unsupported(reason) => Err(Error::Other(format!("{}: {reason}", work.name))),
        }
    }
}

fn codec(quantizer: &Quantizer, gpu: &Gpu) -> Result<Verdict> {
    verify::codec_on(quantizer, &inputs(), gpu)
}

/// Whether every read has its words.
fn answered(recording: &Recording) -> bool {
    let is_whole = |step: &Step| match step {
        Step::Read { ranges, found } => ranges.iter().map(|range| range.words).sum::<u64>() == found.len() as u64,
        _ => true,
    };
    recording.steps.iter().all(is_whole)
}
