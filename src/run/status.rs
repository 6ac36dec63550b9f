//! What a directory holds of its sweep.

use std::path::Path;

use serde::Serialize;

use super::stored::Stored;
use crate::error::Result;
use crate::store;
use crate::streams::tell;
use crate::watch::Watch;

/// Runs to do and done, and the digest of their rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Status {
    /// Of the config.
    pub runs: u64,
    /// Runs that have rows.
    pub done: u64,
    /// Those that the reference redid.
    pub checked: u64,
    pub rows: u64,
    /// Of the result columns, 16 hex digits.
    pub digest: String,
}

/// Reads every row of a directory.
///
/// # Errors
/// Those of its rows; [`crate::Error::Incomplete`] where the watch asks to end.
pub fn status(dir: &Path, watch: &Watch) -> Result<Status> {
    let stored = Stored::open(dir)?;
    stored.caution().iter().for_each(|line| tell(&format!("warning: {line}")));
    let runs = stored.runs();
    let (mut rows, mut done, mut checked, mut last) = (0, 0, 0, None);
    let stored = stored.rows().map(|row| {
        watch.ask()?;
        row.inspect(|row| {
            rows += 1;
            // The rows of a run come together, and were checked together.
            if last.replace(row.run_id) != Some(row.run_id) {
                done += 1;
                checked += u64::from(row.is_checked());
            }
        })
    });
    let digest = store::digest_of(stored)?;
    Ok(Status { runs, done, checked, rows, digest })
}
