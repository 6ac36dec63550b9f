mod table;

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::run::fit::{FitOptions, Fits, fits};
use crate::run::stored::Stored;
use crate::store::predictions::Found;
use crate::streams::{print, print_all, tell};
use crate::watch::Watch;
use crate::{signals, store, threads};

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
    for dir in &args.dirs {
        let (stored, found) = of_directory(dir, args, &watch)?;
        caution(&stored, &found);
        let objects: Vec<Value> =
            found.fits.iter().map(|(group, fit, row)| Value::Object(fit.object(group, row))).collect();
        write(&stored, &found, args, &objects, &watch)?;
        if !args.json {
            print_all(
                found.fits.iter().zip(&objects).map(|((group, fit, _), object)| table::text(group, fit, object)),
            )?;
        }
        let named = objects.into_iter().map(|mut object| {
            object["directory"] = dir.display().to_string().into();
            object
        });
        all.extend(named);
    }
    if args.json {
        print(&Value::Array(all).to_string())?;
    }
    Ok(())
}

fn of_directory(dir: &Path, args: &Args, watch: &Watch) -> Result<(Stored, Fits)> {
    let stored = Stored::open(dir)?;
    let options = FitOptions { resamples: args.resamples, budget: args.budget };
    let found = fits(&stored, &options, watch)?;
    if found.fits.is_empty() {
        return Err(Error::Input(format!("{}: no finished run to fit: `roundlaw sweep` first", dir.display())));
    }
    Ok((stored, found))
}

/// Writes fit.json into a sweep's directory, with the digest of the rows that were there.
fn write(stored: &Stored, found: &Fits, args: &Args, objects: &[Value], watch: &Watch) -> Result<()> {
    let dir = stored.contents.dir();
    let document = json!({
        "digest": found.digest,
        "identity": stored.sweep.identity,
        "stream_version": stored.sweep.stream_version,
        "seeds": stored.contents.seeds(),
        "resamples": args.resamples,
        "budget": args.budget,
        "predictions": match &found.expected {
            Found::Read(source) => json!(source),
            _ => Value::Null,
        },
        "fits": objects,
    });
    let _lock = store::lock_report(dir, watch)?;
    store::fits::write(dir, &document).map(drop)
}

/// A line for each thing that is missing.
fn caution(stored: &Stored, found: &Fits) {
    stored.unfinished(found.runs).iter().for_each(|line| tell(&format!("warning: {line}")));
    let dir = stored.contents.dir().display();
    let none = match found.expected {
        Found::Read(_) => None,
        Found::Nothing => Some("no z-scores, there is no predict.parquet"),
        Found::Others => Some("no z-scores, predict.parquet is of other rows"),
        Found::Prior => Some("no z-scores, predict.parquet has means over targets"),
    };
    none.iter().for_each(|none| tell(&format!("warning: {dir}: {none}: `roundlaw predict {dir}` writes each row's")));
    if !found.beyond.is_empty() {
        let points: Vec<String> = found.beyond.iter().map(usize::to_string).collect();
        let points = points.join(", ");
        tell(&format!(
            "warning: {dir}: floors of problem point {points} are read from the rows: closed forms take more than --budget"
        ));
    }
}
