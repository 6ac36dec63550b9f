//! The command line.

use clap::{Args, Parser};
use serde::Serialize;

use crate::commands::Command;
use crate::format::{Direction, Law, Noise, names};
use crate::site::Site;

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
        Site::ALL.map(Site::name).join(", "),
        names(),
        Direction::ALL.map(Direction::name).join(", "),
        Noise::ALL.map(Noise::name).join(", "),
        Law::ALL.map(Law::name).join(", "),
    )
}

/// Scaling laws for low-precision training, every bit confirmed on the CPU.
#[derive(Parser, Debug)]
#[command(version, after_help = after())]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

/// A number format and its options, those of a recipe's site.
#[derive(Args, Debug, Default, PartialEq, Serialize)]
pub struct FormatOptions {
    /// A format of `roundlaw formats`, or any eXmY.
    #[arg(long)]
    pub format: Option<String>,
    /// nearest-even, nearest-away, toward-zero, up, down, stochastic, dither.
    #[arg(long)]
    pub rounding: Option<String>,
    /// Random bits of stochastic and dither: 8, 16, 32.
    #[arg(long)]
    pub bits: Option<u32>,
    /// Of stochastic: a, or b whose mean error is 0.
    #[arg(long)]
    pub variant: Option<String>,
    /// Of integers: a number or absmax; if it is no power of two, values are multiplied by its f32 reciprocal.
    #[arg(long)]
    pub step: Option<String>,
    /// Of integers: symmetric, full.
    #[arg(long)]
    pub range: Option<String>,
    /// Power of two that float and logarithmic formats are multiplied by.
    #[arg(long)]
    pub scale: Option<f64>,
    /// Elements that share a scale: 8, 16, 32, 64, vector.
    #[arg(long)]
    pub block: Option<String>,
    /// Of block formats: floor, rceil, even, ceil.
    #[arg(long)]
    pub scale_mode: Option<String>,
    /// Of nvfp4: the tensor's scale; without it, it follows from the largest magnitude.
    #[arg(long)]
    pub tensor_scale: Option<f64>,
    /// Beyond the largest value: saturate, ieee (infinity, or NaN where there is none).
    #[arg(long)]
    pub overflow: Option<String>,
    /// NaN, and NaN or infinity in a block: propagate, satfinite.
    #[arg(long)]
    pub nan: Option<String>,
    /// f32 inputs below 2^-126: honour, flush.
    #[arg(long)]
    pub subnormals: Option<String>,
    /// Exponent bias of a float format; of a logarithmic one the code of 1.
    #[arg(long, allow_hyphen_values = true)]
    pub bias: Option<i32>,
    /// What the top codes of a float format are: none, nan, ieee.
    #[arg(long)]
    pub specials: Option<String>,
    /// Whether a float format has subnormal numbers: true, false.
    #[arg(long)]
    pub gradual_underflow: Option<bool>,
    /// Of logarithmic formats: values per octave, 1 to 16.
    #[arg(long)]
    pub roots: Option<u32>,
}
