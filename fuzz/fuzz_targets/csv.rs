//! Somebody's codec as a table: the first byte is the format's number, the rest the text of `verify --codec`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use roundlaw::format::{FORMATS, Quantizer};
use roundlaw::verify::foreign::{self, table};
use roundlaw_fuzz::is_refusal;

fuzz_target!(|input: (u8, &str)| {
    let (number, text) = input;
    let quantizer = Quantizer::new(&FORMATS[usize::from(number) % FORMATS.len()]);
    match table::read("codec.csv", text, quantizer, false) {
        Ok(case) => {
            let found = foreign::check(&case);
            assert!(found.elements == case.inputs.len() && found.different + found.other_nans <= found.elements);
        }
        Err(error) => is_refusal(&error),
    }
});
