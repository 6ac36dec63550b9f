//! What a plan comes to: runs, memory, work, time, and what a user would regret.

use anyhow::Context as _;
use serde_json::{Value, json};

use super::estimate::{self, Estimate};
use super::{adapter, warnings};
use crate::cpu::memory;
use crate::error::Result;
use crate::plan::{self, Plan};
use crate::streams::tell;
use crate::threads;
use crate::watch::Watch;

/// What a plan comes to.
#[derive(Debug)]
pub struct Outline {
    pub cells: usize,
    pub runs: u64,
    pub trajectories: u64,
    pub cohorts: u64,
    pub blocks: u64,
    pub seeds: u64,
    /// Seeds that the reference redoes.
    pub checked: u64,
    /// Threads that compute, each a cohort.
    pub threads: u64,
    /// Memory of a cohort, and of as many as there are threads.
    pub cohort_bytes: u64,
    pub bytes: u64,
    /// Draws, projection products and training element-steps.
    pub work: [f64; 3],
    pub estimate: Estimate,
    /// The name of what runs it.
    pub adapter: String,
    pub warnings: Vec<String>,
    /// Whether it fits the memory that is left; where it does not nothing was looked through for warnings.
    pub fits: Result<()>,
}

/// What a plan comes to on the adapter that `--adapter` names. A GPU executes a piece of it, which `device_watch` may end;
/// `watch` may end the rest.
///
/// # Errors
/// Those of the adapter, and of a watch that asks to end.
pub fn outline(
    plan: &Plan,
    adapter: &str,
    watch: &Watch,
    device_watch: impl FnOnce() -> Result<Watch>,
) -> anyhow::Result<Outline> {
    let threads = threads::number()? as u64;
    let (cost, fits) = (plan::cost(plan), memory::fits(plan, threads));
    // The warnings try the plan out in small, which takes its memory.
    let warnings = if fits.is_ok() { warnings::warnings(plan, watch)? } else { Vec::new() };
    let (cohort_bytes, bytes) = memory::memory(plan, threads);
    let seeds = u64::from(plan.config.sweep.seeds);
    let blocks = plan.points.iter().map(|p| p.samples.div_ceil(p.block)).sum::<u64>().saturating_mul(seeds);
    let named = || format!("--adapter {adapter}");
    let (estimate, adapter) = match adapter::find_all(adapter).with_context(named)?.is_empty() {
        true => (estimate::of_cpu(plan, threads as usize), "cpu".to_owned()),
        false => {
            // Opened as for a sweep: proved, and asked for its own time.
            let watch = device_watch()?;
            let opened = adapter::open_telling(adapter, None, &watch, |line| tell(&format!("warning: {line}")));
            let opened = opened.with_context(named)?;
            let estimate = estimate::of_device(plan, threads as usize, opened.as_ref(), &watch)?;
            (estimate, opened.origin().adapter)
        }
    };
    Ok(Outline {
        cells: plan.cells.len(),
        runs: plan.runs(),
        trajectories: plan.points.iter().map(|p| p.trajectories.len() as u64).sum::<u64>() * seeds,
        cohorts: plan.points.len() as u64 * seeds,
        blocks,
        seeds,
        checked: u64::from(plan.checked_count()),
        threads,
        cohort_bytes,
        bytes,
        work: [cost.draws, cost.projections, cost.steps].map(|of_seed| of_seed * seeds as f64),
        estimate,
        adapter,
        warnings,
        fits,
    })
}

impl Outline {
    /// The document of `plan --json`.
    pub fn document(&self) -> Value {
        let [draws, projections, steps] = self.work.map(|work| work as u64);
        json!({
            "cells": self.cells,
            "runs": self.runs,
            "trajectories": self.trajectories,
            "cohorts": self.cohorts,
            "blocks": self.blocks,
            "checked_seeds": self.checked,
            "cohort_bytes": self.cohort_bytes,
            "bytes": self.bytes,
            "draws": draws,
            "projection_products": projections,
            "training_element_steps": steps,
            "adapter": self.adapter,
            "seconds": self.estimate.total,
            "execution_seconds": self.estimate.execution,
            "evaluation_seconds": self.estimate.evaluation,
            "check_seconds": self.estimate.check,
            "warnings": self.warnings,
        })
    }
}
