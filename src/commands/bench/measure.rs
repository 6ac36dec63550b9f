//! `bench`: the suites on the adapters asked for.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use strum::VariantArray as _;

use super::{Args, document, table};
use crate::bench::head::{Head, verified_digest};
use crate::bench::{Bench, Row, Suite};
use crate::error::{Error, Result};
use crate::gpu::{self, Gpu};
use crate::machine::machine;
use crate::run::adapter;
use crate::run::rows::Origin;
use crate::signals;
use crate::streams::{one_line, print, tell};
use crate::threads;
use crate::verify::Device;
use crate::watch::Watch;

pub fn run(args: &Args) -> anyhow::Result<()> {
    threads::start()?;
    let watch = signals::watched()?;
    let is_of_all = args.adapter == "all";
    let adapters = match args.adapter.as_str() {
        "all" => std::iter::once(None).chain(gpu::adapters().into_iter().map(|info| Some(info.index))).collect(),
        choice => vec![adapter::find(choice).with_context(|| format!("--adapter {choice}"))?],
    };
    let (mut documents, mut wrong) = (Vec::new(), 0);
    for index in adapters {
        match one(args, index, &watch) {
            Ok(measured) => {
                wrong += measured.wrong();
                documents.push(document::of(&measured.head, &measured.rows));
            }
            // Of several, one that cannot be opened is told with the reason.
            Err(error @ Error::NoAdapter(_)) if is_of_all => {
                tell(&format!("warning: {error}"));
                let adapter = index.map_or("cpu".into(), |index| format!("adapter {index}"));
                let origin = Origin { adapter, fingerprint: format!("refused: {error}"), ..Origin::default() };
                let head = Head { origin, machine: machine(), clock: "wall", digest: None };
                documents.push(document::of(&head, &[]));
            }
            Err(error) => return Err(error.into()),
        }
    }
    if args.json {
        print(&if is_of_all { json!(documents) } else { documents.pop().unwrap_or(Value::Null) }.to_string())?;
    }
    match wrong {
        0 => Ok(()),
        count => Err(Error::Mismatch(format!("{count} results are not those of the reference")).into()),
    }
}

/// What came of one adapter.
struct Measured {
    head: Head,
    rows: Vec<Row>,
}

impl Measured {
    /// Results with other bits than the reference's.
    fn wrong(&self) -> usize {
        self.rows.iter().filter(|row| !row.verified).count() + usize::from(self.head.digest.is_none())
    }
}

/// Everything asked for of one adapter; rows are printed as they come.
fn one(args: &Args, index: Option<usize>, watch: &Watch) -> Result<Measured> {
    let choice = index.map_or("cpu".to_string(), |index| index.to_string());
    let adapter = adapter::open_telling(&choice, None, watch, |line| tell(&format!("warning: {line}")))?;
    let gpu = index.map(Gpu::open).transpose()?;
    let origin = adapter.origin();
    let mut progress = Progress::new(&origin.adapter);
    progress.begin("a small sweep, every run checked");
    let head = Head {
        machine: machine(),
        clock: if gpu.as_ref().is_some_and(Gpu::has_timestamps) { "timestamps" } else { "wall" },
        digest: verified_digest(adapter.as_ref(), watch)?,
        origin,
    };
    if !args.json {
        progress.aside(|| print(&format!("{}\n{}", head.lines(), table::head())))?;
    }
    let suites: Vec<Suite> = args.suite.map_or(Suite::VARIANTS.to_vec(), |suite| vec![suite]);
    let mut rows = Vec::new();
    let progress = &std::cell::RefCell::new(progress);
    let mut bench = Bench {
        device: gpu.as_ref().map_or(Device::Cpu, Device::Gpu),
        adapter: adapter.as_ref(),
        seconds: args.seconds,
        watch,
        begins: &mut |name| progress.borrow_mut().begin(name),
        row: &mut |row| {
            if !args.json {
                progress.borrow_mut().aside(|| print(&table::line(&row)))?;
            }
            rows.push(row);
            Ok(())
        },
    };
    bench.run(&suites)?;
    Ok(Measured { head, rows })
}

const SILENCE: Duration = Duration::from_secs(30);

/// What is measured at the moment, on stderr: a line that changes on a terminal, else one per 30 seconds.
struct Progress {
    adapter: String,
    bar: Option<ProgressBar>,
    spoken: Instant,
}

impl Progress {
    fn new(adapter: &str) -> Progress {
        let adapter = one_line(adapter).into_owned();
        let bar = std::io::stderr().is_terminal().then(|| {
            let style =
                ProgressStyle::with_template("{prefix}: {msg}").unwrap_or_else(|_| ProgressStyle::default_bar());
            ProgressBar::no_length().with_style(style).with_prefix(adapter.clone())
        });
        Progress { adapter, bar, spoken: Instant::now() }
    }

    fn begin(&mut self, name: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(name.to_string());
            bar.tick();
        } else if self.spoken.elapsed() >= SILENCE {
            tell(&format!("{}: {name}", self.adapter));
            self.spoken = Instant::now();
        }
    }

    /// Prints without the line in between.
    fn aside<T>(&self, print: impl FnOnce() -> T) -> T {
        match &self.bar {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
