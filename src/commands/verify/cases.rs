//! `verify`: the program's own cases on the adapters asked for.

use std::time::Instant;

use anyhow::Context as _;
use serde_json::{Value, json};

use super::Args;
use super::progress::Progress;
use crate::error::{Error, Result};
use crate::gpu::{self, Gpu};
use crate::run::adapter;
use crate::signals;
use crate::streams::print;
use crate::verify::{self, Case, Device, Level, Outcome, Verdict};
use crate::watch::Watch;

pub fn run(args: &Args) -> anyhow::Result<()> {
    let cases = chosen(args.level, args.filter.as_deref())?;
    if args.list {
        let names: Vec<&str> = cases.iter().map(|case| case.name.as_str()).collect();
        return Ok(print(&if args.json { json!(names).to_string() } else { names.join("\n") })?);
    }
    let watch = signals::watched()?;
    let adapters = match args.adapter.as_str() {
        "all" => std::iter::once(None).chain(gpu::adapters().into_iter().map(|info| Some(info.index))).collect(),
        choice => vec![adapter::find(choice).with_context(|| format!("--adapter {choice}"))?],
    };
    let tested: Vec<Tested> = adapters.iter().map(|index| test(args, &cases, *index, &watch)).collect::<Result<_>>()?;
    if args.json {
        let documents: Vec<Value> = tested.iter().map(|tested| tested.document(args.level)).collect();
        print(&json!(documents).to_string())?;
    }
    match tested.iter().map(|tested| tested.count(Outcome::Fail)).sum() {
        0 => Ok(()),
        failed => Err(Error::Mismatch(format!("{failed} cases failed")).into()),
    }
}

/// The cases of a level that a filter leaves; a whole name is that case alone.
fn chosen(level: Level, filter: Option<&str>) -> Result<Vec<Case>> {
    let mut cases = verify::cases(level);
    let Some(filter) = filter else { return Ok(cases) };
    let all = cases.len();
    let whole = cases.iter().any(|case| case.name == filter);
    cases.retain(|case| if whole { case.name == filter } else { case.name.contains(filter) });
    if cases.is_empty() {
        return Err(Error::Input(format!(
            "--filter {filter}: none of the {all} cases has it in its name; allowed is a part of one, as codec/e4m3, \
             block/mxfp4/floor, kernel/train (`--list` shows all)"
        )));
    }
    Ok(cases)
}

/// An adapter under test.
struct UnderTest {
    name: String,
    /// What `--adapter` takes for it.
    choice: String,
    fingerprint: String,
    /// `None` is the CPU; an adapter that cannot be opened, of several, is told with the reason.
    gpu: Result<Option<Gpu>>,
}

impl UnderTest {
    fn open(index: Option<usize>, is_one_of_all: bool) -> Result<UnderTest> {
        let choice = index.map_or("cpu".to_string(), |index| index.to_string());
        let (name, fingerprint, gpu) = match index.map(Gpu::open) {
            None => ("cpu".to_string(), adapter::open("cpu")?.origin().fingerprint, Ok(None)),
            Some(Ok(gpu)) => {
                let name = format!("{} ({})", gpu.info.name, gpu.info.backend);
                (name, gpu.fingerprint().to_string(), Ok(Some(gpu)))
            }
            Some(Err(reason)) if is_one_of_all => (format!("adapter {choice}"), "refused".to_string(), Err(reason)),
            Some(Err(reason)) => return Err(reason),
        };
        Ok(UnderTest { name, choice, fingerprint, gpu })
    }

    /// One case that cannot run leaves the others to be told.
    fn verdict(&self, case: &Case, level: Level, watch: &Watch) -> Result<Verdict> {
        let device = match &self.gpu {
            Ok(None) => Device::Cpu,
            Ok(Some(gpu)) => Device::Gpu(gpu),
            Err(reason) => return Ok(Verdict::Unsupported(reason.to_string())),
        };
        match verify::run(case, &device, level, watch) {
            Err(error) if !watch.is_stopped() => Ok(Verdict::Fail(vec![error.to_string()])),
            ended => ended,
        }
    }
}

/// What came of a case.
struct Told {
    case: String,
    verdict: Verdict,
    seconds: f64,
    /// The command that runs this case again.
    again: String,
}

impl Told {
    /// Lines beside the verdict.
    fn detail(&self) -> Vec<String> {
        match &self.verdict {
            Verdict::Pass(_) => Vec::new(),
            Verdict::Fail(lines) | Verdict::Fault(lines) => {
                lines.iter().cloned().chain([format!("again: {}", self.again)]).collect()
            }
            Verdict::Unsupported(reason) => vec![reason.clone()],
        }
    }

    fn line(&self, adapter: &str) -> String {
        let detail: String = self.detail().iter().map(|line| format!("\n    {line}")).collect();
        format!("{adapter} {}: {}{detail}", self.case, self.verdict.outcome().name())
    }

    fn document(&self) -> Value {
        json!({
            "name": self.case,
            "verdict": self.verdict.outcome().name(),
            "compared": if let Verdict::Pass(count) = self.verdict { count } else { 0 },
            "seconds": self.seconds,
            "detail": self.detail(),
        })
    }
}

/// All cases on one adapter.
struct Tested {
    adapter: String,
    fingerprint: String,
    cases: Vec<Told>,
}

impl Tested {
    /// Cases that ended so.
    fn count(&self, outcome: Outcome) -> u64 {
        self.cases.iter().filter(|case| case.verdict.outcome() == outcome).count() as u64
    }

    fn line(&self, seconds: f64) -> String {
        let [passed, failed, faults, unsupported] =
            [Outcome::Pass, Outcome::Fail, Outcome::Fault, Outcome::Unsupported].map(|outcome| self.count(outcome));
        let Tested { adapter, fingerprint, .. } = self;
        let faults = if faults == 0 { String::new() } else { format!("{faults} faults of the driver, ") };
        format!(
            "{adapter}: {passed} passed, {failed} failed, {faults}{unsupported} unsupported in {seconds:.1} s; \
             {fingerprint}"
        )
    }

    fn document(&self, level: Level) -> Value {
        json!({
            "adapter": self.adapter,
            "fingerprint": self.fingerprint,
            "level": level.name(),
            "passed": self.count(Outcome::Pass),
            "failed": self.count(Outcome::Fail),
            "faults": self.count(Outcome::Fault),
            "unsupported": self.count(Outcome::Unsupported),
            "cases": self.cases.iter().map(Told::document).collect::<Vec<_>>(),
        })
    }
}

/// All cases on one adapter, told as they end.
fn test(args: &Args, cases: &[Case], index: Option<usize>, watch: &Watch) -> Result<Tested> {
    let adapter = UnderTest::open(index, args.adapter == "all")?;
    let full = args.level == Level::Full;
    let start = Instant::now();
    let progress = Progress::new(&adapter.name, cases.len(), watch);
    let (name, fingerprint) = (adapter.name.clone(), adapter.fingerprint.clone());
    let mut tested = Tested { adapter: name, fingerprint, cases: Vec::new() };
    for case in cases {
        let begun = Instant::now();
        let verdict = progress.case(|watch| adapter.verdict(case, args.level, watch));
        let verdict = verdict.map_err(|error| match error {
            Error::Incomplete(_) => {
                Error::Incomplete(format!("stopped after {} of {} cases", tested.cases.len(), cases.len()))
            }
            error => error,
        })?;
        let seconds = begun.elapsed().as_secs_f64();
        let (name, level) = (&adapter.name, if full { " --level full" } else { "" });
        let again = format!("roundlaw verify --adapter {}{level} --filter {}", adapter.choice, case.name);
        let told = Told { case: case.name.clone(), verdict, seconds, again };
        let is_told = full || args.verbose || !matches!(told.verdict, Verdict::Pass(_));
        if is_told && !args.json {
            progress.suspend(|| print(&told.line(name)))?;
        }
        tested.cases.push(told);
    }
    drop(progress);
    if !args.json {
        print(&tested.line(start.elapsed().as_secs_f64()))?;
    }
    Ok(tested)
}
