//! The output directory: who may write into it, what it holds, what is still missing.

mod columns;
mod digest;
mod files;
mod manifest;
mod merge;
pub mod parquet;
pub mod paths;
pub mod row;
mod spectra;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde_json::{Map, Value};

pub use self::digest::{digest, digest_of};
pub use self::files::{csv_text, write_whole};
pub use self::merge::{Rows, rows, rows_of_run};
use self::parquet::Part;
use self::row::Row;
pub use self::spectra::{MeasuredSpectrum, spectra};
use crate::error::{Error, Result};
use crate::plan::Shard;

/// What a command is about to run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The resolved config, stored as it is.
    pub config_toml: String,
    /// Canonical text, one key a line, of everything that must not change in a directory.
    pub identity: String,
    pub seeds: u32,
    pub stream_version: u32,
}

/// An output directory, open for one shard until it is dropped.
#[derive(Debug)]
pub struct Store {
    dir: PathBuf,
    /// Names this shard's lock and temporary files.
    tag: String,
    _lock: File,
}

impl Store {
    /// Opens or continues a directory for a shard. Shards may open it at the same time; the
    /// stored seeds are the most any of them asked for.
    ///
    /// [`Error::Input`] when it can't be created or written, another process holds the shard, or it
    /// was begun with other settings; [`Error::Corrupt`] when it holds somebody else's files.
    pub fn open(dir: &Path, settings: &Settings, shard: Shard) -> Result<Store> {
        fs::create_dir_all(dir).map_err(|e| {
            Error::Input(format!("can't create the output directory {}: {e}; choose another one", dir.display()))
        })?;
        refuse_foreign(dir)?;
        let tag = shard.to_string();
        let _lock = files::lock_shard(&paths::shard_lock(dir, shard))?;
        let store = Store { _lock, dir: dir.to_path_buf(), tag };
        store.remove_stale()?;
        store.agree(settings)?;
        Ok(store)
    }

    /// Which of the cells are stored, by whichever shard, as (cell, seed_index).
    pub fn done_seeds(&self, cells: &[u64]) -> Result<BTreeSet<(u64, u32)>> {
        let cells: BTreeSet<u64> = cells.iter().copied().collect();
        let paths = parts(&self.dir)?;
        let done = paths.par_iter().map(|path| {
            let mut done = BTreeSet::new();
            let mut batches = Part::open(path)?.rows(|name| matches!(name, "cell" | "seed_index"), None, 1024)?;
            loop {
                let rows = batches.next_batch()?;
                if rows.is_empty() {
                    return Ok(done);
                }
                let wanted = rows.iter().filter(|row| cells.contains(&row.cell));
                done.extend(wanted.map(|row| (row.cell, row.seed_index)));
            }
        });
        done.try_reduce(BTreeSet::new, |mut all, mut more| {
            all.append(&mut more);
            Ok(all)
        })
    }

    /// Writes `part-<name>.parquet` from rows in ascending order of (run_id, seen, output); a part that exists is
    /// never written again.
    pub fn write(&mut self, name: &str, rows: &[Row]) -> Result<()> {
        let path = paths::part(&self.dir, name);
        if path.exists() {
            return Err(Error::Other(format!("{} exists already", path.display())));
        }
        if let Some(pair) = rows.windows(2).find(|pair| pair[0].key() >= pair[1].key()) {
            return Err(Error::Other(format!(
                "{}: the rows of run {} are out of order",
                path.display(),
                pair[1].run_id
            )));
        }
        parquet::write_part_as(&path, &self.tag, rows)
    }

    /// Merges keys into `manifest.json`, the last writer's value winning.
    pub fn update_manifest(&self, provenance: Map<String, Value>) -> Result<()> {
        let _guard = files::lock_briefly(&paths::manifest_lock(&self.dir))?;
        let mut manifest = manifest::read(&self.dir)?
            .ok_or_else(|| Error::Corrupt(format!("{}: no {}", self.dir.display(), paths::MANIFEST)))?;
        manifest::merge(&mut manifest, provenance)?;
        manifest::write(&self.dir, &self.tag, &manifest)
    }

    /// Compares the settings with the stored ones, and stores them where they are new.
    fn agree(&self, settings: &Settings) -> Result<()> {
        let _guard = files::lock_briefly(&paths::manifest_lock(&self.dir))?;
        let stored = manifest::read(&self.dir)?;
        if let Some(stored) = &stored {
            manifest::check(&self.dir, stored, settings)?;
        }
        let known_seeds = stored.as_ref().map(manifest::seeds);
        let mut manifest = stored.unwrap_or_else(|| manifest::new(settings));
        let seeds = u64::from(settings.seeds);
        if known_seeds.is_none_or(|known| known < seeds) {
            manifest.insert("seeds".into(), seeds.into());
            // The manifest comes first: a directory with any other file of ours and no manifest
            // would be taken for a foreign one.
            manifest::write(&self.dir, &self.tag, &manifest)?;
        }
        let path = paths::config(&self.dir);
        if known_seeds.is_some_and(|known| known > seeds) && path.exists() {
            return Ok(());
        }
        files::write_whole(&path, &self.tag, |file| {
            file.write_all(settings.config_toml.as_bytes()).map_err(Error::io(&path))
        })
    }

    /// Removes what an earlier process of this shard left half written.
    fn remove_stale(&self) -> Result<()> {
        for name in names(&self.dir)? {
            if paths::is_temporary_of(&name, &self.tag) {
                let path = self.dir.join(name);
                fs::remove_file(&path).map_err(Error::io(&path))?;
            }
        }
        Ok(())
    }
}

/// Names in a directory that are text; ours all are.
fn names(dir: &Path) -> Result<Vec<String>> {
    let entries = fs::read_dir(dir).map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => {
            Error::Input(format!("{}: no such directory; name the one that a run wrote", dir.display()))
        }
        _ => Error::io(dir)(e),
    })?;
    entries
        .map(|entry| entry.map(|e| e.file_name().to_string_lossy().into_owned()))
        .collect::<std::io::Result<_>>()
        .map_err(Error::io(dir))
}

/// Refuses a directory with files in it that no run of ours put there.
fn refuse_foreign(dir: &Path) -> Result<()> {
    // Listed before the manifest is looked for: a shard that opens the directory at this moment
    // writes its manifest before anything else that would count here.
    let other = names(dir)?.into_iter().find(|name| !paths::precedes_manifest(name));
    match other {
        Some(name) if !paths::manifest(dir).exists() => Err(Error::Corrupt(format!(
            "{}: foreign directory, it holds {name} and no {}; use an empty one",
            dir.display(),
            paths::MANIFEST
        ))),
        _ => Ok(()),
    }
}

/// The parts in a directory, sorted by name.
pub fn parts(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut names = names(dir)?;
    names.retain(|name| paths::is_part(name));
    names.sort();
    Ok(names.into_iter().map(|name| dir.join(name)).collect())
}

/// Waits for whoever writes the report of a directory; held until the file is dropped. A directory without a manifest
/// is not ours to put a lock into: `None`.
pub fn lock_report(dir: &Path) -> Result<Option<File>> {
    let is_ours = paths::manifest(dir).exists();
    is_ours.then(|| files::lock_briefly(&paths::report_lock(dir))).transpose()
}

/// The stored config as text.
pub fn config_text(dir: &Path) -> Result<String> {
    text(&paths::config(dir))
}

/// What the manifest of a directory says of its origin.
pub fn provenance(dir: &Path) -> Result<Map<String, Value>> {
    let path = paths::manifest(dir);
    let manifest: Value =
        serde_json::from_str(&text(&path)?).map_err(|e| Error::Corrupt(format!("{}: {e}", path.display())))?;
    let mut provenance = manifest.as_object().cloned().unwrap_or_default();
    provenance.remove("identity");
    Ok(provenance)
}

/// A file that every directory of ours has.
fn text(path: &Path) -> Result<String> {
    fs::read_to_string(path).map_err(|e| Error::Corrupt(format!("{}: {e}", path.display())))
}
