//! The fits of a sweep's rows, beside them: `fit.json`.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::paths;
use crate::error::{Error, Result};
use crate::files::{remove_left_over, write_whole};

/// Names the writer.
const TAG: &str = "fit";

/// What lies in a directory.
#[derive(Clone, Debug, PartialEq)]
pub enum FoundFits {
    /// No file.
    Nothing,
    /// Fits of other rows than those with the digest.
    Others,
    /// The document.
    Read(Value),
}

/// The fits of a directory, where they are of the rows with this digest.
///
/// # Errors
/// [`Error::Corrupt`] for a file that is no JSON, [`Error::Io`] for one that can't be read.
pub fn read(dir: &Path, digest: &str) -> Result<FoundFits> {
    let path = paths::fit(dir);
    let text = match fs::read(&path) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(FoundFits::Nothing),
        read => read.map_err(Error::io(&path))?,
    };
    let document: Value = serde_json::from_slice(&text).map_err(|e| damaged(dir, &e.to_string()))?;
    Ok(if document["digest"] == digest { FoundFits::Read(document) } else { FoundFits::Others })
}

/// The error of a document that is not one of fits.
pub fn damaged(dir: &Path, what: &str) -> Error {
    Error::Corrupt(format!("{}: {what}; delete it: `roundlaw fit DIR` writes it again", paths::fit(dir).display()))
}

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
