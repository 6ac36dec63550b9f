//! The output directory keeps every bit of every row, and refuses what it can't vouch for.

use std::fs;
use std::path::Path;

use roundlaw::Watch;
use roundlaw::error::Error;
use roundlaw::plan::Shard;
use roundlaw::site::{Counts, PerSite};
use roundlaw::store::part::{Session, Shape};
use roundlaw::store::row::{Row, STREAM_VERSION};
use roundlaw::store::{self, Contents, Settings, Store};
use serde_json::Value;

use crate::part_file;

mod digest;
mod locks;
mod parts;
mod stream;

const ALONE: Shard = Shard::WHOLE;

/// Cells of a seed index; the rows below are of seed index 3, so that a run has not the number of its cell.
const CELLS: u64 = 1 << 20;

/// The run of a cell.
fn run_id(cell: u64) -> u64 {
    3 * CELLS + cell
}

/// A row of a cell in which no two fields share a value.
fn full(cell: u64) -> Row {
    let text = |prefix: &str| PerSite::from_fn(|site| Some(format!("{prefix} {}", site.name())));
    Row {
        run_id: run_id(cell),
        cell,
        seed_index: 3,
        seen: 1 << 40,
        output: "last".into(),
        dim: 4096,
        spectrum: "power".into(),
        spectrum_exponent: Some(1.5),
        target: "isotropic".into(),
        target_exponent: Some(2.5),
        noise: 0.1,
        sketch_kind: "gaussian".into(),
        sampling: "fresh".into(),
        tail: "none".into(),
        model: 256,
        samples: 1 << 41,
        batch: 8,
        step_size: 0.3,
        schedule: "geometric".into(),
        recipe: "résumé\twith a tab".into(),
        recipe_bits: Some(6.5),
        phases: Some("[{ from = 0.5 }]".into()),
        formats: text("int8 step"),
        roundings: text("rounding"),
        eps: PerSite::from_fn(|site| Some(0.5 + site as u32 as f64)),
        bits: PerSite::from_fn(|site| Some(0.25 + site as u32 as f64)),
        excess: Some(f64::MIN_POSITIVE / 3.0),
        reducible: Some(-0.0),
        approximation: Some(2.0),
        signal: Some(2.25),
        overlap: Some(2.5),
        quantized_test: Some(3.0),
        quantized_test_se: Some(4.0),
        quantized_test_exact: Some(5.0),
        held_out: Some(6.0),
        held_out_se: Some(7.0),
        diverged_at: Some(77),
        counts: PerSite::from_fn(|site| {
            let first = 10 * site as u64;
            Some(Counts { saturated: first, underflowed: first + 1, nan: first + 2 })
        }),
        v_digest: "0123456789abcdef".into(),
        stream_version: STREAM_VERSION,
        checked: "exact".into(),
        adapter: "some adapter".into(),
        driver: "some driver".into(),
        fingerprint: "fedcba9876543210".into(),
    }
}

/// A row with a null wherever there may be one.
fn sparse(cell: u64) -> Row {
    Row {
        spectrum_exponent: None,
        target_exponent: None,
        recipe_bits: None,
        formats: Default::default(),
        roundings: Default::default(),
        eps: Default::default(),
        bits: Default::default(),
        excess: None,
        reducible: None,
        approximation: None,
        signal: None,
        overlap: None,
        quantized_test: None,
        quantized_test_se: None,
        quantized_test_exact: None,
        held_out: None,
        held_out_se: None,
        diverged_at: None,
        counts: Default::default(),
        ..full(cell)
    }
}

/// Everything stored in a directory, or what keeps it from being read.
fn stored(dir: &Path) -> Result<Vec<Row>, Error> {
    Contents::open(dir)?.rows(None).map(|row| row.map(|(row, _)| row)).collect()
}

/// A sweep of one cell with one row.
fn settings(seeds: u32) -> Settings {
    settings_of(1, 1, seeds)
}

fn settings_of(cells: u64, rows: u64, seeds: u32) -> Settings {
    let sweep = part_file::sweep(cells, rows, STREAM_VERSION);
    Settings { config_toml: format!("[train]\n\n[sweep]\nseeds = {seeds}\n"), seeds, sweep }
}

/// The row of a seed index of [`settings`].
fn of_seed(seed_index: u32) -> Row {
    Row { run_id: seed_index.into(), cell: 0, seed_index, ..full(0) }
}

fn session(seeds: u32) -> Session {
    let Row { adapter, driver, fingerprint, .. } = full(0);
    Session { id: "a".into(), adapter, driver, fingerprint, shard: "0-of-1".into(), seeds, ..Session::default() }
}

fn manifest(dir: &Path) -> Value {
    serde_json::from_slice(&fs::read(dir.join("manifest.json")).unwrap()).unwrap()
}

fn open(dir: &Path, settings: &Settings, shard: Shard) -> Result<Store, Error> {
    Store::open(dir, settings, shard, &Watch::default())
}

fn open_error(dir: &Path, settings: &Settings) -> Error {
    open(dir, settings, ALONE).unwrap_err()
}

#[test]
fn a_shard_is_held_by_one_process() {
    let dir = tempfile::tempdir().unwrap();
    let held = open(dir.path(), &settings(2), Shard::new(0, 2).unwrap()).unwrap();
    let error = open(dir.path(), &settings(2), Shard::new(0, 2).unwrap()).unwrap_err();
    assert!(matches!(error, Error::Input(_)), "{error}");
    let pid = format!("pid {}", std::process::id());
    assert!(error.to_string().contains(&pid), "{error}");
    // The other shard is free, and so is this one once its holder is gone.
    open(dir.path(), &settings(2), Shard::new(1, 2).unwrap()).unwrap();
    drop(held);
    open(dir.path(), &settings(2), Shard::new(0, 2).unwrap()).unwrap();
}

#[test]
fn shards_may_begin_a_directory_together() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("a/b");
    std::thread::scope(|scope| {
        for shard in 0..8 {
            let out = &out;
            scope.spawn(move || {
                let mut store = open(out, &settings(shard + 1), Shard::new(shard, 8).unwrap()).unwrap();
                let session = Session { id: shard.to_string(), ..session(shard + 1) };
                store.write(&[of_seed(shard)], &session, 0.5).unwrap();
                store.write_manifest().unwrap();
            });
        }
    });
    let manifest = manifest(&out);
    assert_eq!(manifest["seeds"], 8);
    let sessions = manifest["sessions"].as_array().unwrap();
    assert!((0..8).all(|shard| sessions[shard]["id"] == format!("{shard}")[..] && sessions[shard]["seconds"] == 0.5));
    assert_eq!(fs::read_to_string(out.join("config.toml")).unwrap(), settings(8).config_toml);
    assert_eq!(stored(&out).unwrap().len(), 8);
}

#[test]
fn a_directory_that_cannot_be_made_or_written_is_an_input_error() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    // A directory under a regular file can't be made, not even by root.
    let error = open_error(&file.join("out"), &settings(1));
    assert!(matches!(error, Error::Input(_)), "{error}");
    assert!(error.to_string().contains("file/out"), "{error}");
    assert_eq!(error.exit_code(), 2);

    let locked = dir.path().join("locked");
    fs::create_dir(&locked).unwrap();
    let mut permissions = fs::metadata(&locked).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&locked, permissions).unwrap();
    // Permissions do not bind root, nor directories on Windows: then there is nothing to refuse.
    if fs::write(locked.join(".probe.tmp"), "").is_err() {
        let error = open_error(&locked, &settings(1));
        assert!(matches!(error, Error::Input(_)), "{error}");
        assert!(error.to_string().contains("writable"), "{error}");
    }
}

#[test]
fn what_systems_and_shells_leave_behind_makes_no_directory_foreign() {
    let dir = tempfile::tempdir().unwrap();
    for name in [".DS_Store", "Thumbs.db", "desktop.ini", ".nfs00012", ".gitignore", "nohup.out", "slurm-12.out"] {
        fs::write(dir.path().join(name), "x").unwrap();
    }
    for name in ["job.err", "sweep.log", "SWEEP.LOG"] {
        fs::write(dir.path().join(name), "x").unwrap();
    }
    for name in ["lost+found", ".snapshot"] {
        fs::create_dir(dir.path().join(name)).unwrap();
    }
    // A sweep that was killed before it had a config.
    for name in ["lock-opening", "lock-0-of-1", "lock-0-of-1.3", "lock-manifest.12", ".clock.0.tmp"] {
        fs::write(dir.path().join(name), "free").unwrap();
    }
    open(dir.path(), &settings(1), ALONE).unwrap();
}

#[test]
fn a_foreign_directory_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("thesis.tex"), "").unwrap();
    let error = open_error(dir.path(), &settings(1));
    assert!(matches!(error, Error::Corrupt(_)), "{error}");
    assert!(error.to_string().contains("thesis.tex"), "{error}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    fs::rename(dir.path().join("thesis.tex"), dir.path().join("lock-picking.pdf")).unwrap();
    assert!(open_error(dir.path(), &settings(1)).to_string().contains("lock-picking.pdf"));

    fs::write(dir.path().join("manifest.json"), "{\"name\": \"web app\"}").unwrap();
    let error = open_error(dir.path(), &settings(1));
    assert!(matches!(error, Error::Corrupt(_)), "{error}");
}

#[test]
fn other_settings_are_refused_by_their_first_differing_line() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path(), &settings(1), ALONE).unwrap());
    let mut other = settings(1);
    other.sweep.identity = other.sweep.identity.replace("noise = 0.1", "noise = 0.2");
    let error = open_error(dir.path(), &other);
    assert!(matches!(error, Error::Input(_)), "{error}");
    let text = error.to_string();
    assert!(text.contains("`noise = 0.1` there, `noise = 0.2` here"), "{text}");

    let mut longer = settings(1);
    longer.sweep.identity.push_str("tail = \"pareto\"\n");
    let text = open_error(dir.path(), &longer).to_string();
    assert!(text.contains("`(nothing)` there, `tail = \"pareto\"` here"), "{text}");

    let mut newer = settings(1);
    newer.sweep.stream_version += 1;
    let text = open_error(dir.path(), &newer).to_string();
    assert!(text.contains("`stream_version = "), "{text}");
    let mut larger = settings(1);
    larger.sweep.plan = Shape::new(String::new(), [(1, 1), (1, 1)]);
    let text = open_error(dir.path(), &larger).to_string();
    assert!(text.contains("cells and rows"), "{text}");
    open(dir.path(), &settings(1), ALONE).unwrap();
}

#[test]
fn more_seeds_continue_a_directory() {
    let dir = tempfile::tempdir().unwrap();
    let average = |seed| Row { output: "average".into(), ..of_seed(seed) };
    let both = |seeds: &[u32]| seeds.iter().flat_map(|&seed| [average(seed), of_seed(seed)]).collect::<Vec<_>>();
    {
        let mut store = open(dir.path(), &settings_of(1, 2, 2), ALONE).unwrap();
        assert!(store.contents().parts().is_empty());
        store.write(&both(&[1]), &session(2), 1.0).unwrap();
        store.write(&both(&[0]), &session(2), 1.0).unwrap();
    }
    let mut store = open(dir.path(), &settings_of(1, 2, 3), ALONE).unwrap();
    let manifest = manifest(dir.path());
    assert_eq!((&manifest["seeds"], &manifest["sessions"][0]["runs"]), (&3.into(), &2.into()));
    let names: Vec<String> =
        store.contents().parts().iter().map(|part| part.path().file_name().unwrap().to_string_lossy().into()).collect();
    assert!(names[0].starts_with("part-0-of-1-seed00000000-point0-"), "{names:?}");
    assert!(names[1].starts_with("part-0-of-1-seed00000001-point0-"), "{names:?}");
    store.write(&both(&[2]), &session(3), 1.0).unwrap();
    assert_eq!(stored(dir.path()).unwrap(), both(&[0, 1, 2]));
    drop(store);
    // Fewer seeds than stored change nothing.
    drop(open(dir.path(), &settings_of(1, 2, 1), ALONE).unwrap());
    assert_eq!(self::manifest(dir.path())["seeds"], 3);
    assert_eq!(fs::read_to_string(dir.path().join("config.toml")).unwrap(), settings_of(1, 2, 3).config_toml);
}

#[test]
fn a_part_is_of_whole_cohorts() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path(), &settings_of(1, 2, 2), ALONE).unwrap();
    let average = |seed| Row { output: "average".into(), ..of_seed(seed) };
    let refused = [
        (vec![of_seed(0)], "have 2 rows, not 1"),
        (vec![average(0), of_seed(0), of_seed(1)], "have 4 rows, not 3"),
        (vec![Row { cell: 1, ..of_seed(0) }], "not planned"),
        (vec![of_seed(0), average(0)], "out of order"),
        (vec![average(0), average(0)], "out of order"),
    ];
    for (rows, what) in refused {
        let error = store.write(&rows, &session(2), 1.0).unwrap_err().to_string();
        assert!(error.contains(what), "{error}");
    }
    assert!(store::parts(dir.path()).unwrap().is_empty());
}

#[test]
fn stale_temporaries_of_the_shard_alone_are_removed() {
    let dir = tempfile::tempdir().unwrap();
    // What a process killed before its first manifest leaves behind is no foreign directory.
    let [own, other] = [".0-of-2.0.tmp", ".1-of-2.0.tmp"].map(|name| dir.path().join(name));
    fs::write(&own, "half").unwrap();
    fs::write(&other, "half").unwrap();
    let _store = open(dir.path(), &settings(1), Shard::new(0, 2).unwrap()).unwrap();
    assert!(!own.exists());
    assert!(other.exists());
    assert!(store::parts(dir.path()).unwrap().is_empty());
}
