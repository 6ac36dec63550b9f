//! A sweep's directory as every command reads it: verified, and its rows compared with the plan of its config.

mod cohorts;
mod planned;
mod rows;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use self::cohorts::Cohorts;
use self::planned::PlannedSettings;
pub use self::rows::{StoredRows, whole_cohorts};
use super::settings::settings;
use crate::config::Config;
use crate::config::inputs::stored_inputs;
use crate::config::resolved::stored_identity;
use crate::error::{Error, Result};
use crate::hash::fnv1a64;
use crate::plan::Plan;
use crate::store::part::Sweep;
use crate::store::row::STREAM_VERSION;
use crate::store::{self, Contents, paths};

/// Looks at a directory that may be just about to begin, and the time between two.
const LOOKS: u32 = 10;
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);

/// A directory that is what it says it is.
#[derive(Clone, Debug)]
pub struct Stored {
    pub contents: Contents,
    pub sweep: Sweep,
    /// The resolved config.
    pub config_toml: String,
    /// Those that it asks for.
    seeds: u32,
    /// `Err` with the file where one that the config names can't be read: settings are then not compared.
    pub plan: std::result::Result<Arc<Plan>, PathBuf>,
}

impl Stored {
    /// Opens a directory and verifies manifest, config and every byte of the parts.
    ///
    /// # Errors
    /// [`Error::Input`] for a directory that is not there, and where a file that its config names has changed;
    /// [`Error::Corrupt`] for what is damaged, edited, foreign or of another version.
    pub fn open(dir: &Path) -> Result<Stored> {
        let mut left = LOOKS;
        loop {
            let stored = Stored::read(dir)?;
            left -= 1;
            match stored.seeds_difference() {
                None => return Ok(stored),
                // A sweep of more seeds, as it begins, writes the config and then the manifest.
                Some(_) if left > 0 => thread::sleep(BETWEEN_LOOKS),
                Some(difference) => return Err(Error::Corrupt(difference)),
            }
        }
    }

    fn read(dir: &Path) -> Result<Stored> {
        let contents = Contents::open(dir)?;
        let Some(sweep) = contents.sweep().cloned() else {
            let what = "no sweep's directory, it holds no manifest.json and no parts; name the one that a sweep wrote";
            return Err(Error::Corrupt(format!("{}: {what}", dir.display())));
        };
        let config_toml = store::config_text(dir)?;
        let plan = stored_plan(dir, &config_toml)?;
        // Rows of an older arithmetic can be read, if not continued.
        let stream_version = sweep.stream_version;
        let (config, seeds) = match &plan {
            Ok(plan) => (Sweep { stream_version, ..settings(plan).sweep }, plan.config.sweep.seeds),
            Err(_) => {
                let edited = || {
                    Error::Corrupt(format!(
                        "{}: it was edited; the same sweep writes it again",
                        paths::config(dir).display()
                    ))
                };
                let (identity, seeds) = stored_identity(&config_toml).ok_or_else(edited)?;
                (Sweep { identity, ..sweep.clone() }, seeds)
            }
        };
        contents.agree(Some(&config), |was, is| edited(dir, was, is))?;
        Ok(Stored { contents, sweep, config_toml, seeds, plan })
    }

    /// The same sweep with the parts of several directories, and the plan of all of their seeds.
    pub fn with(&self, contents: Contents, plan: Plan) -> Stored {
        let seeds = plan.config.sweep.seeds;
        Stored { contents, seeds, plan: Ok(Arc::new(plan)), ..self.clone() }
    }

    /// What is wrong where the config asks for other seeds than the rest of the directory.
    fn seeds_difference(&self) -> Option<String> {
        let (dir, was, is) = (self.contents.dir(), self.contents.seeds(), self.seeds);
        // Of two that a sweep is about to write the config is the first: the manifest never has more.
        let (path, there, rest, fix) = match is {
            _ if is == was => return None,
            _ if is < was && self.contents.seeds_of_parts() <= is => {
                (paths::manifest(dir), was, is, "delete it, and the same sweep writes it again from the parts")
            }
            _ => (paths::config(dir), is, was, "the same sweep writes it again"),
        };
        Some(format!(
            "{}: `seeds = {there}` there, `seeds = {rest}` in the rest of the directory: it was edited, or a sweep of more \
             seeds was killed as it began; {fix}",
            path.display()
        ))
    }

    /// The plan, for commands that can't do without.
    ///
    /// # Errors
    /// [`Error::Input`] where a file that the config names can't be read.
    pub fn plan(&self) -> Result<&Plan> {
        // Reading it again tells which key names the file, and what helps.
        match &self.plan {
            Ok(plan) => Ok(plan),
            Err(file) => {
                let again = Config::parse_in(&paths::config(self.contents.dir()), &self.config_toml, &[]);
                Err(again.err().unwrap_or_else(|| Error::Input(format!("{}: it could not be read", file.display()))))
            }
        }
    }

    /// Whether this program's results are to be those of the rows.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for another stream version.
    pub fn is_of_this_arithmetic(&self) -> Result<()> {
        match self.sweep.stream_version {
            STREAM_VERSION => Ok(()),
            other => Err(Error::Corrupt(format!(
                "{}: stream version {other}, this program has {STREAM_VERSION}: its results do not compare",
                self.contents.dir().display()
            ))),
        }
    }

    /// Runs of all cells and seeds.
    pub fn runs(&self) -> u64 {
        self.sweep.plan.cells() * u64::from(self.contents.seeds())
    }

    /// What a user should know who has read so many runs, where that is not all.
    pub fn unfinished(&self, runs: u64) -> Option<String> {
        let (dir, all) = (self.contents.dir().display(), self.runs());
        (runs < all).then(|| format!("{dir}: {runs} of {all} runs are stored; the same sweep continues it"))
    }

    /// What a user should know who relies on the rows.
    pub fn caution(&self) -> Option<String> {
        let file = self.plan.as_ref().err()?;
        Some(format!(
            "{}: {} can't be read, so the settings in the rows were not compared with the config",
            self.contents.dir().display(),
            file.display()
        ))
    }

    /// All rows.
    pub fn rows(&self) -> StoredRows {
        StoredRows::new(self.contents.rows(None), self.settings(), Some(Cohorts::new(&self.sweep.plan)))
    }

    /// The rows of one run.
    pub fn rows_of_run(&self, run: u64) -> StoredRows {
        StoredRows::new(self.contents.rows(Some(run)), self.settings(), None)
    }

    fn settings(&self) -> Option<PlannedSettings> {
        Some(PlannedSettings::new(self.plan.as_ref().ok()?.clone(), self.sweep.stream_version))
    }
}

/// All rows of a sweep's directory, ascending in [`crate::Row::key`], a few of them in memory at a time.
///
/// # Errors
/// [`Error::Input`] for a directory that is not there, [`Error::Corrupt`] for a manifest, config or part that is damaged,
/// edited or foreign; the rows themselves may be errors too: one that is not the plan's, two of one key that differ, and
/// a cohort that lacks a row, are [`Error::Corrupt`]. The first error ends the rows. Where a file that the config names
/// can't be read, settings are not compared.
///
/// # Examples
/// ```
/// # use roundlaw::{Config, Plan, Shard, open_adapter, run};
/// # let text = r#"
/// #     problem = { dim = 40, spectrum = { kind = "power", exponent = 2.0 } }
/// #     train = { model = [4, 8], samples = 64 }
/// #     recipe = [{ name = "fp32" }]
/// #     sweep = { seeds = 2 }
/// # "#;
/// # let plan = Plan::new(Config::parse(text, &[])?)?;
/// # let place = tempfile::tempdir().expect("a temporary directory");
/// # let dir = place.path();
/// # let watch = roundlaw::Watch::default();
/// # run::sweep::sweep(&plan, dir, Shard::WHOLE, open_adapter("cpu")?.as_ref(), &watch)?;
/// // `dir` is what `roundlaw sweep CONFIG --out DIR` wrote.
/// let mut mean = (0.0, 0.0);
/// for row in roundlaw::rows(dir)? {
///     let row = row?;
///     assert_eq!((row.run_id, row.recipe.as_str()), (u64::from(row.seed_index) * 2 + row.cell, "fp32"));
///     if let Some(excess) = row.excess {
///         mean = (mean.0 + excess, mean.1 + 1.0);
///     }
/// }
/// assert!(mean.1 == 4.0 && mean.0 / mean.1 > 0.0);
/// # Ok::<(), roundlaw::Error>(())
/// ```
pub fn rows(dir: &Path) -> Result<StoredRows> {
    Ok(Stored::open(dir)?.rows())
}

/// The plan of the stored config; the path of a file that it names and that can't be read.
fn stored_plan(dir: &Path, config_toml: &str) -> Result<std::result::Result<Arc<Plan>, PathBuf>> {
    let error = match Config::parse_in(&paths::config(dir), config_toml, &[]).and_then(Plan::new) {
        Ok(plan) => return Ok(Ok(Arc::new(plan))),
        Err(error) => error,
    };
    let inputs = stored_inputs(config_toml);
    if let Some(absent) = inputs.iter().find(|input| File::open(dir.join(&input.path)).is_err()) {
        return Ok(Err(absent.path.clone()));
    }
    let is_same = |path: &Path, hash: &str| {
        fs::read(dir.join(path)).is_ok_and(|bytes| format!("{:016x}", fnv1a64(bytes)) == hash)
    };
    match inputs.iter().all(|input| is_same(&input.path, &input.hash)) {
        true => Err(Error::Corrupt(format!("{error}; the same sweep writes it again"))),
        false => Err(error),
    }
}

/// The error of a stored config that is not the directory's.
fn edited(dir: &Path, was: &str, is: &str) -> Error {
    Error::Corrupt(format!(
        "{}: `{is}` there, `{was}` in the rest of the directory; undo the change: the same sweep writes the file again",
        paths::config(dir).display()
    ))
}
