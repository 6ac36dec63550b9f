//! The codec of one format: telling inputs one by one, then all.

use super::everywhere::{CHUNKS, every_chunk, every_lane};
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
use crate::reference::verify::{Question, mixed};
use crate::site::Counts;
use crate::watch::Watch;

/// Codes tried of a format that has more: these evenly, and the first and last ones.
const CODES: u32 = 1 << 16;
/// Random inputs.
const RANDOM: u32 = 1 << 14;

/// Runs the case of one format and rounding.
pub fn run(quantizer: &Quantizer, device: &Device, level: Level, watch: &Watch) -> Result<Verdict> {
    let op = QuantOp::of(quantizer);
    let inputs = telling_inputs(&op);
    let listed = match device {
        Device::Gpu(gpu) => listed(&op, &inputs, gpu, quantizer)?,
        Device::Cpu => on_lanes(&op, &inputs, quantizer),
    };
    let Verdict::Pass(count) = listed else { return Ok(listed) };
    let all = match (level, device) {
        (Level::Quick, _) => return Ok(listed),
        (Level::Full, Device::Gpu(gpu)) => every_chunk(gpu, &Question::Codec(op), Some(quantizer), level, watch)?,
        (Level::Full, Device::Cpu) => every_lane((&op, &op), quantizer, 0..CHUNKS, watch)?,
    };
    Ok(if let Verdict::Pass(more) = all { Verdict::Pass(count + more) } else { all })
}

/// Every value of the format, the points halfway, both f32 neighbours of each, the edges of f32, and random bits.
pub fn telling_inputs(op: &QuantOp) -> Vec<u32> {
    let step = if op.kind == class::STEP { f32::from_bits(op.step) } else { 1.0 };
    let value = |code: u32| (f32::from_bits(codec::decoded(code, op, 0) & MAGNITUDE) * step).to_bits();
    // Where codes have a sign of their own none follows the last, nor any number the largest posit.
    let is_last = op.has(policy::OWN_SIGN) || op.kind == class::POSIT;
    let last = if is_last { op.max_code } else { op.max_code.max(op.min_code) + 1 };
    let stride = (last / CODES).max(1);
    let codes = (0..last.min(64)).chain((0..=last).step_by(stride as usize)).chain(last.saturating_sub(64)..=last);
    let mut points = vec![0, 1, FRACTION, SMALLEST_NORMAL, LARGEST, INFINITY, INFINITY + 1, MAGNITUDE];
    for code in codes {
        let (low, high) = (value(code), value((code + 1).min(last)).min(INFINITY));
        let halfway = (f64::from(f32::from_bits(low)) + f64::from(f32::from_bits(high))) / 2.0;
        points.extend([low, (halfway as f32).to_bits()]);
        if op.kind == class::POSIT {
            // Halfway between two posits lies the one of a bit more.
            points.push(codec::decoded(2 * code + 1, &QuantOp { width: op.width + 1, ..*op }, 0));
        }
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

/// A list of inputs through the kernel of `quantize`, random words mixed from them.
pub fn on_inputs(quantizer: &Quantizer, inputs: &[u32], gpu: &Gpu) -> Result<Verdict> {
    listed(&QuantOp::of(quantizer), inputs, gpu, quantizer)
}

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

/// The vector code of the CPU adapter; a run holds no value below 2^-48.
fn on_lanes(op: &QuantOp, inputs: &[u32], quantizer: &Quantizer) -> Verdict {
    let inputs: Vec<u32> = inputs.iter().copied().filter(|bits| flush48(*bits) == *bits).collect();
    for (row, chunk) in inputs.chunks(SLICE).enumerate() {
        if let Some(lines) = lane_difference((op, op), chunk, row as u32, quantizer) {
            return Verdict::Fail(lines);
        }
    }
    Verdict::Pass(inputs.len() as u64)
}

/// One vector of at most 128 by the vector code of `asked` and the scalar code of `expected`.
pub(super) fn lane_difference(
    (asked, expected): (&QuantOp, &QuantOp),
    inputs: &[u32],
    row: u32,
    quantizer: &Quantizer,
) -> Option<Vec<String>> {
    let (stream, mut counts) = (Stream::new(0, 0), Counts::default());
    let mut found: Vec<f32> = inputs.iter().map(|bits| f32::from_bits(*bits)).collect();
    let mut must = found.clone();
    found.resize(inputs.len().next_multiple_of(SLICE), 0.0);
    quantize_row(asked, &mut found, inputs.len(), stream.key(), row, &mut counts);
    let word = |k: usize| stream.word(k as u32, row, expected.purpose);
    let counted = codec::apply(expected, &mut must, word);
    let differs = (0..inputs.len()).find(|&k| found[k].to_bits() != must[k].to_bits());
    let word = |k: usize| expected.draws().then(|| word(k));
    differs
        .map(|k| {
            let plain = |bits: u32| Rounded { bits, code: codec::NO_CODE, flags: 0 };
            explain(quantizer, inputs[k], word(k), plain(found[k].to_bits()), plain(must[k].to_bits()))
        })
        .or_else(|| {
            (counts != counted).then(|| vec![format!("inputs {inputs:08x?}: counts {counts:?}, must be {counted:?}")])
        })
}
