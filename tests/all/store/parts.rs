//! A part gives back what was written, or says why it can't.

use std::collections::HashMap;
use std::fs;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{RecordBatch, new_null_array};
use arrow_schema::{DataType, Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::properties::WriterProperties;
use roundlaw::error::Error;
use roundlaw::site::Site;
use roundlaw::store::Contents;
use roundlaw::store::part::Source;
use roundlaw::store::row::{Row, SCHEMA_VERSION, STREAM_VERSION};

use super::{CELLS, full, part_file, session, sparse, stored};

fn write_part(dir: &Path, rows: &[Row]) -> PathBuf {
    let sweep = part_file::sweep(CELLS, 1, STREAM_VERSION);
    part_file::write(dir, &part_file::header(&sweep, 4, rows), rows)
}

#[test]
fn a_part_gives_back_every_column_and_null() {
    let dir = tempfile::tempdir().unwrap();
    // More rows than one batch of the reader, nulls and values mixed.
    let rows: Vec<_> = (0..3000).map(|i| if i % 3 == 0 { sparse(i) } else { full(i) }).collect();
    write_part(dir.path(), &rows);
    let back = stored(dir.path()).unwrap();
    assert!(back == rows);
    assert_eq!(back[1].reducible.unwrap().to_bits(), (-0.0f64).to_bits());
    // A part of no cohort is none of ours: its rows would be read by others and by no command.
    let dir = tempfile::tempdir().unwrap();
    write_part(dir.path(), &[]);
    refused(dir.path(), "its header contradicts itself");
}

#[test]
fn counts_are_null_site_by_site() {
    for (site, other) in Site::ALL.into_iter().zip(Site::ALL.into_iter().rev()) {
        let dir = tempfile::tempdir().unwrap();
        let mut row = full(1);
        row.counts[site] = None;
        row.formats[other] = None;
        write_part(dir.path(), std::slice::from_ref(&row));
        assert_eq!(stored(dir.path()).unwrap(), [row]);
    }
}

#[track_caller]
fn refused(dir: &Path, what: &str) {
    let error = stored(dir).unwrap_err();
    assert!(matches!(error, Error::Corrupt(_)), "{error}");
    let text = error.to_string();
    assert!(text.contains("part-") && text.contains(what) && text.contains("delete it: the same sweep"), "{text}");
    assert_eq!(error.exit_code(), 7);
}

#[test]
fn every_changed_byte_is_noticed_before_it_is_decoded() {
    let dir = tempfile::tempdir().unwrap();
    let path = write_part(dir.path(), &[full(1), sparse(2)]);
    let bytes = fs::read(&path).unwrap();
    for at in (0..bytes.len()).step_by(7) {
        let mut changed = bytes.clone();
        changed[at] ^= 1 << (at % 8);
        fs::write(&path, changed).unwrap();
        refused(dir.path(), "its bytes have the hash");
    }
    for kept in [0, 3, bytes.len() / 2, bytes.len() - 1] {
        fs::write(&path, &bytes[..kept]).unwrap();
        refused(dir.path(), "its bytes have the hash");
    }
    fs::write(&path, [&bytes[..], b"x"].concat()).unwrap();
    refused(dir.path(), "its bytes have the hash");
}

/// Whoever forges bytes may forge their hash with them: then it is the decoder that finds them wrong, or panics.
#[test]
fn forged_bytes_are_refused_or_read_and_never_a_panic() {
    let dir = tempfile::tempdir().unwrap();
    let mut path = write_part(dir.path(), &[full(1), sparse(2)]);
    let bytes = fs::read(&path).unwrap();
    let mut panics = 0;
    for at in (0..bytes.len()).step_by(39) {
        let mut forged = bytes.clone();
        forged[at] ^= 1 << (at % 8);
        fs::write(&path, forged).unwrap();
        path = part_file::rename(&path);
        match stored(dir.path()) {
            Err(Error::Corrupt(text)) => panics += u32::from(text.contains("its decoder panics")),
            Err(error) => panic!("byte {at}: {error}"),
            Ok(_) => {}
        }
    }
    assert!(panics > 0, "a decoder that never panics needs not be caught");
}

#[test]
fn what_is_no_part_is_refused_by_what_it_lacks() {
    let dir = tempfile::tempdir().unwrap();
    let path = write_part(dir.path(), &[full(1)]);
    let bytes = fs::read(&path).unwrap();
    // In the footer a key is followed by the field header and length of its one-digit value.
    let key = b"schema_version\x18\x01";
    let at = bytes.windows(key.len()).position(|w| w == key).unwrap() + key.len();
    assert_eq!(bytes[at], b'0' + SCHEMA_VERSION as u8);
    let mut other = bytes.clone();
    other[at] += 1;
    let mut unnamed = bytes.clone();
    unnamed[at - 4] ^= 1;
    let json = bytes.windows(12).position(|w| w == b"\"identity\":\"").unwrap();
    let mut headless = bytes.clone();
    headless[json] = b'x';
    let cases = [
        (b"run_id,cell\n1,2\n".to_vec(), "can't be decoded"),
        (other, &format!("it has schema version {}, this program {SCHEMA_VERSION}", SCHEMA_VERSION + 1)),
        (unnamed, "it names no schema version"),
        (headless, "its header: "),
    ];
    let mut path = path;
    for (bytes, what) in cases {
        fs::write(&path, bytes).unwrap();
        path = part_file::rename(&path);
        refused(dir.path(), what);
    }
    fs::rename(&path, path.with_file_name("part-a.parquet")).unwrap();
    refused(dir.path(), "its name ends in no hash");
}

#[test]
fn rows_agree_with_the_header_of_their_part() {
    type Change = fn(&mut Row);
    let changes: [(&str, Change); 7] = [
        ("checked of run", |row| row.checked = "unsampled".into()),
        ("adapter of run", |row| row.adapter = "another".into()),
        ("driver of run", |row| row.driver = "another".into()),
        ("fingerprint of run", |row| row.fingerprint = "another".into()),
        ("of another stream version", |row| row.stream_version += 1),
        ("is not that of seed index 3 and cell 3", |row| row.cell += 1),
        ("does not name the cohort", |row| {
            row.run_id += CELLS;
            row.seed_index += 1;
        }),
    ];
    for (what, change) in changes {
        let dir = tempfile::tempdir().unwrap();
        let path = write_part(dir.path(), &[full(1), full(2)]);
        part_file::rewrite(&path, |_, rows| change(&mut rows[1]));
        refused(dir.path(), what);
    }
}

#[test]
fn parts_are_of_one_sweep() {
    let dir = tempfile::tempdir().unwrap();
    write_part(dir.path(), &[full(1)]);
    let foreign = write_part(dir.path(), &[full(2)]);
    let agree = || Contents::open(dir.path()).unwrap().agree(None, |_, _| unreachable!());
    agree().unwrap();
    let foreign =
        part_file::rewrite(&foreign, |header, _| Arc::make_mut(&mut header.sweep).identity = "noise = 0.2\n".into());
    let text = agree().unwrap_err().to_string();
    assert!(text.contains("it belongs to another sweep") && text.contains("noise = 0.2"), "{text}");
    part_file::rewrite(&foreign, |header, _| {
        header.sweep = part_file::sweep(CELLS, 1, STREAM_VERSION).into();
        header.source = Source::Session(session(5).into());
    });
    agree().unwrap();
}

/// The part with other columns: without the one called `without`, and with `more`.
fn with_columns(path: &Path, without: &str, more: Option<Field>) {
    let builder = ParquetRecordBatchReaderBuilder::try_new(fs::File::open(path).unwrap()).unwrap();
    let mut pairs = builder.metadata().file_metadata().key_value_metadata().unwrap().clone();
    pairs.retain(|pair| pair.key != "ARROW:schema");
    let batch = builder.build().unwrap().next().unwrap().unwrap();
    let named = batch.schema().fields().iter().cloned().zip(batch.columns().to_vec()).collect::<Vec<_>>();
    let mut kept: Vec<_> = named.into_iter().filter(|(field, _)| field.name() != without).collect();
    if let Some(field) = more {
        let values = new_null_array(field.data_type(), batch.num_rows());
        kept.insert(30, (field.into(), values));
    }
    let (fields, arrays): (Vec<_>, Vec<_>) = kept.into_iter().unzip();
    let batch = RecordBatch::try_new(Schema::new(fields).into(), arrays).unwrap();
    let properties = WriterProperties::builder().set_key_value_metadata(Some(pairs)).build();
    let file = fs::File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    part_file::rename(path);
}

#[test]
fn derived_columns_may_be_missing_or_unknown_and_no_others() {
    let derived = || HashMap::from([("derived".to_string(), "from the settings".to_string())]);
    let later = || Field::new("a_later_one", DataType::Utf8, true);
    let mut row = full(1);
    for (without, more, refusal) in [
        ("data_eps", Some(later().with_metadata(derived())), None),
        ("excess", None, Some("column reducible stands where excess belongs")),
        ("fingerprint", None, Some("column fingerprint is missing")),
        ("", Some(later()), Some("column a_later_one stands where")),
        ("data_bits", Some(Field::new("data_bits", DataType::Utf8, true)), Some("column data_bits stands where")),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let path = write_part(dir.path(), &[full(1)]);
        with_columns(&path, without, more);
        match refusal {
            Some(what) => refused(dir.path(), what),
            None => {
                row.eps[Site::Data] = None;
                assert_eq!(stored(dir.path()).unwrap(), [row.clone()]);
            }
        }
    }
}

#[test]
fn the_columns_are_named_in_a_fixed_order() {
    let dir = tempfile::tempdir().unwrap();
    let path = write_part(dir.path(), &[full(1)]);
    let file = fs::File::open(&path).unwrap();
    let builder = ParquetRecordBatchReaderBuilder::try_new(file);
    let schema = builder.unwrap().schema().clone();
    let names: Vec<_> = schema.fields().iter().map(|f| f.name().as_str()).collect();
    let sites = Site::ALL.map(Site::name);
    let mut expected: Vec<String> = "run_id cell seed_index seen output dim spectrum \
        spectrum_exponent target target_exponent noise sketch_kind sampling tail model samples batch step_size \
        schedule recipe recipe_bits phases"
        .split_whitespace()
        .map(String::from)
        .collect();
    expected.extend(sites.iter().flat_map(|s| ["", "_rounding", "_eps", "_bits"].map(|what| format!("{s}{what}"))));
    let risks = "excess reducible approximation signal overlap quantized_test quantized_test_se quantized_test_exact \
        held_out held_out_se diverged_at";
    expected.extend(risks.split(' ').map(String::from));
    let counters = ["saturated", "underflowed", "nan"];
    expected.extend(sites.iter().flat_map(|s| counters.map(|c| format!("{s}_{c}"))));
    let last = "v_digest stream_version checked adapter driver fingerprint";
    expected.extend(last.split(' ').map(String::from));
    assert_eq!(names, expected);
}
