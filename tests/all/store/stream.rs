//! Rows come in one order, whatever parts they lie in, and only from parts that keep it.

use std::path::Path;

use roundlaw::error::Error;
use roundlaw::store::parquet::write_part;
use roundlaw::store::row::Row;
use roundlaw::store::{digest, digest_of, parts, rows, rows_of_run};

use super::{ALONE, Store, full, settings, sparse, stored};

fn part(dir: &Path, name: &str, rows: &[Row]) {
    write_part(&dir.join(format!("part-{name}.parquet")), rows).unwrap();
}

fn corrupt(dir: &Path, what: &[&str]) {
    let error = stored(dir).unwrap_err();
    assert!(matches!(error, Error::Corrupt(_)), "{error}");
    for what in what {
        assert!(error.to_string().contains(what), "{what}: {error}");
    }
}

/// Three rows of a run: two outputs at one checkpoint, and the end.
fn run(run_id: u64) -> [Row; 3] {
    let at = |seen, output: &str| Row { seen, output: output.into(), ..sparse(run_id) };
    [at(8, "average"), at(8, "last"), at(16, "average")]
}

#[test]
fn parts_are_merged_in_key_order() {
    let dir = tempfile::tempdir().unwrap();
    // Interleaved as shards leave them, of unequal lengths, one longer than a row group, one empty.
    let pick = |keep: &dyn Fn(u64) -> bool| (0..9000).filter(|r| keep(*r)).flat_map(run).collect::<Vec<_>>();
    part(dir.path(), "c", &pick(&|r| r % 3 == 0 && r < 40));
    part(dir.path(), "b", &pick(&|r| r % 3 == 1));
    part(dir.path(), "a", &pick(&|r| r % 3 == 2 || (r % 3 == 0 && r >= 40)));
    part(dir.path(), "d", &[]);
    let all: Vec<Row> = (0..9000).flat_map(run).collect();
    let back = stored(dir.path()).unwrap();
    assert!(back == all);
    assert_eq!(digest_of(rows(dir.path()).unwrap()).unwrap(), digest(&all));
    for run_id in [0, 39, 40, 5461, 5462, 8999] {
        let back: Result<Vec<Row>, _> = rows_of_run(dir.path(), run_id).unwrap().collect();
        assert_eq!(back.unwrap(), run(run_id), "run {run_id}");
    }
    assert!(rows_of_run(dir.path(), 9000).unwrap().next().is_none());
}

#[test]
fn one_run_is_read_without_decoding_the_others() {
    let dir = tempfile::tempdir().unwrap();
    part(dir.path(), "a", &(0..20_000).flat_map(run).collect::<Vec<_>>());
    // Ruins every page of the first row group but the magic bytes: whoever decodes it fails.
    let path = parts(dir.path()).unwrap().remove(0);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[4..2000].fill(0xff);
    std::fs::write(&path, bytes).unwrap();
    let back: Result<Vec<Row>, _> = rows_of_run(dir.path(), 19_999).unwrap().collect();
    assert_eq!(back.unwrap(), run(19_999));
    corrupt(dir.path(), &["part-a.parquet"]);
}

#[test]
fn a_key_stored_twice_is_corrupt() {
    let dir = tempfile::tempdir().unwrap();
    part(dir.path(), "a", &[full(5)]);
    part(dir.path(), "b", &[full(4), full(5)]);
    corrupt(dir.path(), &["run 5", "two rows"]);
    // In one part, and in two whose other rows lie apart.
    let dir = tempfile::tempdir().unwrap();
    part(dir.path(), "a", &[full(4), full(4)]);
    corrupt(dir.path(), &["run 4", "two rows"]);
    let dir = tempfile::tempdir().unwrap();
    part(dir.path(), "a", &[full(1), full(5)]);
    part(dir.path(), "b", &[full(5), full(9)]);
    corrupt(dir.path(), &["run 5", "two rows"]);
}

#[test]
fn a_part_out_of_order_is_corrupt_and_never_written_by_a_sweep() {
    let [average, last, end] = run(7);
    for unsorted in [[last.clone(), average.clone()], [end.clone(), last.clone()], [full(8), average.clone()]] {
        let dir = tempfile::tempdir().unwrap();
        part(dir.path(), "a", &[full(1)]);
        part(dir.path(), "b", &unsorted);
        corrupt(dir.path(), &["part-b.parquet", "run 7"]);
        let mut store = Store::open(&dir.path().join("out"), &settings(1), ALONE).unwrap();
        let refused = store.write("b", &unsorted).unwrap_err().to_string();
        assert!(refused.contains("part-b.parquet") && refused.contains("run 7"), "{refused}");
        assert!(store.write("c", &[last.clone(), last.clone()]).is_err());
    }
}

#[test]
fn the_first_error_ends_the_rows() {
    let dir = tempfile::tempdir().unwrap();
    part(dir.path(), "a", &[full(1), full(3), full(2), full(4)]);
    let mut rows = rows(dir.path()).unwrap();
    assert!(rows.next().unwrap().is_ok() && rows.next().unwrap().is_ok());
    assert!(rows.next().unwrap().is_err());
    assert!(rows.next().is_none());
}
