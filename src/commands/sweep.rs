use std::path::PathBuf;

use anyhow::Context as _;

use super::memory_option;
use crate::config::{Check, Config};
use crate::cpu::memory;
use crate::error::{Error, Result};
use crate::plan::{Plan, Shard};
use crate::run::{adapter, spectra, sweep, warnings};
use crate::signals;
use crate::store::paths;
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
    /// auto, cpu, an index or name from `roundlaw devices`, or pci:BUS.
    #[arg(long, default_value = "auto")]
    adapter: String,
    /// Memory of a GPU to use, at most, in GiB; by default 4 on a discrete one, 1 on an integrated one.
    #[arg(long, value_name = "GIB", value_parser = memory_option::bytes)]
    memory: Option<u64>,
    /// Cohorts redone by the reference: auto, all, off, or a number of seeds.
    #[arg(long)]
    check: Option<String>,
    /// Override a config key, as sweep.seeds=8 or 'recipe."NAME".feature.eps=0.1' (repeatable).
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Run only seed indices i modulo n.
    #[arg(long, value_name = "I/N", default_value = "0/1")]
    shard: String,
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    let mut config = Config::load(&args.config, &args.set)?;
    if let Some(check) = &args.check {
        config.sweep.check = Check::parse("--check", check)?;
    }
    let shard = shard(&args.shard, config.sweep.seeds)?;
    let plan = Plan::new(config)?;
    threads::start()?;
    memory::fits(&plan, rayon::current_num_threads() as u64)?;
    let watch = signals::watched()?;
    for warning in warnings::warnings(&plan, &watch.share(0.0))? {
        tell(&format!("warning: {warning}"));
    }
    let adapter = adapter::open_telling(&args.adapter, args.memory, &watch, |line| tell(&format!("warning: {line}")))
        .with_context(|| format!("--adapter {}", args.adapter))?;
    let summary = sweep::sweep(&plan, &args.out, shard, adapter.as_ref(), &watch)?;
    // What failed after this is no reason to run anything again.
    let out = args.out.display();
    spectra::write(&plan, &args.out, shard)
        .with_context(|| format!("the rows are in {out}, but not the spectra of the covariates"))?;
    super::report::write(&args.out, &watch)
        .with_context(|| format!("the rows are in {out}, but not the report: `roundlaw report {out}` writes it"))?;
    let rate = summary.runs as f64 / summary.seconds.max(1e-9);
    tell(&format!(
        "{} runs in {:.1} s ({rate:.1} runs/s), {} checked bit for bit; see {}",
        summary.runs,
        summary.seconds,
        summary.checked,
        paths::report(&args.out).display()
    ));
    Ok(())
}

/// The part of the sweep to run; of no more parts than there are seeds, so that none is empty.
fn shard(text: &str, seeds: u32) -> Result<Shard> {
    let shard = Shard::parse(text).map_err(|error| Error::Input(format!("--{error}")))?;
    match shard.of() <= seeds {
        true => Ok(shard),
        false => Err(Error::Input(format!("--shard {text}: allowed is i/n with n <= sweep.seeds = {seeds}"))),
    }
}
