use std::path::PathBuf;

use serde_json::{Map, Value};

use crate::config::Config;
use crate::error::Result;
use crate::plan::Plan;
use crate::run::predict::{Found, FoundMeans, Mean, Means, Place, PredictOptions, Predicted, RISKS};
use crate::run::predict::{of_directory, predict};
use crate::streams::{one_line, print, print_all, tell};
use crate::{signals, threads};

const EXAMPLES: &str = "\
Examples:
  roundlaw predict configs/quickstart.toml
  roundlaw predict configs/noise.toml --json --set train.step_size=0.05
  roundlaw predict configs/noise.toml --json --per-seed --set sweep.seeds=4
  roundlaw predict big.toml --prior --budget 600
  roundlaw predict out/quickstart";

/// The exact expected risk of every cell, without running any: under each seed's own sketch and target, and the mean.
///
/// Of a sweep's directory, predict.parquet is written beside the rows: each seed by itself.
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Config file (TOML), whose paths are relative to its directory, or a sweep's directory.
    source: PathBuf,
    /// Override a config key, as sweep.seeds=8 (repeatable).
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Average over the law of a target that is drawn per seed, in place of each seed's own.
    #[arg(long)]
    prior: bool,
    /// Print each seed by itself, not their mean.
    #[arg(long)]
    per_seed: bool,
    /// Seconds that the predictions may take, by estimate; cells beyond it, the most expensive ones, are named.
    #[arg(long, value_name = "SECONDS", default_value_t = 120.0, value_parser = seconds)]
    budget: f64,
    /// Print one JSON array, an object for each cell, number of samples seen and output.
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    threads::start()?;
    let (stored, plan) = match args.source.is_dir() {
        true => of_directory(&args.source, &args.set).map(|(stored, plan)| (Some(stored), plan))?,
        false => (None, Plan::new(Config::load(&args.source, &args.set)?)?),
    };
    let watch = signals::watched()?;
    let options = PredictOptions { prior: args.prior, budget: args.budget };
    let predicted = predict(&plan, &options, &watch)?;
    predicted.cautions().iter().for_each(|line| tell(&format!("warning: {line}")));
    if let Some(stored) = &stored {
        let path = predicted.write(stored, &options, &watch)?;
        if !args.json && !args.per_seed {
            return Ok(print(&one_line(&path.display().to_string()))?);
        }
    }
    let array = |objects: &mut dyn Iterator<Item = Map<String, Value>>| {
        print_array(objects.map(|object| Value::Object(object).to_string()))
    };
    match (args.json, args.per_seed) {
        (true, false) => array(&mut predicted.objects()),
        (true, true) => array(&mut predicted.objects_by_seed()),
        (false, per_seed) => print_table(&plan, &predicted, per_seed),
    }?;
    Ok(())
}

pub(super) fn seconds(text: &str) -> std::result::Result<f64, String> {
    let allowed = || "allowed is a finite number of seconds above 0".to_owned();
    text.parse().ok().filter(|seconds: &f64| *seconds > 0.0 && seconds.is_finite()).ok_or_else(allowed)
}

fn print_array(objects: impl Iterator<Item = String>) -> Result<()> {
    let lines = objects.enumerate().map(|(k, object)| if k == 0 { object } else { format!(",\n{object}") });
    print_all(["[".to_owned()].into_iter().chain(lines).chain(["]\n".to_owned()]))
}

/// One line of the table, its columns padded.
fn line(cells: &[String]) -> String {
    let (recipe, rest) = cells.split_last().map_or(("", cells), |(recipe, rest)| (recipe.as_str(), rest));
    let rest: Vec<String> = rest.iter().map(|text| format!("{text:>11}")).collect();
    format!("{}  {recipe}\n", rest.join(" "))
}

fn print_table(plan: &Plan, predicted: &Predicted, per_seed: bool) -> Result<()> {
    let settings = ["model", "samples", "batch", "step_size", "seen", "output"];
    let risks = if per_seed {
        ["excess", "reducible", "approximation", "quantized"].as_slice()
    } else {
        ["excess", "se", "reducible", "se", "quantized", "se"].as_slice()
    };
    let seed: &[&str] = if per_seed { &["seed_index"] } else { &[] };
    let head = ["cell"].iter().chain(seed).chain(&settings).chain(risks).chain(&["status"]).chain(&["recipe"]);
    let head = line(&head.map(|name| (*name).to_owned()).collect::<Vec<_>>());
    let begin = |place: &Place, seed_index: Option<u32>| {
        let cell = &plan.cells()[place.cell as usize];
        let (seed, step) = (seed_index.map(|index| index.to_string()), format!("{}", cell.step_size));
        let settings = [cell.model.to_string(), cell.samples.to_string(), cell.batch.to_string(), step];
        let state = [place.seen.to_string(), place.output.to_owned()];
        [place.cell.to_string()].into_iter().chain(seed).chain(settings).chain(state)
    };
    let end = |place: &Place| {
        let recipe = plan.config().recipe_names().nth(plan.cells()[place.cell as usize].recipe);
        [place.status.name().to_owned(), recipe.unwrap_or_default().to_owned()]
    };
    let number = |value: Option<f64>| {
        value.filter(|value| value.is_finite()).map_or("-".to_owned(), |value| format!("{value:.4e}"))
    };
    let mean = |mean: Option<Mean>| [mean.map(|mean| mean.mean), mean.and_then(|mean| mean.se)].map(number);
    let of_means = |(place, found): (Place, FoundMeans)| {
        let of = |of: fn(&Means) -> Mean| mean(found.risks.as_ref().map(of));
        let risks = [of(|means| means.excess), of(|means| means.reducible), of(|means| means.quantized_test)];
        line(&begin(&place, None).chain(risks.into_iter().flatten()).chain(end(&place)).collect::<Vec<_>>())
    };
    let of_seed = |(seed_index, place, found): (u32, Place, Found)| {
        let risks = RISKS.map(|(_, of)| number(found.risks.as_ref().map(of)));
        line(&begin(&place, Some(seed_index)).chain(risks).chain(end(&place)).collect::<Vec<_>>())
    };
    match per_seed {
        true => print_all([head].into_iter().chain(predicted.by_seed().map(of_seed))),
        false => print_all([head].into_iter().chain(predicted.means().map(of_means))),
    }
}
