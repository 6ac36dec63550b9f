use std::path::PathBuf;

use super::run_options::RunOptions;
use crate::plan::Plan;
use crate::run::whole::Work;
use crate::streams::tell;
use crate::{scheduler, signals, threads};

/// Run a config, check it, and write rows, the report, and the spectra of covariates from files.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Config file (TOML); paths in it are relative to its directory.
    config: PathBuf,
    /// Output directory; an existing one of the same config is continued.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    options: RunOptions,
    /// Run only seed indices i modulo n; auto/n takes i from the batch system and waits for a process that still runs it.
    #[arg(long, value_name = "I/N", default_value = "0/1")]
    shard: String,
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    let config = args.options.config(&args.config)?;
    let shard = scheduler::asked(&args.shard, config.sweep.seeds)?;
    let plan = Plan::new(config)?;
    threads::start()?;
    let RunOptions { adapter, memory, .. } = &args.options;
    let is_task = scheduler::shards_of_auto(&args.shard).is_some();
    let work = Work { plan: &plan, out: &args.out, shard, is_task, adapter, memory: *memory };
    let (summary, see) = work.run(signals::watched)?;
    let rate = summary.runs as f64 / summary.seconds.max(1e-9);
    tell(&format!(
        "{} runs in {:.1} s ({rate:.1} runs/s), {} checked bit for bit; see {}",
        summary.runs,
        summary.seconds,
        summary.checked,
        see.display()
    ));
    Ok(())
}
