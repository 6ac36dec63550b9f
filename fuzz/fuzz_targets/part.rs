//! The bytes of a part, under the name that says their hash: rows of the plan, or refused in a line.
#![no_main]

use libfuzzer_sys::fuzz_target;
use roundlaw::hash::fnv1a64;
use roundlaw_fuzz::{read, swept};

fuzz_target!(|bytes: &[u8]| {
    let parts = swept().join("rows");
    for part in std::fs::read_dir(&parts).expect("a folder of parts") {
        std::fs::remove_file(part.expect("a part").path()).expect("it is ours");
    }
    let name = format!("part-0-of-1-seed00000000-point0-{:016x}.parquet", fnv1a64(bytes.iter().copied()));
    std::fs::write(parts.join(name), bytes).expect("the folder is writable");
    let _ = read(swept());
});
