//! What lies in an output directory.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::paths;
use crate::error::{Error, Result};
use crate::files::read_regular;

/// Names in a directory that are text; ours all are.
pub fn names(dir: &Path) -> Result<Vec<String>> {
    let entries = fs::read_dir(dir).map_err(|e| match e.kind() {
        ErrorKind::NotFound => {
            Error::Input(format!("{}: no such directory; name the one that a sweep wrote", dir.display()))
        }
        ErrorKind::NotADirectory => no_directory(dir),
        _ => Error::io(dir)(e),
    })?;
    entries
        .map(|entry| entry.map(|e| e.file_name().to_string_lossy().into_owned()))
        .collect::<std::io::Result<_>>()
        .map_err(Error::io(dir))
}

fn no_directory(dir: &Path) -> Error {
    Error::Input(format!("{}: no directory but a file; name the directory that a sweep wrote", dir.display()))
}

/// Refuses a directory with files in it that no run of ours put there, unless ours are there too. A sweep writes its
/// config before its manifest: another `config.toml` than that of `config_toml` may be somebody's only one.
pub fn refuse_foreign(dir: &Path, config_toml: &str) -> Result<()> {
    // Listed before the manifest is looked for: a shard may open the directory at this moment.
    let names = names(dir)?;
    let is_own_config = || config_text(dir).is_ok_and(|text| body(&text) == body(config_toml));
    // A report is written where we hold a lock.
    let locked = names.iter().any(|name| paths::is_lock(name));
    let foreign = |name: &String| {
        let ours = paths::is_ours(name) || locked && paths::is_report(name);
        !ours && !paths::is_anywhere(name) || paths::config(dir).ends_with(name) && !is_own_config()
    };
    match names.iter().find(|name| foreign(name)) {
        Some(name) if !paths::manifest(dir).exists() && !has_older_parts(dir)? && parts(dir)?.is_empty() => {
            Err(Error::Corrupt(format!(
                "{}: foreign directory, it holds {name} and no {}; use an empty or a new one, or move {name} away",
                dir.display(),
                paths::MANIFEST
            )))
        }
        _ => Ok(()),
    }
}

/// A resolved config without the seeds and what else may change in a directory.
fn body(config_toml: &str) -> &str {
    config_toml.split("\n[sweep]\n").next().unwrap_or_default()
}

/// Whether parts lie where older schema versions had them.
pub fn has_older_parts(dir: &Path) -> Result<bool> {
    Ok(names(dir)?.iter().any(|name| paths::is_part(name)))
}

/// The parts in a directory, sorted by name; none where there is no folder for them. Hidden files in it, which readers
/// of Parquet pass over too, are left alone.
///
/// # Errors
/// [`Error::Corrupt`] for any other file among them, [`Error::Input`] for a file in place of the directory.
pub fn parts(dir: &Path) -> Result<Vec<PathBuf>> {
    let rows = paths::rows(dir);
    let mut found = match fs::metadata(&rows) {
        Ok(metadata) if !metadata.is_dir() => {
            let what = "no folder of parts but a file; delete it: the same sweep computes what is missing";
            return Err(Error::Corrupt(format!("{}: {what}", rows.display())));
        }
        Ok(_) => names(&rows)?,
        Err(e) if e.kind() == ErrorKind::NotFound => Vec::new(),
        Err(e) if e.kind() == ErrorKind::NotADirectory => return Err(no_directory(dir)),
        Err(e) => return Err(Error::io(&rows)(e)),
    };
    found.retain(|name| !name.starts_with('.'));
    found.sort();
    match found.iter().find(|name| !paths::is_part(name)) {
        Some(name) => {
            Err(Error::Corrupt(format!("{}: no part of a sweep; move it elsewhere", rows.join(name).display())))
        }
        None => Ok(found.into_iter().map(|name| rows.join(name)).collect()),
    }
}

/// The stored config as text.
///
/// # Errors
/// [`Error::Corrupt`] where there is none.
pub fn config_text(dir: &Path) -> Result<String> {
    let path = paths::config(dir);
    let not_text = |e| std::io::Error::new(ErrorKind::InvalidData, e);
    read_regular(&path).and_then(|bytes| String::from_utf8(bytes).map_err(not_text)).map_err(|e| match e.kind() {
        ErrorKind::NotFound | ErrorKind::InvalidData => unreadable(&path, &e),
        _ => Error::io(&path)(e),
    })
}

/// The error of a stored config that is not there, or no text.
pub(super) fn unreadable(path: &Path, why: &std::io::Error) -> Error {
    let first = if why.kind() == ErrorKind::NotFound { "" } else { "delete it: " };
    Error::Corrupt(format!("{}: {why}; {first}the same sweep writes it again", path.display()))
}
