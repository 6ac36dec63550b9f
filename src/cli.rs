//! The command line.

use clap::Parser;

use crate::commands::Command;
use crate::format::{Direction, Law, Noise, names};
use crate::site::Site;
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
