//! Peaks of the processor, all threads at once.

use rayon::prelude::*;

use super::repeat::{repeat_one, seconds_of};
use super::roofline::Peaks;
use super::{Bench, Row, Suite, rate};
use crate::cpu::peaks::{SIDE_BY_SIDE, answers};
use crate::error::Result;
use crate::reference::peaks::Loop;
use crate::reference::verify::mixed;

/// Turns of a loop: some milliseconds.
const TURNS: u32 = 20_000;
/// Loops of each thread in a repeat.
const PER_THREAD: u32 = 4;
/// Words that are copied: 64 MiB, more than caches hold.
const COPIED: usize = 1 << 24;

/// All of them, and their rows.
pub fn measure(bench: &mut Bench, seconds: f64) -> Result<(Peaks, Vec<Row>)> {
    let (multiply_adds, integers) = (Loop::MultiplyAdd, Loop::Integer);
    let rows = vec![
        of_loop(bench, multiply_adds, "f32 multiply-add", "multiply-adds/s", seconds)?,
        of_loop(bench, integers, "u32 operations", "operations/s", seconds)?,
        copy(bench, seconds)?,
    ];
    let value = |name: &str| rows.iter().find(|row| row.name == name).map_or(0.0, |row| row.value);
    let multiply_adds = value("f32 multiply-add");
    let (integers, bytes) = (value("u32 operations"), value("copy"));
    // A product and a sum that are not fused are two instructions.
    Ok((Peaks { multiply_adds, opaque: multiply_adds / 2.0, integers, bytes }, rows))
}

fn of_loop(bench: &mut Bench, of: Loop, name: &str, unit: &'static str, seconds: f64) -> Result<Row> {
    bench.begin(name)?;
    let threads = rayon::current_num_threads() as u32;
    let all = threads * PER_THREAD;
    let run =
        || -> Vec<_> { (0..all).into_par_iter().filter_map(|k| answers(of, k * SIDE_BY_SIDE as u32, TURNS)).collect() };
    let found = run().concat();
    // One thread's worth is compared: they all run the same code.
    let must: Vec<[u32; 4]> = (0..SIDE_BY_SIDE as u32).into_par_iter().map(|id| of.answer(id, TURNS)).collect();
    let verified = found.starts_with(&must);
    let timing = repeat_one(seconds, bench.watch, || {
        Ok(seconds_of(|| {
            std::hint::black_box(run());
        }))
    })?;
    let work = of.work(TURNS) * f64::from(all) * SIDE_BY_SIDE as f64;
    Ok(rate(Suite::Peaks, name, format!("{threads} threads"), unit, work, timing, verified))
}

fn copy(bench: &mut Bench, seconds: f64) -> Result<Row> {
    bench.begin("copy")?;
    let from: Vec<u32> = (0..COPIED as u32).into_par_iter().map(mixed).collect();
    let mut to = vec![0; COPIED];
    let part = COPIED.div_ceil(rayon::current_num_threads());
    let timing = repeat_one(seconds, bench.watch, || {
        Ok(seconds_of(|| {
            let parts = to.par_chunks_mut(part).zip(from.par_chunks(part));
            parts.for_each(|(to, from)| to.copy_from_slice(from));
        }))
    })?;
    let (bytes, verified) = (2.0 * 4.0 * COPIED as f64, from == to);
    Ok(rate(Suite::Peaks, "copy", format!("{} MiB", COPIED >> 18), "B/s", bytes, timing, verified))
}
