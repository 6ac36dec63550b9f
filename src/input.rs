//! A user's array: a .npy file that a config names, read once and held to f32 precision.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use toml::Value;

use crate::error::{Error, Result};
use crate::hash::fnv1a64;
use crate::keys::{Keys, bad};
use crate::npy::Npy;

/// The values of one file, shared by everything that reads them.
#[derive(Clone)]
pub struct Input {
    /// Absolute, so that a stored config finds the file from anywhere.
    pub path: PathBuf,
    /// FNV-1a 64 of the file's bytes: what tells two contents apart.
    pub hash: u64,
    pub shape: Vec<usize>,
    /// In C order, magnitudes at most 2^20.
    pub values: Arc<[f32]>,
}

/// Without the values: they may be many.
impl std::fmt::Debug for Input {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "{} {:?}", self.canonical(), self.shape)
    }
}

/// Two inputs are the same when their bytes are, wherever they lie.
impl PartialEq for Input {
    fn eq(&self, other: &Input) -> bool {
        self.hash == other.hash && self.shape == other.shape
    }
}

impl Input {
    /// Reads the file that `key` names, relative to the config's directory; a `hash` beside it must be the file's.
    pub fn take(keys: &mut Keys, key: &str, hash: &str, base: &Path) -> Result<Input> {
        const ALLOWED: &str = "the path of a .npy file";
        let name = keys.path(key);
        let value = keys.required(key, ALLOWED)?;
        let stored = match keys.take(hash) {
            None => None,
            Some(Value::String(stored)) => Some(stored),
            Some(other) => return Err(bad(&keys.path(hash), &other, "the file's hash as `sweep` stores it")),
        };
        let Some(path) = value.as_str().filter(|path| !path.is_empty()) else {
            return Err(bad(&name, &value, ALLOWED));
        };
        let path = base.join(path);
        let path = std::path::absolute(&path).unwrap_or(path);
        if path.to_str().is_none() {
            // The stored config could not name it.
            return Err(Error::Input(format!("{name}: {}: allowed is a path in UTF-8", path.display())));
        }
        let npy = Npy::read(&path).map_err(|error| match (error, &stored) {
            (Error::Input(message), None) => Error::Input(format!("{name}: {message}")),
            // A config that a sweep stored: the file was there once.
            (Error::Input(message), Some(stored)) => Error::Input(format!(
                "{name}: {message}; put the file of hash {stored} back, or correct the path to where it is now"
            )),
            (other, _) => other,
        })?;
        let input = Input { path, hash: npy.hash, shape: npy.shape.clone(), values: npy.into_f32().into() };
        match stored {
            Some(stored) if stored != input.digest() => Err(Error::Input(format!(
                "{name}: {} has changed: its hash is {}, {} says {stored:?}; restore the file, or remove the key to take it as it is",
                input.path.display(),
                input.digest(),
                keys.path(hash)
            ))),
            _ => Ok(input),
        }
    }

    /// An array that no file holds.
    pub fn of(name: &str, shape: Vec<usize>, values: Vec<f32>) -> Input {
        let hash = fnv1a64(values.iter().flat_map(|value| value.to_le_bytes()));
        Input { path: PathBuf::from(name), hash, shape, values: values.into() }
    }

    /// Refuses another shape; `meaning` says where the allowed one comes from.
    pub fn expect_shape(&self, key: &str, allowed: &[usize], meaning: &str) -> Result<()> {
        if self.shape == allowed {
            return Ok(());
        }
        Err(Error::Input(format!(
            "{key}: {} has shape {:?}: allowed is {allowed:?} ({meaning})",
            self.path.display(),
            self.shape
        )))
    }

    pub fn digest(&self) -> String {
        format!("{:016x}", self.hash)
    }

    /// The file's name, without where it lies.
    pub fn name(&self) -> String {
        self.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    }

    /// The text of a row's column: the file's name and its hash, not where it lies.
    pub fn canonical(&self) -> String {
        format!("file {} {}", self.name(), self.digest())
    }
}
