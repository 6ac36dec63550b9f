//! A directory with a config and, once it was run, its output directory; and the program in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::digest;

/// What is far more than any command here takes.
pub const LIMIT: Duration = Duration::from_secs(120);

pub struct Place {
    text: &'static str,
    dir: TempDir,
}

/// What `status --json` says.
#[derive(Debug)]
pub struct Status {
    pub runs: u64,
    pub done: u64,
    pub digest: String,
}

/// The program with these arguments, on two threads.
pub fn roundlaw(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_roundlaw"));
    command.args(args).env("RAYON_NUM_THREADS", "2").stdin(Stdio::null());
    command
}

pub fn run(command: Command) -> Output {
    assert_cmd::Command::from_std(command).timeout(LIMIT).output().unwrap()
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Ended by itself with this exit code and, last of all, one line that names all of the parts.
#[track_caller]
pub fn failed(output: &Output, code: i32, parts: &[&str]) {
    let text = stderr(output);
    assert_eq!(output.status.code(), Some(code), "{}: {text}", output.status);
    let line = error_line(&text);
    for part in parts {
        assert!(line.contains(part), "{line:?} does not name {part:?}");
    }
}

/// The error that ends what the program says.
#[track_caller]
pub fn error_line(text: &str) -> &str {
    assert!(!text.contains("panicked"), "{text}");
    let errors: Vec<&str> = text.lines().filter(|line| line.starts_with("roundlaw: ")).collect();
    assert!(errors.len() == 1 && text.lines().last() == Some(errors[0]), "not one line of an error: {text:?}");
    assert!(!errors[0].chars().any(char::is_control), "{text:?}");
    errors[0]
}

impl Place {
    pub fn new(text: &'static str) -> Place {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("config.toml"), text).unwrap();
        Place { text, dir }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The output directory.
    pub fn out(&self) -> PathBuf {
        self.path("out")
    }

    pub fn sweep(&self) -> Command {
        let mut command = roundlaw(&["sweep"]);
        command.arg(self.path("config.toml")).arg("--out").arg(self.out()).args(["--adapter", "cpu"]);
        command
    }

    /// A command that takes the output directory.
    pub fn on_out(&self, args: &[&str]) -> Command {
        let mut command = roundlaw(&args[..1]);
        command.arg(self.out()).args(&args[1..]);
        command
    }

    #[track_caller]
    pub fn succeeds(&self, command: &mut Command) -> Output {
        let owned = std::mem::replace(command, Command::new("true"));
        let output = run(owned);
        assert_eq!(output.status.code(), Some(0), "{}: {}", output.status, stderr(&output));
        assert!(!stderr(&output).contains("panicked"), "{}", stderr(&output));
        output
    }

    /// What `status` finds, which must be able to read the directory.
    #[track_caller]
    pub fn status(&self) -> Status {
        let output = self.succeeds(&mut self.on_out(&["status", "--json"]));
        let value: Value = serde_json::from_slice(&output.stdout).unwrap();
        let number = |key: &str| value[key].as_u64().unwrap();
        Status { runs: number("runs"), done: number("done"), digest: value["digest"].as_str().unwrap().to_owned() }
    }

    /// The same command, undisturbed, ends with the right rows and leaves nothing but what belongs there.
    #[track_caller]
    pub fn finishes(&self) {
        self.succeeds(&mut self.sweep());
        let status = self.status();
        assert_eq!(status.done, status.runs);
        assert_eq!(status.digest, digest(self.text));
        for name in names(&self.out()) {
            assert!(belongs(&name), "{name} is left in the output directory");
        }
    }
}

/// The files below a directory, relative to it; none where there is no directory.
pub fn names(dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).into_iter().flatten() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        match entry.file_type().unwrap().is_dir() {
            true => found.extend(names(&entry.path()).iter().map(|below| format!("{name}/{below}"))),
            false => found.push(name),
        }
    }
    found
}

/// What a finished directory holds.
fn belongs(name: &str) -> bool {
    match name.split_once('/') {
        Some(("rows", part)) => part.starts_with("part-") && part.ends_with(".parquet"),
        Some(("figures", figure)) => !figure.starts_with('.') && (figure.ends_with(".svg") || figure.ends_with(".csv")),
        Some(_) => false,
        None => {
            matches!(name, "config.toml" | "manifest.json" | "provenance.json" | "report.html")
                || name.starts_with("lock")
        }
    }
}
