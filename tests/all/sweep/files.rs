//! Files of a sweep count by their content: they may move, they may not change.

use super::*;

use crate::npy_file::f32_file;

const FILES: &str = r#"
[problem]
dim = 12
spectrum = { kind = "file", path = "data/lambda.npy" }
target = { kind = "file", path = "data/w.npy" }
sketch = [{ kind = "file", path = "data/s.npy" }, { kind = "gaussian", nested = false }]

[train]
model = [2, 4]
samples = [16]

[[recipe]]
name = "a"
feature = "e4m3"

[sweep]
seeds = 2
check = "all"
"#;

const REAL: &str = r#"
[problem]
covariates = { path = "data/x.npy", labels = "data/y.npy", order = "permuted" }

[train]
model = [2, 4]
samples = [16]

[[recipe]]
name = "a"

[sweep]
seeds = 2
check = "all"
"#;

/// Keys and names of the files of each config.
const NAMES: [(&str, &[(&str, &str)]); 2] = [
    (FILES, &[("spectrum", "lambda.npy"), ("target", "w.npy"), ("sketch", "s.npy")]),
    (REAL, &[("covariates", "x.npy"), ("covariates", "y.npy")]),
];

/// Below the place, a directory with a config and its data.
fn project(place: &Place, name: &str, text: &str) -> PathBuf {
    let dir = place.path(name);
    fs::create_dir_all(dir.join("data")).unwrap();
    fs::write(dir.join("config.toml"), text).unwrap();
    let write = |name: &str, shape: &[usize]| {
        let values: Vec<f32> = (0..shape.iter().product()).map(|i: usize| ((i * 37) % 23) as f32 / 22.0).collect();
        fs::write(dir.join("data").join(name), f32_file(1, shape, &values)).unwrap();
    };
    write("lambda.npy", &[12]);
    write("w.npy", &[12]);
    write("s.npy", &[4, 12]);
    write("x.npy", &[40, 6]);
    write("y.npy", &[40]);
    dir
}

fn sweep(project: &Path, out: &Path, args: &[&str]) -> Output {
    let (config, out) = (project.join("config.toml").display().to_string(), out.display().to_string());
    run(&[&["sweep", &config, "--out", &out, "--adapter", "cpu"], args].concat())
}

#[test]
fn config_and_data_may_move_and_the_sweep_continues() {
    for (text, _) in NAMES {
        let place = Place::new();
        let (here, out) = (project(&place, "here", text), place.path("out"));
        succeeded(&sweep(&here, &out, &["--set", "sweep.seeds=1"]));
        let few = stored(&out);
        let there = place.path("elsewhere/deep");
        fs::create_dir_all(there.parent().unwrap()).unwrap();
        fs::rename(&here, &there).unwrap();
        // Where it was it is no more: `replay` says which file, and what to do.
        let dir = out.display().to_string();
        let replay = || run(&["replay", &dir, "--run", "0"]);
        refused(&replay(), 2, &["problem.", "here/data/", "No such file", "put the file", "or correct the path"]);
        // The same command on the moved config continues, and stores the new place.
        let more = sweep(&there, &out, &[]);
        succeeded(&more);
        let rows = stored(&out);
        assert_eq!(rows[..few.len()], few[..]);
        assert_eq!(rows.len(), 2 * few.len(), "{}", stderr(&more));
        let replayed = replay();
        assert_eq!(replayed.status.code(), Some(0), "{}", stderr(&replayed));
        assert!(stderr(&replayed).contains("agrees in every bit"));
        let again = sweep(&there, &out, &[]);
        assert!(stderr(&again).contains("\n0 runs in"), "{}", stderr(&again));
        // The rows are those of a sweep that never moved.
        let still = project(&place, "still", text);
        succeeded(&sweep(&still, &place.path("whole"), &[]));
        assert_eq!(store::digest(&stored(&place.path("whole"))), store::digest(&rows));
    }
}

#[test]
fn a_corrected_path_in_the_stored_config_serves_replay() {
    let place = Place::new();
    let (here, out) = (project(&place, "here", FILES), place.path("out"));
    succeeded(&sweep(&here, &out, &[]));
    fs::rename(here.join("data"), here.join("inputs")).unwrap();
    let dir = out.display().to_string();
    let text = fs::read_to_string(out.join("config.toml")).unwrap().replace("/data/", "/inputs/");
    fs::write(out.join("config.toml"), text).unwrap();
    let replayed = run(&["replay", &dir, "--run", "3"]);
    assert_eq!(replayed.status.code(), Some(0), "{}", stderr(&replayed));
    // Another file there is not the same.
    fs::rename(here.join("inputs/lambda.npy"), here.join("inputs/w.npy")).unwrap();
    fs::copy(here.join("inputs/x.npy"), here.join("inputs/lambda.npy")).unwrap();
    refused(&run(&["replay", &dir, "--run", "3"]), 2, &["problem.spectrum.path", "lambda.npy has changed"]);
}

#[test]
fn changed_content_is_refused_by_the_name_of_the_file() {
    for (text, names) in NAMES {
        let place = Place::new();
        let (here, out) = (project(&place, "here", text), place.path("out"));
        succeeded(&sweep(&here, &out, &[]));
        let before = files(&out);
        for (key, name) in names {
            let path = here.join("data").join(name);
            let good = fs::read(&path).unwrap();
            let mut changed = good.clone();
            let at = changed.len() - 4;
            changed[at..].copy_from_slice(&0.125f32.to_le_bytes());
            fs::write(&path, changed).unwrap();
            refused(&sweep(&here, &out, &[]), 2, &["the config differs", key, name, "there", "here"]);
            refused(&run(&["replay", &out.display().to_string(), "--run", "0"]), 2, &[name, "has changed"]);
            assert!(files(&out) == before, "{name}: the directory was changed");
            fs::write(&path, good).unwrap();
        }
        succeeded(&sweep(&here, &out, &[]));
    }
}

#[test]
fn rows_tell_files_by_name_and_content() {
    let place = Place::new();
    let here = project(&place, "here", FILES);
    succeeded(&sweep(&here, &place.path("out"), &[]));
    let rows = stored(&place.path("out"));
    let hash = |name: &str| roundlaw::hash::fnv1a64(fs::read(here.join("data").join(name)).unwrap());
    assert!(rows.iter().all(|row| row.spectrum == format!("file lambda.npy {:016x}", hash("lambda.npy"))));
    assert!(rows.iter().all(|row| row.target == format!("file w.npy {:016x}", hash("w.npy"))));
    let sketches: std::collections::BTreeSet<&str> = rows.iter().map(|row| row.sketch_kind.as_str()).collect();
    let file = format!("file s.npy {:016x}", hash("s.npy"));
    assert_eq!(sketches.into_iter().collect::<Vec<_>>(), [&file[..], "gaussian nested=false"]);
}
