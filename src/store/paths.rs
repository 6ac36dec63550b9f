//! The names of an output directory, each of them once.

use std::path::{Path, PathBuf};

use crate::files::is_temporary;
use crate::plan::{Cohort, Shard};

pub(super) const MANIFEST: &str = "manifest.json";
const PROVENANCE: &str = "provenance.json";
const CONFIG: &str = "config.toml";
const ROWS: &str = "rows";
const REPORT: &str = "report.html";
const PREDICTIONS: &str = "predict.parquet";
const FIT: &str = "fit.json";
/// The names of parts begin and end so.
const PART: &str = "part-";
const PARQUET: &str = ".parquet";
/// In the name of a lock, before what it locks: a shard or one of these.
const LOCK: &str = "lock-";
/// Held for moments.
const OPENING_LOCK: &str = "lock-opening";
const MANIFEST_LOCK: &str = "lock-manifest";
const REPORT_LOCK: &str = "lock-report";
/// Folder of the figures, each with its numbers beside it.
pub const FIGURES: &str = "figures";

/// Whose directory this is, what was run in it, and on what.
pub fn manifest(dir: &Path) -> PathBuf {
    dir.join(MANIFEST)
}

/// Who computed the rows of merged parts.
pub fn provenance(dir: &Path) -> PathBuf {
    dir.join(PROVENANCE)
}

/// The resolved config.
pub fn config(dir: &Path) -> PathBuf {
    dir.join(CONFIG)
}

/// The folder of the parts, and of nothing else: what reads Parquet reads all of it.
pub fn rows(dir: &Path) -> PathBuf {
    dir.join(ROWS)
}

/// The name of a part: whose it is, the cohort it begins with, and the hash of its bytes.
pub fn part_name(shard: Shard, first: Cohort, hash: u64) -> String {
    let Cohort { point, seed_index } = first;
    format!("{PART}{shard}-seed{seed_index:08}-point{point}-{hash:016x}{PARQUET}")
}

/// The name of a part that others were merged into. No shard stands in it: whichever there were, it holds the same bytes.
pub fn merged_name(first: Cohort, hash: u64) -> String {
    let Cohort { point, seed_index } = first;
    format!("{PART}merged-seed{seed_index:08}-point{point}-{hash:016x}{PARQUET}")
}

/// Whether it is the name of a part, of this schema version or of another.
pub(super) fn is_part(name: &str) -> bool {
    name.starts_with(PART) && name.ends_with(PARQUET)
}

/// The hash of the bytes of a part of this name.
pub(super) fn part_hash(name: &str) -> Option<u64> {
    let (_, hash) = name.strip_prefix(PART)?.strip_suffix(PARQUET)?.rsplit_once('-')?;
    let digits = |c: char| matches!(c, '0'..='9' | 'a'..='f');
    (hash.len() == 16 && hash.chars().all(digits)).then(|| u64::from_str_radix(hash, 16).ok())?
}

/// The first difference that the check found in a run.
pub fn mismatch(dir: &Path, run: u64) -> PathBuf {
    dir.join(format!("mismatch-{run}.json"))
}

/// The page that shows everything stored.
pub fn report(dir: &Path) -> PathBuf {
    dir.join(REPORT)
}

/// The expected risks of the runs.
pub fn predictions(dir: &Path) -> PathBuf {
    dir.join(PREDICTIONS)
}

/// What the rows come to as scaling laws.
pub fn fit(dir: &Path) -> PathBuf {
    dir.join(FIT)
}

/// Without their endings, the two files of a chart on the page: numbered, for recipes are the user's text.
pub fn chart_name(number: usize, risk: &str, axis: &str) -> String {
    format!("{number:02}-{risk}-{axis}")
}

/// Without their endings, the two files of a chart of a view.
pub fn view_name(number: usize, risk: &str, axis: &str, series: &str) -> String {
    format!("view-{risk}-{axis}-by-{series}-{number}")
}

/// Whether a file of this name belongs to the figures of a page.
pub fn is_figure(name: &str) -> bool {
    let Some((stem, "svg" | "pdf" | "csv")) = name.rsplit_once('.') else { return false };
    let is_number = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    match stem.split_once('-') {
        Some(("z" | "features" | "spectrum", number)) => is_number(number),
        // Of an earlier version.
        Some(("panel", rest)) => rest.split_once('-').is_some_and(|(number, _)| is_number(number)),
        Some((number, _)) => number.len() > 1 && is_number(number),
        None => stem == "cells",
    }
}

/// Without their endings, the two files of a histogram of z-scores.
pub fn histogram_name(number: usize) -> String {
    format!("z-{number}")
}

/// Without their endings, the two files of the spectra of features.
pub fn features_name(number: usize) -> String {
    format!("features-{number}")
}

/// Without its ending, a measured spectrum, in the directory and among the figures.
pub fn spectrum_name(number: u64) -> String {
    format!("spectrum-{number}")
}

/// Eigenvalues measured on a user's covariates, numbered from 1.
pub fn spectrum(dir: &Path, number: u64) -> PathBuf {
    dir.join(spectrum_name(number) + ".csv")
}

/// What runs on a user's covariates have to beat, numbered as their spectrum.
pub fn baselines(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("baselines-{number}.json"))
}

/// Whether a file of this name holds baselines.
pub(super) fn is_baselines(name: &str) -> bool {
    let number = name.strip_prefix("baselines-").and_then(|name| name.strip_suffix(".json"));
    number.is_some_and(|number| number.parse::<u64>().is_ok())
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
    let shard = Shard::named(name.strip_prefix(LOCK)?)?;
    // As `lock-00-of-2` is none.
    (shard_lock(Path::new(""), shard).as_os_str() == name).then_some(shard)
}

/// Held while a shard is looked for among the others and takes its lock.
pub(super) fn opening_lock(dir: &Path) -> PathBuf {
    dir.join(OPENING_LOCK)
}

/// Held while the manifest is read, changed and written: shards share it.
pub(super) fn manifest_lock(dir: &Path) -> PathBuf {
    dir.join(MANIFEST_LOCK)
}

/// Held while the report, the expected risks or the fits are written.
pub(super) fn report_lock(dir: &Path) -> PathBuf {
    dir.join(REPORT_LOCK)
}

/// The file of this number that stands in for a lock where the file system has none.
pub(super) fn stand_in(lock: &Path, number: u64) -> PathBuf {
    let mut path = lock.as_os_str().to_owned();
    path.push(format!(".{number}"));
    path.into()
}

/// The lock that a file of this name stands in for, and its number.
pub(super) fn stood_for(name: &str) -> Option<(&str, u64)> {
    let (lock, text) = name.rsplit_once('.')?;
    let number: u64 = text.parse().ok()?;
    // As `+5` and `05` are not written.
    (number.to_string() == text).then_some((lock, number))
}

/// Whether a file of this name is a lock of ours, or stands in for one.
pub(super) fn is_lock(name: &str) -> bool {
    let lock = stood_for(name).map_or(name, |(lock, _)| lock);
    [OPENING_LOCK, MANIFEST_LOCK, REPORT_LOCK].contains(&lock) || locked_shard(lock).is_some()
}

/// Whether a file of this name is a report, the folder of its figures, what the runs are expected to come to, or what
/// they come to.
pub(super) fn is_report(name: &str) -> bool {
    [REPORT, FIGURES, PREDICTIONS, FIT].contains(&name)
}

/// Whether a file of this name, in a directory without a manifest, may be what a sweep of ours left there.
pub(super) fn is_ours(name: &str) -> bool {
    let named = [CONFIG, ROWS, PROVENANCE].contains(&name);
    let mismatch = name.starts_with("mismatch-") && name.ends_with(".json");
    named || mismatch || spectrum_number(name).is_some() || is_baselines(name) || is_lock(name) || is_temporary(name)
}

/// What systems, shells and schedulers leave in any directory.
pub(super) fn is_anywhere(name: &str) -> bool {
    const NAMES: [&str; 6] =
        ["lost+found", "thumbs.db", "desktop.ini", "$recycle.bin", "system volume information", "@eadir"];
    const MESSAGES: [&str; 3] = [".log", ".out", ".err"];
    let lower = name.to_lowercase();
    // Hidden ones are .DS_Store, .nfs..., .snapshot, .gitignore.
    name.starts_with('.') || NAMES.contains(&lower.as_str()) || MESSAGES.iter().any(|ending| lower.ends_with(ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locks_of_ours_are_told_from_files_of_others() {
        for name in ["lock-opening", "lock-manifest", "lock-report", "lock-0-of-1", "lock-3-of-16"] {
            for name in [name.to_owned(), format!("{name}.1"), format!("{name}.4711")] {
                assert!(is_ours(&name), "{name}");
            }
        }
        for name in [
            "lock-",
            "lock-file",
            "lock-picking.pdf",
            "lock-manifest.json",
            "lock-manifest.",
            "lock-manifest.01",
            "lock-manifest.+1",
            "lock-manifest.1.1",
            "lock-0-of-0",
            "lock-2-of-2",
            "lock-00-of-2",
            "lock-0-of-1.bak",
            "lock-opening2",
            "lock",
            "a-lock-report",
        ] {
            assert!(!is_ours(name), "{name}");
        }
        // What the clock of the file system is read from.
        assert!(is_ours(".clock.0.tmp"));
    }
}
