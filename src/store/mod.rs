//! The output directory: who may write into it, what it holds, what is still missing.

mod columns;
mod digest;
mod directory;
mod heartbeat;
mod locks;
mod manifest;
mod merge;
pub mod parquet;
pub mod paths;
pub mod row;
mod spectra;

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde_json::{Map, Value};

pub use self::digest::{digest, digest_of};
pub use self::directory::parts;
use self::directory::{names, refuse_foreign};
pub use self::locks::Lock;
pub use self::manifest::{Settings, provenance};
pub use self::merge::{Rows, rows, rows_of_run};
use self::parquet::Part;
use self::row::Row;
pub use self::spectra::{MeasuredSpectrum, spectra};
use crate::error::{Error, Result};
use crate::files::{is_temporary_of, write_whole};
use crate::plan::Shard;

/// An output directory, open for one shard until it is dropped.
#[derive(Debug)]
pub struct Store {
    dir: PathBuf,
    /// Names this shard's lock and temporary files.
    tag: String,
    lock: Lock,
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
        let lock = locks::lock_shard(dir, shard)?;
        let store = Store { lock, dir: dir.to_path_buf(), tag };
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
        self.lock.check()?;
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
        let _guard = locks::lock_briefly(&paths::manifest_lock(&self.dir))?;
        let mut manifest = manifest::known(&self.dir)?;
        manifest::merge(&mut manifest, provenance)?;
        manifest::write(&self.dir, &self.tag, &manifest)
    }

    /// Compares the settings with the stored ones, and stores them where they are new.
    fn agree(&self, settings: &Settings) -> Result<()> {
        let _guard = locks::lock_briefly(&paths::manifest_lock(&self.dir))?;
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
        write_whole(&path, &self.tag, |file| file.write_all(settings.config_toml.as_bytes()).map_err(Error::io(&path)))
    }

    /// Removes what an earlier process of this shard left half written.
    fn remove_stale(&self) -> Result<()> {
        for name in names(&self.dir)? {
            if is_temporary_of(&name, &self.tag) {
                let path = self.dir.join(name);
                fs::remove_file(&path).map_err(Error::io(&path))?;
            }
        }
        Ok(())
    }
}

/// Waits for whoever writes the report of a directory; held until the lock is dropped. A directory without a manifest
/// is not ours to put a lock into: `None`.
pub fn lock_report(dir: &Path) -> Result<Option<Lock>> {
    let is_ours = paths::manifest(dir).exists();
    is_ours.then(|| locks::lock_briefly(&paths::report_lock(dir))).transpose()
}

/// The stored config as text.
pub fn config_text(dir: &Path) -> Result<String> {
    let path = paths::config(dir);
    fs::read_to_string(&path).map_err(|e| Error::Corrupt(format!("{}: {e}", path.display())))
}
