//! Parts whose rows no sweep computed, with a header that fits them or one that does not.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use roundlaw::plan::{Cohort, Shard};
use roundlaw::store::part::{Claim, Header, Part, Session, Shape, Source, Sweep, Work, encode};
use roundlaw::store::paths;
use roundlaw::store::row::Row;

/// A sweep of one problem point.
pub fn sweep(cells: u64, rows: u64, stream_version: u32) -> Sweep {
    let plan = Shape::new("0".repeat(16), [(cells, rows)]);
    Sweep { stream_version, identity: "dim = 4096\nnoise = 0.1\n".into(), plan }
}

/// The header of a part with these rows, which come from where the first of them does.
pub fn header(sweep: &Sweep, seeds: u32, rows: &[Row]) -> Header {
    let Row { adapter, driver, fingerprint, .. } = rows.first().cloned().unwrap_or_default();
    let session = Session { adapter, driver, fingerprint, shard: "0-of-1".into(), seeds, ..Session::default() };
    let cohorts = Claim::of(rows, &sweep.plan).expect("cells of the plan");
    let work = work(sweep, &cohorts);
    Header { sweep: sweep.clone().into(), cohorts, source: Source::Session(session.into()), work }
}

/// What a part of these cohorts took, in no time.
pub fn work(sweep: &Sweep, cohorts: &[Claim]) -> Work {
    let cells = |claim: &Claim| sweep.plan.points[claim.point].cells;
    let runs = cohorts.iter().map(|claim| cells(claim) * claim.seeds.count()).sum();
    let checked = cohorts.iter().map(|claim| cells(claim) * claim.checked.count()).sum();
    Work { runs, checked, milliseconds: 0 }
}

/// Stores a part as it is, under the name that its bytes have.
pub fn write(dir: &Path, header: &Header, rows: &[Row]) -> PathBuf {
    let folder = paths::rows(dir);
    fs::create_dir_all(&folder).unwrap();
    let begun = dir.join("begun");
    let hash = encode(&begun, &mut File::create(&begun).unwrap(), header, rows).unwrap();
    let first = Cohort { point: 0, seed_index: rows.first().map_or(0, |row| row.seed_index) };
    let path = folder.join(paths::part_name(Shard::WHOLE, first, hash));
    fs::rename(begun, &path).unwrap();
    path
}

/// Replaces a part by one with a changed header and changed rows.
pub fn rewrite(path: &Path, change: impl FnOnce(&mut Header, &mut Vec<Row>)) -> PathBuf {
    let mut header = Part::open(path).unwrap().header().clone();
    let mut rows = rows(path);
    change(&mut header, &mut rows);
    fs::remove_file(path).unwrap();
    write(path.parent().unwrap().parent().unwrap(), &header, &rows)
}

/// Gives a file with changed bytes the name that they have.
pub fn rename(path: &Path) -> PathBuf {
    let hash = roundlaw::hash::fnv1a64(fs::read(path).unwrap());
    let name = path.file_name().unwrap().to_str().unwrap();
    let (stem, _) = name.rsplit_once('-').unwrap();
    let renamed = path.with_file_name(format!("{stem}-{hash:016x}.parquet"));
    fs::rename(path, &renamed).unwrap();
    renamed
}

pub fn rows(path: &Path) -> Vec<Row> {
    let mut batches = Part::open(path).unwrap().rows(None, 1000).unwrap();
    let batch = move || Some(batches.next_batch().unwrap()).filter(|batch| !batch.is_empty());
    std::iter::from_fn(batch).flatten().collect()
}
