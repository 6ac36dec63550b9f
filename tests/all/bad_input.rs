//! Whatever is wrong with the input, the program says so in one line, ends with status 2 and writes nothing.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use roundlaw::config::Config;
use roundlaw::error::exit;
use roundlaw::plan::Plan;
use tempfile::TempDir;

mod absurd;
mod bytes;
mod commands;
mod files;
use crate::npy_file::{dict, f32_file, f64_file, file, tuple};

/// A config that trains on nothing but a formula; keys of files are set over it.
const PLAIN: &str = r#"
[problem]
dim = 12
spectrum = { kind = "power", exponent = 1.5 }

[train]
model = [2, 3]
samples = [16]

[[recipe]]
name = "a"

[sweep]
seeds = 2
"#;

/// The same on covariates from files.
const REAL: &str = r#"
[problem]
covariates = { path = "x.npy", labels = "y.npy" }

[train]
model = [2, 3]
samples = [16]

[[recipe]]
name = "a"

[sweep]
seeds = 2
"#;

/// A key that names a file.
#[derive(Clone, Copy, Debug)]
struct Key {
    name: &'static str,
    config: &'static str,
    /// The override that puts `FILE` there.
    set: &'static str,
    shape: &'static [usize],
}

const KEYS: [Key; 5] = [
    Key {
        name: "problem.spectrum.path",
        config: PLAIN,
        set: "problem.spectrum={kind=\"file\",path=\"FILE\"}",
        shape: &[12],
    },
    Key {
        name: "problem.target.path",
        config: PLAIN,
        set: "problem.target={kind=\"file\",path=\"FILE\"}",
        shape: &[12],
    },
    Key {
        name: "problem.sketch.path",
        config: PLAIN,
        set: "problem.sketch={kind=\"file\",path=\"FILE\"}",
        shape: &[4, 12],
    },
    Key { name: "problem.covariates.path", config: REAL, set: "problem.covariates.path=FILE", shape: &[40, 5] },
    Key { name: "problem.covariates.labels", config: REAL, set: "problem.covariates.labels=FILE", shape: &[40] },
];

impl Key {
    fn set(&self, name: &str) -> String {
        self.set.replace("FILE", name)
    }

    /// The config with that file in place.
    fn text(&self, name: &str) -> String {
        let (section, line) =
            self.set(name).split_once('=').map(|(key, value)| (key.to_string(), value.to_string())).unwrap();
        match section.rsplit('.').next().unwrap() {
            "path" => self.config.replace("x.npy", name),
            "labels" => self.config.replace("y.npy", name),
            "spectrum" => self.config.replace("{ kind = \"power\", exponent = 1.5 }", &line),
            key => self.config.replace("[train]", &format!("{key} = {line}\n[train]")),
        }
    }

    /// Values of that shape from 0 to 1.
    fn values(&self) -> Vec<f32> {
        (0..self.shape.iter().product::<usize>()).map(|i| (i % 17) as f32 / 16.0).collect()
    }
}

struct Place(TempDir);

impl Place {
    /// A directory with the covariates and labels of [`REAL`].
    fn new() -> Place {
        let place = Place(tempfile::tempdir().unwrap());
        for (key, name) in [(KEYS[3], "x.npy"), (KEYS[4], "y.npy")] {
            fs::write(place.path(name), f32_file(1, key.shape, &key.values())).unwrap();
        }
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, args: &[&str]) -> Output {
        self.run_with(args, "")
    }

    /// With that on stdin.
    fn run_with(&self, args: &[&str], stdin: &str) -> Output {
        let mut command = assert_cmd::Command::new(env!("CARGO_BIN_EXE_roundlaw"));
        command.env("RAYON_NUM_THREADS", "2").current_dir(self.0.path()).timeout(Duration::from_secs(100));
        command.args(args).write_stdin(stdin).output().unwrap()
    }

    /// Every file below the directory, but for locks, which name their last holder.
    fn contents(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut found = BTreeMap::new();
        let mut open = vec![self.0.path().to_path_buf()];
        while let Some(dir) = open.pop() {
            for entry in fs::read_dir(&dir).unwrap() {
                let path = entry.unwrap().path();
                match path.is_dir() {
                    true => open.push(path),
                    false => drop(found.insert(path.clone(), fs::read(&path).unwrap())),
                }
            }
            found.insert(dir, Vec::new());
        }
        found.retain(|path, _| !path.to_string_lossy().contains("/lock-"));
        found
    }
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Exit code 2, nothing on stdout, and one line on stderr besides warnings, which holds all of the parts.
#[track_caller]
fn refused(output: &Output, parts: &[&str]) {
    let text = stderr(output);
    assert_eq!(output.status.code(), Some(i32::from(exit::INPUT)), "{text}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with("warning: ")).collect();
    assert!(lines.len() == 1 && lines[0].starts_with("roundlaw: "), "not one line: {text:?}");
    assert!(!lines[0].chars().any(char::is_control), "{text:?}");
    for part in parts {
        assert!(lines[0].contains(part), "{:?} does not name {part:?}", lines[0]);
    }
}

/// The config as the library reads it: a config, or a refusal of one line.
#[track_caller]
fn is_read_or_refused(path: &Path, set: &[String]) -> Option<String> {
    let error = Config::load(path, set).and_then(Plan::new).err()?;
    assert_eq!(error.exit_code(), exit::INPUT, "{error}");
    let message = error.to_string();
    assert!(message.lines().count() == 1 && !message.chars().any(char::is_control), "{message:?}");
    Some(message)
}
