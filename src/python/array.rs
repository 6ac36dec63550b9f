//! Arrays that Python hands over, as sources of numbers: their bytes where they lie.

use numpy::{PyArray1, PyReadonlyArray1};
use pyo3::prelude::*;

use crate::error::{Error, Result};
use crate::tensor::{Element, Source};

/// An array of NumPy's: what messages call it, its bytes in the order in which its elements are stored, their type as
/// safetensors calls it, the shape, and whether the first axis is the fastest.
#[derive(FromPyObject)]
pub struct Array<'py>(String, PyReadonlyArray1<'py, u8>, String, Vec<usize>, bool);

/// The same, for a thread that does not hold the interpreter.
#[derive(Clone, Copy)]
pub struct View<'a> {
    name: &'a str,
    bytes: &'a [u8],
    element: &'a str,
    pub shape: &'a [usize],
    pub is_fortran: bool,
}

impl Array<'_> {
    /// # Errors
    /// Where the bytes are not one after the other.
    pub fn view(&self) -> PyResult<View<'_>> {
        let Array(name, bytes, element, shape, is_fortran) = self;
        Ok(View { name, bytes: bytes.as_slice()?, element, shape, is_fortran: *is_fortran })
    }
}

impl<'a> View<'a> {
    /// The array, if its elements are `allowed`.
    pub fn open(&self, allowed: &[Element]) -> Result<Source<'a>> {
        let element = Element::of_safetensors(self.element).filter(|element| allowed.contains(element));
        let element = element.ok_or_else(|| {
            let names: Vec<&str> = allowed.iter().map(|element| element.name()).collect();
            let (name, found) = (self.name, self.element);
            Error::Input(format!("{name} has elements {found}: allowed are {}", names.join(", ")))
        })?;
        Source::memory(self.name, element, self.shape.to_vec(), self.is_fortran, self.bytes)
    }
}

/// Room for what comes of `count` elements.
pub fn room<T>(count: usize) -> Result<Vec<T>> {
    let mut room = Vec::new();
    room.try_reserve_exact(count)
        .map_err(|error| Error::Input(format!("the results of {count} elements do not fit the memory: {error}")))?;
    Ok(room)
}

/// An array that owns what was computed.
pub fn owned<T: numpy::Element>(py: Python, values: Vec<T>) -> Bound<PyArray1<T>> {
    PyArray1::from_vec(py, values)
}
