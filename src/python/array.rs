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
        let found = Element::of_safetensors(self.element);
        let element = found.filter(|element| allowed.contains(element)).ok_or_else(|| {
            let names: Vec<&str> = allowed.iter().copied().map(dtype).collect();
            let (name, found) = (self.name, if let Some(found) = found { dtype(found) } else { self.element });
            Error::Input(format!("{name} has dtype {found}: allowed are {}", names.join(", ")))
        })?;
        Source::memory(self.name, element, self.shape.to_vec(), self.is_fortran, self.bytes)
    }
}

/// What NumPy calls a type, or ml_dtypes.
fn dtype(element: Element) -> &'static str {
    match element {
        Element::F32 => "float32",
        Element::F64 => "float64",
        Element::F16 => "float16",
        Element::Bf16 => "bfloat16",
        Element::E5m2 => "float8_e5m2",
        Element::E4m3 => "float8_e4m3fn",
        Element::E8m0 => "float8_e8m0fnu",
        Element::E5m2Fnuz => "float8_e5m2fnuz",
        Element::E4m3Fnuz => "float8_e4m3fnuz",
        Element::E3m2 => "float6_e3m2fn",
        Element::E2m3 => "float6_e2m3fn",
        Element::E2m1 => "float4_e2m1fn",
        Element::I8 => "int8",
        Element::I16 => "int16",
        Element::I32 => "int32",
        Element::I64 => "int64",
        Element::U8 => "uint8",
        Element::U16 => "uint16",
        Element::U32 => "uint32",
        Element::U64 => "uint64",
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
