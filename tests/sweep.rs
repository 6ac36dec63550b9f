//! Sweeps from the command line: what they write, what they refuse, and that the rows depend on nothing but the
//! config.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use roundlaw::row::Row;
use roundlaw::store;
use serde_json::Value;
use tempfile::TempDir;

#[path = "sweep/files.rs"]
mod data_files;
#[cfg(unix)]
#[path = "sweep/interrupt.rs"]
mod interrupt;
#[path = "sweep/plan.rs"]
mod plan;
#[path = "sweep/replay.rs"]
mod replay;

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
const CELLS: usize = 225;

/// A config of many rows and little work: on one thread every cohort, of more than 25,000 rows, is a part.
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
    store::rows(dir).unwrap().collect::<Result<_, _>>().unwrap()
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
        (&["--check", "none"], 2, &["sweep.check", "none", "auto, all, off"]),
        (&["--shard", "2/2"], 2, &["--shard 2/2", "i < n"]),
        (&["--shard", "0/0"], 2, &["--shard 0/0", "i < n"]),
        (&["--shard", "0/8"], 2, &["--shard 0/8", "sweep.seeds = 7"]),
        (&["--shard", "0"], 2, &["--shard 0", "i/n"]),
        (&["--adapter", "no such device"], 4, &["no such device", "--adapter cpu"]),
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
        refused_after_output(&run(&["replay", &dir, "--run", "0"]), 7, name);
        assert_eq!(fs::read(&part).unwrap(), damaged);
    }
    fs::write(&part, intact).unwrap();
    succeeded(&place.sweep(TINY, "out", &seeds));
    fs::write(place.path("out/manifest.json"), "{").unwrap();
    refused(&place.sweep(TINY, "out", &seeds), 7, &["manifest.json"]);
}

/// `replay` says what it found on stdout before it compares.
#[track_caller]
fn refused_after_output(output: &Output, code: i32, part: &str) {
    refused(output, code, &[part]);
    assert!(String::from_utf8_lossy(&output.stdout).contains("v_digest"));
}

#[test]
fn a_finished_sweep_is_not_run_again() {
    let place = Place::new();
    let first = place.sweep(TINY, "out", &["--check", "all"]);
    succeeded(&first);
    // 2 M x 2 N x 2 B x 4 recipes, 7 seeds.
    assert!(stderr(&first).contains("224 runs in"), "{}", stderr(&first));
    assert!(stderr(&first).contains("224 checked"), "{}", stderr(&first));
    let before = files(&place.path("out"));
    assert!(before.keys().any(|path| path.ends_with("report.html")));
    let again = place.sweep(TINY, "out", &["--check", "all"]);
    succeeded(&again);
    assert!(stderr(&again).contains("\n0 runs in"), "{}", stderr(&again));
    let after = files(&place.path("out"));
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>());
    for (path, bytes) in before {
        assert!(after[&path] == bytes, "{} was rewritten with other bytes", path.display());
    }
    let rows = stored(&place.path("out"));
    // Two outputs, at the checkpoint and at the end.
    assert_eq!(rows.len(), 224 * 2 * 2);
    assert!(rows.iter().all(|row| row.checked == "exact"));
    assert!(rows.iter().all(|row| row.excess.is_some() && row.diverged_at.is_none()));
}

#[test]
fn shards_give_the_rows_of_the_whole() {
    let place = Place::new();
    let whole = place.rows(TINY, "whole", &[]);
    for shard in ["0/2", "1/2"] {
        succeeded(&place.sweep(TINY, "two", &["--shard", shard]));
        let seeds: Vec<u32> = stored(&place.path("two")).iter().map(|row| row.seed_index).collect();
        assert_eq!(seeds.contains(&1), shard == "1/2", "shard i/n has the seed indices i modulo n");
    }
    assert_eq!(stored(&place.path("two")), whole);
    // All seven of them at once in one directory.
    let config = place.config(TINY);
    std::thread::scope(|scope| {
        for shard in 0..7 {
            let (config, out) = (&config, place.path("seven").display().to_string());
            let shard = format!("{shard}/7");
            scope.spawn(move || succeeded(&run(&["sweep", config, "--out", &out, "--shard", &shard])));
        }
    });
    assert_eq!(store::parts(&place.path("seven")).unwrap().len(), 7);
    let seven = stored(&place.path("seven"));
    assert_eq!(store::digest(&seven), store::digest(&whole));
    // The directory is finished whichever way it is asked for.
    let again = place.sweep(TINY, "seven", &[]);
    succeeded(&again);
    assert!(stderr(&again).contains("\n0 runs in"), "{}", stderr(&again));
}

#[test]
fn more_seeds_continue_a_directory() {
    let place = Place::new();
    let few = place.rows(TINY, "out", &["--set", "sweep.seeds=3", "--check", "all"]);
    let old = store::parts(&place.path("out")).unwrap().remove(0);
    let bytes = fs::read(&old).unwrap();
    let grown = place.rows(TINY, "out", &[]);
    assert_eq!(grown[..few.len()], few[..], "stored rows stay, their check included");
    assert!(fs::read(&old).unwrap() == bytes);
    assert!(grown[few.len()..].iter().all(|row| row.checked == "unsampled" && row.seed_index >= 3));
    let fresh = place.rows(TINY, "fresh", &[]);
    assert_eq!(store::digest(&grown), store::digest(&fresh));
    // Fewer seeds leave everything as it is.
    assert_eq!(place.rows(TINY, "out", &["--set", "sweep.seeds=2"]), grown);
}

#[test]
fn another_config_is_refused_in_a_directory() {
    let place = Place::new();
    succeeded(&place.sweep(TINY, "out", &["--set", "sweep.seeds=1"]));
    let before = files(&place.path("out"));
    for (set, there, here) in [
        ("train.step_size=0.2", "step_size = [0.1]", "step_size = [0.2]"),
        ("problem.noise=1", "noise = [0.5]", "noise = [1.0]"),
        ("train.model=[3]", "model = [3, 5]", "model = [3]"),
        ("sweep.seed=4", "seed = 3", "seed = 4"),
        ("train.schedule=constant", "\"geometric\"", "\"constant\""),
        ("recipe=[{name=\"fp32\"}]", "[[recipe]]", "seed = 3"),
    ] {
        refused(&place.sweep(TINY, "out", &["--set", set, "--set", "sweep.seeds=1"]), 2, &["differs", there, here]);
        assert!(files(&place.path("out")) == before, "{set}: the directory was changed");
    }
    // Another spelling of the same config is the same config.
    let spelled = ["--set", "train.step_size=[1e-1]", "--set", "problem.noise=0.50"];
    succeeded(&place.sweep(TINY, "out", &[&spelled[..], &["--set", "sweep.seeds=1"]].concat()));
}

#[test]
fn what_else_is_swept_changes_no_bit() {
    let place = Place::new();
    let recipes = TINY[TINY.find("[[recipe]]").unwrap()..TINY.find("[sweep]").unwrap()].to_string();
    let without_integers = TINY.replace(&recipes, &{
        let (start, end) = (
            recipes.find("[[recipe]]\nname = \"integers\"").unwrap(),
            recipes.find("[[recipe]]\nname = \"floats\"").unwrap(),
        );
        format!("{}{}", &recipes[..start], &recipes[end..])
    });
    for schedule in ["geometric", "constant"] {
        let schedule_set = format!("train.schedule={schedule}");
        let base = ["--set", "sweep.seeds=2", "--set", &schedule_set];
        let all = place.rows(TINY, &format!("all-{schedule}"), &base);
        type Case<'a> = (&'a str, &'a str, &'a str, fn(&Row) -> bool);
        let cases: [Case; 7] = [
            ("integers", &without_integers, "sweep.seed=3", |row| row.recipe != "integers"),
            ("smallM", TINY, "train.model=[5]", |row| row.model == 5),
            ("largeM", TINY, "train.model=[3]", |row| row.model == 3),
            ("smallN", TINY, "train.samples=[64]", |row| row.samples == 64),
            ("largeN", TINY, "train.samples=[32]", |row| row.samples == 32),
            ("B", TINY, "train.batch=[2]", |row| row.batch == 2),
            ("average", TINY, "train.output=[\"last\"]", |row| row.output == "last"),
        ];
        for (name, text, set, kept) in cases {
            let rows = place.rows(text, &format!("{name}-{schedule}"), &[&base[..], &["--set", set]].concat());
            let expected: Vec<Row> = all.iter().filter(|row| kept(row)).cloned().collect();
            assert!(!rows.is_empty() && rows.len() < all.len());
            assert_eq!(unnumbered(&rows), unnumbered(&expected), "without {name}, {schedule}");
        }
        // Neither do more problem points.
        let more = [&base[..], &["--set", "problem.noise=[0.0,0.5]", "--set", "problem.dim=[16,24]"]].concat();
        let mut rows = place.rows(TINY, &format!("points-{schedule}"), &more);
        rows.retain(|row| row.dim == 24 && row.noise == 0.5);
        assert_eq!(unnumbered(&rows), unnumbered(&all), "points, {schedule}");
    }
}

#[test]
fn threads_change_no_bit() {
    let place = Place::new();
    for threads in ["1", "2", "5"] {
        succeeded(&place.sweep_on(threads, TINY, threads, &[]));
    }
    let rows = |threads: &str| stored(&place.path(threads));
    assert_eq!(rows("1"), rows("2"));
    assert_eq!(rows("1"), rows("5"));
}

#[test]
fn a_deleted_part_is_computed_again() {
    let place = Place::new();
    // Two problem points: two parts begin at each seed.
    let text = many_parts(3, "[0.0, 1.0]");
    succeeded(&place.sweep_on("1", &text, "out", &[]));
    let out = place.path("out");
    let rows = stored(&out);
    assert_eq!(store::parts(&out).unwrap().len(), 6);
    for deleted in [&[4][..], &[1], &[0, 2, 5], &[0, 1, 2, 3, 4, 5]] {
        let parts = store::parts(&out).unwrap();
        deleted.iter().for_each(|&index: &usize| fs::remove_file(&parts[index]).unwrap());
        assert!(stored(&out).len() < rows.len());
        succeeded(&place.sweep_on("1", &text, "out", &[]));
        assert_eq!(stored(&out), rows, "without parts {deleted:?}");
    }
}

#[test]
fn what_a_killed_sweep_left_half_written_is_removed() {
    let place = Place::new();
    let rows = place.rows(TINY, "out", &[]);
    let part = store::parts(&place.path("out")).unwrap().remove(0);
    let name = format!(".{}.0-of-1.tmp", part.file_name().unwrap().to_str().unwrap());
    fs::rename(&part, place.path("out").join(&name)).unwrap();
    assert_eq!(place.rows(TINY, "out", &[]), rows);
    assert!(!place.path("out").join(&name).exists());
}
