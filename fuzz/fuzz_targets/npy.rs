//! A file of NumPy's: as many values as its shape says, or refused in a line.
#![no_main]

use libfuzzer_sys::fuzz_target;
use roundlaw::npy::{Element, Npy};
use roundlaw_fuzz::{file, is_refusal};

fuzz_target!(|bytes: &[u8]| {
    let path = file("array.npy", bytes);
    match Npy::read_any(&path, &[Element::F32, Element::F64, Element::U32]) {
        Ok(npy) => {
            let count: usize = npy.shape.iter().product();
            assert!(!npy.shape.contains(&0) && 4 * count <= bytes.len(), "{:?}", npy.shape);
        }
        Err(error) => is_refusal(&error),
    }
    match Npy::read(&path) {
        Ok(npy) => assert!(npy.into_f32().iter().all(|value| value.abs() <= 1_048_576.0)),
        Err(error) => is_refusal(&error),
    }
});
