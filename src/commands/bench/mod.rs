mod compare;
mod document;
mod measure;
mod table;

use crate::bench::Suite;
use crate::words;

/// Measure how fast an adapter is, on work whose bits are compared with the reference first; compare such measurements.
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub struct Args {
    #[command(subcommand)]
    compare: Option<Sub>,
    /// auto, cpu, an index or name from `roundlaw devices`, pci:BUS, or all.
    #[arg(long, default_value = "auto")]
    adapter: String,
    /// What to measure; by default all of it.
    #[arg(long, value_parser = suite, value_name = "peaks|kernels|sweeps")]
    suite: Option<Suite>,
    /// Time of one measurement with its repeats; by default 1 for peaks and kernels, 20 for sweeps.
    #[arg(long, value_parser = seconds)]
    seconds: Option<f64>,
    /// Print one JSON document: an object, of all adapters an array.
    #[arg(long)]
    json: bool,
}

#[derive(clap::Subcommand, Debug)]
enum Sub {
    /// Print measurements of `--json` side by side as Markdown, with ratios to the first one.
    Compare(compare::Args),
}

const EXAMPLES: &str = "\
Examples:
  roundlaw bench
  roundlaw bench --adapter all --suite kernels --json > kernels.json
  roundlaw bench --adapter 0 --suite sweeps --seconds 60
  roundlaw bench compare cpu.json gpu.json";

fn suite(word: &str) -> Result<Suite, String> {
    words::find(word).ok_or_else(|| format!("allowed are {}", words::listed::<Suite>()))
}

/// The longest measurement, a day.
const MOST_SECONDS: f64 = 86_400.0;

fn seconds(text: &str) -> Result<f64, String> {
    let allowed = || format!("allowed are numbers above 0, up to {MOST_SECONDS}");
    text.parse().ok().filter(|seconds| *seconds > 0.0 && *seconds <= MOST_SECONDS).ok_or_else(allowed)
}

/// Measures, or compares what was measured.
pub fn run(args: &Args) -> anyhow::Result<()> {
    match &args.compare {
        Some(Sub::Compare(args)) => compare::run(args),
        None => measure::run(args),
    }
}
