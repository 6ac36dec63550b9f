//! The output directory keeps every bit of every row, and refuses what it can't vouch for.

use std::fs;
use std::path::Path;

use roundlaw::error::Error;
use roundlaw::row::{Counts, Row, SCHEMA_VERSION, SITES, STREAM_VERSION, Site};
use roundlaw::store::parquet::{read_part, write_part};
use roundlaw::store::{self, Settings, Store};
use serde_json::{Map, Value, json};

const ALONE: (u32, u32) = (0, 1);

/// A row in which no two fields share a value.
fn full(run_id: u64) -> Row {
    let text = |prefix: &str| std::array::from_fn(|i| Some(format!("{prefix} {i}")));
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
        quantized_test: Some(3.0),
        quantized_test_se: Some(4.0),
        diverged_at: Some(77),
        counts: std::array::from_fn(|i| {
            Some(Counts {
                saturated: 10 * i as u64,
                underflowed: 10 * i as u64 + 1,
                nan: 10 * i as u64 + 2,
            })
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
        formats: Default::default(),
        roundings: Default::default(),
        excess: None,
        reducible: None,
        approximation: None,
        quantized_test: None,
        quantized_test_se: None,
        diverged_at: None,
        counts: Default::default(),
        ..full(run_id)
    }
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
fn a_part_gives_back_every_column_and_null() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("part-a.parquet");
    // More rows than one batch of the reader, nulls and values mixed.
    let rows: Vec<_> = (0..3000)
        .map(|i| if i % 3 == 0 { sparse(i) } else { full(i) })
        .collect();
    write_part(&path, &rows).unwrap();
    let back = read_part(&path).unwrap();
    assert!(back == rows);
    assert_eq!(back[1].reducible.unwrap().to_bits(), (-0.0f64).to_bits());
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    write_part(&path, &[]).unwrap();
    assert_eq!(read_part(&path).unwrap(), []);
}

#[test]
fn counts_are_null_site_by_site() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("part-a.parquet");
    for site in 0..SITES {
        let mut row = full(1);
        row.counts[site] = None;
        row.formats[SITES - 1 - site] = None;
        write_part(&path, std::slice::from_ref(&row)).unwrap();
        assert_eq!(read_part(&path).unwrap(), [row]);
    }
}

#[test]
fn truncated_and_foreign_files_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("part-a.parquet");
    write_part(&path, &[full(1)]).unwrap();
    let bytes = fs::read(&path).unwrap();
    for kept in [0, 3, bytes.len() / 2, bytes.len() - 1] {
        fs::write(&path, &bytes[..kept]).unwrap();
        let error = read_part(&path).unwrap_err();
        assert!(matches!(error, Error::Corrupt(_)), "{kept} bytes: {error}");
        assert!(error.to_string().contains("part-a.parquet"), "{error}");
        assert_eq!(error.exit_code(), 7);
    }
    fs::write(&path, "run_id,cell\n1,2\n").unwrap();
    assert!(matches!(read_part(&path), Err(Error::Corrupt(_))));
}

#[test]
fn a_part_of_another_schema_version_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("part-a.parquet");
    write_part(&path, &[full(1)]).unwrap();
    // In the footer a key is followed by the field header and length of its one-digit value.
    let mut bytes = fs::read(&path).unwrap();
    let key = b"schema_version\x18\x01";
    let at = bytes.windows(key.len()).position(|w| w == key).unwrap() + key.len();
    assert_eq!(bytes[at], b'0' + SCHEMA_VERSION as u8);
    bytes[at] += 1;
    fs::write(&path, bytes).unwrap();
    let error = read_part(&path).unwrap_err();
    assert!(matches!(error, Error::Corrupt(_)), "{error}");
    assert!(error.to_string().contains("schema version 2"), "{error}");
}

#[test]
fn a_shard_is_held_by_one_process() {
    let dir = tempfile::tempdir().unwrap();
    let held = Store::open(dir.path(), &settings(2), (0, 2)).unwrap();
    let error = Store::open(dir.path(), &settings(2), (0, 2)).unwrap_err();
    assert!(matches!(error, Error::Input(_)), "{error}");
    let pid = format!("pid {}", std::process::id());
    assert!(error.to_string().contains(&pid), "{error}");
    // The other shard is free, and so is this one once its holder is gone.
    Store::open(dir.path(), &settings(2), (1, 2)).unwrap();
    drop(held);
    Store::open(dir.path(), &settings(2), (0, 2)).unwrap();
}

#[test]
fn shards_may_begin_a_directory_together() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("a/b");
    std::thread::scope(|scope| {
        for shard in 0..8 {
            let out = &out;
            scope.spawn(move || {
                let mut store = Store::open(out, &settings(shard + 1), (shard, 8)).unwrap();
                let key = format!("shard{shard}");
                store
                    .update_manifest(Map::from_iter([(key, json!(shard))]))
                    .unwrap();
                store
                    .write(&format!("{shard}"), &[full(shard.into())])
                    .unwrap();
            });
        }
    });
    let manifest = manifest(&out);
    assert_eq!(manifest["seeds"], 8);
    assert!((0..8).all(|shard| manifest[format!("shard{shard}")] == shard));
    assert_eq!(
        fs::read_to_string(out.join("config.toml")).unwrap(),
        "seeds = 8\n"
    );
    assert_eq!(store::read_rows(&out).unwrap().len(), 8);
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
    assert!(
        text.contains("`noise = 0.1` there, `noise = 0.2` here"),
        "{text}"
    );

    let mut longer = settings(1);
    longer.identity.push_str("tail = \"pareto\"\n");
    let text = open_error(dir.path(), &longer).to_string();
    assert!(
        text.contains("`(nothing)` there, `tail = \"pareto\"` here"),
        "{text}"
    );

    let mut newer = settings(1);
    newer.stream_version += 1;
    let text = open_error(dir.path(), &newer).to_string();
    assert!(text.contains("stream version"), "{text}");
    Store::open(dir.path(), &settings(1), ALONE).unwrap();
}

#[test]
fn more_seeds_continue_a_directory() {
    let dir = tempfile::tempdir().unwrap();
    let seed = |run_id, seed_index| Row {
        seed_index,
        ..full(run_id)
    };
    let average = Row {
        output: "average".into(),
        ..seed(2, 1)
    };
    let cell = full(0).cell;
    {
        let mut store = Store::open(dir.path(), &settings(2), ALONE).unwrap();
        assert!(store.done_seeds().unwrap().is_empty());
        store.write("b", &[seed(2, 1), average.clone()]).unwrap();
        store.write("a", &[seed(1, 0)]).unwrap();
        let refused = store.write("a", &[seed(9, 9)]).unwrap_err().to_string();
        assert!(refused.contains("part-a.parquet"), "{refused}");
    }
    let mut store = Store::open(dir.path(), &settings(3), ALONE).unwrap();
    assert_eq!(manifest(dir.path())["seeds"], 3);
    let done: Vec<_> = store.done_seeds().unwrap().into_iter().collect();
    assert_eq!(done, [((cell, 0), 1), ((cell, 1), 2)]);
    store.write("c", &[seed(3, 2)]).unwrap();
    let rows = store::read_rows(dir.path()).unwrap();
    assert_eq!(rows, [seed(1, 0), average, seed(2, 1), seed(3, 2)]);
    drop(store);
    // Fewer seeds than stored change nothing.
    drop(Store::open(dir.path(), &settings(1), ALONE).unwrap());
    assert_eq!(manifest(dir.path())["seeds"], 3);
    assert_eq!(
        fs::read_to_string(dir.path().join("config.toml")).unwrap(),
        "seeds = 3\n"
    );
}

#[test]
fn a_key_stored_twice_is_corrupt() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(dir.path(), &settings(1), ALONE).unwrap();
    store.write("a", &[full(5)]).unwrap();
    store.write("b", &[full(4), full(5)]).unwrap();
    let error = store::read_rows(dir.path()).unwrap_err();
    assert!(matches!(error, Error::Corrupt(_)), "{error}");
    assert!(error.to_string().contains("run 5"), "{error}");
}

#[test]
fn stale_temporaries_of_the_shard_alone_are_removed() {
    let dir = tempfile::tempdir().unwrap();
    // What a process killed before its first manifest leaves behind is no foreign directory.
    let [own, other] = [".part-x.parquet.0-of-2.tmp", ".part-y.parquet.1-of-2.tmp"]
        .map(|name| dir.path().join(name));
    fs::write(&own, "half").unwrap();
    fs::write(&other, "half").unwrap();
    let _store = Store::open(dir.path(), &settings(1), (0, 2)).unwrap();
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

type Change = fn(&mut Row);

/// A change to each field; fields of one value per site are changed at the last site.
const CHANGES: [(&str, Change); 34] = [
    ("run_id", |r| r.run_id += 1),
    ("cell", |r| r.cell += 1),
    ("seed_index", |r| r.seed_index += 1),
    ("seen", |r| r.seen += 1),
    ("output", |r| r.output.push('x')),
    ("dim", |r| r.dim += 1),
    ("spectrum", |r| r.spectrum.push('x')),
    ("spectrum_exponent", |r| r.spectrum_exponent = None),
    ("target", |r| r.target.push('x')),
    ("noise", |r| r.noise = r.noise.next_up()),
    ("sketch_kind", |r| r.sketch_kind.push('x')),
    ("sampling", |r| r.sampling.push('x')),
    ("tail", |r| r.tail.push('x')),
    ("model", |r| r.model += 1),
    ("samples", |r| r.samples += 1),
    ("batch", |r| r.batch += 1),
    ("step_size", |r| r.step_size = r.step_size.next_up()),
    ("schedule", |r| r.schedule.push('x')),
    ("recipe", |r| r.recipe.push('x')),
    ("formats", |r| r.formats[SITES - 1] = None),
    ("roundings", |r| {
        r.roundings[SITES - 1] = Some("null".into())
    }),
    ("excess", |r| r.excess = None),
    ("reducible", |r| r.reducible = Some(0.0)),
    ("approximation", |r| r.approximation = None),
    ("quantized_test", |r| r.quantized_test = None),
    ("quantized_test_se", |r| r.quantized_test_se = None),
    ("diverged_at", |r| r.diverged_at = None),
    ("counts", |r| r.counts[SITES - 1] = None),
    ("v_digest", |r| r.v_digest.push('x')),
    ("stream_version", |r| r.stream_version += 1),
    ("checked", |r| r.checked.push('x')),
    ("adapter", |r| r.adapter.push('x')),
    ("driver", |r| r.driver.push('x')),
    ("fingerprint", |r| r.fingerprint.push('x')),
];

#[test]
fn the_digest_covers_the_result_columns_and_no_provenance() {
    let row = full(1);
    let before = store::digest(std::slice::from_ref(&row));
    let fields: Vec<_> = serde_json::to_value(&row)
        .unwrap()
        .as_object()
        .unwrap()
        .keys()
        .cloned()
        .collect();
    assert_eq!(fields, CHANGES.map(|(name, _)| name));
    for (name, change) in CHANGES {
        let mut changed = row.clone();
        change(&mut changed);
        assert_ne!(
            changed_text(&changed),
            changed_text(&row),
            "{name} was not changed"
        );
        let provenance = ["checked", "adapter", "driver", "fingerprint"].contains(&name);
        assert_eq!(store::digest(&[changed]) == before, provenance, "{name}");
    }
}

/// Tells -0 from 0, which `==` does not.
fn changed_text(row: &Row) -> String {
    format!("{row:?}")
}

#[test]
fn the_digest_covers_every_site() {
    let row = full(1);
    let mut digests = vec![store::digest(std::slice::from_ref(&row))];
    for site in 0..SITES {
        let changes: [&dyn Fn(&mut Row); 5] = [
            &|r| r.formats[site] = None,
            &|r| r.roundings[site] = None,
            &|r| r.counts[site].as_mut().unwrap().saturated += 1000,
            &|r| r.counts[site].as_mut().unwrap().underflowed += 1000,
            &|r| r.counts[site].as_mut().unwrap().nan += 1000,
        ];
        for change in changes {
            let mut changed = row.clone();
            change(&mut changed);
            digests.push(store::digest(&[changed]));
        }
    }
    let count = digests.len();
    digests.sort();
    digests.dedup();
    assert_eq!(digests.len(), count);
}

#[test]
fn the_digest_does_not_depend_on_row_order() {
    let (a, b, c) = (full(1), sparse(2), full(3));
    let forward = store::digest(&[a.clone(), b.clone(), c.clone()]);
    assert_eq!(forward, store::digest(&[c, a, b]));
    assert_eq!(forward.len(), 16);
    assert_eq!(store::digest(&[]), "cbf29ce484222325");
}

#[test]
fn the_columns_are_named_in_a_fixed_order() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("part-a.parquet");
    write_part(&path, &[full(1)]).unwrap();
    let file = fs::File::open(&path).unwrap();
    let builder = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file);
    let schema = builder.unwrap().schema().clone();
    let names: Vec<_> = schema.fields().iter().map(|f| f.name().as_str()).collect();
    let sites = Site::ALL.map(Site::name);
    let mut expected: Vec<String> = "run_id cell seed_index seen output dim spectrum \
        spectrum_exponent target noise sketch_kind sampling tail model samples batch step_size \
        schedule recipe"
        .split_whitespace()
        .map(String::from)
        .collect();
    expected.extend(
        sites
            .iter()
            .flat_map(|s| [s.to_string(), format!("{s}_rounding")]),
    );
    let risks = "excess reducible approximation quantized_test quantized_test_se diverged_at";
    expected.extend(risks.split(' ').map(String::from));
    let counters = ["saturated", "underflowed", "nan"];
    expected.extend(
        sites
            .iter()
            .flat_map(|s| counters.map(|c| format!("{s}_{c}"))),
    );
    let last = "v_digest stream_version checked adapter driver fingerprint";
    expected.extend(last.split(' ').map(String::from));
    assert_eq!(names, expected);
}
