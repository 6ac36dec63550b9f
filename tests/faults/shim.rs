//! Faults in the C library of a program that a test starts: tests/faults/shim.c, compiled once and preloaded.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/faults/shim.c");

/// Lets the command meet these faults, each a rule of the shim: `CALL NTH ACTION PATH`.
pub fn fail<'a>(command: &'a mut Command, rules: &[String]) -> &'a mut Command {
    command.env("LD_PRELOAD", library()).env("FAULTS", rules.join("\n"))
}

/// The same; what acted stands in the file `log`, a line each, which is none where nothing did.
pub fn fail_telling<'a>(command: &'a mut Command, rules: &[String], log: &Path) -> &'a mut Command {
    fail(command, rules).env("FAULTS_LOG", log)
}

/// Lets a second of the command's own clock pass in three milliseconds, so that what is done every ten seconds is done
/// thirty times a second.
pub fn hasten(command: &mut Command) -> &mut Command {
    command.env("LD_PRELOAD", library()).env("FAULTS_CLOCK", "300")
}

/// The compiled shim. It appears whole, as another test may load it at this moment.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let (mine, path) = (dir.join(format!("shim-{}.so", std::process::id())), dir.join("shim.so"));
        let compiled = Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).arg(&mine).arg(SOURCE).output();
        let compiled = compiled.expect("cc, which cargo needs too");
        assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
        std::fs::rename(&mine, &path).unwrap();
        path
    })
}
