//! Whole sweeps, by the function that `roundlaw sweep` calls, into a directory that is deleted: first a small one whose
//! every run the reference redoes, then as much of it without a check as fits into the time.

use std::path::{Path, PathBuf};
use std::time::Instant;

use super::repeat::{Timing, repeat_one};
use super::{Bench, Row, Suite, rate};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::plan::{Plan, Shard, cost};
use crate::run::cohorts::{SweepOptions, sweep as without_directory};
use crate::run::sweep::sweep_telling;
use crate::streams::tell;

/// How much of a sweep runs.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Amount {
    seeds: u32,
    /// The largest N.
    samples: u64,
}

/// A sweep that is measured.
struct Case {
    name: &'static str,
    /// What it is of, N and seeds left out.
    problem: String,
    /// The config but N and seeds.
    text: String,
    full: Amount,
    least: u64,
    /// Whether N is all of 256, 512, ... up to the largest.
    doubles: bool,
}

const PROBLEM: &str = "spectrum = { kind = \"power\", exponent = 1.5 }\nnoise = 0.5\n";

/// Of the grid: none, floats, blocks and integers; with one data format, so that all share a projection.
const GRID_RECIPES: [&str; 8] = [
    "",
    "feature = \"e4m3\"",
    "feature = \"e5m2\"",
    "feature = \"mxfp8\"",
    "feature = \"mxfp4\"",
    "feature = { format = \"int8\", step = 0.03125 }",
    "weight = { format = \"int8\", step = 0.03125, rounding = \"stochastic\" }",
    "feature = \"e4m3\"\nparameter = \"e4m3\"",
];

impl Case {
    fn all() -> Vec<Case> {
        let recipe = |text: &str| format!("[[recipe]]\nname = \"r\"\n{text}\n");
        let named = |(k, text): (usize, &&str)| format!("[[recipe]]\nname = \"r{k}\"\n{text}\n");
        let one = |model: u32| Case {
            name: "one recipe",
            problem: format!("D = 2000, M = {model}, N = 4000"),
            text: format!(
                "[problem]\ndim = 2000\n{PROBLEM}{}[train]\nmodel = {model}\n",
                // TOML takes tables of arrays in between.
                recipe("data = \"e4m3\"\nfeature = \"e4m3\"")
            ),
            full: Amount { seeds: 512, samples: 4000 },
            least: 250,
            doubles: false,
        };
        let mut cases: Vec<Case> = [32, 128, 512].map(one).into();
        cases.push(Case {
            name: "grid",
            problem: "D = 2000, M = 4 to 512, N = 256 to 32768, 8 recipes".into(),
            text: format!(
                "[problem]\ndim = 2000\n{PROBLEM}{}[train]\nmodel = {{ from = 4, to = 512, mul = 2 }}\n",
                GRID_RECIPES.iter().enumerate().map(named).collect::<String>()
            ),
            full: Amount { seeds: 16, samples: 32_768 },
            least: 256,
            doubles: true,
        });
        cases.push(Case {
            name: "many small runs",
            problem: "D = 200, M = 16, N = 256, 2 recipes".into(),
            text: format!(
                "[problem]\ndim = 200\n{PROBLEM}{}[train]\nmodel = 16\n",
                ["", "feature = \"e4m3\""].iter().enumerate().map(named).collect::<String>()
            ),
            full: Amount { seeds: 100_000, samples: 256 },
            least: 256,
            doubles: false,
        });
        cases
    }

    fn plan(&self, amount: Amount, check: &str) -> Result<Plan> {
        let Amount { seeds, samples } = amount;
        let list = match self.doubles {
            true => format!("{{ from = {}, to = {samples}, mul = 2 }}", self.least),
            false => samples.to_string(),
        };
        let text = format!("{}samples = {list}\n[sweep]\nseeds = {seeds}\ncheck = \"{check}\"\n", self.text);
        Plan::new(Config::parse(&text, &[])?)
    }

    /// What ran of the whole.
    fn size(&self, ran: Amount) -> String {
        let Amount { seeds, samples } = ran;
        let shorter = if samples < self.full.samples { format!(", largest N {samples}") } else { String::new() };
        format!("{}; {seeds} of {} seeds{shorter}", self.problem, self.full.seeds)
    }
}

/// All of them.
pub fn measure(bench: &mut Bench) -> Result<()> {
    for case in Case::all() {
        bench.begin(&format!("{}, {}: every run of a small one checked", case.name, case.problem))?;
        let verified = is_verified(bench, &case)?;
        bench.begin(&format!("{}, {}", case.name, case.problem))?;
        let amount = fitting(bench, &case)?;
        let plan = case.plan(amount, "off")?;
        let timing = repeat_one(bench.seconds(Suite::Sweeps), bench.watch, || seconds(bench, &plan))?;
        for row in rows(&case, amount, &plan, timing, verified) {
            bench.finish(row)?;
        }
    }
    Ok(())
}

fn rows(case: &Case, amount: Amount, plan: &Plan, timing: Timing, verified: bool) -> [Row; 2] {
    let samples: u64 = plan.cells().iter().map(|cell| cell.samples).sum();
    let run_samples = samples as f64 * f64::from(amount.seeds);
    let row = |unit, work, timing| rate(Suite::Sweeps, case.name, case.size(amount), unit, work, timing, verified);
    // Of the same repeats, whose drift is told once.
    let same = Timing { drift: None, ..timing };
    [row("run-samples/s", run_samples, timing), row("runs/s", plan.runs() as f64, same)]
}

/// Whether the reference finds every bit of a small sweep, with all recipes and M.
fn is_verified(bench: &Bench, case: &Case) -> Result<bool> {
    let plan = case.plan(Amount { seeds: 2, samples: case.least }, "all")?;
    let options = SweepOptions { watch: bench.watch.share(0.0), ..SweepOptions::default() };
    match without_directory(&plan, bench.adapter, &options, |_| Ok(())) {
        Ok(summary) => Ok(summary.checked == summary.runs),
        Err(Error::Mismatch(reason)) => {
            tell(&format!("warning: {}: {reason}", case.name));
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

/// As much of the sweep as takes a third of the time, by what smaller amounts took: few cohorts tell little of a GPU, so
/// they grow until they tell enough.
fn fitting(bench: &Bench, case: &Case) -> Result<Amount> {
    let budget = bench.seconds(Suite::Sweeps) / 3.0;
    // As many as keep all threads busy.
    let seeds = (bench.adapter.executions_at_once() as u32).min(case.full.seeds);
    let least = Amount { seeds, samples: case.least };
    let mut amount = least;
    loop {
        let plan = case.plan(amount, "off")?;
        let took = seconds(bench, &plan)?;
        if took >= budget / 4.0 || amount == case.full {
            return Ok(amount);
        }
        let rate = cost(&plan).seconds_per_seed * f64::from(amount.seeds) / took;
        let larger = grown(case, least.seeds, amount, rate * budget)?;
        if larger == amount {
            return Ok(amount);
        }
        amount = larger;
    }
}

/// Sweeps grow by no more than this from one to the next.
const GROWTH: f64 = 16.0;

/// The amount that costs so much by the plan, at least that of before and so many seeds.
fn grown(case: &Case, fewest: u32, before: Amount, wanted: f64) -> Result<Amount> {
    let of_seed = |samples| Ok::<f64, Error>(cost(&case.plan(Amount { seeds: 1, samples }, "off")?).seconds_per_seed);
    let all = of_seed(before.samples)? * f64::from(before.seeds);
    let wanted = wanted.min(GROWTH * all);
    let mut samples = case.full.samples;
    while samples > before.samples && of_seed(samples)? * f64::from(fewest) > wanted {
        samples /= 2;
    }
    let samples = samples.max(before.samples);
    let seeds = (wanted / of_seed(samples)?) as u32;
    // Longer runs come before more of them.
    let least = if samples == before.samples { before.seeds } else { fewest };
    Ok(Amount { seeds: seeds.clamp(least, case.full.seeds), samples })
}

/// Seconds of a sweep.
fn seconds(bench: &Bench, plan: &Plan) -> Result<f64> {
    let dir = Scratch::new()?;
    let begun = Instant::now();
    sweep_telling(plan, &dir.0, Shard::WHOLE, bench.adapter, &bench.watch.share(0.0), |_| ())?;
    Ok(begun.elapsed().as_secs_f64())
}

/// A directory of its own that goes with it.
struct Scratch(PathBuf);

impl Scratch {
    /// Names of one process, at most.
    const MOST: u32 = 10_000;

    fn new() -> Result<Scratch> {
        let all = std::env::temp_dir();
        for number in 0..Scratch::MOST {
            let path = all.join(format!("roundlaw-bench-{}-{number}", std::process::id()));
            match std::fs::create_dir(&path) {
                Ok(()) => return Ok(Scratch(path)),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(Error::io(Path::new(&path))(error)),
            }
        }
        Err(Error::Other(format!("{}: no name is left for a directory of this process", all.display())))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What stays behind is in the system's directory for that.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
