//! Kernels as a bench runs them on a GPU, recorded: other hosts time them elsewhere.

use std::borrow::Cow;

use serde_json::{Value, json};

use super::Row;
use super::gpu_peaks::LOOPS;
use super::kernels::{COLUMNS, Case, FORMATS, Format, MODELS, Sizes, Stage, codec_row};
use super::repeat::Timing;
use super::roofline::Peaks;
use crate::error::{Error, Result};
use crate::gpu::recording::Recording;
use crate::gpu::{Gpu, Tuning};
use crate::plan::{Cohort, Shard, Snapshot};
use crate::reference::peaks::THREADS;
use crate::reference::quantize::Job;
use crate::reference::verify::mixed;
use crate::verify::Device;
use crate::watch::Watch;

/// A work whose answers were the reference's.
pub struct Rate {
    pub recording: Recording,
    /// What [`Row`] has beside its times, with the `kernel` that is timed and its `work`: elements, or the like.
    pub rows: Vec<Value>,
    /// Whether it gives the same when it is done again and again.
    pub is_again: bool,
}

/// Of a loop, and of numbers through a codec: a GPU is full.
const TURNS: u32 = 200;
const GROUPS: u32 = 1 << 12;
const ELEMENTS: usize = 1 << 20;
/// Different ones of these.
const DIFFERENT: u32 = 1 << 16;

/// Every work, told by what it is.
pub fn works() -> Vec<(String, Work)> {
    let loops = LOOPS.iter().map(|(_, name, _)| format!("rates/peaks/{name}")).zip((0..).map(Work::Loop));
    let stages = FORMATS.iter().flat_map(|format| {
        MODELS.map(|model| (format!("rates/kernels/{}/{model}", format.name), Work::Stages(*format, model)))
    });
    let codecs = FORMATS.iter().filter(|format| !format.is_none());
    let codecs = codecs.map(|format| (format!("rates/codec/{}", format.name), Work::Codec(*format)));
    loops.chain(codecs).chain(stages).collect()
}

pub enum Work {
    /// Number of the loop.
    Loop(usize),
    Codec(Format),
    Stages(Format, u32),
}

/// Seconds of a row whose value is the work itself.
const ONE: Timing = Timing { median: 1.0, iqr: 0.0, repeats: 1, drift: None };

impl Work {
    /// # Errors
    /// [`Error::Mismatch`] where the bits are not the reference's.
    pub fn record(&self, gpu: &Gpu, watch: &Watch) -> Result<Rate> {
        match self {
            Work::Loop(number) => of_loop(*number, gpu),
            Work::Codec(format) => codec(format, gpu),
            Work::Stages(format, model) => stages(*format, *model, gpu, watch),
        }
    }
}

fn row(row: &Row, kernel: &str) -> Value {
    json!({
        "suite": row.suite.name(),
        "name": row.name,
        "size": row.size,
        "format": row.format,
        "unit": row.unit,
        "work": row.value,
        "kernel": kernel,
    })
}

fn wrong(what: &str, place: &str) -> Error {
    Error::Mismatch(format!("{what}: not the reference's bits: {place}"))
}

fn of_loop(number: usize, gpu: &Gpu) -> Result<Rate> {
    let (of, name, unit) = LOOPS[number];
    let (found, recording) = gpu.recorded(|| {
        let run = gpu.peak_loop(of, TURNS, GROUPS);
        run.seconds()?;
        run.words_of_group(GROUPS - 1)
    });
    let ids = THREADS * (GROUPS - 1)..;
    if let Some((id, _)) = ids.zip(found?.as_chunks::<4>().0).find(|(id, found)| of.answer(*id, TURNS) != **found) {
        return Err(wrong(name, &format!("invocation {id}")));
    }
    let work = of.work(TURNS) * f64::from(THREADS) * f64::from(GROUPS);
    let size = format!("{TURNS} turns; {GROUPS} workgroups of {THREADS}");
    let own = super::rate(super::Suite::Peaks, name, size, unit, work, ONE, true);
    Ok(Rate { recording, rows: vec![row(&own, "peaks")], is_again: true })
}

fn codec(format: &Format, gpu: &Gpu) -> Result<Rate> {
    let op = format.op()?;
    // Magnitudes around 1.
    let number = |k: u32| mixed(k) & 0x807f_ffff | (120 + mixed(k ^ DIFFERENT) % 8) << 23;
    let input: Vec<u32> = (0..ELEMENTS as u32).map(|k| number(k % DIFFERENT)).collect();
    let words: Vec<u32> = if op.draws() { input.iter().copied().map(mixed).collect() } else { Vec::new() };
    let job = Job { op, input: &input, columns: COLUMNS, words: Cow::Owned(words) };
    let (found, recording) = gpu.recorded(|| gpu.quantize(&job));
    if found? != job.run() {
        return Err(wrong("codec", format.name));
    }
    let own = codec_row(format, ELEMENTS, 3.0, &Peaks::default(), ONE, true);
    Ok(Rate { recording, rows: vec![row(&own, "quantize")], is_again: true })
}

fn stages(format: Format, model: u32, gpu: &Gpu, watch: &Watch) -> Result<Rate> {
    let sizes = Sizes { seeds: if model > 128 { 16 } else { 64 }, samples: 1024, runs: 16 };
    let case = Case { format, model, sizes };
    let plan = case.plan()?;
    let cohorts = plan.cohorts(Shard::WHOLE);
    let tuning = Tuning { own: Some(true), ..Tuning::default() };
    let execute = || gpu.execute_tuned(&plan, &cohorts, tuning, watch);
    // Its pipelines are proved the first time: that is no part of it.
    execute()?;
    let (states, recording) = gpu.recorded(execute);
    let states = states?;
    let found: Vec<(Cohort, &[Snapshot])> = cohorts.iter().copied().zip(states.iter().map(Vec::as_slice)).collect();
    if let Some(place) = case.difference(&plan, &found, watch)? {
        return Err(wrong(&format!("kernels, {}, M = {model}", format.name), &place));
    }
    let device = Device::Gpu(gpu);
    let rows = Stage::ALL.map(|stage| row(&stage.row(&case, &Peaks::default(), ONE, true, &device), stage.name()));
    Ok(Rate { recording, rows: rows.to_vec(), is_again: false })
}
