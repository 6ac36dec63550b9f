mod table;

use std::path::PathBuf;

use serde_json::Value;

use crate::run::fit::{FitOptions, named, of_directory};
use crate::streams::{print, print_all};
use crate::{signals, threads};

const EXAMPLES: &str = "\
Examples:
  roundlaw fit out/quickstart
  roundlaw predict out/quickstart && roundlaw fit out/quickstart --json
  roundlaw fit out/a out/b --resamples 4000";

/// Scaling laws of a directory's rows: exponents, effective model and data sizes, and what the rows do not identify.
///
/// Every interval is of 95 %, by bootstrap over seeds. Writes fit.json beside the rows, and compares them with the expected
/// risks that `predict DIR` wrote.
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Directories of sweeps.
    #[arg(required = true, value_name = "DIR")]
    dirs: Vec<PathBuf>,
    /// Resamples of the seeds behind every interval.
    #[arg(long, value_name = "COUNT", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(40..=100_000))]
    resamples: u32,
    /// Seconds that the closed forms of floors may take, by estimate; beyond it floors are read from the rows.
    #[arg(long, value_name = "SECONDS", default_value_t = 60.0, value_parser = super::predict::seconds)]
    budget: f64,
    /// Print one JSON array, an object for each directory, problem point, batch, step size and output.
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    threads::start()?;
    let watch = signals::watched()?;
    let mut all = Vec::new();
    let options = FitOptions { resamples: args.resamples, budget: args.budget };
    for dir in &args.dirs {
        let (found, objects) = of_directory(dir, &options, &watch)?;
        if !args.json {
            print_all(
                found.fits.iter().zip(&objects).map(|((group, fit, _), object)| table::text(group, fit, object)),
            )?;
        }
        all.extend(named(dir, objects));
    }
    if args.json {
        print(&Value::Array(all).to_string())?;
    }
    Ok(())
}
