//! The expected risks of a sweep's runs, beside its rows: `predict.parquet`.

use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::parquet::arrow::ArrowWriter;
use ::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use ::parquet::basic::Compression;
use ::parquet::file::metadata::KeyValue;
use ::parquet::file::properties::WriterProperties;
use ::parquet::file::reader::Length as _;
use arrow_array::cast::AsArray as _;
use arrow_array::types::{Float64Type, UInt32Type, UInt64Type};
use arrow_array::{Array, ArrayRef, Float64Array, RecordBatch, StringArray, UInt32Array, UInt64Array};
use arrow_schema::{DataType, Field, Schema};
use serde::Serialize;
use serde_json::Value;

use super::part::{PartFile, decoded, lie_within};
use super::paths;
use crate::error::{Error, Result};
use crate::files::{remove_left_over, write_whole};
use crate::hash::{fnv1a64, fnv1a64_more};

/// Names the writer.
const TAG: &str = "predict";
/// Key of the metadata that says of which rows these are the expectations.
const KEY: &str = "roundlaw";
/// Key of the hash of all that the file holds.
const HASH_KEY: &str = "roundlaw_hash";
/// The status of expectations, and of those of laws in place of formats.
pub const EXACT: &str = "exact";
pub const MATCHED: &str = "matched";
/// Rows of a row group.
const GROUP_ROWS: usize = 16_384;

/// What is expected of one row, by its key.
#[derive(Clone, Debug, PartialEq)]
pub struct PredictedRow {
    pub run_id: u64,
    pub cell: u64,
    pub seed_index: u32,
    pub seen: u64,
    pub output: &'static str,
    /// `excess`, `reducible`, `approximation` and `quantized_test`; `None` where there are none.
    pub risks: Option<[f64; 4]>,
    /// The excess of full precision, where the recipe's formats are matched or have no law like them.
    pub full_precision: Option<f64>,
    pub status: &'static str,
    pub reason: Option<String>,
}

/// What lies in a directory.
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    /// No file.
    Nothing,
    /// Expectations of other rows than those with the digest.
    Others,
    /// Means over the law of w*, not of each seed's own.
    Prior,
    Read(Source),
}

/// The expectations that were read.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Source {
    /// Of all that the file holds, 16 hex digits.
    pub hash: String,
    /// Seconds that `predict` was told to take at most: cells beyond it have no expectation.
    pub budget: Option<f64>,
}

/// Whose expectations they are, and what they are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ExpectedRisks<'a> {
    pub cell: u64,
    pub seed_index: u32,
    pub seen: u64,
    pub output: &'a str,
    /// `None` where there is none.
    pub excess: Option<f64>,
    pub quantized_test: Option<f64>,
    /// They are of laws in place of formats.
    pub is_matched: bool,
}

/// Hands over the expected risks of each row of a directory, where they are of the rows with this digest.
///
/// # Errors
/// [`Error::Corrupt`] for a file that is damaged, or holds something else than its hash says, [`Error::Io`] for one that
/// can't be read.
pub fn read(dir: &Path, digest: &str, mut each: impl FnMut(ExpectedRisks)) -> Result<Found> {
    let path = &paths::predictions(dir);
    let file = match PartFile::open(path) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Found::Nothing),
        opened => opened.map_err(Error::io(path))?,
    };
    let builder = decoded(path, &file, damaged, || ParquetRecordBatchReaderBuilder::try_new(file.clone()))?;
    if !lie_within(builder.metadata().row_groups(), file.len()) {
        return Err(damaged(path, "it has columns that lie outside of its bytes"));
    }
    let pairs = builder.metadata().file_metadata().key_value_metadata();
    let text = |key: &str| pairs.and_then(|pairs| pairs.iter().find(|pair| pair.key == key)?.value.clone());
    let text = |key: &str| text(key).ok_or_else(|| damaged(path, "it has no header"));
    let (header, hash) = (text(KEY)?, text(HASH_KEY)?);
    let of: Value = serde_json::from_str(&header).map_err(|e| damaged(path, &format!("its header: {e}")))?;
    match (of["digest"] == digest, of["prior"].as_bool()) {
        (false, _) => return Ok(Found::Others),
        (true, Some(false)) => {}
        (true, _) => return Ok(Found::Prior),
    }
    let mut reader = decoded(path, &file, damaged, || builder.with_batch_size(GROUP_ROWS).build())?;
    let mut hashes = Hashes::default();
    while let Some(batch) = decoded(path, &file, damaged, || reader.next().transpose())? {
        hashes.take(&batch);
        hand_over(&batch, &mut each).ok_or_else(|| damaged(path, "its columns are not those of expected risks"))?;
    }
    match hashes.of_all(&header) {
        found if found == hash => Ok(Found::Read(Source { hash, budget: of["budget"].as_f64() })),
        found => Err(damaged(path, &format!("its contents have the hash {found}, it says {hash}"))),
    }
}

/// FNV-1a 64 of the values of each column, however they come in batches.
#[derive(Default)]
struct Hashes(Vec<u64>);

impl Hashes {
    fn take(&mut self, batch: &RecordBatch) {
        self.0.resize(batch.num_columns(), fnv1a64([]));
        self.0.iter_mut().zip(batch.columns()).for_each(|(hash, column)| *hash = more(*hash, column));
    }

    /// With what the file says of itself, 16 hex digits.
    fn of_all(&self, header: &str) -> String {
        let columns = self.0.iter().flat_map(|hash| hash.to_le_bytes());
        format!("{:016x}", fnv1a64_more(fnv1a64(header.bytes()), columns))
    }
}

/// A hash once the values of an array have followed, each led by whether it is there; a text by its length.
fn more(hash: u64, array: &dyn Array) -> u64 {
    fn each<const N: usize>(hash: u64, values: impl Iterator<Item = Option<[u8; N]>>) -> u64 {
        values.fold(hash, |hash, value| match value {
            Some(bytes) => fnv1a64_more(fnv1a64_more(hash, [1]), bytes),
            None => fnv1a64_more(hash, [0]),
        })
    }
    if let Some(values) = array.as_primitive_opt::<Float64Type>() {
        return each(hash, values.iter().map(|value| value.map(|value| value.to_bits().to_le_bytes())));
    }
    if let Some(values) = array.as_primitive_opt::<UInt64Type>() {
        return each(hash, values.iter().map(|value| value.map(u64::to_le_bytes)));
    }
    if let Some(values) = array.as_primitive_opt::<UInt32Type>() {
        return each(hash, values.iter().map(|value| value.map(u32::to_le_bytes)));
    }
    // A column of any other type is none of ours.
    array.as_string_opt::<i32>().into_iter().flatten().fold(hash, |hash, text| {
        let length = each(hash, [text.map(|text| (text.len() as u64).to_le_bytes())].into_iter());
        fnv1a64_more(length, text.unwrap_or_default().bytes())
    })
}

/// `None` where a column is missing or of another type.
fn hand_over(batch: &RecordBatch, each: &mut impl FnMut(ExpectedRisks)) -> Option<()> {
    let column = |name: &str| batch.column_by_name(name);
    let cells = column("cell")?.as_primitive_opt::<UInt64Type>()?;
    let seeds = column("seed_index")?.as_primitive_opt::<UInt32Type>()?;
    let seen = column("seen")?.as_primitive_opt::<UInt64Type>()?;
    let outputs = column("output")?.as_string_opt::<i32>()?;
    let excess = column("excess")?.as_primitive_opt::<Float64Type>()?;
    let test = column("quantized_test")?.as_primitive_opt::<Float64Type>()?;
    let status = column("status")?.as_string_opt::<i32>()?;
    for row in 0..batch.num_rows() {
        each(ExpectedRisks {
            cell: cells.value(row),
            seed_index: seeds.value(row),
            seen: seen.value(row),
            output: outputs.value(row),
            excess: excess.is_valid(row).then(|| excess.value(row)),
            quantized_test: test.is_valid(row).then(|| test.value(row)),
            is_matched: status.value(row) == MATCHED,
        });
    }
    Some(())
}

fn damaged(path: &Path, what: &str) -> Error {
    Error::Corrupt(format!("{}: {what}; delete it: `roundlaw predict DIR` writes it again", path.display()))
}

/// Writes the file of a directory whose report's lock is held, and returns its path. `of` says which rows these are the
/// expectations of.
///
/// # Errors
/// [`Error::Io`] and [`Error::Other`] where it can't be written.
pub fn write(dir: &Path, of: &Value, rows: impl Iterator<Item = PredictedRow>) -> Result<PathBuf> {
    let path = paths::predictions(dir);
    remove_left_over(dir, TAG)?;
    let failed = |e: ::parquet::errors::ParquetError| Error::Other(format!("can't write {}: {e}", path.display()));
    write_whole(&path, TAG, |file| encode(file, of, rows).map_err(failed))?;
    Ok(path)
}

fn encode(file: &mut File, of: &Value, rows: impl Iterator<Item = PredictedRow>) -> ::parquet::errors::Result<()> {
    let field = |name: &str, kind: DataType, nullable| Field::new(name, kind, nullable);
    let keys = [("run_id", DataType::UInt64), ("cell", DataType::UInt64), ("seed_index", DataType::UInt32)];
    let state = [("seen", DataType::UInt64), ("output", DataType::Utf8)];
    let mut fields: Vec<Field> = keys.into_iter().chain(state).map(|(name, kind)| field(name, kind, false)).collect();
    let risks = ["excess", "reducible", "approximation", "quantized_test"];
    fields.extend(risks.map(|name| field(name, DataType::Float64, true)));
    fields.push(field("full_precision", DataType::Float64, true));
    fields.extend([field("status", DataType::Utf8, false), field("reason", DataType::Utf8, true)]);
    let (schema, header) = (Arc::new(Schema::new(fields)), of.to_string());
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_key_value_metadata(Some(vec![KeyValue::new(KEY.to_owned(), header.clone())]))
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .build();
    let mut writer = ArrowWriter::try_new(file, schema.clone(), Some(properties))?;
    let (mut rows, mut hashes) = (rows.peekable(), Hashes::default());
    while rows.peek().is_some() {
        let group: Vec<PredictedRow> = rows.by_ref().take(GROUP_ROWS).collect();
        let batch = RecordBatch::try_new(schema.clone(), arrays(&group))?;
        hashes.take(&batch);
        writer.write(&batch)?;
    }
    writer.append_key_value_metadata(KeyValue::new(HASH_KEY.to_owned(), hashes.of_all(&header)));
    writer.close()?;
    Ok(())
}

fn arrays(rows: &[PredictedRow]) -> Vec<ArrayRef> {
    let whole = |of: fn(&PredictedRow) -> u64| Arc::new(UInt64Array::from_iter_values(rows.iter().map(of))) as ArrayRef;
    let text =
        |of: fn(&PredictedRow) -> Option<&str>| Arc::new(StringArray::from_iter(rows.iter().map(of))) as ArrayRef;
    let seeds = Arc::new(UInt32Array::from_iter_values(rows.iter().map(|row| row.seed_index))) as ArrayRef;
    // Beyond f64 there is no number.
    let number = |of: &dyn Fn(&PredictedRow) -> Option<f64>| {
        let values = rows.iter().map(|row| of(row).filter(|risk| risk.is_finite()));
        Arc::new(Float64Array::from_iter(values)) as ArrayRef
    };
    let keys =
        [whole(|row| row.run_id), whole(|row| row.cell), seeds, whole(|row| row.seen), text(|row| Some(row.output))];
    let mut arrays = Vec::from(keys);
    arrays.extend((0..4).map(|k| number(&|row| row.risks.map(|risks| risks[k]))));
    arrays.push(number(&|row| row.full_precision));
    arrays.extend([text(|row| Some(row.status)), text(|row| row.reason.as_deref())]);
    arrays
}
