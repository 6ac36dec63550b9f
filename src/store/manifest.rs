//! `manifest.json`: whose directory this is, what was run in it, and on what. All of it stands in the parts too, but for
//! the number of seeds that were asked for.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::part::{Session, Sweep};
use super::paths;
use crate::error::{Error, Result};
use crate::files::{filled, read_regular};
use crate::store::row::SCHEMA_VERSION;

/// Keys by which a manifest is one of ours.
const OWN_KEYS: [&str; 4] = ["schema_version", "stream_version", "seeds", "identity"];
/// The programs that wrote older schema versions, and read them.
const OLDER: [(u64, &str); 1] = [(2, "0.1.0")];

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    pub schema_version: u32,
    #[serde(flatten)]
    pub sweep: Sweep,
    /// The most that any sweep asked for.
    pub seeds: u32,
    /// By the time at which they began.
    pub sessions: Vec<Worked>,
}

/// A session and what its parts add up to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Worked {
    #[serde(flatten)]
    pub session: Session,
    pub runs: u64,
    pub checked: u64,
    /// Wall-clock time.
    pub seconds: f64,
}

impl Manifest {
    /// The directory's manifest, `None` where there is none.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for a damaged or foreign one, and for another schema version.
    pub fn read(dir: &Path) -> Result<Option<Manifest>> {
        let path = paths::manifest(dir);
        let corrupt = |what: String| {
            Error::Corrupt(format!(
                "{}: {what}; delete it: the same sweep writes it again from the parts",
                path.display()
            ))
        };
        let bytes = match read_regular(&path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
            Err(e) if e.kind() == ErrorKind::InvalidData => return Err(corrupt(e.to_string())),
            Err(e) => return Err(Error::io(&path)(e)),
        };
        let object: Map<String, Value> = serde_json::from_slice(&bytes).map_err(|e| corrupt(e.to_string()))?;
        if let Some(key) = OWN_KEYS.iter().find(|&&key| !object.contains_key(key)) {
            let what = format!("foreign manifest, it has no key {key}; use another output directory");
            return Err(Error::Corrupt(format!("{}: {what}", path.display())));
        }
        let version = &object["schema_version"];
        if version.as_u64() != Some(SCHEMA_VERSION.into()) {
            return Err(other_version(dir, version));
        }
        serde_json::from_value(Value::Object(object)).map(Some).map_err(|e| corrupt(e.to_string()))
    }

    /// Writes it whole; `may` is asked right before it has its name.
    pub fn write(&self, dir: &Path, tag: &str, may: impl FnOnce() -> Result<()>) -> Result<()> {
        let path = paths::manifest(dir);
        let mut text =
            serde_json::to_string_pretty(self).map_err(|e| Error::Other(format!("{}: {e}", path.display())))?;
        text.push('\n');
        // Synced here already: that may take long, and nothing long may lie between the question and the rename.
        let fill = |file: &mut File| file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
        let filled = filled(&path, tag, |file| fill(file).map_err(Error::io(&path)))?;
        may()?;
        filled.finish()
    }

    /// What it says of where the rows of a directory come from, by key.
    pub fn provenance(&self) -> Map<String, Value> {
        let mut map = Map::new();
        map.insert("schema_version".into(), self.schema_version.into());
        map.insert("stream_version".into(), self.sweep.stream_version.into());
        map.insert("seeds".into(), self.seeds.into());
        map.insert("plan_hash".into(), self.sweep.plan.hash.as_str().into());
        for (number, worked) in (1..).zip(&self.sessions) {
            let value = serde_json::to_value(worked).expect("texts and finite numbers are JSON");
            map.insert(format!("session {number}, shard {}", worked.session.shard), value);
        }
        map
    }
}

/// Refuses a directory of another schema version by the program that reads it.
pub fn other_version(dir: &Path, version: &Value) -> Error {
    let older = OLDER.iter().find(|(older, _)| version.as_u64() == Some(*older));
    let whose = older.map_or(String::new(), |(_, program)| format!(", written and read by roundlaw {program}"));
    Error::Corrupt(format!(
        "{}: schema version {version}{whose}; this program, {}, has {SCHEMA_VERSION}; use another output directory",
        dir.display(),
        env!("CARGO_PKG_VERSION"),
    ))
}
