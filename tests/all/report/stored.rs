//! The report of a directory is that of its rows, whatever parts they lie in, and fails where they do.

use super::*;
use crate::part_file;
use roundlaw::store::Contents;

fn rows_of(dir: &Path) -> impl Iterator<Item = Result<Row, Error>> {
    Contents::open(dir).unwrap().rows(None).map(|row| row.map(|(row, _)| row))
}

fn write_part(dir: &Path, rows: &[Row]) {
    part_file::write(dir, &part_file::header(&part_file::sweep(8, 1, 1), 5, rows), rows);
}

#[test]
fn a_directory_gives_the_report_of_its_rows() {
    let mut rows = power_law("r", &[16, 32], &[1000, 2000], 5);
    rows.extend(power_law("other", &[16, 32], &[1000, 2000], 5));
    for (row, cell) in rows.iter_mut().zip(0..) {
        row.cell = cell / 5;
        row.run_id = u64::from(row.seed_index) * 8 + row.cell;
    }
    rows.sort_by_key(|row| row.run_id);
    let dir = tempfile::tempdir().unwrap();
    for seeds in [[0, 3], [1, 4], [2, 2]] {
        let part: Vec<Row> = rows.iter().filter(|row| seeds.contains(&row.seed_index)).cloned().collect();
        write_part(dir.path(), &part);
    }
    assert_eq!(report::panels(rows_of(dir.path())).unwrap(), panels_of(&rows));
    let stored = report::write(dir.path(), rows_of(dir.path()), "", &Map::new()).unwrap();
    let other = tempfile::tempdir().unwrap();
    let given = report::write(other.path(), in_order(&rows), "", &Map::new()).unwrap();
    for (stored, given) in stored.iter().zip(&given) {
        assert_eq!(read(stored), read(given));
    }
}

#[test]
fn a_row_that_cannot_be_read_ends_the_report() {
    let dir = tempfile::tempdir().unwrap();
    let mut rows = power_law("r", &[32, 16], &[1000], 1);
    for (row, cell) in rows.iter_mut().zip([1, 0]) {
        (row.run_id, row.cell) = (cell, cell);
    }
    write_part(dir.path(), &rows);
    let result = report::write(dir.path(), rows_of(dir.path()), "", &Map::new());
    assert!(matches!(result, Err(Error::Corrupt(_))));
    assert!(!dir.path().join("report.html").exists() && !dir.path().join("figures").exists());
}
