//! What runs on a user's covariates have to beat, beside the rows: `baselines-<k>.json`.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::directory::names;
use super::paths;
use crate::error::{Error, Result};
use crate::files::write_whole;

/// Held-out risks of predictors that are no runs, in squared units of y.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct StoredBaselines {
    /// The columns `spectrum` and `target` of the rows that they go with.
    pub spectrum: String,
    pub target: String,
    /// The mean label of the training rows.
    pub mean: f64,
    /// Ridge regression on the covariates themselves, and its penalty by cross-validation.
    pub ridge: f64,
    pub penalty: f64,
    /// Training rows that it was fitted to, and columns.
    pub rows: usize,
    pub dim: usize,
}

impl StoredBaselines {
    /// Writes file `number` of a directory; `tag` names the writer, as for every file of a shard.
    pub fn write(&self, dir: &Path, number: u64, tag: &str) -> Result<()> {
        let path = paths::baselines(dir, number);
        let text = serde_json::to_string_pretty(self).map_err(|e| Error::Other(format!("{}: {e}", path.display())))?;
        write_whole(&path, tag, |file| writeln!(file, "{text}").map_err(Error::io(&path)))
    }
}

/// The baselines of a directory, none where there is none. A malformed file is [`Error::Corrupt`].
pub fn baselines(dir: &Path) -> Result<Vec<StoredBaselines>> {
    let mut found = Vec::new();
    for name in names(dir)?.into_iter().filter(|name| paths::is_baselines(name)) {
        let path = dir.join(&name);
        let text = fs::read(&path).map_err(Error::io(&path))?;
        let read = serde_json::from_slice(&text)
            .map_err(|e| Error::Corrupt(format!("{}: {e}; delete it: the same sweep writes it again", path.display())));
        found.push(read?);
    }
    Ok(found)
}
