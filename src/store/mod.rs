//! The output directory: who may write into it, what it holds, what is still missing.

mod baselines;
mod columns;
mod compact;
mod contents;
mod digest;
mod directory;
pub mod fits;
mod heartbeat;
mod locks;
mod manifest;
mod merge;
pub mod part;
pub mod paths;
pub mod predictions;
mod provenance;
pub mod row;
mod spectra;

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use self::baselines::{StoredBaselines, baselines};
pub use self::columns::{COLUMNS, Kind, Value, differences, risks};
pub use self::compact::Compacted;
pub use self::contents::Contents;
pub use self::digest::{digest, digest_of};
pub use self::directory::config_text;
pub use self::directory::parts;
use self::directory::refuse_foreign;
pub use self::locks::{Lock, wait_for_shard};
pub use self::merge::Rows;
use self::part::{Claim, GROUP_ROWS, Header, Name, Session, Source, Sweep, Work};
pub use self::provenance::Provenance;
use self::row::Row;
pub use self::spectra::{MeasuredSpectrum, spectra};
use crate::error::{Error, Result};
use crate::files::{read_regular, remove_left_over, write_whole};
use crate::plan::Shard;
use crate::watch::Watch;

/// What stands before the seeds in a stored config.
const SEEDS: &str = "\n[sweep]\nseeds = ";

/// What a command is about to run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The resolved config, stored as it is.
    pub config_toml: String,
    pub seeds: u32,
    /// What must not change in a directory.
    pub sweep: Sweep,
}

impl Settings {
    /// The config of so many seeds: that of fewer than are stored is not that of a directory.
    fn config_of(&self, seeds: u32) -> String {
        self.config_toml.replacen(&format!("{SEEDS}{}\n", self.seeds), &format!("{SEEDS}{seeds}\n"), 1)
    }
}

/// The seeds of a stored config.
fn seeds_in(config_toml: &str) -> Option<u32> {
    config_toml.split_once(SEEDS)?.1.lines().next()?.parse().ok()
}

/// An output directory, open for one shard until it is dropped.
#[derive(Debug)]
pub struct Store {
    dir: PathBuf,
    shard: Shard,
    sweep: Arc<Sweep>,
    contents: Contents,
    lock: Lock,
    /// Ends the waiting for other processes, and nothing else.
    watch: Watch,
}

impl Store {
    /// Opens or continues a directory for a shard. Shards may open it at the same time; the
    /// stored seeds are the most any of them asked for. Where the watch asks to end, other processes are not waited
    /// for, now or later.
    ///
    /// # Errors
    /// [`Error::Input`] when it can't be created or written, another process holds the shard, or it
    /// was begun with other settings; [`Error::Corrupt`] when it holds somebody else's files, or parts that are damaged
    /// or of another sweep; [`Error::Incomplete`] when it was stopped while it waited.
    pub fn open(dir: &Path, settings: &Settings, shard: Shard, watch: &Watch) -> Result<Store> {
        create(dir)?;
        refuse_foreign(dir, &settings.config_toml)?;
        let lock = locks::lock_shard(dir, shard, watch)?;
        remove_left_over(dir, &shard.to_string())?;
        let contents = Contents::open(dir)?;
        let (sweep, watch) = (settings.sweep.clone().into(), watch.clone());
        let mut store = Store { dir: dir.to_path_buf(), shard, sweep, contents, lock, watch };
        store.begin(settings)?;
        let rows = paths::rows(dir);
        fs::create_dir_all(&rows).map_err(Error::io(&rows))?;
        Ok(store)
    }

    /// What lay in the directory when it was opened.
    pub fn contents(&self) -> &Contents {
        &self.contents
    }

    /// Writes a part of whole cohorts from their rows, in ascending order of (run_id, seen, output), all of one session.
    pub fn write(&mut self, rows: &[Row], session: &Session, seconds: f64) -> Result<()> {
        self.lock.check()?;
        let broken = |what: String| Error::Other(format!("{}: a part was not written: {what}", self.dir.display()));
        if let Some(pair) = rows.windows(2).find(|pair| pair[0].key() >= pair[1].key()) {
            return Err(broken(format!("the rows of run {} are out of order", pair[1].run_id)));
        }
        let plan = &self.sweep.plan;
        let cohorts = Claim::of(rows, plan).ok_or_else(|| broken("it has a cell that is not planned".into()))?;
        let wanted: u64 =
            cohorts.iter().map(|claim| plan.points[claim.point].rows * claim.seeds.iter().count() as u64).sum();
        if wanted != rows.len() as u64 {
            return Err(broken(format!("its cohorts have {wanted} rows, not {}", rows.len())));
        }
        // Runs are numbered by seed index, then by problem point.
        let first =
            cohorts.iter().flat_map(|claim| claim.cohorts().next()).min_by_key(|cohort| plan.first_run(*cohort));
        let Some(first) = first else { return Ok(()) };
        let runs = rows.chunk_by(|a, b| a.run_id == b.run_id);
        let (runs, checked) =
            runs.fold((0, 0), |(runs, checked), run| (runs + 1, checked + u64::from(run[0].is_checked())));
        let work = Work { runs, checked, milliseconds: (1000.0 * seconds) as u64 };
        let header =
            Header { sweep: self.sweep.clone(), cohorts, source: Source::Session(session.clone().into()), work };
        let groups = || rows.chunks(GROUP_ROWS).map(Ok);
        let written = part::write(&self.dir, Name::Shard(self.shard), first, &header, groups, || self.lock.check());
        // Who takes a lock over removes what is half written: that it is gone is not what went wrong.
        self.lock.check()?;
        written.map(drop)
    }

    /// Makes the manifest anew from the parts of all shards, where it is not what they make. Where it can't be had by now
    /// nothing is lost: the next sweep writes it.
    pub fn write_manifest(&mut self) -> Result<()> {
        // What is new is verified before others have to wait.
        self.contents.refresh()?;
        let guard = locks::lock_briefly(&paths::manifest_lock(&self.dir), &self.watch)?;
        self.contents.refresh()?;
        self.agree()?;
        self.put_manifest(self.contents.seeds(), &guard)
    }

    /// Stores config and manifest where they are new, or not what they were.
    fn begin(&mut self, settings: &Settings) -> Result<()> {
        let guard = locks::lock_briefly(&paths::manifest_lock(&self.dir), &self.watch)?;
        // Another shard may have begun the directory since its contents were read.
        self.contents.refresh()?;
        self.agree()?;
        let path = paths::config(&self.dir);
        let stored = match read_regular(&path) {
            Ok(text) => Some(String::from_utf8_lossy(&text).into_owned()),
            Err(e) if e.kind() == ErrorKind::InvalidData => return Err(directory::unreadable(&path, &e)),
            Err(_) => None,
        };
        let seeds = settings.seeds.max(self.seeds(stored.as_deref()));
        let config_toml = settings.config_of(seeds);
        if stored.as_ref() != Some(&config_toml) {
            write_whole(&path, &self.shard.to_string(), |file| {
                file.write_all(config_toml.as_bytes()).map_err(Error::io(&path))
            })?;
        }
        self.put_manifest(seeds, &guard)
    }

    /// Seeds that sweeps have asked for: what config and manifest both say, for who began with more and was killed has
    /// written but one of them; and those of the parts in any case.
    fn seeds(&self, config_toml: Option<&str>) -> u32 {
        let of_config = config_toml.and_then(seeds_in);
        let of_manifest = self.contents.stored_manifest().map(|manifest| manifest.seeds);
        let asked = of_config.into_iter().chain(of_manifest).min().unwrap_or(0);
        asked.max(self.contents.seeds_of_parts())
    }

    fn agree(&self) -> Result<()> {
        self.contents.agree(Some(&self.sweep), |was, is| another_config(&self.dir, was, is))
    }

    /// Writes the manifest, whose lock `guard` is, unless it is there already.
    fn put_manifest(&mut self, seeds: u32, guard: &Lock) -> Result<()> {
        let derived = self.contents.manifest_of(Sweep::clone(&self.sweep), seeds);
        if self.contents.stored_manifest() != Some(&derived) {
            derived.write(&self.dir, &self.shard.to_string(), || self.lock.check().and_then(|()| guard.check()))?;
            self.contents.know(derived);
        }
        Ok(())
    }
}

/// Creates an output directory, or leaves the one that is there.
///
/// # Errors
/// [`Error::Input`] where it can't be.
pub fn create(dir: &Path) -> Result<()> {
    fs::create_dir_all(dir).map_err(|e| cannot_create(dir, &e.to_string()))
}

fn cannot_create(dir: &Path, why: &str) -> Error {
    Error::Input(format!("can't create the output directory {}: {why}; choose another one", dir.display()))
}

/// Refuses what [`Store::open`] would refuse of a directory that no process has open, and changes nothing.
///
/// # Errors
/// Those of [`Store::open`].
pub fn would_open(dir: &Path, settings: &Settings) -> Result<()> {
    match fs::metadata(dir) {
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
        Err(e) => Err(cannot_create(dir, &e.to_string())),
        Ok(found) if !found.is_dir() => Err(cannot_create(dir, "a file has its name")),
        Ok(_) => {
            refuse_foreign(dir, &settings.config_toml)?;
            Contents::open(dir)?.agree(Some(&settings.sweep), |was, is| another_config(dir, was, is))
        }
    }
}

/// The error of a command whose config is not that of the directory.
fn another_config(dir: &Path, was: &str, is: &str) -> Error {
    Error::Input(format!(
        "the config differs from the one {} was begun with: `{was}` there, `{is}` here; only more seeds, check and draws may change, else use another output directory",
        dir.display()
    ))
}

/// Waits for whoever writes the report of a directory, or the expected risks of its runs; held until the lock is dropped.
/// A directory without a manifest is not ours to put a lock into: `None`. [`Error::Incomplete`] where the watch asks to
/// end.
pub fn lock_report(dir: &Path, watch: &Watch) -> Result<Option<Lock>> {
    let is_ours = paths::manifest(dir).exists();
    is_ours.then(|| locks::lock_briefly(&paths::report_lock(dir), watch)).transpose()
}
