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
    let from_store: Vec<Row> = rows_of(dir.path()).map(Result::unwrap).collect();
    let stored = write(dir.path(), &from_store);
    let other = tempfile::tempdir().unwrap();
    let given = write(other.path(), &rows);
    for (stored, given) in stored.iter().zip(&given) {
        assert_eq!(read(stored), read(given));
    }
}
