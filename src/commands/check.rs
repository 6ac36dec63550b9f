use std::path::PathBuf;

use anyhow::Context as _;
use serde_json::json;

use super::memory_option;
use crate::run::adapter;
use crate::run::recheck::{Rechecked, Runs, recheck};
use crate::run::stored::Stored;
use crate::signals;
use crate::streams::{print, tell};
use crate::threads;

const EXAMPLES: &str = "\
Examples:
  roundlaw check out/quickstart
  roundlaw check out/quickstart --all
  roundlaw check out/big --all --adapter auto
  roundlaw check out/big --runs 2000 --adapter cpu --json";

/// Compute stored runs again and compare every bit of their rows.
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// A sweep's directory.
    dir: PathBuf,
    /// Every stored run.
    #[arg(long, conflicts_with = "runs")]
    all: bool,
    /// So many of them, spread by a hash of their number. Where 59 agree, fewer than 5 % are wrong with 95 % confidence.
    #[arg(long, value_name = "N", default_value_t = 59, value_parser = clap::value_parser!(u64).range(1..))]
    runs: u64,
    /// Compute them on auto, cpu, an index or name from `roundlaw devices`, pci:BUS, or all-hardware; by default by the
    /// scalar reference.
    #[arg(long)]
    adapter: Option<String>,
    /// Memory of a GPU to use, at most, in GiB; by default 4 on a discrete one, 1 on an integrated one.
    #[arg(long, value_name = "GIB", value_parser = memory_option::bytes, requires = "adapter")]
    memory: Option<u64>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    threads::start()?;
    let directory = Stored::open(&args.dir)?;
    let watch = signals::watched()?;
    let adapter = args.adapter.as_ref().map(|name| {
        let lost = |line: &str| tell(&format!("warning: {line}"));
        adapter::open_telling(name, args.memory, &watch, lost).with_context(|| format!("--adapter {name}"))
    });
    let adapter = adapter.transpose()?;
    let runs = if args.all { Runs::All } else { Runs::Some(args.runs) };
    let Rechecked { stored, replayed, rows } = recheck(&directory, runs, adapter.as_deref(), &watch)?;
    match args.json {
        true => {
            let by = adapter.map_or("reference".into(), |adapter| adapter.origin().adapter);
            let document = json!({ "stored": stored, "replayed": replayed, "rows": rows, "adapter": by });
            print(&document.to_string())?;
        }
        false => print(&format!("{replayed} of {stored} stored runs replayed: every bit agrees"))?,
    }
    Ok(())
}
