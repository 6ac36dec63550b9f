use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::adapter::Adapter;
use crate::cli::Sweep;
use crate::config::{Check, Config};
use crate::error::{Error, Result};
use crate::plan::Plan;
use crate::{estimate, measured, resolved, runner, warnings};

pub fn run(args: &Sweep) -> Result<()> {
    let mut config = Config::load(&args.config, &args.set)?;
    if let Some(check) = &args.check {
        config.sweep.check = Check::parse(check)?;
    }
    let shard = parse_shard(&args.shard, config.sweep.seeds)?;
    let plan = Plan::new(config)?;
    estimate::fits(&plan, rayon::current_num_threads() as u64)?;
    for warning in warnings::warnings(&plan) {
        eprintln!("warning: {warning}");
    }
    let adapter = Adapter::open(&args.adapter)?;
    let stop = interrupt_flag()?;
    let settings = resolved::settings(&plan)?;
    let origin = adapter.origin();
    eprintln!("{} runs on {}", plan.runs(), origin.adapter);
    let summary = runner::sweep(&plan, &settings, &args.out, shard, &adapter, &stop)?;
    measured::write(&plan, &args.out, shard)?;
    super::report::write(&args.out)?;
    let rate = summary.runs as f64 / summary.seconds.max(1e-9);
    eprintln!(
        "{} runs in {:.1} s ({rate:.1} runs/s), {} checked bit for bit; see {}",
        summary.runs,
        summary.seconds,
        summary.checked,
        Path::new(&args.out).join("report.html").display()
    );
    Ok(())
}

fn parse_shard(text: &str, seeds: u32) -> Result<(u32, u32)> {
    let parsed = text.split_once('/').and_then(|(i, n)| Some((i.parse().ok()?, n.parse().ok()?)));
    match parsed {
        Some((i, n)) if i < n && n <= seeds => Ok((i, n)),
        _ => Err(Error::Input(format!("--shard {text}: allowed is i/n with i < n <= sweep.seeds = {seeds}"))),
    }
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
