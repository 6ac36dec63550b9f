//! Predictions of a sweep's directory, and what is to be told of any.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::{PredictOptions, Predicted, Status};
use crate::error::{Error, Result};
use crate::plan::Plan;
use crate::run::stored::Stored;
use crate::store;
use crate::watch::Watch;

/// Cells of a warning that are named.
const NAMED: usize = 8;

/// A sweep's directory and its plan, of which overrides change nothing.
///
/// # Errors
/// [`Error::Input`] for overrides; those of the directory.
pub fn of_directory(dir: &Path, overrides: &[String]) -> Result<(Stored, Plan)> {
    let stored = Stored::open(dir)?;
    if !overrides.is_empty() {
        let (set, dir) = (overrides.join(" --set "), dir.display());
        let allowed = "the config of a sweep's directory is what it is: allowed is --set with a config file";
        return Err(Error::Input(format!("--set {set} of {dir}: {allowed}")));
    }
    let plan = stored.plan()?.clone();
    Ok((stored, plan))
}

impl Predicted<'_> {
    /// Writes predict.parquet into a sweep's directory, with the digest of the rows that are there.
    ///
    /// # Errors
    /// Those of the rows, and of the file; [`Error::Incomplete`] where the watch asks to end.
    pub fn write(&self, stored: &Stored, options: &PredictOptions, watch: &Watch) -> Result<PathBuf> {
        let dir = stored.contents.dir();
        let digest = store::digest_of(stored.rows().map(|row| watch.ask().and(row)))?;
        let of = json!({
            "digest": digest,
            "identity": stored.sweep.identity,
            "stream_version": stored.sweep.stream_version,
            "seeds": stored.contents.seeds(),
            "prior": options.prior,
            "budget": options.budget,
        });
        let _lock = store::lock_report(dir, watch)?;
        store::predictions::write(dir, &of, self.stored())
    }

    /// A line for each reason why numbers of cells are not exact, or missing.
    pub fn cautions(&self) -> Vec<String> {
        let mut reasons: BTreeMap<(&str, &str), Vec<u64>> = BTreeMap::new();
        for (cell, status) in self.inexact() {
            let what = match status {
                Status::Matched(_) => "numbers of laws like their formats",
                _ => "no prediction",
            };
            reasons.entry((what, status.reason().unwrap_or_default())).or_default().push(cell);
        }
        let line = |((what, reason), cells): ((&str, &str), Vec<u64>)| {
            let names: Vec<String> = cells.iter().take(NAMED).map(u64::to_string).collect();
            let more = if cells.len() > NAMED { format!(" and {} more", cells.len() - NAMED) } else { String::new() };
            let (count, all, names) = (cells.len(), self.plan.cells().len(), names.join(", "));
            format!("{count} of {all} cells have {what}, {reason}: cell {names}{more}")
        };
        reasons.into_iter().map(line).collect()
    }
}
