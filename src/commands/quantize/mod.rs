mod files;
mod input;
mod text;

use std::path::{Path, PathBuf};

use anyhow::Context as _;

pub use self::input::{Array, array};
use super::format_options::FormatOptions;
use crate::codec::Rounded;
use crate::decimal::{self, Number};
use crate::error::{Error, Result};
use crate::format::{QuantOp, Quantizer};
use crate::gpu::Gpu;
use crate::reference::quantize::{Job, Quantized};
use crate::run::adapter;
use crate::streams::{print, tell};
use crate::threads;

// Not a doc comment, to which that of the flattened options would be preferred.
#[derive(clap::Args, Debug)]
#[command(about = "Round a tensor, or numbers on stdin, to a format: values, codes and block scales")]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    options: FormatOptions,
    /// f32 array; blocks run along its last axis. Without it, numbers are read from stdin: decimal, or 0x bits.
    #[arg(value_name = "IN.npy", requires = "output")]
    input: Option<PathBuf>,
    /// Dequantized values, f32.
    #[arg(value_name = "OUT.npy")]
    output: Option<PathBuf>,
    /// Write a code per element, in the low bits of u8, or u16 above 8 bits, or u32 above 16; integers in two's
    /// complement.
    #[arg(long, value_name = "FILE.npy", requires = "input")]
    codes: Option<PathBuf>,
    /// Write a byte per block: E8M0, of nvfp4 E4M3.
    #[arg(long, value_name = "FILE.npy", requires = "input")]
    scales: Option<PathBuf>,
    /// Random words, u32, a word per element of IN.npy; its top bits are used.
    #[arg(long, value_name = "FILE.npy", conflicts_with = "seed")]
    random: Option<PathBuf>,
    /// Key of the random words of a random rounding, by default 0.
    #[arg(long)]
    seed: Option<u64>,
    /// auto, cpu, an index or name from `roundlaw devices`, or pci:BUS. A GPU's results are compared with the CPU's.
    #[arg(long, default_value = "cpu")]
    adapter: String,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  echo 464 465 -0.3 inf 0x00000001 | roundlaw quantize --format e4m3
  echo 464 480 | roundlaw quantize --format e4m3 --overflow ieee
  roundlaw quantize --format mxfp4 --scale-mode rceil in.npy out.npy --codes codes.npy --scales scales.npy
  roundlaw quantize --format e2m1 --rounding stochastic --bits 8 --random words.npy in.npy out.npy
  roundlaw quantize --format int8 --step absmax --adapter 0 in.npy out.npy";

/// The GPU that gave the same bits.
struct Proof {
    adapter: String,
    fingerprint: String,
}

/// Rounds an array or the numbers on stdin, on the CPU or on a GPU whose bits are then compared with the CPU's.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let quantizer = args.options.quantizer()?;
    if args.seed.is_some() && !QuantOp::of(&quantizer).draws() {
        return Err(Error::Input("--seed: allowed with --rounding stochastic or dither".into()).into());
    }
    files::refuse_twice(args)?;
    threads::start()?;
    let words = args.random.as_deref().map(input::given_words).transpose()?;
    match (&args.input, &args.output) {
        (Some(input), Some(output)) => round_array(args, &quantizer, words.as_deref(), input, output),
        _ => round_numbers(args, &quantizer, words.as_deref()),
    }
}

fn round_array(
    args: &Args,
    quantizer: &Quantizer,
    words: Option<&[u32]>,
    input: &Path,
    output: &Path,
) -> anyhow::Result<()> {
    let Array { shape, bits } = array(input)?;
    let columns = shape.last().copied().unwrap_or(1);
    let job = job(args, quantizer, words, &bits, columns).with_context(|| input.display().to_string())?;
    let (done, proof) = done(args, &job)?;
    files::write(args, output, &job.op, &shape, &done)?;
    let summary = text::summary(args.json, &job, &done, proof);
    // Where an array goes to stdout nothing else may.
    match files::take_stdout(args) {
        true => summary.iter().for_each(|line| tell(line)),
        false => print(&summary.join("\n"))?,
    }
    Ok(())
}

/// The numbers on stdin, each rounded once where the format rounds by comparing.
fn round_numbers(args: &Args, quantizer: &Quantizer, words: Option<&[u32]>) -> anyhow::Result<()> {
    let numbers = input::numbers()?;
    let bits = |of: &dyn Fn(&Number) -> u32| numbers.iter().map(of).collect::<Vec<u32>>();
    let op = QuantOp::of(quantizer);
    let is_once = decimal::rounds_odd_alike(&op);
    let given = bits(&|number| if is_once { number.odd() } else { number.nearest });
    let given = job(args, quantizer, words, &given, numbers.len()).context("stdin")?;
    let (done, _) = done(args, &given)?;
    if !is_once && op.is_set() {
        let run = |side: usize| -> anyhow::Result<Quantized> {
            let bits = bits(&|number| number.around()[side]);
            Ok(job(args, quantizer, words, &bits, numbers.len())?.run())
        };
        tell_of_double_rounding(quantizer, [run(0)?, run(1)?]);
    }
    Ok(text::numbers(args.json, quantizer, &numbers, &given, &done)?)
}

/// What is to be done with f32 bits in rows of `columns`.
fn job<'a>(
    args: &Args,
    quantizer: &Quantizer,
    words: Option<&'a [u32]>,
    bits: &'a [u32],
    columns: usize,
) -> anyhow::Result<Job<'a>> {
    let job = Job::new(quantizer, args.options.has("tensor_scale"), bits, columns)?;
    match (words, &args.random) {
        (Some(words), Some(path)) => job.with_words(words).with_context(|| format!("--random {}", path.display())),
        _ => Ok(job.seeded(args.seed.unwrap_or(0))),
    }
}

/// What came of it on the CPU, and the GPU that gave the same.
fn done(args: &Args, job: &Job) -> anyhow::Result<(Quantized, Option<Proof>)> {
    let done = job.run();
    let index = adapter::find(&args.adapter).with_context(|| format!("--adapter {}", args.adapter))?;
    let proof = index.map(|index| prove(job, &done, &Gpu::open(index)?)).transpose()?;
    Ok((done, proof))
}

/// Says of how many numbers it may matter that they were rounded to f32 before: `sides` came of the f32 below and above
/// each of them.
fn tell_of_double_rounding(quantizer: &Quantizer, sides: [Quantized; 2]) {
    let [below, above] = sides.map(|side| side.elements.into_iter().map(|element| element.code));
    let (all, differ) = (below.len(), below.zip(above).filter(|(below, above)| below != above).count());
    if differ > 0 {
        let name = quantizer.format.name;
        tell(&format!(
            "warning: {differ} of {all} numbers lie between two f32 that {name}, which rounds f32, gives different codes: \
             the nearer f32 was taken"
        ));
    }
}

/// Has the GPU do the same, and compares every bit.
fn prove(job: &Job, done: &Quantized, gpu: &Gpu) -> Result<Proof> {
    compare(&gpu.quantize(job)?, done, job.input, &gpu.info.name)?;
    Ok(Proof { adapter: gpu.info.name.clone(), fingerprint: gpu.fingerprint().to_string() })
}

/// Every bit of the device against the CPU's.
fn compare(device: &Quantized, cpu: &Quantized, input: &[u32], name: &str) -> Result<()> {
    if device == cpu {
        return Ok(());
    }
    let first = (0..input.len()).find(|&k| device.elements[k] != cpu.elements[k]);
    let place = match first {
        Some(k) => {
            let text = |r: &Rounded| format!("value 0x{:08x}, code 0x{:x}, flags {}", r.bits, r.code, r.flags);
            let (found, must) = (text(&device.elements[k]), text(&cpu.elements[k]));
            format!("element {k}, input 0x{:08x}: {found}; the CPU has {must}", input[k])
        }
        None => "a block's scale".to_string(),
    };
    Err(Error::Mismatch(format!("{name} differs from the CPU first at {place}; `roundlaw verify` finds out why")))
}
