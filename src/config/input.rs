//! A .npy file that a config names.

use std::path::Path;

use super::keys::Keys;
use crate::error::{Error, Result};
use crate::npy::Npy;
use crate::problem::Input;

/// Reads the file that `key` names, relative to the config's directory; a `hash` beside it must be the file's.
pub(super) fn input(keys: &mut Keys, key: &str, hash: &str, base: &Path) -> Result<Input> {
    const ALLOWED: &str = "the path of a .npy file";
    let item = keys.required(key, ALLOWED)?;
    let name = item.key();
    let stored = match keys.take(hash) {
        None => None,
        Some(stored) => match stored.as_str() {
            Some(stored) => Some(stored.to_owned()),
            None => return Err(stored.bad("the file's hash as `sweep` stores it")),
        },
    };
    let path = item.as_str().filter(|path| !path.is_empty()).ok_or_else(|| item.bad(ALLOWED))?;
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
