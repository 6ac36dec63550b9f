use std::path::PathBuf;

use serde_json::json;

use crate::config::Config;
use crate::cpu::memory;
use crate::plan::{self, Plan};
use crate::run::warnings;
use crate::streams::print;
use crate::threads;
use crate::watch::Watch;

/// Say what a config will run and cost, and warn of what you would regret; run nothing.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Config file (TOML); paths in it are relative to its directory.
    config: PathBuf,
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
    let reference = cost.reference_seconds_per_seed * checked as f64;
    let seconds = (cost.seconds_per_seed * seeds as f64 + reference) / threads as f64;
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
        "seconds": seconds,
        "warnings": warnings,
    });
    if args.json {
        print(&document.to_string())?;
        return Ok(fits?);
    }
    print(&format!(
        "cells {}, runs {}, cohorts {cohorts} of {} blocks, {trajectories} trajectories\n\
         checked by the reference: {checked} of {seeds} seeds\n\
         memory {:.1} MiB ({:.1} MiB per cohort, {threads} at once)\n\
         work {:.3e} draws, {:.3e} projection products, {:.3e} training element-steps\n\
         time about {seconds:.1} s on {threads} cores (cpu adapter)",
        plan.cells.len(),
        plan.runs(),
        blocks / cohorts.max(1),
        bytes as f64 / 1048576.0,
        cohort_bytes as f64 / 1048576.0,
        cost.draws * seeds as f64,
        cost.projections * seeds as f64,
        cost.steps * seeds as f64,
    ))?;
    for warning in warnings {
        print(&format!("warning: {warning}"))?;
    }
    Ok(fits?)
}
