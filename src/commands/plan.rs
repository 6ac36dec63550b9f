use std::path::PathBuf;

use anyhow::Context as _;
use serde_json::json;

use crate::config::Config;
use crate::cpu::memory;
use crate::plan::{self, Plan};
use crate::run::estimate::{self, Estimate};
use crate::run::{adapter, warnings};
use crate::signals;
use crate::streams::{print, tell};
use crate::threads;
use crate::watch::Watch;

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
    let threads = threads::number()? as u64;
    // The trials of the warnings are small.
    threads::start_or_alone();
    let (cost, fits) = (plan::cost(&plan), memory::fits(&plan, threads));
    // The warnings try the plan out in small, which takes its memory.
    let warnings = if fits.is_ok() { warnings::warnings(&plan, &Watch::default())? } else { Vec::new() };
    let (cohort_bytes, bytes) = memory::memory(&plan, threads);
    let seeds = u64::from(plan.config.sweep.seeds);
    let cohorts = plan.points.len() as u64 * seeds;
    let blocks = plan.points.iter().map(|p| p.samples.div_ceil(p.block)).sum::<u64>().saturating_mul(seeds);
    let trajectories = plan.points.iter().map(|p| p.trajectories.len() as u64).sum::<u64>() * seeds;
    let checked = u64::from(plan.checked_count());
    let work = |per_seed: f64| (per_seed * seeds as f64) as u64;
    let (estimate, adapter) =
        match adapter::find_all(&args.adapter).with_context(|| format!("--adapter {}", args.adapter))?.is_empty() {
            true => (estimate::of_cpu(&plan, threads as usize), "cpu".to_owned()),
            false => of_device(args, &plan, threads as usize)?,
        };
    let document = json!({
        "cells": plan.cells.len(),
        "runs": plan.runs(),
        "trajectories": trajectories,
        "cohorts": cohorts,
        "blocks": blocks,
        "checked_seeds": checked,
        "cohort_bytes": cohort_bytes,
        "bytes": bytes,
        "draws": work(cost.draws),
        "projection_products": work(cost.projections),
        "training_element_steps": work(cost.steps),
        "adapter": adapter,
        "seconds": estimate.total,
        "execution_seconds": estimate.execution,
        "evaluation_seconds": estimate.evaluation,
        "check_seconds": estimate.check,
        "warnings": warnings,
    });
    let place = if adapter == "cpu" { "the same cores" } else { &adapter };
    if args.json {
        print(&document.to_string())?;
        return Ok(fits?);
    }
    print(&format!(
        "cells {}, runs {}, cohorts {cohorts} of {}, {trajectories} trajectories\n\
         checked by the reference: {checked} of {seeds} seeds\n\
         memory {:.1} MiB ({:.1} MiB per cohort, {threads} at once)\n\
         work {:.3e} draws, {:.3e} projection products, {:.3e} training element-steps\n\
         time about {}: {} on {place}, {} of risks and rows and {} of the check on {threads} cores",
        plan.cells.len(),
        plan.runs(),
        of_each(blocks, cohorts),
        bytes as f64 / 1048576.0,
        cohort_bytes as f64 / 1048576.0,
        cost.draws * seeds as f64,
        cost.projections * seeds as f64,
        cost.steps * seeds as f64,
        time(estimate.total),
        time(estimate.execution),
        time(estimate.evaluation),
        time(estimate.check),
    ))?;
    for warning in warnings {
        print(&format!("warning: {warning}"))?;
    }
    Ok(fits?)
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

/// A GPU is opened as for a sweep: proved, and asked for its own time; with its name.
fn of_device(args: &Args, plan: &Plan, threads: usize) -> anyhow::Result<(Estimate, String)> {
    let watch = signals::watched()?;
    let adapter = adapter::open_telling(&args.adapter, None, &watch, |line| tell(&format!("warning: {line}")))
        .with_context(|| format!("--adapter {}", args.adapter))?;
    Ok((estimate::of_device(plan, threads, adapter.as_ref(), &watch)?, adapter.origin().adapter))
}
