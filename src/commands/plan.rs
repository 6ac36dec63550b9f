use std::path::PathBuf;

use crate::config::Config;
use crate::plan::Plan;
use crate::run::outline::{Outline, outline};
use crate::streams::print;
use crate::watch::Watch;
use crate::{signals, threads};

/// Say what a config will run and cost, and warn of what you would regret; keep nothing.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Config file (TOML); paths in it are relative to its directory.
    config: PathBuf,
    /// Where it is to run: auto, cpu, an index or name from `roundlaw devices`, pci:BUS, or all-hardware. The time of the
    /// CPU is estimated by rates that are known; a GPU executes a piece of the plan for about a second.
    #[arg(long, default_value = "cpu")]
    adapter: String,
    /// Override a config key, as sweep.seeds=8 or 'recipe."NAME".feature.eps=0.1' (repeatable).
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    let plan = Plan::new(Config::load(&args.config, &args.set)?)?;
    // The trials of the warnings are small.
    threads::start_or_alone();
    let found = outline(&plan, &args.adapter, &Watch::default(), signals::watched)?;
    if args.json {
        print(&found.document().to_string())?;
        return Ok(found.fits?);
    }
    let place = if found.adapter == "cpu" { "the same cores" } else { &found.adapter };
    let Outline { cells, runs, cohorts, blocks, trajectories, checked, seeds, threads, work, estimate, .. } = &found;
    let [draws, projections, steps] = work;
    print(&format!(
        "cells {cells}, runs {runs}, cohorts {cohorts} of {}, {trajectories} trajectories\n\
         checked by the reference: {checked} of {seeds} seeds\n\
         memory {:.1} MiB ({:.1} MiB per cohort, {threads} at once)\n\
         work {draws:.3e} draws, {projections:.3e} projection products, {steps:.3e} training element-steps\n\
         time about {}: {} on {place}, {} of risks and rows and {} of the check on {threads} cores",
        of_each(*blocks, *cohorts),
        found.bytes as f64 / 1048576.0,
        found.cohort_bytes as f64 / 1048576.0,
        time(estimate.total),
        time(estimate.execution),
        time(estimate.evaluation),
        time(estimate.check),
    ))?;
    for warning in &found.warnings {
        print(&format!("warning: {warning}"))?;
    }
    Ok(found.fits?)
}

/// Blocks of a cohort, on average.
fn of_each(blocks: u64, cohorts: u64) -> String {
    match blocks / cohorts.max(1) {
        1 => "1 block".into(),
        several => format!("{several} blocks"),
    }
}

/// In the unit that a user would say it in.
fn time(seconds: f64) -> String {
    const HOUR: f64 = 3600.0;
    const DAY: f64 = 24.0 * HOUR;
    const YEAR: f64 = 365.25 * DAY;
    match seconds {
        s if s < 0.05 => "less than 0.1 s".into(),
        s if s < 120.0 => format!("{s:.1} s"),
        s if s < 2.0 * HOUR => format!("{:.0} min", s / 60.0),
        s if s < 3.0 * DAY => format!("{:.1} h", s / HOUR),
        s if s < 2.0 * YEAR => format!("{:.0} days", s / DAY),
        s => format!("{:.3e} years", s / YEAR),
    }
}
