//! The files that a stored config names, found without reading them or the rest of the config.

use std::path::PathBuf;

use toml::{Table, Value};

/// Keys of a path, and of the hash that a sweep stores beside it.
const KEYS: [(&str, &str); 3] = [("path", "hash"), ("path", "path_hash"), ("labels", "labels_hash")];

/// A file and what it held when the config was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredInput {
    pub path: PathBuf,
    /// FNV-1a 64 of its bytes, 16 hex digits.
    pub hash: String,
}

/// Every file whose hash stands beside its path; none in a text that is no TOML.
pub fn stored_inputs(config_toml: &str) -> Vec<StoredInput> {
    let mut found = Vec::new();
    if let Ok(table) = config_toml.parse::<Table>() {
        collect(&Value::Table(table), &mut found);
    }
    found
}

fn collect(value: &Value, found: &mut Vec<StoredInput>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| collect(value, found)),
        Value::Table(table) => {
            let text = |key: &str| table.get(key)?.as_str();
            let pairs = KEYS.iter().filter_map(|(path, hash)| text(path).zip(text(hash)));
            found.extend(pairs.map(|(path, hash)| StoredInput { path: path.into(), hash: hash.into() }));
            table.values().for_each(|value| collect(value, found));
        }
        _ => {}
    }
}
