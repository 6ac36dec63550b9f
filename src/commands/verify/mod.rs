mod cases;
pub(crate) mod codec;
mod gemm;
pub(super) mod progress;

use std::path::PathBuf;

use super::block_options::BlockOptions;
use super::format_options::FormatOptions;
use crate::error::Error;
use crate::threads;
use crate::verify::Level;
use crate::words;

/// Options of the cases, which somebody else's codec or product has none of.
const OF_CASES: [&str; 5] = ["adapter", "level", "filter", "list", "verbose"];

// Not a doc comment, to which that of the flattened options would be preferred.
#[derive(clap::Args, Debug)]
#[command(about = "Prove codecs and kernels of an adapter case by case, or somebody else's codec or product")]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// auto, cpu, an index or name from `roundlaw devices`, pci:BUS, or all.
    #[arg(long, default_value = "auto")]
    adapter: String,
    /// full: besides, all 2^32 inputs of every element format and rounding.
    #[arg(long, value_parser = level, default_value = "quick", value_name = "quick|full")]
    level: Level,
    /// Only cases with this in their name.
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// Print the names of the cases and run nothing.
    #[arg(long)]
    list: bool,
    /// Tell the cases that pass one by one too.
    #[arg(long)]
    verbose: bool,
    /// Check somebody else's codec of --format: values, as FILE.npy or FILE.safetensors:TENSOR, of which --codes or --values
    /// were stored; or a CSV of input and code.
    #[arg(long, value_name = "IN", requires = "format", conflicts_with_all = OF_CASES)]
    codec: Option<PathBuf>,
    /// The codes that were stored, with the --scales of their blocks.
    #[arg(long, value_name = "C.npy", requires = "codec")]
    codes: Option<PathBuf>,
    /// The bytes of the scales that were stored.
    #[arg(long, value_name = "S.npy")]
    scales: Option<PathBuf>,
    /// The dequantized values, in place of codes and scales.
    #[arg(long, value_name = "V.npy", requires = "codec", conflicts_with = "codes")]
    values: Option<PathBuf>,
    /// Of --rounding stochastic: the codes or values of a second call, which must be independent of the first.
    #[arg(long, value_name = "AGAIN.npy", requires = "codec")]
    again: Option<PathBuf>,
    /// Check somebody else's product OUT = A B of two matrices, or of a matrix and a vector, rounded to --format or taken as
    /// they are.
    #[arg(long, visible_alias = "gemv", num_args = 3, value_names = ["A.npy", "B.npy", "OUT.npy"])]
    #[arg(conflicts_with = "codec", conflicts_with_all = OF_CASES)]
    gemm: Vec<PathBuf>,
    /// A of --gemm holds codes, with the --scales of their blocks, and B is taken as it is.
    #[arg(long, requires = "gemm")]
    decode: bool,
    #[command(flatten)]
    options: FormatOptions,
    #[command(flatten)]
    blocks: BlockOptions,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  roundlaw verify --adapter all
  roundlaw verify --adapter 0 --level full --filter codec/e4m3
  roundlaw verify --codec theirs.csv --format e4m3 --overflow ieee
  roundlaw verify --codec in.npy --codes c.npy --scales s.npy --format mxfp4 --axis 0 --nibbles low
  roundlaw verify --codec model.safetensors:layer.weight --values v.npy --format nvfp4 --tile 16x16
  roundlaw verify --codec in.npy --values v.npy --again v2.npy --format e4m3 --rounding stochastic
  roundlaw verify --gemm a.npy b.npy out.npy --format mxfp4
  roundlaw verify --gemm codes.npy v.npy out.npy --format mxfp4 --decode --nibbles low --scales s.npy";

fn level(word: &str) -> Result<Level, String> {
    words::find(word).ok_or_else(|| format!("allowed are {}", words::listed::<Level>()))
}

/// Runs the cases on the adapters asked for, or checks somebody else's codec or product.
pub fn run(args: &Args) -> anyhow::Result<()> {
    if !args.list {
        threads::start()?;
    }
    let refused = |message: &str| Err(Error::Input(message.into()).into());
    match (&args.codec, args.gemm.as_slice()) {
        _ if args.scales.is_some() && args.codes.is_none() && !args.decode => {
            refused("--scales: allowed with --codes, or with --gemm and --decode")
        }
        (Some(path), _) => codec::run(args, path),
        (None, [..]) if !args.decode && args.blocks.any() => {
            refused("--axis, --tile and --nibbles: allowed with --codec, or with --gemm and --decode")
        }
        (None, [a, b, out]) => gemm::run(args, &gemm::Paths { a, b, out }),
        _ if args.options.any() => {
            refused("--format and its options: allowed with --codec or --gemm; cases have names, see --list")
        }
        _ => cases::run(args),
    }
}
