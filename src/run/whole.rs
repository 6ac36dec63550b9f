//! A sweep with all that belongs to it: warnings, adapter, rows, spectra and report.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;

use super::cohorts::Summary;
use super::{adapter, report, spectra, sweep, warnings};
use crate::cpu::memory;
use crate::error::Result;
use crate::plan::{Plan, Shard};
use crate::store::{self, paths};
use crate::streams::tell;
use crate::watch::Watch;

/// For so long a task waits for the process that has its shard, where it is what remains of its last attempt: a process
/// that is asked to end does so within seconds, a server learns within two minutes that a machine is gone.
const PATIENCE: Duration = Duration::from_secs(300);

/// What is to be run, and into which directory.
pub struct Work<'a> {
    pub plan: &'a Plan,
    pub out: &'a Path,
    pub shard: Shard,
    /// Whether a batch system started it as one of several: it waits for its last attempt, and makes no report.
    pub is_task: bool,
    /// As `--adapter` names it.
    pub adapter: &'a str,
    /// Bytes of a GPU's memory to use, at most.
    pub memory: Option<u64>,
}

impl Work<'_> {
    /// Runs what is missing; what came of it, and the file or directory to look at. `watch` is asked for once the plan is
    /// known to fit the memory.
    ///
    /// # Errors
    /// Those of the adapter, of [`sweep::sweep`], and of the files that follow it.
    pub fn run(&self, watch: impl FnOnce() -> Result<Watch>) -> anyhow::Result<(Summary, PathBuf)> {
        let Work { plan, out, shard, adapter: name, .. } = *self;
        memory::fits(plan, rayon::current_num_threads() as u64)?;
        let watch = watch()?;
        for warning in warnings::warnings(plan, &watch.share(0.0))? {
            tell(&format!("warning: {warning}"));
        }
        let adapter = adapter::open_telling(name, self.memory, &watch, |line| tell(&format!("warning: {line}")))
            .with_context(|| format!("--adapter {name}"))?;
        if self.is_task {
            store::wait_for_shard(out, shard, PATIENCE, &watch)?;
        }
        let summary = sweep::sweep(plan, out, shard, adapter.as_ref(), &watch)?;
        // What failed after this is no reason to run anything again.
        let dir = out.display();
        spectra::write(plan, out, shard)
            .with_context(|| format!("the rows are in {dir}, but not the spectra of the covariates"))?;
        // Of many tasks each would read the rows of all: the report is made when they are merged.
        if self.is_task {
            return Ok((summary, out.to_path_buf()));
        }
        report::write(out, &watch)
            .with_context(|| format!("the rows are in {dir}, but not the report: `roundlaw report {dir}` writes it"))?;
        Ok((summary, paths::report(out)))
    }
}
