//! Somebody's codec as a table: the first byte is the format's number, the rest the text of `verify --codec`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use roundlaw::format::{FORMATS, Quantizer};
use roundlaw::verify::foreign;
use roundlaw_fuzz::is_refusal;

fuzz_target!(|input: (u8, &str)| {
    let (number, text) = input;
    let quantizer = Quantizer::new(&FORMATS[usize::from(number) % FORMATS.len()]);
    match foreign::rows("codec.csv", text, &quantizer) {
        Ok(rows) => {
            let found = foreign::check(&quantizer, &rows);
            assert!(found.rows == rows.len() && found.different + found.other_nans <= found.rows);
        }
        Err(error) => is_refusal(&error),
    }
});
