//! The package for Python: a thin layer over what the commands call. Arrays come and go as their bytes, documents as JSON;
//! python/roundlaw makes arrays of any type, and objects, of them. Nothing here holds the interpreter while it computes.

mod array;
mod errors;
mod lines;
mod options;
mod quantize;
mod sweeps;
mod verify;
mod work;

use pyo3::prelude::*;

use crate::streams;

/// The functions behind the package `roundlaw`.
#[pymodule]
fn _roundlaw(module: &Bound<'_, PyModule>) -> PyResult<()> {
    streams::tell_to(lines::keep);
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_function(wrap_pyfunction!(quantize::formats, module)?)?;
    module.add_function(wrap_pyfunction!(quantize::table, module)?)?;
    module.add_function(wrap_pyfunction!(quantize::quantize, module)?)?;
    module.add_function(wrap_pyfunction!(quantize::decode, module)?)?;
    module.add_function(wrap_pyfunction!(verify::verify_codec, module)?)?;
    module.add_function(wrap_pyfunction!(sweeps::plan, module)?)?;
    module.add_function(wrap_pyfunction!(sweeps::sweep, module)?)?;
    module.add_function(wrap_pyfunction!(sweeps::predict, module)?)?;
    module.add_function(wrap_pyfunction!(sweeps::fit, module)?)?;
    module.add_function(wrap_pyfunction!(sweeps::status, module)?)?;
    module.add_function(wrap_pyfunction!(sweeps::parts, module)?)
}
