//! Rows come in one order, whatever parts they lie in, and only from parts that keep it.

use std::path::Path;

use roundlaw::error::Error;
use roundlaw::store::row::{Row, STREAM_VERSION};
use roundlaw::store::{Contents, digest, digest_of};

use super::{CELLS, full, part_file, run_id, sparse, stored};

fn part(dir: &Path, rows: &[Row]) {
    let sweep = part_file::sweep(CELLS, 1, STREAM_VERSION);
    part_file::write(dir, &part_file::header(&sweep, 4, rows), rows);
}

fn rows_of_cell(dir: &Path, cell: u64) -> Result<Vec<Row>, Error> {
    Contents::open(dir)?.rows(Some(run_id(cell))).map(|row| row.map(|(row, _)| row)).collect()
}

fn corrupt(dir: &Path, what: &[&str]) {
    let error = stored(dir).unwrap_err();
    assert!(matches!(error, Error::Corrupt(_)), "{error}");
    for what in what {
        assert!(error.to_string().contains(what), "{what}: {error}");
    }
}

/// Three rows of a run: two outputs at one checkpoint, and the end.
fn run(cell: u64) -> [Row; 3] {
    let at = |seen, output: &str| Row { seen, output: output.into(), ..sparse(cell) };
    [at(8, "average"), at(8, "last"), at(16, "average")]
}

#[test]
fn parts_are_merged_in_key_order() {
    let dir = tempfile::tempdir().unwrap();
    // Interleaved as shards leave them, of unequal lengths, one longer than a row group.
    let pick = |keep: &dyn Fn(u64) -> bool| (0..9000).filter(|r| keep(*r)).flat_map(run).collect::<Vec<_>>();
    part(dir.path(), &pick(&|r| r % 3 == 0 && r < 40));
    part(dir.path(), &pick(&|r| r % 3 == 1));
    part(dir.path(), &pick(&|r| r % 3 == 2 || (r % 3 == 0 && r >= 40)));
    let all: Vec<Row> = (0..9000).flat_map(run).collect();
    let back = stored(dir.path()).unwrap();
    assert!(back == all);
    assert_eq!(digest_of(stored(dir.path()).unwrap().into_iter().map(Ok)).unwrap(), digest(&all));
    for cell in [0, 39, 40, 5461, 5462, 8999] {
        assert_eq!(rows_of_cell(dir.path(), cell).unwrap(), run(cell), "cell {cell}");
    }
    assert!(rows_of_cell(dir.path(), 9000).unwrap().is_empty());
}

#[test]
fn one_run_is_read_without_decoding_the_others() {
    let dir = tempfile::tempdir().unwrap();
    part(dir.path(), &(0..20_000).flat_map(run).collect::<Vec<_>>());
    // Ruins every page of the first row group but the magic bytes, and gives the part the name of its bytes: whoever
    // decodes the group fails.
    let path = roundlaw::store::parts(dir.path()).unwrap().remove(0);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[4..2000].fill(0xff);
    std::fs::write(&path, bytes).unwrap();
    let path = part_file::rename(&path);
    assert_eq!(rows_of_cell(dir.path(), 19_999).unwrap(), run(19_999));
    corrupt(dir.path(), &[path.file_name().unwrap().to_str().unwrap()]);
}

#[test]
fn rows_stored_twice_come_once_and_checked() {
    let unchecked = |cell| Row { checked: "unsampled".into(), adapter: "another".into(), ..full(cell) };
    for cells in [[4, 5], [5, 9]] {
        let dir = tempfile::tempdir().unwrap();
        part(dir.path(), &cells.map(unchecked));
        part(dir.path(), &[full(5)]);
        let rows = cells.map(|cell| if cell == 5 { full(5) } else { unchecked(cell) });
        assert_eq!(stored(dir.path()).unwrap(), rows);
        part(dir.path(), &[unchecked(5)]);
        assert_eq!(stored(dir.path()).unwrap(), rows);
    }
}

#[test]
fn rows_of_one_key_that_differ_are_corrupt() {
    let dir = tempfile::tempdir().unwrap();
    part(dir.path(), &[full(5)]);
    part(dir.path(), &[full(4), Row { excess: None, ..full(5) }]);
    let parts = roundlaw::store::parts(dir.path()).unwrap();
    let names = [&parts[0], &parts[1]].map(|path| path.display().to_string());
    corrupt(dir.path(), &[&format!("run {}", run_id(5)), "excess", &names[0], &names[1], "replay"]);
}

#[test]
fn a_part_out_of_order_is_corrupt() {
    let [average, last, end] = run(7);
    let twice = [last.clone(), last.clone()];
    for unsorted in [[last.clone(), average.clone()], [end, last], [full(8), average], twice] {
        let dir = tempfile::tempdir().unwrap();
        part(dir.path(), &[full(1)]);
        part(dir.path(), &unsorted);
        corrupt(dir.path(), &[&format!("the rows of run {} are out of order", run_id(7)), "delete it"]);
    }
}

#[test]
fn the_first_error_ends_the_rows() {
    let dir = tempfile::tempdir().unwrap();
    let rows: Vec<Row> = (0..2000).map(|cell| full(if cell == 1500 { 7 } else { cell })).collect();
    part(dir.path(), &rows);
    let mut rows = Contents::open(dir.path()).unwrap().rows(None);
    assert!(rows.next().unwrap().is_ok() && rows.next().unwrap().is_ok());
    assert!(rows.by_ref().any(|row| row.is_err()));
    assert!(rows.next().is_none());
}
