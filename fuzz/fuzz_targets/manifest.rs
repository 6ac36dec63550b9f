//! `manifest.json`, and after a NUL `config.toml`, of a directory whose parts are sound: its rows, or refused in a line.
#![no_main]

use std::fs;
use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use roundlaw_fuzz::{read, swept};

fuzz_target!(|bytes: &[u8]| {
    static CONFIG: OnceLock<Vec<u8>> = OnceLock::new();
    let dir = swept();
    let config = CONFIG.get_or_init(|| fs::read(dir.join("config.toml")).expect("the config of the sweep"));
    let mut files = bytes.splitn(2, |byte| *byte == 0);
    let written =
        [("manifest.json", files.next().unwrap_or_default()), ("config.toml", files.next().unwrap_or(config))];
    for (name, bytes) in written {
        fs::write(dir.join(name), bytes).expect("the directory is writable");
    }
    if let Some(rows) = read(dir) {
        assert_eq!(rows.len(), 16, "what its parts hold");
    }
});
