//! Arrays to a format, from files to files.

use std::path::Path;

use anyhow::Context as _;

use super::Args;
use super::device::{self, Proof};
use super::files::{self, Output};
use super::text::{self, Summary};
use crate::codec;
use crate::commands::block_options::{Array, Laid};
use crate::commands::stored::of_scales;
use crate::cpu::quantize::Rounding;
use crate::decimal::rounds_odd_alike;
use crate::error::{Error, Result};
use crate::format::{QuantOp, Quantizer, class};
use crate::gpu::Gpu;
use crate::reference::quantize::{Job, scaled_to};
use crate::streams::{print, tell};
use crate::tensor::blocks::Batch;
use crate::tensor::codes::{Codes, pack_scales};
use crate::tensor::numbers::Numbers;
use crate::tensor::rounds::{self, Rounded, Totals, Words, largest};
use crate::tensor::stats::{COLUMNS, Stats};
use crate::tensor::{Element, Source};
use crate::watch::Watch;

/// Rounds an array to a format, and says what became of it.
pub fn run(args: &Args, quantizer: &Quantizer, input: &Path, output: &Path) -> anyhow::Result<()> {
    let op = QuantOp::of(quantizer);
    args.blocks.fit(&op, args.options.has("block"))?;
    let mut source = Source::open(input, &Element::NUMBERS)?;
    let numbers = Numbers::new(source.element, rounds_odd_alike(&op));
    let op = match op.kind {
        class::TWO_LEVEL if !args.options.has("tensor_scale") => {
            let scaled = scaled_to(&op, largest(&op, &mut source, &numbers, &Watch::default())?);
            source = Source::open(input, &Element::NUMBERS)?;
            scaled
        }
        _ => op,
    };
    let array = Array { name: source.name(), shape: &source.shape, is_fortran: source.is_fortran };
    let laid = args.blocks.laid(&op, &array)?;
    let words = words(args, &op, &source, laid.axis)?;
    let gpu = device::open(args)?;
    let mut outputs = Outputs::begin(args, output, &op, &source, &laid)?;
    let done = round(&op, &mut source, &numbers, words, &laid, gpu.as_ref(), &mut outputs)?;
    outputs.finish()?;
    let summary = text::summary(
        args.json,
        &Summary {
            elements: source.count,
            counts: done.totals.counts,
            inexact: done.totals.inexact,
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

/// What came of an array.
struct Done {
    totals: Totals,
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
    let mut stats = Stats::new(laid.blocks);
    let totals = rounds::round(op, source, numbers, &mut words, laid.blocks, |done: Rounded| {
        let Rounded { first, batch, bits, words, rounding } = done;
        if let Some(gpu) = gpu {
            prove(op, &batch, bits, words, rounding, gpu).with_context(|| format!("elements from {first} on"))?;
        }
        Ok::<(), anyhow::Error>(outputs.write(bits, rounding, &mut stats)?)
    })?;
    Ok(Done { totals, stats })
}

/// The random words that are asked for.
fn words<'a>(args: &Args, op: &QuantOp, source: &Source, axis: usize) -> Result<Words<'a>> {
    match &args.random {
        None => Words::seeded(op, source, axis, args.seed.unwrap_or(0)),
        Some(path) => {
            let given = Source::open(path, &[Element::U32])?;
            Words::given(op, source, &format!("--random {}", path.display()), given)
        }
    }
}

/// Has the GPU do a batch, and compares every bit.
fn prove(op: &QuantOp, batch: &Batch, bits: &[u32], words: &[u32], cpu: &Rounding, gpu: &Gpu) -> Result<()> {
    if !batch.is_of_rows() {
        return Err(Error::Input("--adapter: a GPU is allowed with blocks along the last axis, in C order".into()));
    }
    let job = Job { op: *op, input: bits, columns: batch.columns, words: words.into() };
    let own = |k: usize| codec::Rounded { bits: cpu.values[k], code: cpu.codes[k], flags: cpu.flags[k].into() };
    device::prove(gpu, &job, own, cpu.scales.iter().copied())
}

/// The files that are asked for.
struct Outputs<'a> {
    codes: Option<(Output<'a>, Codes)>,
    scales: Option<(Output<'a>, Element)>,
    rows: Option<Output<'a>>,
    has_stats: bool,
    values: Output<'a>,
    /// What goes to a file next.
    bytes: Vec<u8>,
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
        let scales = match &args.scales {
            Some(path) => Some((array("--scales", path, of_scales(op), &laid.scales)?, of_scales(op))),
            None => None,
        };
        let mut rows = args.rows().map(|path| Output::begin("--stats", path)).transpose()?;
        if let Some(rows) = &mut rows {
            rows.write(COLUMNS.as_bytes())?;
        }
        let values = array("OUT.npy", output, Element::F32, shape)?;
        Ok(Outputs { codes, scales, rows, has_stats: args.stats.is_some(), values, bytes: Vec::new() })
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
            self.bytes.clear();
            codes.pack(&rounding.codes, &mut self.bytes);
            codes.complete()?;
            file.write(&self.bytes)?;
        }
        if let Some((file, element)) = &mut self.scales {
            self.bytes.clear();
            pack_scales(*element, &rounding.scales, &mut self.bytes);
            file.write(&self.bytes)?;
        }
        self.values.write_words(&mut rounding.values)
    }

    fn finish(self) -> Result<()> {
        let Outputs { codes, scales, rows, values, .. } = self;
        let (codes, scales) = (codes.map(|(file, _)| file), scales.map(|(file, _)| file));
        files::finish(codes.into_iter().chain(scales).chain(rows).chain([values]).collect())
    }
}
