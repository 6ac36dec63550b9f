//! Puts the git commit into the binary, where there is one.

use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=.git/HEAD");
    println!("cargo:rerun-if-changed=.git/logs/HEAD");
    let output = Command::new("git").args(["rev-parse", "HEAD"]).output();
    if let Some(output) = output.ok().filter(|output| output.status.success()) {
        println!("cargo:rustc-env=ROUNDLAW_COMMIT={}", String::from_utf8_lossy(&output.stdout).trim());
    }
}
