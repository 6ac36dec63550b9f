//! All 2^32 inputs: a device's answers, or the vector code of the CPU adapter, against the reference.
//!
//! The reference answers by vector code, compiled from the text of the scalar codec. Before it speaks for the scalar codec
//! it is compared with it, see [`prove`].

use rayon::prelude::*;

use super::answers::{BLOCK, ROW, answers, consecutive, draw_rows, hash};
use super::codec::{explain, lane_difference, telling_inputs};
use super::{Level, Verdict};
use crate::codec::{FLOOR, INFINITY, MAGNITUDE, NAN, Rounded, SATURATED, UNDERFLOWED, flush48};
use crate::cpu::draw::quantize_row;
use crate::cpu::quantize::{NONE, round};
use crate::error::{Error, Result};
use crate::format::{QuantOp, Quantizer};
use crate::gpu::Gpu;
use crate::random::Stream;
use crate::reference::verify::{CHUNK, Question, answer, mixed};
use crate::site::Counts;
use crate::watch::Watch;

/// Chunks of all inputs.
pub const CHUNKS: u32 = 1 << 16;
/// Chunks of the quick level.
const QUICK_CHUNKS: u32 = 16;
/// Bits of an input behind those that [`prove`] has in every combination.
const BEHIND: u32 = 13;

/// The answers of a device to all inputs, or to some chunks of them.
pub fn every_chunk(
    gpu: &Gpu,
    question: &Question,
    quantizer: Option<&Quantizer>,
    level: Level,
    watch: &Watch,
) -> Result<Verdict> {
    prove((question, question))?;
    let stretches: Vec<Stretch> = match level {
        Level::Full => {
            let chunks = gpu.chunks_at_once();
            (0..CHUNKS).step_by(chunks as usize).map(|first| Stretch { first: first * CHUNK, chunks }).collect()
        }
        Level::Quick => {
            let first = |k: u32| (k << 28).wrapping_add(mixed(k) % 4096 * CHUNK);
            (0..QUICK_CHUNKS).map(|k| Stretch { first: first(k), chunks: 1 }).collect()
        }
    };
    compare(gpu, (question, question), quantizer, &stretches, watch)
}

/// Compares the vector code that answers `vector` with the scalar code that answers `scalar`, all three words: inputs of
/// both signs, every exponent and every first ten bits of the significand, with random ones behind; and of a format its
/// telling inputs, as every value, what is halfway between two, and what is beside them.
///
/// # Errors
/// [`Error::Mismatch`] names the first input whose answers differ.
pub fn prove((vector, scalar): (&Question, &Question)) -> Result<()> {
    let mut inputs: Vec<u32> =
        (0..1 << (32 - BEHIND)).map(|k: u32| k << BEHIND | mixed(k) & ((1 << BEHIND) - 1)).collect();
    if let Question::Codec(op) = scalar {
        inputs.extend(telling_inputs(op));
    }
    inputs.resize(inputs.len().next_multiple_of(BLOCK), 0);
    let differs = inputs.as_chunks::<BLOCK>().0.par_iter().find_map_first(|inputs| {
        let [xs, ys, zs] = answers(vector, inputs);
        let pairs = (0..BLOCK).map(|k| (inputs[k], [xs[k], ys[k], zs[k]], answer(scalar, inputs[k])));
        pairs.into_iter().find(|(_, found, must)| found != must)
    });
    match differs {
        None => Ok(()),
        Some((input, [a, b, c], [x, y, z])) => Err(Error::Mismatch(format!(
            "the reference's own vector code is wrong on this processor: input 0x{input:08x} gave 0x{a:08x} 0x{b:08x} \
             0x{c:08x}, the scalar code gives 0x{x:08x} 0x{y:08x} 0x{z:08x}"
        ))),
    }
}

/// Chunks of inputs from an input on.
#[derive(Clone, Copy, Debug)]
pub struct Stretch {
    pub first: u32,
    pub chunks: u32,
}

/// The answers of a device to `asked` against the CPU's to `expected`. The device is a stretch ahead of what is compared.
/// Where a hash differs, the chunk is asked for one by one.
pub fn compare(
    gpu: &Gpu,
    (asked, expected): (&Question, &Question),
    quantizer: Option<&Quantizer>,
    stretches: &[Stretch],
    watch: &Watch,
) -> Result<Verdict> {
    let ask = |stretch: &Stretch| gpu.ask_hashes(asked, stretch.first, stretch.chunks);
    let all: u64 = stretches.iter().map(|stretch| u64::from(stretch.chunks)).sum();
    let mut ahead = stretches.first().map(ask).transpose()?;
    for (index, &Stretch { first, chunks }) in stretches.iter().enumerate() {
        let next = stretches.get(index + 1).map(ask).transpose()?;
        let hashes = (0..chunks).into_par_iter().map(|k| {
            watch.step(1.0 / all as f64)?;
            Ok(hash(expected, first.wrapping_add(k * CHUNK)))
        });
        let must: Vec<[u32; 2]> = hashes.collect::<Result<_>>()?;
        let found = std::mem::replace(&mut ahead, next).map_or(Ok(Vec::new()), |asked| gpu.hashes(asked))?;
        if let Some(k) = (0..chunks).find(|&k| found.get(k as usize) != Some(&must[k as usize])) {
            return one_by_one(gpu, (asked, expected), quantizer, first.wrapping_add(k * CHUNK));
        }
    }
    Ok(Verdict::Pass(all * u64::from(CHUNK)))
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

/// The vector code of the CPU adapter for `asked` against the reference for `expected`, on those inputs of some chunks that a
/// run may hold, in vectors of 128. Where a block differs, its vectors go through the scalar code.
pub fn every_lane(
    (asked, expected): (&QuantOp, &QuantOp),
    quantizer: &Quantizer,
    chunks: impl ExactSizeIterator<Item = u32>,
    watch: &Watch,
) -> Result<Verdict> {
    let question = Question::Codec(*expected);
    prove((&question, &question))?;
    let chunks: Vec<u32> = chunks.collect();
    let difference =
        |first: u32, inputs: &[u32]| lane_difference((asked, expected), inputs, first / ROW as u32, quantizer);
    let of_chunk = |chunk: u32| -> Result<(u64, Option<Vec<String>>)> {
        watch.step(1.0 / chunks.len() as f64)?;
        let (mut count, mut lines) = (0, None);
        for first in (0..CHUNK).step_by(BLOCK).map(|at| chunk * CHUNK + at) {
            lines = match first {
                // Of what lies below the floor a run holds +0 alone.
                0 => difference(0, &[0]),
                _ if first & MAGNITUDE < FLOOR => continue,
                _ if is_right((asked, expected), first) => None,
                _ => {
                    let rows = consecutive(first);
                    let mut rows = (first..).step_by(ROW).zip(rows.chunks(ROW));
                    let unknown =
                        || vec![format!("the vectors from input 0x{first:08x} on differ, each by itself does not")];
                    Some(rows.find_map(|(first, row)| difference(first, row)).unwrap_or_else(unknown))
                }
            };
            if lines.is_some() {
                break;
            }
            count += if first == 0 { 1 } else { BLOCK as u64 };
        }
        Ok((count, lines))
    };
    let compared: Vec<(u64, Option<Vec<String>>)> =
        chunks.par_iter().map(|chunk| of_chunk(*chunk)).collect::<Result<_>>()?;
    let count = compared.iter().map(|(count, _)| count).sum();
    Ok(compared.into_iter().find_map(|(_, lines)| lines).map_or(Verdict::Pass(count), Verdict::Fail))
}

/// Whether a block of inputs gets from the CPU adapter's vector code, vector by vector, what the reference makes of them.
fn is_right((asked, expected): (&QuantOp, &QuantOp), first: u32) -> bool {
    let (stream, inputs, row) = (Stream::new(0, 0), consecutive(first), first / ROW as u32);
    let (mut words, mut must) = ([0; BLOCK], [[0; BLOCK]; 3]);
    if expected.draws() {
        draw_rows(stream, row, expected.purpose, &mut words);
    }
    round(expected, &inputs, &NONE, &words, &mut must);
    let mut values = inputs.map(f32::from_bits);
    let [bits, _, flags] = &must;
    let rows = bits.as_chunks::<ROW>().0.iter().zip(flags.as_chunks::<ROW>().0);
    (row..).zip(values.as_chunks_mut::<ROW>().0).zip(rows).all(|((row, values), (bits, flags))| {
        let mut counts = Counts::default();
        quantize_row(asked, values, ROW, stream.key(), row, &mut counts);
        // What a run keeps of a value, as codec::apply_one has it.
        let kept = |bits: u32| if bits & MAGNITUDE >= INFINITY { 0 } else { flush48(bits) };
        let other = values.iter().zip(bits).fold(0, |other, (value, bits)| other | value.to_bits() ^ kept(*bits));
        let count = |flag: u32| u64::from(flags.iter().fold(0, |sum, flags| sum + u32::from(flags & flag != 0)));
        let counted = Counts { saturated: count(SATURATED), underflowed: count(UNDERFLOWED), nan: count(NAN) };
        other == 0 && counts == counted
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::{Direction, Rounding, format};

    fn ops(direction: Direction) -> (Quantizer, QuantOp) {
        let e4m3 = Quantizer::new(format("e4m3").expect("a row of the table"));
        let quantizer = Quantizer { rounding: Rounding::new(direction), ..e4m3 };
        (quantizer, QuantOp::of(&quantizer))
    }

    #[test]
    fn a_fault_of_the_references_vector_code_is_an_error_that_names_an_input() {
        let [even, away] = [Direction::NearestEven, Direction::NearestAway].map(|d| Question::Codec(ops(d).1));
        prove((&even, &even)).unwrap();
        let error = prove((&away, &even)).unwrap_err();
        assert!(matches!(error, Error::Mismatch(_)));
        // Half of the smallest number, 2^-10, goes to 0.
        let told = "input 0x3a800000 gave 0x3b000000 0x00000001 0x00000000, the scalar code gives 0x00000000 0x00000000 0x00000002";
        assert!(error.to_string().ends_with(told), "{error}");
    }

    #[test]
    fn a_fault_of_the_cpu_adapters_vector_code_is_told_by_its_first_input() {
        let (quantizer, even) = ops(Direction::NearestEven);
        let (_, away) = ops(Direction::NearestAway);
        let stride = || (0..CHUNKS).step_by(997);
        let verdict = |asked, chunks| every_lane((asked, &even), &quantizer, chunks, &Watch::default()).unwrap();
        let Verdict::Pass(count) = verdict(&even, stride()) else { panic!("the vector code is right") };
        let held = stride().filter(|chunk| (chunk * CHUNK) & MAGNITUDE >= FLOOR).count() as u64;
        assert_eq!(count, 1 + held * u64::from(CHUNK));
        let Verdict::Fail(lines) = verdict(&away, (0x3f00..0x4000).step_by(8)) else { panic!("ties go to even") };
        assert_eq!(lines[0], "input 0.53125 0x3f080000");
        assert!(
            lines[1].starts_with("device: value 0.5625 ") && lines[2].starts_with("must be: value 0.5 "),
            "{lines:?}"
        );
    }

    #[test]
    fn a_case_of_all_inputs_tells_how_far_it_is_and_ends_when_it_is_stopped() {
        let (quantizer, even) = ops(Direction::Stochastic);
        let watch = Watch::default();
        every_lane((&even, &even), &quantizer, (0..CHUNKS).step_by(4096), &watch).unwrap();
        assert!((watch.done() - 1.0).abs() < 1e-9, "{}", watch.done());
        watch.stop();
        let stopped = every_lane((&even, &even), &quantizer, 0..CHUNKS, &watch);
        assert!(matches!(stopped, Err(Error::Incomplete(_))), "{stopped:?}");
    }
}
