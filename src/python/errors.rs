//! Errors as exceptions, with the messages of the command line.

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use crate::characters::one_line;
use crate::error::{Error, exit_code_of, known_of};

/// The exception for an error: a class of python/roundlaw/errors.py.
pub fn exception(py: Python, error: &anyhow::Error) -> PyErr {
    let class = match known_of(error) {
        Some(Error::Input(_)) => "InputError",
        Some(Error::Mismatch(_)) => "MismatchError",
        Some(Error::NoAdapter(_)) => "NoAdapterError",
        Some(Error::Incomplete(_)) => "IncompleteError",
        Some(Error::DeviceLost(_)) => "DeviceLostError",
        Some(Error::Corrupt(_)) => "CorruptError",
        Some(Error::Io { .. }) => "FileError",
        Some(Error::Other(_)) | None => "Error",
    };
    let message = one_line(&format!("{error:#}")).into_owned();
    let made = py
        .import("roundlaw.errors")
        .and_then(|errors| errors.getattr(class))
        .and_then(|class| class.call1((&message, exit_code_of(error))));
    made.map_or_else(|_| PyRuntimeError::new_err(message), PyErr::from_value)
}

/// What a panic says: a fault of this program, and no exception that passes every `except Exception`.
pub fn of_panic(panic: &(dyn std::any::Any + Send)) -> anyhow::Error {
    let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    Error::Other(format!("a fault of roundlaw: {}", text.unwrap_or("it panicked"))).into()
}
