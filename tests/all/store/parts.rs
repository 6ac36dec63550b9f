//! A part gives back what was written, or says why it can't.

use std::fs;

use std::path::Path;

use roundlaw::error::Error;
use roundlaw::site::Site;
use roundlaw::store::parquet::write_part;
use roundlaw::store::row::{Row, SCHEMA_VERSION};

use super::{full, sparse, stored};

/// The rows of a part that is alone in its directory.
fn read_part(path: &Path) -> Result<Vec<Row>, Error> {
    stored(path.parent().unwrap())
}

#[test]
fn a_part_gives_back_every_column_and_null() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("part-a.parquet");
    // More rows than one batch of the reader, nulls and values mixed.
    let rows: Vec<_> = (0..3000).map(|i| if i % 3 == 0 { sparse(i) } else { full(i) }).collect();
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
    for (site, other) in Site::ALL.into_iter().zip(Site::ALL.into_iter().rev()) {
        let mut row = full(1);
        row.counts[site] = None;
        row.formats[other] = None;
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
    assert!(error.to_string().contains(&format!("schema version {}", SCHEMA_VERSION + 1)), "{error}");
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
        spectrum_exponent target target_exponent noise sketch_kind sampling tail model samples batch step_size \
        schedule recipe"
        .split_whitespace()
        .map(String::from)
        .collect();
    expected.extend(sites.iter().flat_map(|s| [s.to_string(), format!("{s}_rounding")]));
    let risks = "excess reducible approximation signal overlap quantized_test quantized_test_se quantized_test_exact \
        held_out held_out_se diverged_at";
    expected.extend(risks.split(' ').map(String::from));
    let counters = ["saturated", "underflowed", "nan"];
    expected.extend(sites.iter().flat_map(|s| counters.map(|c| format!("{s}_{c}"))));
    let last = "v_digest stream_version checked adapter driver fingerprint";
    expected.extend(last.split(' ').map(String::from));
    assert_eq!(names, expected);
}
