//! `manifest.json`: whose directory this is, what was run in it, and on what.

use std::fs;
use std::io::Write;
use std::path::Path;

use serde_json::{Map, Value};

use super::paths::{self, MANIFEST};
use crate::error::{Error, Result};
use crate::files::write_whole;
use crate::store::row::SCHEMA_VERSION;

/// Keys that decide whether a command may continue the directory.
const OWN_KEYS: [&str; 4] = ["schema_version", "stream_version", "seeds", "identity"];

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

/// The manifest of a new directory.
pub fn new(settings: &Settings) -> Map<String, Value> {
    let mut manifest = Map::new();
    manifest.insert("schema_version".into(), SCHEMA_VERSION.into());
    manifest.insert("stream_version".into(), settings.stream_version.into());
    manifest.insert("seeds".into(), settings.seeds.into());
    manifest.insert("identity".into(), settings.identity.as_str().into());
    manifest
}

/// The directory's manifest, `None` where there is none yet.
pub fn read(dir: &Path) -> Result<Option<Map<String, Value>>> {
    let path = paths::manifest(dir);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(Error::io(&path)(e)),
    };
    let manifest: Map<String, Value> =
        serde_json::from_slice(&bytes).map_err(|e| Error::Corrupt(format!("{}: {e}", path.display())))?;
    match OWN_KEYS.iter().find(|&&key| !manifest.contains_key(key)) {
        None => Ok(Some(manifest)),
        Some(key) => Err(Error::Corrupt(format!("{}: foreign manifest, it has no key {key}", path.display()))),
    }
}

/// The manifest of a directory that must have one.
pub fn known(dir: &Path) -> Result<Map<String, Value>> {
    read(dir)?.ok_or_else(|| Error::Corrupt(format!("{}: no {MANIFEST}", dir.display())))
}

/// What the manifest of a directory says of where its rows come from.
pub fn provenance(dir: &Path) -> Result<Map<String, Value>> {
    let mut manifest = known(dir)?;
    manifest.remove("identity");
    Ok(manifest)
}

pub fn write(dir: &Path, tag: &str, manifest: &Map<String, Value>) -> Result<()> {
    let path = paths::manifest(dir);
    let mut text =
        serde_json::to_string_pretty(manifest).map_err(|e| Error::Other(format!("{}: {e}", path.display())))?;
    text.push('\n');
    write_whole(&path, tag, |file| file.write_all(text.as_bytes()).map_err(Error::io(&path)))
}

pub fn seeds(manifest: &Map<String, Value>) -> u64 {
    manifest["seeds"].as_u64().unwrap_or(0)
}

/// Refuses settings that would put rows of two different sweeps into one directory.
pub fn check(dir: &Path, manifest: &Map<String, Value>, settings: &Settings) -> Result<()> {
    let dir = dir.display();
    let schema = &manifest["schema_version"];
    if schema.as_u64() != Some(SCHEMA_VERSION.into()) {
        return Err(Error::Corrupt(format!(
            "{dir}: schema version {schema}, this program has {SCHEMA_VERSION}; use another output directory"
        )));
    }
    let (stream, own) = (&manifest["stream_version"], settings.stream_version);
    if stream.as_u64() != Some(own.into()) {
        return Err(Error::Input(format!(
            "{dir}: stream version {stream}, this program has {own}: its results would not compare; use another output directory"
        )));
    }
    let stored = manifest["identity"].as_str().unwrap_or("");
    let Some((was, is)) = first_difference(stored, &settings.identity) else {
        return Ok(());
    };
    Err(Error::Input(format!(
        "the config differs from the one {dir} was begun with: `{was}` there, `{is}` here; only more seeds, check and draws may change, else use another output directory"
    )))
}

/// The first line that two texts do not share, as each has it.
fn first_difference<'a>(was: &'a str, is: &'a str) -> Option<(&'a str, &'a str)> {
    const END: &str = "(nothing)";
    let (mut was, mut is) = (was.lines(), is.lines());
    loop {
        match (was.next(), is.next()) {
            (None, None) => return None,
            (a, b) if a == b => {}
            (a, b) => return Some((a.unwrap_or(END), b.unwrap_or(END))),
        }
    }
}

/// Adds provenance; the keys that decide over continuation keep their values.
pub fn merge(manifest: &mut Map<String, Value>, provenance: Map<String, Value>) -> Result<()> {
    for (key, value) in provenance {
        let own = OWN_KEYS.contains(&key.as_str());
        if own && manifest.get(&key) != Some(&value) {
            return Err(Error::Other(format!(
                "{MANIFEST}: key {key} is set when the directory is opened, not as provenance"
            )));
        }
        manifest.insert(key, value);
    }
    Ok(())
}
