//! The fits of a sweep's rows, beside them: `fit.json`.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::paths;
use crate::error::{Error, Result};
use crate::files::{remove_left_over, write_whole};

/// Names the writer.
const TAG: &str = "fit";

/// Writes the file of a directory whose report's lock is held, and returns its path. The document says by the digest of
/// which rows it is.
///
/// # Errors
/// [`Error::Io`] and [`Error::Other`] where it can't be written.
pub fn write(dir: &Path, document: &Value) -> Result<PathBuf> {
    let path = paths::fit(dir);
    remove_left_over(dir, TAG)?;
    write_whole(&path, TAG, |file| writeln!(file, "{document:#}").map_err(Error::io(&path)))?;
    Ok(path)
}
