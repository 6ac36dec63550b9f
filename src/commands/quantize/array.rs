//! Arrays to a format, batch by batch: the memory it takes does not grow with the array.

use std::path::Path;

use anyhow::Context as _;
use rayon::prelude::*;

use super::Args;
use super::device::{self, Proof};
use super::files::{self, Codes, Output};
use super::stats::{COLUMNS, Stats};
use super::text::{self, Summary};
use crate::codec::Rounded;
use crate::commands::block_options::{Array, Laid};
use crate::commands::stored::of_scales;
use crate::cpu::quantize::{Rounding, counts};
use crate::decimal::rounds_odd_alike;
use crate::error::{Error, Result};
use crate::format::{QuantOp, Quantizer, class};
use crate::gpu::Gpu;
use crate::random::Stream;
use crate::reference::quantize::{Job, largest_finite, most_scaled, scaled_to};
use crate::site::Counts;
use crate::streams::{print, tell};
use crate::tensor::blocks::Batch;
use crate::tensor::numbers::Numbers;
use crate::tensor::places::Places;
use crate::tensor::{Element, Source};

/// Elements read at a time where the largest is looked for.
const PIECE: usize = 1 << 18;

/// Rounds an array to a format, and says what became of it.
pub fn run(args: &Args, quantizer: &Quantizer, input: &Path, output: &Path) -> anyhow::Result<()> {
    let op = QuantOp::of(quantizer);
    args.blocks.fit(&op, args.options.has("block"))?;
    let mut source = Source::open(input, &Element::NUMBERS)?;
    let numbers = Numbers::new(source.element, rounds_odd_alike(&op));
    let op = match op.kind {
        class::TWO_LEVEL if !args.options.has("tensor_scale") => {
            let scaled = scaled_to(&op, largest(&op, &mut source, &numbers)?);
            source = Source::open(input, &Element::NUMBERS)?;
            scaled
        }
        _ => op,
    };
    let array = Array { name: source.name(), shape: &source.shape, is_fortran: source.is_fortran };
    let laid = args.blocks.laid(&op, &array)?;
    let words = Words::of(args, &op, &source, laid.axis)?;
    let gpu = device::open(args)?;
    let mut outputs = Outputs::begin(args, output, &op, &source, &laid)?;
    let done = round(&op, &mut source, &numbers, words, &laid, gpu.as_ref(), &mut outputs)?;
    outputs.finish()?;
    let summary = text::summary(
        args.json,
        &Summary {
            elements: source.count,
            counts: done.counts,
            inexact: done.inexact,
            is_rounded_once: rounds_odd_alike(&op),
            format: quantizer.format.name,
            tensor_scale: text::tensor_scale(&op),
            proof: gpu.as_ref().map(Proof::of),
            stats: args.stats.is_some().then_some(done.stats.of_all),
        },
    );
    // Where an array goes to stdout nothing else may.
    match files::take_stdout(args) {
        true => summary.iter().for_each(|line| tell(line)),
        false => print(&summary.join("\n"))?,
    }
    Ok(())
}

/// The largest magnitude of an array that is read for it once more.
fn largest(op: &QuantOp, source: &mut Source, numbers: &Numbers) -> Result<u32> {
    if source.is_pipe() {
        return Err(Error::Input(format!(
            "--tensor-scale is missing: {} can be read only once, and the scale of all of it comes first; allowed is its \
             largest magnitude divided by {}, or a file",
            source.name(),
            most_scaled(op)
        )));
    }
    let (mut bytes, mut bits, mut most) = (Vec::new(), Vec::new(), 0);
    for start in (0..source.count).step_by(PIECE) {
        let count = PIECE.min(source.count - start);
        source.read(count, &mut bytes)?;
        bits.resize(count, 0);
        numbers.bits(&bytes, &mut bits);
        most = bits.par_chunks(PIECE / 16).map(largest_finite).max().unwrap_or(0).max(most);
    }
    Ok(most)
}

/// Where the random words of a rounding come from.
enum Words {
    None,
    Seeded(Stream, Places),
    Given(Source),
}

impl Words {
    fn of(args: &Args, op: &QuantOp, source: &Source, axis: usize) -> anyhow::Result<Words> {
        let Some(path) = &args.random else {
            if !op.draws() {
                return Ok(Words::None);
            }
            let places = Places::new(&source.shape, source.is_fortran, axis).ok_or_else(|| {
                let (name, shape) = (source.name(), &source.shape);
                Error::Input(format!(
                    "{name} has shape {shape:?}: a random rounding allows 2^32 rows, and as long ones"
                ))
            })?;
            return Ok(Words::Seeded(Stream::new(args.seed.unwrap_or(0), 0), places));
        };
        let wrong = |message: String| Error::Input(format!("--random {}: {message}", path.display()));
        let given = Source::open(path, &[Element::U32])?;
        if !op.draws() {
            return Err(wrong("words are allowed with rounding stochastic or dither".into()).into());
        }
        if given.count != source.count {
            let (found, needed) = (given.count, source.count);
            return Err(wrong(format!("there are {found} words: allowed are {needed}, one per element")).into());
        }
        if given.is_fortran != source.is_fortran {
            let allowed = format!("its order is not that of {}: allowed is the same order", source.name());
            return Err(wrong(allowed).into());
        }
        Ok(Words::Given(given))
    }

    /// The words of the elements from `first` on, a word each unless none is asked for.
    fn next(&mut self, first: usize, count: usize, bytes: &mut Vec<u8>, words: &mut Vec<u32>) -> Result<()> {
        match self {
            Words::None => {}
            Words::Seeded(stream, places) => {
                words.resize(count, 0);
                places.words(*stream, first, words);
            }
            Words::Given(source) => {
                source.read(count, bytes)?;
                words.resize(count, 0);
                crate::tensor::numbers::codes(Element::U32, bytes, words);
            }
        }
        Ok(())
    }
}

/// What came of an array.
struct Done {
    counts: Counts,
    inexact: u64,
    stats: Stats,
}

fn round(
    op: &QuantOp,
    source: &mut Source,
    numbers: &Numbers,
    mut words: Words,
    laid: &Laid,
    gpu: Option<&Gpu>,
    outputs: &mut Outputs,
) -> anyhow::Result<Done> {
    let mut done = Done { counts: Counts::default(), inexact: 0, stats: Stats::new(laid.blocks) };
    let (mut bytes, mut bits, mut drawn, mut rounding) = (Vec::new(), Vec::new(), Vec::new(), Rounding::default());
    let mut first = 0;
    for batch in laid.blocks.batches() {
        let count = batch.count();
        source.read(count, &mut bytes)?;
        bits.resize(count, 0);
        done.inexact += numbers.bits(&bytes, &mut bits);
        words.next(first, count, &mut bytes, &mut drawn)?;
        rounding.round(op, &batch, &bits, &drawn);
        if let Some(gpu) = gpu {
            prove(op, &batch, &bits, &drawn, &rounding, gpu).with_context(|| format!("elements from {first} on"))?;
        }
        done.counts += counts(&rounding.flags);
        outputs.write(&bits, &mut rounding, &mut done.stats)?;
        first += count;
    }
    Ok(done)
}

/// Has the GPU do a batch, and compares every bit.
fn prove(op: &QuantOp, batch: &Batch, bits: &[u32], words: &[u32], cpu: &Rounding, gpu: &Gpu) -> Result<()> {
    if !batch.is_of_rows() {
        return Err(Error::Input("--adapter: a GPU is allowed with blocks along the last axis, in C order".into()));
    }
    let job = Job { op: *op, input: bits, columns: batch.columns, words: words.into() };
    let own = |k: usize| Rounded { bits: cpu.values[k], code: cpu.codes[k], flags: cpu.flags[k].into() };
    device::prove(gpu, &job, own, cpu.scales.iter().copied())
}

/// The files that are asked for.
struct Outputs<'a> {
    op: QuantOp,
    codes: Option<(Output<'a>, Codes)>,
    scales: Option<Output<'a>>,
    rows: Option<Output<'a>>,
    has_stats: bool,
    values: Output<'a>,
}

impl<'a> Outputs<'a> {
    fn begin(args: &'a Args, output: &'a Path, op: &QuantOp, source: &Source, laid: &Laid) -> Result<Outputs<'a>> {
        // Refused before anything is written.
        if args.scales.is_some() && !op.shares() {
            return Err(Error::Input("--scales: allowed with formats whose blocks share a scale".into()));
        }
        if args.blocks.nibbles.is_some() && args.codes.is_none() {
            return Err(Error::Input("--nibbles: allowed with --codes or --decode".into()));
        }
        let (shape, is_fortran) = (&source.shape, source.is_fortran);
        let array = |label, path, element, shape: &[usize]| Output::array(label, path, element, shape, is_fortran);
        let codes = match &args.codes {
            Some(path) => {
                let codes = Codes::new(op.width, args.blocks.nibbles);
                Some((array("--codes", path, codes.element(), &codes.shape(shape))?, codes))
            }
            None => None,
        };
        let scales =
            args.scales.as_deref().map(|path| array("--scales", path, of_scales(op), &laid.scales)).transpose()?;
        let mut rows = args.rows().map(|path| Output::begin("--stats", path)).transpose()?;
        if let Some(rows) = &mut rows {
            rows.write(COLUMNS.as_bytes())?;
        }
        let values = array("OUT.npy", output, Element::F32, shape)?;
        Ok(Outputs { op: *op, codes, scales, rows, has_stats: args.stats.is_some(), values })
    }

    fn write(&mut self, bits: &[u32], rounding: &mut Rounding, stats: &mut Stats) -> Result<()> {
        if self.has_stats {
            let mut lines = String::new();
            stats.add(bits, rounding, &mut lines);
            if let Some(rows) = &mut self.rows {
                rows.write(lines.as_bytes())?;
            }
        }
        if let Some((file, codes)) = &mut self.codes {
            file.write(codes.bytes(&rounding.codes)?)?;
        }
        if let Some(file) = &mut self.scales {
            match of_scales(&self.op) {
                Element::U8 => file.write(&rounding.scales.iter().map(|scale| *scale as u8).collect::<Vec<u8>>())?,
                _ => file.write_words(&mut rounding.scales)?,
            }
        }
        self.values.write_words(&mut rounding.values)
    }

    fn finish(self) -> Result<()> {
        let Outputs { codes, scales, rows, values, .. } = self;
        files::finish(codes.map(|(file, _)| file).into_iter().chain(scales).chain(rows).chain([values]).collect())
    }
}
