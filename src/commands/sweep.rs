use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::cli::Sweep;
use crate::config::{Check, Config};
use crate::cpu::memory;
use crate::error::{Error, Result};
use crate::plan::{Plan, Shard};
use crate::run::adapter::Adapter;
use crate::run::{spectra, sweep, warnings};
use crate::store::paths;

pub fn run(args: &Sweep) -> Result<()> {
    let mut config = Config::load(&args.config, &args.set)?;
    if let Some(check) = &args.check {
        config.sweep.check = Check::parse(check)?;
    }
    let shard = Shard::parse(&args.shard, config.sweep.seeds)?;
    let plan = Plan::new(config)?;
    memory::fits(&plan, rayon::current_num_threads() as u64)?;
    for warning in warnings::warnings(&plan) {
        eprintln!("warning: {warning}");
    }
    let adapter = Adapter::open(&args.adapter)?;
    let stop = interrupt_flag()?;
    let origin = adapter.origin();
    eprintln!("{} runs on {}", plan.runs(), origin.adapter);
    let summary = sweep::sweep(&plan, &args.out, shard, &adapter, &stop)?;
    spectra::write(&plan, &args.out, shard)?;
    super::report::write(&args.out)?;
    let rate = summary.runs as f64 / summary.seconds.max(1e-9);
    eprintln!(
        "{} runs in {:.1} s ({rate:.1} runs/s), {} checked bit for bit; see {}",
        summary.runs,
        summary.seconds,
        summary.checked,
        paths::report(&args.out).display()
    );
    Ok(())
}

/// Set by the first Ctrl-C: the part in flight is finished. A second one ends at once.
fn interrupt_flag() -> Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = stop.clone();
    ctrlc::set_handler(move || {
        if flag.swap(true, Ordering::Relaxed) {
            std::process::exit(crate::error::exit::INCOMPLETE.into());
        }
        eprintln!("stopping after the part in flight (again to stop at once)");
    })
    .map_err(|e| Error::Other(format!("Ctrl-C cannot be handled: {e}")))?;
    Ok(stop)
}
