//! Formats whose elements share scales: blocks of every size, with edges.

use super::codec::{explain, lane_difference};
use super::{Device, Verdict};
use crate::codec::bits::FRACTION;
use crate::codec::{INFINITY, LARGEST, MAGNITUDE, Rounded, SIGN, flush48};
use crate::cpu::quantize::Rounding;
use crate::error::Result;
use crate::format::{BLOCK_SIZES, QuantOp, Quantizer, Sharing, WHOLE};
use crate::reference::quantize::Job;
use crate::reference::verify::mixed;
use crate::tensor::blocks::Blocks;

/// Elements of a row: no multiple of any block's size, so that the last ones are shorter.
const COLUMNS: usize = 203;
const ROWS: u32 = 96;

/// Runs the case of one format, scale mode and rounding.
pub fn run(quantizer: &Quantizer, device: &Device) -> Result<Verdict> {
    let input: Vec<u32> = (0..ROWS).flat_map(row).collect();
    let mut count = 0;
    let Some(sharing) = quantizer.sharing else { return Ok(Verdict::Unsupported("nothing is shared".into())) };
    // A size that the format fixes itself is the only one.
    let sizes = if sharing.size == WHOLE { &[][..] } else { &BLOCK_SIZES };
    for size in sizes.iter().copied().chain([WHOLE]) {
        let quantizer = Quantizer { sharing: Some(Sharing { size, ..sharing }), ..*quantizer };
        let op = QuantOp::of(&quantizer);
        let verdict = match device {
            Device::Cpu if quantizer.four_over_six => by_tensors(&op, &input, &quantizer),
            Device::Cpu => on_lanes(&op, &input, &quantizer),
            Device::Gpu(gpu) => {
                let words: Vec<u32> =
                    if op.draws() { (0..input.len() as u32).map(mixed).collect() } else { Vec::new() };
                let job = Job { op, input: &input, columns: COLUMNS, words: (&words).into() };
                let (found, must) = (gpu.quantize(&job)?, job.run());
                match (0..input.len()).find(|&k| found.elements[k] != must.elements[k]) {
                    Some(k) => {
                        Some(explain(&quantizer, input[k], words.get(k).copied(), found.elements[k], must.elements[k]))
                    }
                    None => (found.scales != must.scales).then(|| {
                        let k =
                            (0..must.scales.len()).find(|&k| found.scales.get(k) != must.scales.get(k)).unwrap_or(0);
                        vec![format!(
                            "scale of block {k}: device {:02x?}, must be {:02x}",
                            found.scales.get(k),
                            must.scales[k]
                        )]
                    }),
                }
            }
        };
        if let Some(mut lines) = verdict {
            lines.insert(0, format!("blocks of {}", crate::format::block_name(size)));
            return Ok(Verdict::Fail(lines));
        }
        count += input.len() as u64;
    }
    Ok(Verdict::Pass(count))
}

/// What stands at no site of a run: the vector code of `quantize` against the scalar.
fn by_tensors(op: &QuantOp, input: &[u32], quantizer: &Quantizer) -> Option<Vec<String>> {
    let words: Vec<u32> = if op.draws() { (0..input.len() as u32).map(mixed).collect() } else { Vec::new() };
    let must = Job { op: *op, input, columns: COLUMNS, words: (&words).into() }.run();
    let shape = [ROWS as usize, COLUMNS];
    let mut batches = Blocks::along(&shape, false, 1, op.block as usize).batches();
    let mut found = Rounding::default();
    found.round(op, &batches.next()?, input, &words);
    let own = |k: usize| Rounded { bits: found.values[k], code: found.codes[k], flags: found.flags[k].into() };
    let differs = (0..input.len()).find(|&k| own(k) != must.elements[k]);
    let told = |k: usize| explain(quantizer, input[k], words.get(k).copied(), own(k), must.elements[k]);
    differs.map(told).or_else(|| (found.scales != must.scales).then(|| vec!["scales of blocks differ".into()]))
}

fn on_lanes(op: &QuantOp, input: &[u32], quantizer: &Quantizer) -> Option<Vec<String>> {
    let rows = input.chunks(COLUMNS).zip(0..);
    rows.filter_map(|(row, index)| {
        let row: Vec<u32> = row.iter().copied().map(flush48).collect();
        lane_difference((op, op), &row, index, quantizer)
    })
    .next()
}

/// Rows of different kinds, by their index.
fn row(index: u32) -> Vec<u32> {
    let word = |k: usize| mixed(index << 16 | k as u32);
    // Largest magnitudes on both sides of where a mode chooses the next scale.
    const EDGES: [u32; 12] = [
        0, 1, 0x3f_ffff, 0x40_0000, 0x40_0001, 0x60_0000, 0x60_0001, 0x70_0000, 0x70_0001, 0x7d_ffff, 0x7e_0001,
        FRACTION,
    ];
    let near_one = |k: usize| word(k) & (SIGN | FRACTION) | (120 + word(k) % 8) << 23;
    let element = |k: usize| match index % 8 {
        // Values of similar size, of any size, and every bit pattern.
        0 => near_one(k),
        1 => word(k) & !(0x7f << 24) | (48 + word(k ^ 77) % 48) << 24,
        2 => word(k),
        3 => 0x8000_0000 & word(k),
        // One large element on an edge among small ones.
        4 if k % 37 == 5 => 128 << 23 | EDGES[(index as usize / 8 + k / 37) % EDGES.len()] | word(k) & SIGN,
        4 => near_one(k),
        5 => word(k) & (SIGN | 0x00ff_ffff), // around the smallest normal f32
        6 => word(k) & SIGN | (LARGEST - (word(k) & 0x1ff_ffff)),
        _ if k % 50 == 49 => [INFINITY, INFINITY | SIGN, INFINITY + 1, MAGNITUDE][k / 50 % 4],
        _ => near_one(k),
    };
    (0..COLUMNS).map(element).collect()
}
