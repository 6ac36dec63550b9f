//! The codec of one format: telling inputs one by one, then all inputs.

use rayon::prelude::*;

use super::{Device, Level, Verdict};
use crate::codec::bits::{FRACTION, SMALLEST_NORMAL};
use crate::codec::{self, INFINITY, LARGEST, MAGNITUDE, Rounded, SIGN, flush48};
use crate::cpu::draw::quantize_row;
use crate::cpu::lanes::SLICE;
use crate::error::Result;
use crate::format::{QuantOp, Quantizer, class, policy};
use crate::gpu::Gpu;
use crate::random::Stream;
use crate::reference::quantize::Job;
use crate::reference::verify::{CHUNK, Question, answer, hash, mixed};
use crate::site::Counts;

/// Codes tried of a format that has more: these evenly, and the first and last ones.
const CODES: u32 = 1 << 16;
/// Random inputs.
const RANDOM: u32 = 1 << 14;
/// Chunks of the quick level.
const QUICK_CHUNKS: u32 = 16;
/// Chunks compared between two looks at the rest.
const STRETCH: u32 = 1 << 10;

/// Runs the case of one format and rounding.
pub fn run(quantizer: &Quantizer, device: &Device, level: Level) -> Result<Verdict> {
    let op = QuantOp::of(quantizer);
    let inputs = telling_inputs(&op);
    let listed = match device {
        Device::Gpu(gpu) => listed(&op, &inputs, gpu, quantizer)?,
        Device::Cpu => on_lanes(&op, &inputs, quantizer),
    };
    match (listed, level, device) {
        (Verdict::Pass(count), Level::Full, Device::Gpu(_)) => {
            Ok(match everywhere(&Question::Codec(op), Some(quantizer), device, level)? {
                Verdict::Pass(more) => Verdict::Pass(count + more),
                other => other,
            })
        }
        (Verdict::Pass(count), Level::Full, Device::Cpu) => Ok(every_lane(&op, quantizer, count)),
        (verdict, ..) => Ok(verdict),
    }
}

/// Every value of the format, the points halfway, both f32 neighbours of each, the edges of f32, and random bits.
pub fn telling_inputs(op: &QuantOp) -> Vec<u32> {
    let step = if op.kind == class::STEP { f32::from_bits(op.step) } else { 1.0 };
    let value = |code: u32| (f32::from_bits(codec::decoded(code, op, 0) & MAGNITUDE) * step).to_bits();
    // Where codes have a sign of their own none follows the last.
    let last = if op.has(policy::OWN_SIGN) { op.max_code } else { op.max_code.max(op.min_code) + 1 };
    let stride = (last / CODES).max(1);
    let codes = (0..last.min(64)).chain((0..=last).step_by(stride as usize)).chain(last.saturating_sub(64)..=last);
    let mut points = vec![0, 1, FRACTION, SMALLEST_NORMAL, LARGEST, INFINITY, INFINITY + 1, MAGNITUDE];
    for code in codes {
        let (low, high) = (value(code), value((code + 1).min(last)).min(INFINITY));
        let halfway = (f64::from(f32::from_bits(low)) + f64::from(f32::from_bits(high))) / 2.0;
        points.extend([low, (halfway as f32).to_bits()]);
    }
    let near = points.iter().flat_map(|&point| [point.saturating_sub(1), point, point + 1]);
    let mut inputs: Vec<u32> = near.filter(|point| *point < SIGN).flat_map(|point| [point, point | SIGN]).collect();
    inputs.extend((0..RANDOM).map(mixed));
    // Random significands around the largest and the smallest values, where most random bits do not fall.
    let (top, bottom) = (value(op.max_code) >> 23, value(1) >> 23);
    let around = |k: u32| bottom.saturating_sub(3) + mixed(k) % (top + 6).saturating_sub(bottom).max(1);
    inputs.extend((0..RANDOM).map(|k| around(k).min(254) << 23 | mixed(k ^ SIGN) & (SIGN | FRACTION)));
    inputs
}

/// A list of inputs through the kernel of `quantize`.
fn listed(op: &QuantOp, inputs: &[u32], gpu: &Gpu, quantizer: &Quantizer) -> Result<Verdict> {
    let words: Vec<u32> = if op.draws() { inputs.iter().copied().map(mixed).collect() } else { Vec::new() };
    let job = Job { op: *op, input: inputs, columns: inputs.len(), words: (&words).into() };
    let (found, must) = (gpu.quantize(&job)?, job.run());
    let differs = (0..inputs.len()).find(|&k| found.elements[k] != must.elements[k]);
    Ok(match differs {
        None => Verdict::Pass(inputs.len() as u64),
        Some(k) => {
            let word = words.get(k).copied();
            Verdict::Fail(explain(quantizer, inputs[k], word, found.elements[k], must.elements[k]))
        }
    })
}

/// Both outputs field by field.
pub(super) fn explain(
    quantizer: &Quantizer,
    input: u32,
    word: Option<u32>,
    found: Rounded,
    must: Rounded,
) -> Vec<String> {
    let one = |name: &str, r: Rounded| {
        let (value, fields) = (f32::from_bits(r.bits), quantizer.layout.fields(r.code));
        format!("{name}: value {value:?} 0x{:08x}, code 0x{:x} ({fields}), flags {}", r.bits, r.code, r.flags)
    };
    let word = word.map_or(String::new(), |word| format!(", random word 0x{word:08x}"));
    let input = format!("input {:?} 0x{input:08x}{word}", f32::from_bits(input));
    vec![input, one("device", found), one("must be", must)]
}

/// Chunks of all inputs.
pub fn everywhere(
    question: &Question,
    quantizer: Option<&Quantizer>,
    device: &Device,
    level: Level,
) -> Result<Verdict> {
    let Device::Gpu(gpu) = device else {
        return Ok(Verdict::Unsupported("the CPU has one implementation of this: the reference".into()));
    };
    let chunks: Vec<(u32, u32)> = match level {
        Level::Full => (0..1 << 16).step_by(STRETCH as usize).map(|first| (first * CHUNK, STRETCH)).collect(),
        Level::Quick => (0..QUICK_CHUNKS).map(|k| ((k << 28).wrapping_add(mixed(k) % 4096 * CHUNK), 1)).collect(),
    };
    let mut count = 0;
    for (first, stretch) in chunks {
        match stretch_of_chunks(gpu, (question, question), quantizer, first, stretch)? {
            Verdict::Pass(more) => count += more,
            other => return Ok(other),
        }
    }
    Ok(Verdict::Pass(count))
}

/// The answers of a device to `asked` against the CPU's to `expected`, in `stretch` chunks of inputs from `first` on.
/// Where a hash differs, the chunk is asked for one by one.
pub fn stretch_of_chunks(
    gpu: &Gpu,
    (asked, expected): (&Question, &Question),
    quantizer: Option<&Quantizer>,
    first: u32,
    stretch: u32,
) -> Result<Verdict> {
    let found = gpu.hashes(asked, first, stretch)?;
    let must: Vec<[u32; 2]> =
        (0..stretch).into_par_iter().map(|k| hash(expected, first.wrapping_add(k * CHUNK))).collect();
    match (0..stretch as usize).find(|&k| found[k] != must[k]) {
        None => Ok(Verdict::Pass(u64::from(stretch) * u64::from(CHUNK))),
        Some(k) => one_by_one(gpu, (asked, expected), quantizer, first.wrapping_add(k as u32 * CHUNK)),
    }
}

fn one_by_one(
    gpu: &Gpu,
    (asked, expected): (&Question, &Question),
    quantizer: Option<&Quantizer>,
    first: u32,
) -> Result<Verdict> {
    let found = gpu.answers(asked, first)?;
    let differs = (0..CHUNK).find(|&k| found[k as usize] != answer(expected, first + k));
    Ok(Verdict::Fail(match differs {
        None => vec![format!(
            "inputs 0x{first:08x} on: the hash differs, and the answers one by one do not: the device gives different answers at different times"
        )],
        Some(k) => {
            let (input, [x, y, z]) = (first + k, answer(expected, first + k));
            let [a, b, c] = found[k as usize];
            let rounded = |[bits, code, flags]: [u32; 3]| Rounded { bits, code, flags };
            if let (Question::Codec(op), Some(quantizer)) = (expected, quantizer) {
                let word = op.draws().then(|| mixed(input));
                return Ok(Verdict::Fail(explain(quantizer, input, word, rounded([a, b, c]), rounded([x, y, z]))));
            }
            vec![
                format!("input 0x{input:08x}"),
                format!("device: 0x{a:08x} 0x{b:08x} 0x{c:08x}"),
                format!("must be: 0x{x:08x} 0x{y:08x} 0x{z:08x}"),
            ]
        }
    }))
}

/// The vector code of the CPU adapter; a run holds no value below 2^-48.
fn on_lanes(op: &QuantOp, inputs: &[u32], quantizer: &Quantizer) -> Verdict {
    let inputs: Vec<u32> = inputs.iter().copied().filter(|bits| flush48(*bits) == *bits).collect();
    for (row, chunk) in inputs.chunks(SLICE).enumerate() {
        if let Some(lines) = lane_difference(op, chunk, row as u32, quantizer) {
            return Verdict::Fail(lines);
        }
    }
    Verdict::Pass(inputs.len() as u64)
}

pub(super) fn lane_difference(op: &QuantOp, inputs: &[u32], row: u32, quantizer: &Quantizer) -> Option<Vec<String>> {
    let (stream, mut counts) = (Stream::new(0, 0), Counts::default());
    let mut found: Vec<f32> = inputs.iter().map(|bits| f32::from_bits(*bits)).collect();
    let mut must = found.clone();
    found.resize(inputs.len().next_multiple_of(SLICE), 0.0);
    quantize_row(op, &mut found, inputs.len(), stream.key(), row, &mut counts);
    let counted = codec::apply(op, &mut must, |k| stream.word(k as u32, row, op.purpose));
    let differs = (0..inputs.len()).find(|&k| found[k].to_bits() != must[k].to_bits());
    let word = |k: usize| op.draws().then(|| stream.word(k as u32, row, op.purpose));
    differs
        .map(|k| {
            let plain = |bits: u32| Rounded { bits, code: codec::NO_CODE, flags: 0 };
            explain(quantizer, inputs[k], word(k), plain(found[k].to_bits()), plain(must[k].to_bits()))
        })
        .or_else(|| {
            (counts != counted).then(|| vec![format!("inputs {inputs:08x?}: counts {counts:?}, must be {counted:?}")])
        })
}

/// All inputs a run may hold.
fn every_lane(op: &QuantOp, quantizer: &Quantizer, listed: u64) -> Verdict {
    let rows = 0..(1u32 << 25);
    let inputs =
        |row: u32| -> Vec<u32> { (0..128).map(|k| row * 128 + k).filter(|bits| flush48(*bits) == *bits).collect() };
    let differs = rows.into_par_iter().find_map_first(|row| lane_difference(op, &inputs(row), row, quantizer));
    let skipped = 2 * (u64::from(codec::FLOOR) - 1);
    differs.map_or(Verdict::Pass(listed + (1 << 32) - skipped), Verdict::Fail)
}
