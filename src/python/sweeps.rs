//! Plans, sweeps, and what comes of their directories.

use std::path::{Path, PathBuf};

use pyo3::prelude::*;
use serde_json::{Value, json};
use toml::Table;

use super::work::long;
use crate::config::{Check, Config};
use crate::error::{Error, Result};
use crate::plan::Plan;
use crate::run::fit::{FitOptions, named, of_directory as fits_of};
use crate::run::outline::outline;
use crate::run::predict::{PredictOptions, Predicted, of_directory, predict as predicted};
use crate::run::status::status as status_of;
use crate::run::stored::Stored;
use crate::run::whole::Work;
use crate::scheduler;
use crate::streams::tell;
use crate::watch::Watch;

/// A config: the path of a file, a TOML text, or the JSON of a table; and overrides, as `--set` has them.
#[derive(FromPyObject)]
pub struct Given {
    #[pyo3(item)]
    path: Option<PathBuf>,
    #[pyo3(item)]
    text: Option<String>,
    #[pyo3(item)]
    json: Option<String>,
    #[pyo3(item)]
    set: Vec<String>,
}

impl Given {
    fn config(&self) -> Result<Config> {
        match self {
            Given { path: Some(path), set, .. } => Config::load(path, set),
            Given { text: Some(text), set, .. } => Config::parse(text, set),
            Given { json, set, .. } => {
                let wrong = |error: String| Error::Input(format!("config: {error}: allowed is what TOML has"));
                let json = json.as_deref().unwrap_or_default();
                let table: Table = serde_json::from_str(json).map_err(|error| wrong(error.to_string()))?;
                let text = toml::to_string(&table).map_err(|error| wrong(error.to_string()))?;
                Config::parse(&text, set)
            }
        }
    }

    fn directory(&self) -> Option<&Path> {
        self.path.as_deref().filter(|path| path.is_dir())
    }
}

/// What a config comes to, as the JSON of `roundlaw plan --json`.
#[pyfunction]
pub fn plan(py: Python, given: Given, adapter: String) -> PyResult<String> {
    long(py, None, |watch| {
        let plan = Plan::new(given.config()?)?;
        let found = outline(&plan, &adapter, watch, || Ok(watch.share(0.0)))?;
        let document = found.document().to_string();
        found.fits?;
        Ok(document)
    })
}

/// What a sweep is told besides its config.
#[derive(FromPyObject)]
pub struct SweepOptions {
    #[pyo3(item)]
    out: PathBuf,
    #[pyo3(item)]
    adapter: String,
    /// Bytes.
    #[pyo3(item)]
    memory: Option<u64>,
    #[pyo3(item)]
    check: Option<String>,
    #[pyo3(item)]
    shard: String,
}

/// Runs what is missing of a sweep: runs, those checked, the seconds it took, and the report or directory.
#[pyfunction]
pub fn sweep(
    py: Python,
    given: Given,
    options: SweepOptions,
    progress: Option<Bound<PyAny>>,
) -> PyResult<(u64, u64, f64, PathBuf)> {
    long(py, progress.as_ref(), |watch| {
        let mut config = given.config()?;
        if let Some(check) = &options.check {
            config.sweep.check = Check::parse("--check", check)?;
        }
        let shard = scheduler::asked(&options.shard, config.sweep.seeds)?;
        let is_task = scheduler::shards_of_auto(&options.shard).is_some();
        let plan = Plan::new(config)?;
        let SweepOptions { out, adapter, memory, .. } = &options;
        let work = Work { plan: &plan, out, shard, is_task, adapter, memory: *memory };
        let (summary, see) = work.run(|| Ok(watch.clone()))?;
        Ok((summary.runs, summary.checked, summary.seconds, see))
    })
}

/// What is expected of a config's cells, or of a directory's, beside whose rows predict.parquet is written: the JSON of
/// `roundlaw predict --json`.
#[pyfunction]
pub fn predict(
    py: Python,
    given: Given,
    prior: bool,
    per_seed: bool,
    budget: f64,
    progress: Option<Bound<PyAny>>,
) -> PyResult<String> {
    long(py, progress.as_ref(), |watch| {
        let options = PredictOptions { prior, budget: within(budget)? };
        let (stored, plan) = match given.directory() {
            Some(dir) => of_directory(dir, &given.set).map(|(stored, plan)| (Some(stored), plan))?,
            None => (None, Plan::new(given.config()?)?),
        };
        let found: Predicted = predicted(&plan, &options, watch)?;
        found.cautions().iter().for_each(|line| tell(&format!("warning: {line}")));
        if let Some(stored) = &stored {
            found.write(stored, &options, watch)?;
        }
        let array: Vec<Value> = match per_seed {
            true => found.objects_by_seed().map(Value::Object).collect(),
            false => found.objects().map(Value::Object).collect(),
        };
        Ok(Value::Array(array).to_string())
    })
}

/// Scaling laws of directories, beside whose rows fit.json is written: the JSON of `roundlaw fit --json`.
#[pyfunction]
pub fn fit(py: Python, dirs: Vec<PathBuf>, resamples: u32, budget: f64) -> PyResult<String> {
    long(py, None, |watch| {
        if !(40..=100_000).contains(&resamples) {
            return Err(Error::Input(format!("--resamples {resamples}: {resamples} is not in 40..=100000")).into());
        }
        let options = FitOptions { resamples, budget: within(budget)? };
        let mut all = Vec::new();
        for dir in &dirs {
            all.extend(named(dir, fits_of(dir, &options, watch)?.1));
        }
        Ok(Value::Array(all).to_string())
    })
}

/// Runs done, checked, and the digest of the rows: the JSON of `roundlaw status --json`.
#[pyfunction]
pub fn status(py: Python, dir: PathBuf) -> PyResult<String> {
    long(py, None, |watch| Ok(json!(status_of(&dir, watch)?).to_string()))
}

/// The parts of a directory, of which every byte is what was written.
#[pyfunction]
pub fn parts(py: Python, dir: PathBuf) -> PyResult<Vec<PathBuf>> {
    long(py, None, |_: &Watch| {
        let stored = Stored::open(&dir)?;
        stored.caution().iter().for_each(|line| tell(&format!("warning: {line}")));
        Ok(stored.contents.parts().iter().map(|part| part.path().to_path_buf()).collect())
    })
}

/// Seconds of a budget, which are a finite number above 0.
fn within(budget: f64) -> Result<f64> {
    match budget.is_finite() && budget > 0.0 {
        true => Ok(budget),
        false => Err(Error::Input(format!("--budget {budget}: allowed is a finite number of seconds above 0"))),
    }
}
