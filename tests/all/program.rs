//! The finished program, run as a user runs it.

use std::process::Output;

pub fn command(args: &[&str]) -> Output {
    assert_cmd::Command::new(env!("CARGO_BIN_EXE_roundlaw")).args(args).output().unwrap()
}

#[track_caller]
pub fn succeeds(args: &[&str]) -> Output {
    let output = command(args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}
