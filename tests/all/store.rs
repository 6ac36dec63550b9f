//! The output directory keeps every bit of every row, and refuses what it can't vouch for.

use std::fs;
use std::path::Path;

use roundlaw::error::Error;
use roundlaw::plan::Shard;
use roundlaw::site::{Counts, PerSite};
use roundlaw::store::row::{Row, SCHEMA_VERSION, STREAM_VERSION};
use roundlaw::store::{self, Settings, Store};
use serde_json::{Map, Value, json};

mod digest;
mod parts;
mod stream;

const ALONE: Shard = Shard::WHOLE;

/// A row in which no two fields share a value.
fn full(run_id: u64) -> Row {
    let text = |prefix: &str| PerSite::from_fn(|site| Some(format!("{prefix} {}", site.name())));
    Row {
        run_id,
        cell: u64::MAX - 1,
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
        formats: text("int8 step"),
        roundings: text("rounding"),
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
fn sparse(run_id: u64) -> Row {
    Row {
        spectrum_exponent: None,
        target_exponent: None,
        formats: Default::default(),
        roundings: Default::default(),
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
        ..full(run_id)
    }
}

/// Everything stored in a directory, or what keeps it from being read.
fn stored(dir: &Path) -> Result<Vec<Row>, Error> {
    store::rows(dir)?.collect()
}

fn settings(seeds: u32) -> Settings {
    Settings {
        config_toml: format!("seeds = {seeds}\n"),
        identity: "dim = 4096\nnoise = 0.1\nrecipes = [\"a\"]\n".into(),
        seeds,
        stream_version: STREAM_VERSION,
    }
}

fn manifest(dir: &Path) -> Value {
    serde_json::from_slice(&fs::read(dir.join("manifest.json")).unwrap()).unwrap()
}

fn open_error(dir: &Path, settings: &Settings) -> Error {
    Store::open(dir, settings, ALONE).unwrap_err()
}

#[test]
fn a_shard_is_held_by_one_process() {
    let dir = tempfile::tempdir().unwrap();
    let held = Store::open(dir.path(), &settings(2), Shard::new(0, 2).unwrap()).unwrap();
    let error = Store::open(dir.path(), &settings(2), Shard::new(0, 2).unwrap()).unwrap_err();
    assert!(matches!(error, Error::Input(_)), "{error}");
    let pid = format!("pid {}", std::process::id());
    assert!(error.to_string().contains(&pid), "{error}");
    // The other shard is free, and so is this one once its holder is gone.
    Store::open(dir.path(), &settings(2), Shard::new(1, 2).unwrap()).unwrap();
    drop(held);
    Store::open(dir.path(), &settings(2), Shard::new(0, 2).unwrap()).unwrap();
}

#[test]
fn shards_may_begin_a_directory_together() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("a/b");
    std::thread::scope(|scope| {
        for shard in 0..8 {
            let out = &out;
            scope.spawn(move || {
                let mut store = Store::open(out, &settings(shard + 1), Shard::new(shard, 8).unwrap()).unwrap();
                let key = format!("shard{shard}");
                store.update_manifest(Map::from_iter([(key, json!(shard))])).unwrap();
                store.write(&format!("{shard}"), &[full(shard.into())]).unwrap();
            });
        }
    });
    let manifest = manifest(&out);
    assert_eq!(manifest["seeds"], 8);
    assert!((0..8).all(|shard| manifest[format!("shard{shard}")] == shard));
    assert_eq!(fs::read_to_string(out.join("config.toml")).unwrap(), "seeds = 8\n");
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
fn a_foreign_directory_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("thesis.tex"), "").unwrap();
    let error = open_error(dir.path(), &settings(1));
    assert!(matches!(error, Error::Corrupt(_)), "{error}");
    assert!(error.to_string().contains("thesis.tex"), "{error}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);

    fs::write(dir.path().join("manifest.json"), "{\"name\": \"web app\"}").unwrap();
    let error = open_error(dir.path(), &settings(1));
    assert!(matches!(error, Error::Corrupt(_)), "{error}");
}

#[test]
fn other_settings_are_refused_by_their_first_differing_line() {
    let dir = tempfile::tempdir().unwrap();
    drop(Store::open(dir.path(), &settings(1), ALONE).unwrap());
    let mut other = settings(1);
    other.identity = other.identity.replace("noise = 0.1", "noise = 0.2");
    let error = open_error(dir.path(), &other);
    assert!(matches!(error, Error::Input(_)), "{error}");
    let text = error.to_string();
    assert!(text.contains("`noise = 0.1` there, `noise = 0.2` here"), "{text}");

    let mut longer = settings(1);
    longer.identity.push_str("tail = \"pareto\"\n");
    let text = open_error(dir.path(), &longer).to_string();
    assert!(text.contains("`(nothing)` there, `tail = \"pareto\"` here"), "{text}");

    let mut newer = settings(1);
    newer.stream_version += 1;
    let text = open_error(dir.path(), &newer).to_string();
    assert!(text.contains("stream version"), "{text}");
    Store::open(dir.path(), &settings(1), ALONE).unwrap();
}

#[test]
fn more_seeds_continue_a_directory() {
    let dir = tempfile::tempdir().unwrap();
    let seed = |run_id, seed_index| Row { seed_index, ..full(run_id) };
    let average = Row { output: "average".into(), ..seed(2, 1) };
    let cell = full(0).cell;
    {
        let mut store = Store::open(dir.path(), &settings(2), ALONE).unwrap();
        assert!(store.done_seeds(&[cell]).unwrap().is_empty());
        store.write("b", &[average.clone(), seed(2, 1)]).unwrap();
        store.write("a", &[seed(1, 0)]).unwrap();
        let refused = store.write("a", &[seed(9, 9)]).unwrap_err().to_string();
        assert!(refused.contains("part-a.parquet"), "{refused}");
    }
    let mut store = Store::open(dir.path(), &settings(3), ALONE).unwrap();
    assert_eq!(manifest(dir.path())["seeds"], 3);
    let done = |cells: &[u64]| store.done_seeds(cells).unwrap().into_iter().collect::<Vec<_>>();
    assert_eq!(done(&[cell, cell - 1]), [(cell, 0), (cell, 1)]);
    assert_eq!(done(&[cell - 1]), []);
    store.write("c", &[seed(3, 2)]).unwrap();
    let rows = stored(dir.path()).unwrap();
    assert_eq!(rows, [seed(1, 0), average, seed(2, 1), seed(3, 2)]);
    drop(store);
    // Fewer seeds than stored change nothing.
    drop(Store::open(dir.path(), &settings(1), ALONE).unwrap());
    assert_eq!(manifest(dir.path())["seeds"], 3);
    assert_eq!(fs::read_to_string(dir.path().join("config.toml")).unwrap(), "seeds = 3\n");
}

#[test]
fn stale_temporaries_of_the_shard_alone_are_removed() {
    let dir = tempfile::tempdir().unwrap();
    // What a process killed before its first manifest leaves behind is no foreign directory.
    let [own, other] = [".part-x.parquet.0-of-2.tmp", ".part-y.parquet.1-of-2.tmp"].map(|name| dir.path().join(name));
    fs::write(&own, "half").unwrap();
    fs::write(&other, "half").unwrap();
    let _store = Store::open(dir.path(), &settings(1), Shard::new(0, 2).unwrap()).unwrap();
    assert!(!own.exists());
    assert!(other.exists());
    assert!(store::parts(dir.path()).unwrap().is_empty());
}

#[test]
fn provenance_merges_but_never_replaces_what_was_agreed() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), &settings(1), ALONE).unwrap();
    let update = |value: Value| store.update_manifest(value.as_object().unwrap().clone());
    update(json!({"adapter": "x", "schema_version": SCHEMA_VERSION})).unwrap();
    update(json!({"driver": "y"})).unwrap();
    assert!(update(json!({"seeds": 1000})).is_err());
    let manifest = manifest(dir.path());
    assert_eq!([&manifest["adapter"], &manifest["driver"]], ["x", "y"]);
    assert_eq!(manifest["seeds"], 1);
}
