//! Kernels on a GPU: launches of a plan as a sweep makes them, with a timer at every dispatch.

use std::borrow::Cow;

use super::kernels::{COLUMNS, Case, Format, Sizes, Stage, codec_row, gram_row};
use super::repeat::{repeat, repeat_one};
use super::roofline::Peaks;
use super::{Bench, Suite};
use crate::error::Result;
use crate::gpu::{Gpu, Tuning, is_hardware};
use crate::plan::{Cohort, Shard, Snapshot};
use crate::random::normal::normal;
use crate::random::{Purpose, Stream};
use crate::reference::quantize::Job;
use crate::streams::tell;

/// A thousand runs at once fill a GPU.
fn sizes(gpu: &Gpu, model: u32) -> Sizes {
    match is_hardware(&gpu.info) {
        true => Sizes { seeds: if model > 128 { 16 } else { 64 }, samples: 1024, runs: 16 },
        false => Sizes { seeds: 2, samples: 64, runs: 2 },
    }
}

/// The stages of a launch, each timed in the same launches; without formats the sums for the risks too, where the device
/// makes them.
pub fn stages(bench: &mut Bench, gpu: &Gpu, format: Format, model: u32, peaks: &Peaks) -> Result<()> {
    let case = Case { format, model, sizes: sizes(gpu, model) };
    let plan = case.plan()?;
    let cohorts = plan.cohorts(Shard::WHOLE);
    // As a long sweep has it: a device that is no GPU compiles longer than it gains.
    let tuning = Tuning { own: Some(is_hardware(&gpu.info)), gram: Some(format.is_none()), ..Tuning::default() };
    let watch = bench.watch.share(0.0);
    let execute = || gpu.execute_with_grams(&plan, &cohorts, tuning, &watch);
    let first = execute()?;
    let states = first.iter().map(|done| done.states.as_slice());
    let found: Vec<(Cohort, &[Snapshot])> = cohorts.iter().copied().zip(states).collect();
    let difference = case.difference(&plan, &found, &watch)?;
    if let Some(place) = &difference {
        tell(&format!("warning: kernels, {}, M = {model}: {place}", format.name));
    }
    let mut verified = difference.is_none();
    let timings = repeat(bench.seconds(Suite::Kernels), bench.watch, || {
        let (again, seconds) = gpu.timed(execute)?;
        verified &= again == first;
        let names = Stage::ALL.into_iter().map(Stage::name).chain(["gram"]);
        Ok(names.map(|name| seconds.get(name).copied().unwrap_or(0.0)).collect())
    })?;
    let gram = timings.last().filter(|_| first.iter().any(|done| !done.grams.is_empty())).copied();
    for (stage, timing) in Stage::ALL.into_iter().zip(timings) {
        bench.finish(stage.row(&case, peaks, timing, verified, &bench.device))?;
    }
    // They were compared with the host's before they were kept.
    gram.map_or(Ok(()), |timing| bench.finish(gram_row(&case, timing, verified)))
}

/// Words written for an element: its bits, its code and flags.
const WRITTEN: f64 = 3.0;

/// Numbers through the codec, as `quantize` sends them.
pub fn codec(bench: &mut Bench, gpu: &Gpu, format: &Format, peaks: &Peaks) -> Result<()> {
    let elements = if is_hardware(&gpu.info) { 1 << 22 } else { 1 << 18 };
    let (op, stream) = (format.op()?, Stream::new(0, 0));
    let place = |at: usize| ((at % COLUMNS) as u32, (at / COLUMNS) as u32);
    let draw = |at: usize, purpose| {
        let (column, row) = place(at);
        stream.word(column, row, purpose)
    };
    let input: Vec<u32> = (0..elements).map(|at| normal(draw(at, Purpose::Covariate as u32)).to_bits()).collect();
    let words: Vec<u32> = match op.draws() {
        true => (0..elements).map(|at| draw(at, op.purpose)).collect(),
        false => Vec::new(),
    };
    let job = Job { op, input: &input, columns: COLUMNS, words: Cow::Owned(words) };
    let must = job.run();
    let mut verified = true;
    let timing = repeat_one(bench.seconds(Suite::Kernels), bench.watch, || {
        let (found, seconds) = gpu.timed(|| gpu.quantize(&job))?;
        verified &= found == must;
        Ok(seconds.values().sum())
    })?;
    bench.finish(codec_row(format, elements, WRITTEN, peaks, timing, verified))
}
