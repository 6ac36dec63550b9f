//! The expected risks of a sweep's runs, beside its rows: `predict.parquet`.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::parquet::arrow::ArrowWriter;
use ::parquet::basic::Compression;
use ::parquet::file::metadata::KeyValue;
use ::parquet::file::properties::WriterProperties;
use arrow_array::{ArrayRef, Float64Array, RecordBatch, StringArray, UInt32Array, UInt64Array};
use arrow_schema::{DataType, Field, Schema};
use serde_json::Value;

use super::paths;
use crate::error::{Error, Result};
use crate::files::{remove_left_over, write_whole};

/// Names the writer.
const TAG: &str = "predict";
/// Key of the metadata that says of which rows these are the expectations.
const KEY: &str = "roundlaw";
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
    let schema = Arc::new(Schema::new(fields));
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_key_value_metadata(Some(vec![KeyValue::new(KEY.to_owned(), of.to_string())]))
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .build();
    let mut writer = ArrowWriter::try_new(file, schema.clone(), Some(properties))?;
    let mut rows = rows.peekable();
    while rows.peek().is_some() {
        let group: Vec<PredictedRow> = rows.by_ref().take(GROUP_ROWS).collect();
        writer.write(&RecordBatch::try_new(schema.clone(), arrays(&group))?)?;
    }
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
