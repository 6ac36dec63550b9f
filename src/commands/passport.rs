//! `passport`: the known answers as a page for any browser, or as files for any WebGPU host.

use std::io::Write as _;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::Context as _;

use super::verify::progress::Progress;
use crate::bench::recorded;
use crate::error::{Error, Result};
use crate::files::write_whole;
use crate::passport::{Bundle, Recorder, Work, page, works};
use crate::run::adapter;
use crate::streams::{print, tell};
use crate::watch::Watch;
use crate::{signals, threads};

/// Codecs and kernels as a page that proves or refutes them on the GPU of any browser, or as files for other WebGPU hosts.
///
/// Cases of `verify` run here first, on an adapter that is opened with no more than every browser has; those whose bits are
/// the reference's go in, as shaders, parameters, inputs and the words that must come back. Kernels of `bench` go with
/// them, and what the page offers to save `roundlaw bench compare` reads.
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Write the page here.
    #[arg(long, value_name = "FILE.html", required_unless_present = "cases")]
    out: Option<PathBuf>,
    /// Write cases.json, the shaders and the words here.
    #[arg(long, value_name = "DIR")]
    cases: Option<PathBuf>,
    /// Where the cases run first: auto, an index or name from `roundlaw devices`, or pci:BUS; a software adapter does.
    #[arg(long, default_value = "auto")]
    adapter: String,
    /// Only what has this in its name, as codec/e4m3 or rates/; may be given several times.
    #[arg(long, value_name = "TEXT")]
    filter: Vec<String>,
}

const EXAMPLES: &str = "\
Examples:
  roundlaw passport --out passport.html
  roundlaw passport --cases golden --filter codec/e4m3";

pub fn run(args: &Args) -> anyhow::Result<()> {
    threads::start()?;
    let wanted = wanted(&args.filter)?;
    let watch = signals::watched()?;
    let choice = &args.adapter;
    let found = adapter::find(choice).with_context(|| format!("--adapter {choice}"))?;
    let index = found.ok_or_else(|| {
        let needs = "a passport needs a GPU, or a program that plays one, which runs its cases first";
        Error::NoAdapter(format!("{needs}: --adapter takes an index or name from `roundlaw devices`"))
    })?;
    let begun = Instant::now();
    let mut bundle = bundled(index, &wanted, &watch)?;
    let mut written = Vec::new();
    if let Some(dir) = &args.cases {
        bundle.write(dir)?;
        written.push(dir.display().to_string());
    }
    if let Some(path) = &args.out {
        let html = page::html(&mut bundle)?;
        write_whole(path, "passport", |file| file.write_all(html.as_bytes()).map_err(Error::io(path)))?;
        written.push(format!("{} ({:.1} MB)", path.display(), html.len() as f64 / 1e6));
    }
    let (cases, seconds) = (bundle.cases(), begun.elapsed().as_secs_f64());
    Ok(print(&format!("{cases} cases in {seconds:.1} s: {}", written.join(", ")))?)
}

/// What goes in.
struct Wanted {
    cases: Vec<Work>,
    /// With their names.
    rates: Vec<(String, recorded::Work)>,
}

fn wanted(filters: &[String]) -> Result<Wanted> {
    let is_wanted = |name: &str| filters.is_empty() || filters.iter().any(|filter| name.contains(filter.as_str()));
    let (mut cases, mut rates) = (works(), recorded::works());
    let all = cases.len() + rates.len();
    cases.retain(|work| is_wanted(&work.name));
    rates.retain(|(name, _)| is_wanted(name));
    match cases.is_empty() && rates.is_empty() {
        false => Ok(Wanted { cases, rates }),
        true => Err(Error::Input(format!(
            "--filter {}: none of the {all} cases has it in its name; allowed is a part of one, as codec/e4m3, \
             block/mxfp4/floor, kernel/train, rates/codec",
            filters.join(", ")
        ))),
    }
}

/// All of it, as that adapter answers it.
fn bundled(index: usize, Wanted { cases, rates }: &Wanted, watch: &Watch) -> Result<Bundle> {
    let recorder = Recorder::open(index)?;
    let mut bundle = Bundle::new(&recorder.probe()?);
    let progress = Progress::new(recorder.adapter(), cases.len() + rates.len(), watch);
    let mut left_out = 0;
    for work in cases {
        match progress.case(|watch| recorder.record(work, watch))? {
            Some(case) => bundle.add(&case)?,
            None => left_out += 1,
        }
    }
    for (name, work) in rates {
        bundle.time(name, &progress.case(|watch| work.record(recorder.portable(), watch))?);
    }
    drop(progress);
    if left_out > 0 {
        tell(&format!("{left_out} cases of subgroups are left out: this adapter has none, or not of one size"));
    }
    Ok(bundle)
}
