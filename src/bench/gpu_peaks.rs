//! Peaks of a GPU, and the latencies that many small dispatches meet.

use std::time::Instant;

use super::repeat::{Timing, repeat, repeat_one};
use super::roofline::Peaks;
use super::{Bench, Row, Suite, rate};
use crate::error::Result;
use crate::gpu::{Gpu, is_hardware};
use crate::reference::peaks::{Loop, THREADS};
use crate::reference::verify::mixed;

/// Seconds that a loop lasts at least, so that what begins and ends a dispatch, and its last workgroups, do not count.
const LONG: f64 = 10e-3;
const MOST_GROUPS: u32 = 1 << 14;
/// Invocations that copy are at most so many workgroups, and each takes some elements.
const COPY_GROUPS: u32 = 2048;
const COPIED_EACH: u32 = 8;

/// Sizes of the work.
struct Sizes {
    turns: u32,
    /// Words that are copied, and read back.
    copied: u32,
    read: [u32; 2],
    dispatches: u32,
}

const HARDWARE: Sizes = Sizes { turns: 1000, copied: 1 << 26, read: [1 << 10, 1 << 24], dispatches: 1000 };
/// Of a GPU that the CPU plays.
const SOFTWARE: Sizes = Sizes { turns: 100, copied: 1 << 20, read: [1 << 10, 1 << 20], dispatches: 20 };

pub const LOOPS: [Named; 4] = [
    (Loop::MultiplyAdd, "f32 multiply-add", "multiply-adds/s"),
    (Loop::Opaque, "opaque multiply-add", "multiply-adds/s"),
    (Loop::Integer, "u32 operations", "operations/s"),
    (Loop::Workgroup, "workgroup memory", "B/s"),
];

/// All of them, and their rows.
pub fn measure(bench: &mut Bench, gpu: &Gpu, seconds: f64) -> Result<(Peaks, Vec<Row>)> {
    let sizes = if is_hardware(&gpu.info) { HARDWARE } else { SOFTWARE };
    let mut rows = Vec::new();
    for named in LOOPS {
        bench.begin(named.1)?;
        rows.push(of_loop(bench, gpu, named, sizes.turns, seconds)?);
    }
    bench.begin("copy")?;
    rows.push(copy(bench, gpu, sizes.copied, seconds)?);
    bench.begin("dispatch")?;
    rows.extend(dispatches(bench, gpu, sizes.dispatches, seconds)?);
    for words in sizes.read {
        bench.begin("read-back")?;
        rows.extend(read_back(bench, gpu, words, seconds)?);
    }
    let value = |name: &str| rows.iter().find(|row| row.name == name).map_or(0.0, |row| row.value);
    let peaks = Peaks {
        multiply_adds: value("f32 multiply-add"),
        opaque: value("opaque multiply-add"),
        integers: value("u32 operations"),
        bytes: value("copy"),
    };
    Ok((peaks, rows))
}

type Named = (Loop, &'static str, &'static str);

fn of_loop(bench: &Bench, gpu: &Gpu, (of, name, unit): Named, turns: u32, seconds: f64) -> Result<Row> {
    let mut groups = 1;
    let mut run = gpu.peak_loop(of, turns, groups);
    // The first run of all takes what the later ones do not.
    run.seconds()?;
    while groups < MOST_GROUPS && run.seconds()? < LONG {
        bench.watch.ask()?;
        groups *= 4;
        run = gpu.peak_loop(of, turns, groups);
    }
    let timing = repeat_one(seconds, bench.watch, || run.seconds())?;
    // Of two workgroups a few invocations are computed again.
    let mut verified = true;
    for group in [0, groups - 1] {
        let found = run.words_of_group(group)?;
        let ids = (THREADS * group..).zip(found.as_chunks::<4>().0);
        verified &= ids.step_by(17).all(|(id, found)| of.answer(id, turns) == *found);
    }
    let work = of.work(turns) * f64::from(THREADS) * f64::from(groups);
    let size = format!("{turns} turns; {groups} workgroups of {THREADS}");
    Ok(rate(Suite::Peaks, name, size, unit, work, timing, verified))
}

fn copy(bench: &Bench, gpu: &Gpu, words: u32, seconds: f64) -> Result<Row> {
    let most = gpu.largest_buffer().min(words.into()) as u32;
    let from: Vec<u32> = (0..most / 4 * 4).map(mixed).collect();
    let words = from.len() as u64;
    let groups = (most / 4 / (COPIED_EACH * THREADS)).clamp(1, COPY_GROUPS);
    let run = gpu.peak_copy(&from, groups);
    let timing = repeat_one(seconds, bench.watch, || run.seconds())?;
    let verified = run.words(0, words)? == from;
    let size = format!("{} MiB", words >> 18);
    Ok(rate(Suite::Peaks, "copy", size, "B/s", 2.0 * 4.0 * words as f64, timing, verified))
}

/// A latency: the value is the time itself.
fn latency(name: &str, size: String, timing: Timing, verified: bool) -> Row {
    let row = rate(Suite::Peaks, name, size, "s", 0.0, timing, verified);
    Row { value: timing.median, ..row }
}

fn dispatches(bench: &Bench, gpu: &Gpu, times: u32, seconds: f64) -> Result<Vec<Row>> {
    let mut verified = true;
    let timings = repeat(seconds, bench.watch, || {
        let found = gpu.peak_dispatches(times)?;
        verified &= found.counters == [1, 2, 3, 4].map(|step| step * found.counted);
        Ok(vec![found.in_a_pass, found.submitted, found.awaited])
    })?;
    let names = ["dispatch after a dispatch", "submit", "submit and wait"];
    let row = |(name, timing)| latency(name, format!("{times} of one workgroup"), timing, verified);
    Ok(names.into_iter().zip(timings).map(row).collect())
}

fn read_back(bench: &Bench, gpu: &Gpu, words: u32, seconds: f64) -> Result<Vec<Row>> {
    let from: Vec<u32> = (0..words).map(mixed).collect();
    let run = gpu.peak_copy(&from, 1);
    run.seconds()?;
    let mut verified = true;
    let timing = repeat_one(seconds, bench.watch, || {
        let begun = Instant::now();
        let found = run.words(0, words.into())?;
        let seconds = begun.elapsed().as_secs_f64();
        verified &= found == from;
        Ok(seconds)
    })?;
    let size = format!("{} KiB", words >> 8);
    let bytes = 4.0 * f64::from(words);
    Ok(vec![
        latency("read-back", size.clone(), Timing { drift: None, ..timing }, verified),
        rate(Suite::Peaks, "read-back", size, "B/s", bytes, timing, verified),
    ])
}
