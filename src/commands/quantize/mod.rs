mod array;
mod decode;
mod device;
mod files;
mod input;
mod text;

use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::block_options::BlockOptions;
use super::format_options::FormatOptions;
use crate::decimal::{self, Number};
use crate::error::Error;
use crate::format::{QuantOp, Quantizer};
use crate::reference::quantize::{Job, Quantized};
use crate::streams::tell;
use crate::threads;

/// What rounding asks for, and decoding does not.
const OF_ROUNDING: [&str; 5] = ["codes", "random", "seed", "adapter", "stats"];

// Not a doc comment, to which that of the flattened options would be preferred.
#[derive(clap::Args, Debug)]
#[command(about = "Round a tensor, or numbers on stdin, to a format: values, codes and block scales; and back")]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    options: FormatOptions,
    #[command(flatten)]
    blocks: BlockOptions,
    /// FILE.npy, FILE.safetensors:TENSOR, or - for an array on stdin. Without it, numbers are read from stdin: decimal, or
    /// 0x bits.
    #[arg(value_name = "IN", requires = "output")]
    input: Option<PathBuf>,
    /// Dequantized values, f32, as .npy; - for stdout.
    #[arg(value_name = "OUT.npy")]
    output: Option<PathBuf>,
    /// Write a code per element, in the low bits of u8, or u16 above 8 bits, or u32 above 16; integers in two's
    /// complement.
    #[arg(long, value_name = "FILE.npy", requires = "input")]
    codes: Option<PathBuf>,
    /// Write a byte per block: E8M0, of nvfp4 E4M3 or UE5M3; or an f32, of absmax scales. With --decode they are read.
    #[arg(long, value_name = "FILE.npy", requires = "input")]
    scales: Option<PathBuf>,
    /// IN holds codes: write the values that they stand for, with the --scales of their blocks.
    #[arg(long, requires = "input", conflicts_with_all = OF_ROUNDING)]
    decode: bool,
    /// Tell SQNR, mean squared and largest error, and the shares of saturated and flushed elements; write a line for each
    /// row of blocks to a file.
    #[arg(long, value_name = "ROWS.csv", num_args = 0..=1, require_equals = true, requires = "input")]
    stats: Option<Option<PathBuf>>,
    /// Random words, u32, a word per element of IN, in its order; the top bits are used.
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
  roundlaw quantize --format int8 --step absmax --adapter 0 in.npy out.npy
  roundlaw quantize --format nvfp4 --tile 16x16 model.safetensors:layer.weight out.npy --stats=rows.csv
  roundlaw quantize --format mxfp4 --axis 0 in.npy out.npy --codes packed.npy --nibbles low --scales scales.npy
  roundlaw quantize --format mxfp4 --axis 0 --decode packed.npy out.npy --nibbles low --scales scales.npy
  generate | roundlaw quantize --format e4m3 - - | consume";

impl Args {
    /// The file that gets a line for each row of blocks.
    fn rows(&self) -> Option<&Path> {
        self.stats.as_ref()?.as_deref()
    }
}

/// Rounds an array or the numbers on stdin, on the CPU or on a GPU whose bits are then compared with the CPU's; or takes
/// codes back to values.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let quantizer = args.options.quantizer()?;
    if args.seed.is_some() && !QuantOp::of(&quantizer).draws() {
        return Err(Error::Input("--seed: allowed with --rounding stochastic or dither".into()).into());
    }
    files::refuse_twice(args)?;
    threads::start()?;
    match (&args.input, &args.output) {
        (Some(input), Some(output)) if args.decode => decode::run(args, &quantizer, input, output),
        (Some(input), Some(output)) => array::run(args, &quantizer, input, output),
        _ => round_numbers(args, &quantizer),
    }
}

/// The numbers on stdin, each rounded once where the format rounds by comparing.
fn round_numbers(args: &Args, quantizer: &Quantizer) -> anyhow::Result<()> {
    let words = args.random.as_deref().map(input::given_words).transpose()?;
    let words = words.as_deref();
    let numbers = input::numbers()?;
    let bits = |of: &dyn Fn(&Number) -> u32| numbers.iter().map(of).collect::<Vec<u32>>();
    let op = QuantOp::of(quantizer);
    let is_once = decimal::rounds_odd_alike(&op);
    let given = bits(&|number| if is_once { number.odd() } else { number.nearest });
    let given = job(args, quantizer, words, &given, numbers.len()).context("stdin")?;
    let done = given.run();
    if let Some(gpu) = device::open(args)? {
        device::prove(&gpu, &given, |k| done.elements[k], done.scales.iter().copied())?;
    }
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
