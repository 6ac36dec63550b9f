//! Sweeps from the command line: what they write, what they refuse, and that the rows depend on nothing but the
//! config.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use roundlaw::store;
use roundlaw::store::row::Row;
use serde_json::Value;
use tempfile::TempDir;

mod continued;
#[path = "sweep/files.rs"]
mod data_files;
mod due;
mod export;
#[cfg(unix)]
mod interrupt;
mod judged;
#[cfg(unix)]
mod limits;
#[cfg(target_os = "linux")]
mod locks;
mod merge;
mod plan;
mod readers;
mod recheck;
mod replay;
#[cfg(unix)]
mod submit;

/// Every kind of quantizer, shared and own sites, in a moment.
const TINY: &str = r#"
[problem]
dim = 24
spectrum = { kind = "power", exponent = 1.5 }
noise = 0.5

[train]
model = [3, 5]
samples = [32, 64]
batch = [1, 2]
output = ["last", "average"]
checkpoints = [16]

[[recipe]]
name = "fp32"

[[recipe]]
name = "integers"
data = { format = "int8", step = 0.0625 }
weight = { format = "int8", step = 0.03125, rounding = "stochastic" }

[[recipe]]
name = "floats"
feature = { format = "e4m3", scale = 0.0625, rounding = "stochastic" }
gradient = { noise = "additive", eps = 0.01 }

[[recipe]]
name = "blocks"
sketch = "mxfp4"
parameter = "mxfp4"

[sweep]
seeds = 7
seed = 3
check = "off"
"#;

/// Cells of a cohort of [`many_parts`].
const CELLS: usize = 320;

/// A config of many rows and little work: every cohort, of more than 50,000 rows, is a part.
fn many_parts(seeds: u32, noise: &str) -> String {
    let samples: Vec<usize> = (1..=CELLS).collect();
    format!(
        "[problem]\ndim = 9\nspectrum = {{ kind = \"power\", exponent = 1.0 }}\nnoise = {noise}\n[train]\nmodel = 2\n\
         samples = {samples:?}\ncheckpoints = {samples:?}\nschedule = \"constant\"\n[[recipe]]\nname = \"a\"\n\
         [sweep]\nseeds = {seeds}\ncheck = \"off\"\n"
    )
}

/// A temporary directory with config files and output directories in it.
struct Place(TempDir);

impl Place {
    fn new() -> Place {
        Place(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn config(&self, text: &str) -> String {
        let path = self.path("config.toml");
        fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    /// Runs `sweep CONFIG --out <out> ARGS`.
    fn sweep(&self, text: &str, out: &str, args: &[&str]) -> Output {
        self.sweep_on("2", text, out, args)
    }

    fn sweep_on(&self, threads: &str, text: &str, out: &str, args: &[&str]) -> Output {
        let (config, out) = (self.config(text), self.path(out).display().to_string());
        run_on(threads, &[&["sweep", &config, "--out", &out], args].concat())
    }

    /// A sweep that must succeed, and its rows.
    #[track_caller]
    fn rows(&self, text: &str, out: &str, args: &[&str]) -> Vec<Row> {
        succeeded(&self.sweep(text, out, args));
        stored(&self.path(out))
    }
}

/// Everything stored in a directory.
#[track_caller]
fn stored(dir: &Path) -> Vec<Row> {
    roundlaw::rows(dir).unwrap().collect::<Result<_, _>>().unwrap()
}

fn run(args: &[&str]) -> Output {
    run_on("2", args)
}

fn run_on(threads: &str, args: &[&str]) -> Output {
    let mut command = assert_cmd::Command::new(env!("CARGO_BIN_EXE_roundlaw"));
    command.env("RAYON_NUM_THREADS", threads).timeout(Duration::from_secs(100));
    command.args(args).output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Exit code 0, nothing on stdout, and whole lines without control characters on stderr.
#[track_caller]
fn succeeded(output: &Output) {
    let text = stderr(output);
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
    assert!(text.ends_with('\n') && text.lines().all(|line| !line.is_empty()), "{text:?}");
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
}

/// The exit code, and one line on stderr that holds all of the parts.
#[track_caller]
fn refused(output: &Output, code: i32, parts: &[&str]) {
    let text = stderr(output);
    assert_eq!(output.status.code(), Some(code), "{text}");
    let last = text.lines().last().unwrap_or_default();
    let errors = text.lines().filter(|line| line.starts_with("roundlaw: ")).count();
    assert!(last.starts_with("roundlaw: ") && errors == 1, "the last line is the one error: {text}");
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
    for part in parts {
        assert!(last.contains(part), "{last:?} does not name {part:?}");
    }
}

/// Every file below a directory but the locks, which name their last holder.
fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if !path.file_name().unwrap().to_string_lossy().starts_with("lock-") {
            found.insert(path.clone(), fs::read(&path).unwrap());
        }
    }
    found
}

/// The rows as texts without what numbers them, sorted: settings and every bit of the results.
fn unnumbered(rows: &[Row]) -> Vec<String> {
    let mut texts: Vec<String> =
        rows.iter().map(|row| format!("{:?}", Row { run_id: 0, cell: 0, ..row.clone() })).collect();
    texts.sort();
    texts
}

#[test]
fn nothing_is_written_before_the_command_is_valid() {
    let place = Place::new();
    let untouched = || assert!(!place.path("out").exists());
    refused(&place.sweep("[problem", "out", &[]), 2, &["line 1"]);
    untouched();
    for (args, code, parts) in [
        (&["--set", "train.model=30"][..], 2, &["train.model = 30", "1 to 24"][..]),
        (&["--set", "train.step_size=1e-12", "--set", "train.samples=4096"], 2, &["train.step_size", "2^-48"]),
        (&["--set", "sweep.seeds"], 2, &["--set sweep.seeds", "KEY=VALUE"]),
        (&["--set", "problem.dim=16777216", "--set", "train.model=4096"], 2, &["problem.dim", "GiB"]),
        (&["--check", "none"], 2, &["--check", "none", "auto, all, off"]),
        (&["--shard", "2/2"], 2, &["--shard 2/2", "i < n"]),
        (&["--shard", "0/0"], 2, &["--shard 0/0", "i < n"]),
        (&["--shard", "0/8"], 2, &["--shard 0/8", "sweep.seeds = 7"]),
        (&["--shard", "0"], 2, &["--shard 0", "i/n"]),
        (&["--adapter", "no such device"], 4, &["--adapter no such device", "\"cpu\" needs no GPU"]),
    ] {
        refused(&place.sweep(TINY, "out", args), code, parts);
        untouched();
    }
    let missing = place.path("none.toml").display().to_string();
    let out = place.path("out").display().to_string();
    refused(&run(&["sweep", &missing, "--out", &out]), 2, &["none.toml", "cannot be read"]);
    untouched();
    let config = place.path("config.toml");
    fs::write(&config, b"[problem]\ndim = \xff").unwrap();
    refused(&run(&["sweep", config.to_str().unwrap(), "--out", &out]), 2, &["config.toml", "UTF-8"]);
    untouched();
    // Usage errors of the command line have the same status.
    assert_eq!(run(&["sweep", &missing]).status.code(), Some(2));
    assert_eq!(run(&["dance"]).status.code(), Some(2));
    assert_eq!(run(&["--help"]).status.code(), Some(0));
}

#[test]
fn unusable_directories_are_left_alone() {
    let place = Place::new();
    fs::write(place.path("file"), "text").unwrap();
    refused(&place.sweep(TINY, "file", &[]), 2, &["file", "choose another"]);
    refused(&place.sweep(TINY, "file/below", &[]), 2, &["file/below", "choose another"]);
    assert_eq!(fs::read(place.path("file")).unwrap(), b"text");

    fs::create_dir(place.path("foreign")).unwrap();
    fs::write(place.path("foreign/thesis.tex"), "text").unwrap();
    refused(&place.sweep(TINY, "foreign", &[]), 7, &["foreign", "thesis.tex"]);
    assert_eq!(fs::read_dir(place.path("foreign")).unwrap().count(), 1);

    let foreign = place.path("foreign").display().to_string();
    refused(&run(&["report", &foreign]), 7, &["foreign", "manifest.json"]);
    refused(&run(&["report", &place.path("nowhere").display().to_string()]), 2, &["nowhere", "no such directory"]);
    assert_eq!(fs::read_dir(place.path("foreign")).unwrap().count(), 1);

    fs::create_dir(place.path("other")).unwrap();
    fs::write(place.path("other/manifest.json"), "{\"name\": \"a web page\"}").unwrap();
    refused(&place.sweep(TINY, "other", &[]), 7, &["manifest.json", "foreign"]);
    assert_eq!(files(&place.path("other")).len(), 1);

    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let path = place.path("closed");
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o555)).unwrap();
        // The superuser may write everywhere.
        if fs::write(path.join("probe"), "").is_err() {
            refused(&place.sweep(TINY, "closed", &[]), 2, &["closed", "writable"]);
            refused(&place.sweep(TINY, "closed/below", &[]), 2, &["closed/below", "choose another"]);
            assert_eq!(fs::read_dir(&path).unwrap().count(), 0);
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
}

#[test]
fn damaged_parts_are_refused() {
    let place = Place::new();
    let seeds = ["--set", "sweep.seeds=1"];
    succeeded(&place.sweep(TINY, "out", &seeds));
    let part = store::parts(&place.path("out")).unwrap().remove(0);
    let intact = fs::read(&part).unwrap();
    let dir = place.path("out").display().to_string();
    let mut bent = intact.clone();
    let end = bent.len();
    bent[end - 40..end - 20].fill(0xff);
    for damaged in [&intact[..end / 2], &intact[..0], b"not a Parquet file at all", &bent] {
        fs::write(&part, damaged).unwrap();
        let name = part.file_name().unwrap().to_str().unwrap();
        refused(&place.sweep(TINY, "out", &seeds), 7, &[name]);
        refused(&run(&["report", &dir]), 7, &[name]);
        refused(&run(&["status", &dir]), 7, &[name, "delete it: the same sweep computes it again"]);
        refused(&run(&["replay", &dir, "--run", "0"]), 7, &[name]);
        assert_eq!(fs::read(&part).unwrap(), damaged);
    }
    fs::write(&part, intact).unwrap();
    succeeded(&place.sweep(TINY, "out", &seeds));
    fs::write(place.path("out/manifest.json"), "{").unwrap();
    refused(&place.sweep(TINY, "out", &seeds), 7, &["manifest.json"]);
}
