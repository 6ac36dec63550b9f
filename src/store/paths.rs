//! The names of an output directory, each of them once.

use std::path::{Path, PathBuf};

use crate::plan::Shard;

pub(super) const MANIFEST: &str = "manifest.json";
/// In the name of a lock, before what it locks.
const LOCK: &str = "lock-";
/// Folder of the figures, each with its numbers beside it.
pub const FIGURES: &str = "figures";

/// Whose directory this is, what was run in it, and on what.
pub fn manifest(dir: &Path) -> PathBuf {
    dir.join(MANIFEST)
}

/// The resolved config.
pub fn config(dir: &Path) -> PathBuf {
    dir.join("config.toml")
}

/// A part: rows of whole cohorts.
pub fn part(dir: &Path, name: &str) -> PathBuf {
    dir.join(format!("part-{name}.parquet"))
}

pub(super) fn is_part(name: &str) -> bool {
    name.starts_with("part-") && name.ends_with(".parquet")
}

/// The first difference that the check found in a run.
pub fn mismatch(dir: &Path, run: u64) -> PathBuf {
    dir.join(format!("mismatch-{run}.json"))
}

/// The page that shows everything stored.
pub fn report(dir: &Path) -> PathBuf {
    dir.join("report.html")
}

/// Without their endings, the two files of a chart: numbered, for the names of panels are the user's text.
pub fn chart_name(panel: usize, axis: &str) -> String {
    format!("panel-{panel}-{axis}")
}

/// Without its ending, a measured spectrum, in the directory and among the figures.
pub fn spectrum_name(number: u64) -> String {
    format!("spectrum-{number}")
}

/// Eigenvalues measured on a user's covariates, numbered from 1.
pub fn spectrum(dir: &Path, number: u64) -> PathBuf {
    dir.join(spectrum_name(number) + ".csv")
}

/// The number of the spectrum that a file of this name holds.
pub(super) fn spectrum_number(name: &str) -> Option<u64> {
    name.strip_prefix("spectrum-")?.strip_suffix(".csv")?.parse().ok()
}

/// Held by the process that runs a shard.
pub(super) fn shard_lock(dir: &Path, shard: Shard) -> PathBuf {
    dir.join(format!("{LOCK}{shard}"))
}

/// The shard whose lock a file of this name is.
pub(super) fn locked_shard(name: &str) -> Option<Shard> {
    Shard::named(name.strip_prefix(LOCK)?)
}

/// Held while a shard is looked for among the others and takes its lock.
pub(super) fn opening_lock(dir: &Path) -> PathBuf {
    dir.join(format!("{LOCK}opening"))
}

/// Held while the manifest is read, changed and written: shards share it.
pub(super) fn manifest_lock(dir: &Path) -> PathBuf {
    dir.join(format!("{LOCK}manifest"))
}

/// Held while the report is written.
pub(super) fn report_lock(dir: &Path) -> PathBuf {
    dir.join(format!("{LOCK}report"))
}

/// Files that may stand in a directory before its manifest does: our own locks and half-written files, and what systems,
/// shells and schedulers leave in any directory.
pub(super) fn precedes_manifest(name: &str) -> bool {
    const ANYWHERE: [&str; 6] =
        ["lost+found", "thumbs.db", "desktop.ini", "$recycle.bin", "system volume information", "@eadir"];
    const MESSAGES: [&str; 3] = [".log", ".out", ".err"];
    let lower = name.to_lowercase();
    // Hidden ones are half-written files of ours, or .DS_Store, .nfs..., .snapshot, .gitignore.
    name.starts_with(LOCK)
        || name.starts_with('.')
        || ANYWHERE.contains(&lower.as_str())
        || MESSAGES.iter().any(|ending| lower.ends_with(ending))
}
