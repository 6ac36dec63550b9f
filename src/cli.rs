//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::format::{Direction, Law, Noise, names};
use crate::row::Site;

/// Examples, what a recipe can hold, and the exit codes.
fn after() -> String {
    format!(
        "\
Examples:
  roundlaw plan configs/quickstart.toml
  roundlaw sweep configs/quickstart.toml --out out/quickstart
  roundlaw sweep big.toml --out out/big --set sweep.seeds=64 --check all --shard 0/4
  roundlaw replay out/quickstart --run 17

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

#[derive(Subcommand, Debug)]
pub enum Command {
    /// List adapters, their limits and how their arithmetic behaves.
    Devices(Devices),
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
