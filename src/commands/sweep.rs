use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;

use super::run_options::RunOptions;
use crate::cpu::memory;
use crate::error::{Error, Result};
use crate::plan::{Plan, Shard};
use crate::run::{adapter, spectra, sweep, warnings};
use crate::scheduler;
use crate::signals;
use crate::store::{self, paths};
use crate::streams::tell;
use crate::threads;

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

/// For so long a task waits for the process that has its shard, where it is what remains of its last attempt: a process
/// that is asked to end does so within seconds, a server learns within two minutes that a machine is gone.
const PATIENCE: Duration = Duration::from_secs(300);

pub fn run(args: &Args) -> anyhow::Result<()> {
    let config = args.options.config(&args.config)?;
    let shard = shard(&args.shard, config.sweep.seeds)?;
    let plan = Plan::new(config)?;
    threads::start()?;
    memory::fits(&plan, rayon::current_num_threads() as u64)?;
    let watch = signals::watched()?;
    for warning in warnings::warnings(&plan, &watch.share(0.0))? {
        tell(&format!("warning: {warning}"));
    }
    let RunOptions { adapter: name, memory, .. } = &args.options;
    let adapter = adapter::open_telling(name, *memory, &watch, |line| tell(&format!("warning: {line}")))
        .with_context(|| format!("--adapter {name}"))?;
    let is_task = scheduler::shards_of_auto(&args.shard).is_some();
    if is_task {
        store::wait_for_shard(&args.out, shard, PATIENCE, &watch)?;
    }
    let summary = sweep::sweep(&plan, &args.out, shard, adapter.as_ref(), &watch)?;
    // What failed after this is no reason to run anything again.
    let out = args.out.display();
    spectra::write(&plan, &args.out, shard)
        .with_context(|| format!("the rows are in {out}, but not the spectra of the covariates"))?;
    // Of many tasks each would read the rows of all: the report is made when they are merged.
    let see = if is_task {
        args.out.clone()
    } else {
        super::report::write(&args.out, &watch)
            .with_context(|| format!("the rows are in {out}, but not the report: `roundlaw report {out}` writes it"))?;
        paths::report(&args.out)
    };
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

/// The part of the sweep to run; of no more parts than there are seeds, so that none is empty.
pub(super) fn shard(text: &str, seeds: u32) -> Result<Shard> {
    let shard = match scheduler::shards_of_auto(text) {
        Some(of) => scheduler::shard(of, scheduler::variable)?,
        None => Shard::parse(text).map_err(|error| Error::Input(format!("--{error}")))?,
    };
    match shard.of() <= seeds {
        true => Ok(shard),
        false => Err(Error::Input(format!("--shard {text}: allowed is i/n with n <= sweep.seeds = {seeds}"))),
    }
}
