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
        let name = keys.path(key);
        let value = keys.required(key, "the path of a .npy file")?;
        let Some(path) = value.as_str().filter(|path| !path.is_empty()) else {
            return Err(bad(&name, &value, "the path of a .npy file"));
        };
        let path = base.join(path);
        let path = std::path::absolute(&path).unwrap_or(path);
        let npy = Npy::read(&path).map_err(|error| match error {
            Error::Input(message) => Error::Input(format!("{name}: {message}")),
            other => other,
        })?;
        let input = Input { path, hash: npy.hash, shape: npy.shape.clone(), values: npy.into_f32().into() };
        match keys.take(hash) {
            Some(Value::String(stored)) if stored == input.digest() => Ok(input),
            Some(stored) => Err(Error::Input(format!(
                "{name}: {} has changed: its hash is {}, {} says {stored}; restore the file, or remove the key to take it as it is",
                input.path.display(),
                input.digest(),
                keys.path(hash)
            ))),
            None => Ok(input),
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

    /// The text of a row's column: the file's name and its hash, not where it lies.
    pub fn canonical(&self) -> String {
        let name = self.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        format!("file {name} {}", self.digest())
    }
}
