mod cases;
mod codec;
mod gemv;
pub(super) mod progress;

use std::path::PathBuf;

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
    /// Check somebody else's codec of --format: rows of f32 bits and code.
    #[arg(long, value_name = "FILE.csv", requires = "format", conflicts_with_all = OF_CASES)]
    codec: Option<PathBuf>,
    /// Check somebody else's product OUT = Z v, Z and v rounded to --format, or taken as they are.
    #[arg(long, num_args = 3, value_names = ["Z.npy", "V.npy", "OUT.npy"], conflicts_with = "codec", conflicts_with_all = OF_CASES)]
    gemv: Vec<PathBuf>,
    #[command(flatten)]
    options: FormatOptions,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  roundlaw verify --adapter all
  roundlaw verify --adapter 0 --level full --filter codec/e4m3
  roundlaw verify --codec theirs.csv --format e4m3 --overflow ieee
  roundlaw verify --gemv z.npy v.npy out.npy --format mxfp4";

fn level(word: &str) -> Result<Level, String> {
    words::find(word).ok_or_else(|| format!("allowed are {}", words::listed::<Level>()))
}

/// Runs the cases on the adapters asked for, or checks somebody else's codec or product.
pub fn run(args: &Args) -> anyhow::Result<()> {
    if !args.list {
        threads::start()?;
    }
    match (&args.codec, args.gemv.as_slice()) {
        (Some(path), _) => codec::run(args, path),
        (None, [z, v, out]) => gemv::run(args, &gemv::Paths { z, v, out }),
        _ if args.options.any() => Err(Error::Input(
            "--format and its options: allowed with --codec or --gemv; cases have names, see --list".into(),
        )
        .into()),
        _ => cases::run(args),
    }
}
