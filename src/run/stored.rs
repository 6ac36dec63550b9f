//! A sweep's directory as every command reads it: verified, and its rows compared with the plan of its config.

use std::collections::{BTreeSet, HashMap};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::rows::{self, Origin};
use super::sweep::settings;
use crate::config::Config;
use crate::config::inputs::stored_inputs;
use crate::error::{Error, Result};
use crate::hash::fnv1a64;
use crate::plan::{Cohort, Plan};
use crate::store::part::{Shape, Sweep, damaged};
use crate::store::row::{Row, STREAM_VERSION};
use crate::store::{self, COLUMNS, Contents, Kind, Value, paths};

/// Cells whose settings are kept for the next seed index.
const KEPT: usize = 4096;

/// A directory that is what it says it is.
#[derive(Debug)]
pub struct Stored {
    pub contents: Contents,
    pub sweep: Sweep,
    /// The resolved config.
    pub config_toml: String,
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
        let contents = Contents::open(dir)?;
        let Some(sweep) = contents.sweep().cloned() else {
            let what = "no sweep's directory, it holds no manifest.json and no parts; name the one that a sweep wrote";
            return Err(Error::Corrupt(format!("{}: {what}", dir.display())));
        };
        let config_toml = store::config_text(dir)?;
        let plan = stored_plan(dir, &config_toml)?;
        // Rows of an older arithmetic can be read, if not continued.
        let stream_version = sweep.stream_version;
        let config = plan.as_ref().ok().map(|plan| Sweep { stream_version, ..settings(plan).sweep });
        contents.agree(config.as_ref(), |was, is| edited(dir, was, is))?;
        match &plan {
            Ok(plan) if plan.config.sweep.seeds != contents.seeds() => {
                let [was, is] = [contents.seeds(), plan.config.sweep.seeds].map(|seeds| format!("seeds = {seeds}"));
                Err(edited(dir, &was, &is))
            }
            _ => Ok(Stored { contents, sweep, config_toml, plan }),
        }
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
                let again = Config::parse_in(self.contents.dir(), &self.config_toml, &[]);
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
        StoredRows {
            rows: self.contents.rows(None),
            settings: self.settings(),
            cohorts: Some(Cohorts::new(&self.sweep.plan)),
        }
    }

    /// The rows of one run.
    pub fn rows_of_run(&self, run: u64) -> StoredRows {
        StoredRows { rows: self.contents.rows(Some(run)), settings: self.settings(), cohorts: None }
    }

    fn settings(&self) -> Option<PlannedSettings> {
        Some(PlannedSettings::new(self.plan.as_ref().ok()?.clone(), self.sweep.stream_version))
    }
}

/// In which columns a stored row differs from one computed again, and how; `None` where every bit agrees.
pub fn differences(stored: &Row, computed: &Row) -> Option<String> {
    let texts: Vec<String> = store::differences(stored, computed)
        .map(|(name, stored, computed)| format!("{name} is {stored}, not {computed}"))
        .collect();
    (!texts.is_empty()).then(|| texts.join("; "))
}

/// All rows of a sweep's directory, ascending in [`Row::key`], a few of them in memory at a time.
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

/// The cohorts that are stored whole, as (problem point, seed index). `tell` gets a line for each that parts claim to hold
/// and do not.
///
/// # Errors
/// [`Error::Corrupt`] for rows that are not the plan's, or differ.
pub fn whole_cohorts(contents: &Contents, plan: &Plan, mut tell: impl FnMut(String)) -> Result<BTreeSet<(usize, u32)>> {
    let sweep = settings(plan).sweep;
    let mut planned = PlannedSettings::new(Arc::new(plan.clone()), sweep.stream_version);
    let (mut cohorts, mut whole) = (Cohorts::new(&sweep.plan), BTreeSet::new());
    let mut keep = |ended: Option<Ended>| {
        whole.extend(ended.filter(Ended::is_whole).map(|ended| (ended.cohort.point, ended.cohort.seed_index)));
    };
    for row in contents.rows(None) {
        let (mut row, path) = row?;
        planned.compare(&mut row).map_err(|what| damaged(&path, &what))?;
        keep(cohorts.next(&row, &path));
    }
    keep(cohorts.end());
    for part in contents.parts() {
        let claimed = part.header().cohorts.iter().flat_map(|claim| claim.cohorts());
        for Cohort { point, seed_index } in claimed.filter(|c| !whole.contains(&(c.point, c.seed_index))) {
            let name = part.path().display();
            tell(format!(
                "{name}: rows of problem point {point}, seed index {seed_index} are missing; computing it again"
            ));
        }
    }
    Ok(whole)
}

/// Rows of a directory, each compared with the plan, see [`rows()`].
pub struct StoredRows {
    rows: store::Rows,
    settings: Option<PlannedSettings>,
    /// Where all rows are read: counts those of each cohort.
    cohorts: Option<Cohorts>,
}

impl StoredRows {
    fn accept(&mut self, (mut row, path): (Row, Arc<Path>)) -> Result<Row> {
        if let Some(settings) = &mut self.settings {
            settings.compare(&mut row).map_err(|what| damaged(&path, &what))?;
        }
        let ended = self.cohorts.as_mut().and_then(|cohorts| cohorts.next(&row, &path));
        ended.map_or(Ok(()), |ended| ended.whole())?;
        Ok(row)
    }
}

impl Iterator for StoredRows {
    type Item = Result<Row>;

    fn next(&mut self) -> Option<Result<Row>> {
        let next = match self.rows.next() {
            Some(row) => Some(row.and_then(|row| self.accept(row))),
            None => self.cohorts.as_mut().and_then(Cohorts::end)?.whole().err().map(Err),
        };
        if matches!(next, Some(Err(_))) {
            self.rows.stop();
            self.cohorts = None;
        }
        next
    }
}

/// What the plan says of each row.
struct PlannedSettings {
    plan: Arc<Plan>,
    stream_version: u32,
    known: HashMap<u64, Row>,
}

impl PlannedSettings {
    fn new(plan: Arc<Plan>, stream_version: u32) -> PlannedSettings {
        PlannedSettings { plan, stream_version, known: HashMap::new() }
    }

    /// Compares the settings of a row, and fills in those derived ones that its part has not.
    fn compare(&mut self, row: &mut Row) -> std::result::Result<(), String> {
        let PlannedSettings { plan, stream_version, known } = self;
        let Some(cell) = plan.cells.get(row.cell as usize) else {
            return Err(format!("run {} is not planned", row.run_id));
        };
        if known.len() >= KEPT && !known.contains_key(&row.cell) {
            known.clear();
        }
        let planned = known.entry(row.cell).or_insert_with(|| {
            let cohort = Cohort { point: cell.problem, seed_index: 0 };
            rows::settings(plan, cohort, row.cell, &Origin::default())
        });
        planned.seed_index = row.seed_index;
        planned.run_id = plan.run_id(row.seed_index, row.cell);
        planned.stream_version = *stream_version;
        for column in COLUMNS.iter() {
            let wanted = column.get(planned);
            match column.kind {
                Kind::Setting | Kind::Derived if column.get(row) == wanted => {}
                Kind::Derived if column.get(row) == Value::Null => {
                    if !column.set(row, wanted) {
                        return Err(format!("column {} has no place for {wanted:?}", column.name()));
                    }
                }
                Kind::Setting | Kind::Derived => {
                    let (run, name, has) = (row.run_id, column.name(), column.get(row));
                    return Err(format!("{name} of run {run} is {has}, its config has {wanted}"));
                }
                Kind::Result | Kind::Evaluated | Kind::Provenance => {}
            }
        }
        Ok(())
    }
}

/// Counts the rows of one cohort after another: in key order they come together.
struct Cohorts {
    plan: Shape,
    open: Option<Ended>,
}

/// A cohort all of whose rows were read.
struct Ended {
    cohort: Cohort,
    rows: u64,
    due: u64,
    /// The part of its last row.
    path: Arc<Path>,
}

impl Cohorts {
    fn new(plan: &Shape) -> Cohorts {
        Cohorts { plan: plan.clone(), open: None }
    }

    /// The cohort that ended with the row before, if one did.
    fn next(&mut self, row: &Row, path: &Arc<Path>) -> Option<Ended> {
        // That the cell is planned was seen when the part was decoded.
        let cohort = Cohort { point: self.plan.point(row.cell)?, seed_index: row.seed_index };
        match &mut self.open {
            Some(open) if open.cohort == cohort => {
                open.rows += 1;
                None
            }
            open => {
                let due = self.plan.points[cohort.point].rows;
                open.replace(Ended { cohort, rows: 1, due, path: path.clone() })
            }
        }
    }

    fn end(&mut self) -> Option<Ended> {
        self.open.take()
    }
}

impl Ended {
    fn is_whole(&self) -> bool {
        self.rows == self.due
    }

    fn whole(&self) -> Result<()> {
        let Ended { cohort: Cohort { point, seed_index }, rows, due, path } = self;
        match self.is_whole() {
            true => Ok(()),
            false => Err(Error::Corrupt(format!(
                "{}: {rows} of {due} rows of problem point {point}, seed index {seed_index}; the same sweep computes them \
                 again",
                path.display()
            ))),
        }
    }
}

/// The plan of the stored config; the path of a file that it names and that can't be read.
fn stored_plan(dir: &Path, config_toml: &str) -> Result<std::result::Result<Arc<Plan>, PathBuf>> {
    let error = match Config::parse_in(dir, config_toml, &[]).and_then(Plan::new) {
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
        true => {
            Err(Error::Corrupt(format!("{}: {error}; the same sweep writes it again", paths::config(dir).display())))
        }
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
