//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::commands::format_options::FormatOptions;
use crate::format::{Direction, Law, Noise, names};
use crate::site::Site;
use crate::verify::Level;
use crate::words::listed;

/// Examples, what a recipe can hold, and the exit codes.
fn after() -> String {
    format!(
        "\
Examples:
  roundlaw plan configs/quickstart.toml
  roundlaw sweep configs/quickstart.toml --out out/quickstart
  roundlaw sweep big.toml --out out/big --set sweep.seeds=64 --check all --shard 0/4
  roundlaw replay out/quickstart --run 17
  echo 464 | roundlaw quantize --format e4m3

A recipe of a config sets any site to a format or a law:
  sites    {}
  formats  {}
  rounding {}
  laws     {}; law {}
Every key with its default: docs/config.md.

Exit codes: 0 ok, 1 unexpected, 2 usage, config or input, 3 bits differ, 4 no suitable adapter,
5 incomplete (interrupted; the same command continues), 6 device lost, 7 corrupt or foreign results.
stdout is data, stderr is progress and messages. NO_COLOR is honoured.",
        listed::<Site>(),
        names(),
        listed::<Direction>(),
        listed::<Noise>(),
        listed::<Law>(),
    )
}

/// Scaling laws for low-precision training, every bit confirmed on the CPU.
#[derive(Parser, Debug)]
#[command(version, after_help = after())]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand, Debug)]
pub enum Command {
    /// List adapters, their limits and how their arithmetic behaves.
    Devices(Devices),
    /// List every number format with its layout, limits, special values, defaults and source.
    Formats(Formats),
    /// Round a tensor, or numbers on stdin, to a format: values, codes and block scales.
    Quantize(Box<Quantize>),
    /// Prove codecs and kernels of an adapter case by case, or somebody else's codec or product.
    Verify(Box<Verify>),
    /// Say what a config will run and cost, and warn of what you would regret; run nothing.
    Plan(PlanArgs),
    /// Run a config, check it, and write rows, the report, and the spectra of covariates from files.
    Sweep(Sweep),
    /// Redo one run with the scalar reference and compare it with the stored rows.
    Replay(Replay),
    /// Write report.html and the figures of a directory again.
    Report(Report),
    /// Runs done, checked share and digest of a directory.
    Status(Status),
}

#[derive(Args, Debug)]
pub struct Devices {
    /// Print one JSON array.
    #[arg(long)]
    pub json: bool,
}

#[derive(Args, Debug)]
pub struct Formats {
    /// Print one JSON array.
    #[arg(long)]
    pub json: bool,
}

#[derive(Args, Debug)]
#[command(after_help = QUANTIZE_EXAMPLES)]
pub struct Quantize {
    #[command(flatten)]
    pub options: FormatOptions,
    /// f32 array; blocks run along its last axis. Without it, numbers are read from stdin: decimal, or 0x bits.
    #[arg(value_name = "IN.npy", requires = "output")]
    pub input: Option<PathBuf>,
    /// Dequantized values, f32.
    #[arg(value_name = "OUT.npy")]
    pub output: Option<PathBuf>,
    /// Write a code per element, in the low bits of u8, or u16 above 8 bits, or u32 above 16; integers in two's
    /// complement.
    #[arg(long, value_name = "FILE.npy", requires = "input")]
    pub codes: Option<PathBuf>,
    /// Write a byte per block: E8M0, of nvfp4 E4M3.
    #[arg(long, value_name = "FILE.npy", requires = "input")]
    pub scales: Option<PathBuf>,
    /// Random words, u32, a word per element of IN.npy; its top bits are used.
    #[arg(long, value_name = "FILE.npy", conflicts_with = "seed")]
    pub random: Option<PathBuf>,
    /// Key of the random words.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// auto, cpu, an index or name from `roundlaw devices`, or pci:BUS. A GPU's results are compared with the CPU's.
    #[arg(long, default_value = "cpu")]
    pub adapter: String,
    /// Print one JSON document.
    #[arg(long)]
    pub json: bool,
}

const QUANTIZE_EXAMPLES: &str = "\
Examples:
  echo 464 465 -0.3 inf 0x00000001 | roundlaw quantize --format e4m3
  echo 464 480 | roundlaw quantize --format e4m3 --overflow ieee
  roundlaw quantize --format mxfp4 --scale-mode rceil in.npy out.npy --codes codes.npy --scales scales.npy
  roundlaw quantize --format e2m1 --rounding stochastic --bits 8 --random words.npy in.npy out.npy
  roundlaw quantize --format int8 --step absmax --adapter 0 in.npy out.npy";

#[derive(Args, Debug)]
#[command(after_help = VERIFY_EXAMPLES)]
pub struct Verify {
    /// auto, cpu, an index or name from `roundlaw devices`, pci:BUS, or all.
    #[arg(long, default_value = "auto")]
    pub adapter: String,
    /// full: besides, all 2^32 inputs of every element format and rounding.
    #[arg(long, value_enum, default_value = "quick")]
    pub level: Level,
    /// Only cases with this in their name.
    #[arg(long, value_name = "TEXT")]
    pub filter: Option<String>,
    /// Print the names of the cases and run nothing.
    #[arg(long)]
    pub list: bool,
    /// Tell the cases that pass one by one too.
    #[arg(long)]
    pub verbose: bool,
    /// Check somebody else's codec of --format: rows of f32 bits and code.
    #[arg(long, value_name = "FILE.csv", requires = "format")]
    pub codec: Option<PathBuf>,
    /// Check somebody else's product OUT = Z v, Z and v rounded to --format, or taken as they are.
    #[arg(long, num_args = 3, value_names = ["Z.npy", "V.npy", "OUT.npy"], conflicts_with = "codec")]
    pub gemv: Vec<PathBuf>,
    #[command(flatten)]
    pub options: FormatOptions,
    /// Print one JSON document.
    #[arg(long)]
    pub json: bool,
}

const VERIFY_EXAMPLES: &str = "\
Examples:
  roundlaw verify --adapter all
  roundlaw verify --adapter 0 --level full --filter codec/e4m3
  roundlaw verify --codec theirs.csv --format e4m3 --overflow ieee
  roundlaw verify --gemv z.npy v.npy out.npy --format mxfp4";

#[derive(Args, Debug)]
pub struct PlanArgs {
    /// Config file (TOML); paths in it are relative to its directory.
    pub config: PathBuf,
    /// Override a config key, as sweep.seeds=8 (repeatable).
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

#[derive(Args, Debug)]
pub struct Sweep {
    /// Config file (TOML); paths in it are relative to its directory.
    pub config: PathBuf,
    /// Output directory; an existing one of the same config is continued.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// auto, cpu, an index or name from `roundlaw devices`, or pci:BUS.
    #[arg(long, default_value = "auto")]
    pub adapter: String,
    /// Cohorts redone by the reference: auto, all, off, or a number of seeds.
    #[arg(long)]
    pub check: Option<String>,
    /// Override a config key, as sweep.seeds=8 (repeatable).
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Run only seed indices i modulo n.
    #[arg(long, value_name = "I/N", default_value = "0/1")]
    pub shard: String,
}

#[derive(Args, Debug)]
pub struct Replay {
    /// A sweep's directory, or a config file.
    pub source: PathBuf,
    /// run_id of the run.
    #[arg(long)]
    pub run: u64,
    /// Only the row after this many samples.
    #[arg(long)]
    pub seen: Option<u64>,
    /// Write the risk after every update to this CSV file.
    #[arg(long, value_name = "FILE.csv")]
    pub trace: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub struct Report {
    /// A sweep's directory.
    pub dir: PathBuf,
}

#[derive(Args, Debug)]
pub struct Status {
    /// A sweep's directory.
    pub dir: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}
