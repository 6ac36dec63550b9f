//! A user's array, read once and held to f32 precision.

use std::path::PathBuf;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::hash::fnv1a64;

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
