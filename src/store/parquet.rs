//! Parts on disk: Parquet files of rows, written whole, refused when anything about them is off.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use ::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use ::parquet::arrow::{ArrowWriter, ProjectionMask};
use ::parquet::basic::Compression;
use ::parquet::file::metadata::KeyValue;
use ::parquet::file::properties::WriterProperties;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, UInt32Type, UInt64Type};
use arrow_array::{Array, ArrayRef, Float64Array, RecordBatch, StringArray, UInt32Array, UInt64Array};
use arrow_schema::{DataType, Schema};

use super::columns::{COLUMNS, Cell, Column};
use super::files::write_whole;
use crate::error::{Error, Result};
use crate::row::{Row, SCHEMA_VERSION};

/// Key of the file metadata that tells our parts from other Parquet files.
const VERSION_KEY: &str = "schema_version";

/// Writes a part under a temporary name in its directory, syncs and renames it.
pub fn write_part(path: &Path, rows: &[Row]) -> Result<()> {
    write_part_as(path, "part", rows)
}

/// [`write_part`] by the writer called `tag`, whose temporary files carry its name.
pub(super) fn write_part_as(path: &Path, tag: &str, rows: &[Row]) -> Result<()> {
    let failed = |e: &dyn std::fmt::Display| Error::Other(format!("can't write {}: {e}", path.display()));
    let fields: Vec<_> = COLUMNS.iter().map(|c| c.field.clone()).collect();
    let schema = Arc::new(Schema::new(fields));
    let arrays = COLUMNS.iter().map(|c| array(c, rows)).collect();
    let batch = RecordBatch::try_new(schema.clone(), arrays).map_err(|e| failed(&e))?;
    let version = KeyValue::new(VERSION_KEY.to_owned(), SCHEMA_VERSION.to_string());
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_key_value_metadata(Some(vec![version]))
        .build();
    write_whole(path, tag, |file| {
        let mut writer = ArrowWriter::try_new(file, schema, Some(properties)).map_err(|e| failed(&e))?;
        writer.write(&batch).map_err(|e| failed(&e))?;
        writer.close().map_err(|e| failed(&e))?;
        Ok(())
    })
}

/// Reads a part back, in the order it was written. A truncated or foreign file, or one of another
/// schema version, is [`Error::Corrupt`].
pub fn read_part(path: &Path) -> Result<Vec<Row>> {
    read_columns(path, |_| true)
}

/// Rows of which only the wanted columns are read; the others are zero, empty or null.
pub(super) fn read_columns(path: &Path, wanted: impl Fn(&str) -> bool) -> Result<Vec<Row>> {
    let corrupt = |why: &dyn std::fmt::Display| {
        Error::Corrupt(format!("{}: not an intact part of schema version {SCHEMA_VERSION}: {why}", path.display()))
    };
    let file = File::open(path).map_err(Error::io(path))?;
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|e| corrupt(&e))?;
    let version = builder
        .metadata()
        .file_metadata()
        .key_value_metadata()
        .and_then(|pairs| pairs.iter().find(|pair| pair.key == VERSION_KEY))
        .and_then(|pair| pair.value.as_deref())
        .ok_or_else(|| corrupt(&"it names no schema version"))?;
    if version != SCHEMA_VERSION.to_string() {
        return Err(corrupt(&format!("it has schema version {version}")));
    }
    let stored = builder.schema().fields();
    let same = |(field, column): (&Arc<arrow_schema::Field>, &Column)| **field == column.field;
    if stored.len() != COLUMNS.len() || !stored.iter().zip(COLUMNS.iter()).all(same) {
        return Err(corrupt(&"its columns are others"));
    }

    let columns: Vec<_> = COLUMNS.iter().filter(|c| wanted(c.name())).collect();
    let mask = ProjectionMask::columns(builder.parquet_schema(), columns.iter().map(|c| c.name()));
    let reader = builder.with_projection(mask).build().map_err(|e| corrupt(&e))?;
    let mut rows = Vec::new();
    for batch in reader {
        let batch = batch.map_err(|e| corrupt(&e))?;
        let start = rows.len();
        rows.resize_with(start + batch.num_rows(), Row::default);
        for (column, array) in columns.iter().zip(batch.columns()) {
            fill(column, array, &mut rows[start..])
                .ok_or_else(|| corrupt(&format!("bad values in column {}", column.name())))?;
        }
    }
    Ok(rows)
}

/// One column of the rows. A cell of another type than the column's is unrepresentable: each getter
/// comes from the type that also named the column's.
fn array(column: &Column, rows: &[Row]) -> ArrayRef {
    macro_rules! collect {
        ($array:ty, $cell:ident) => {
            Arc::new(
                rows.iter()
                    .map(|row| match column.get(row) {
                        Cell::$cell(value) => Some(value),
                        _ => None,
                    })
                    .collect::<$array>(),
            )
        };
    }
    match column.field.data_type() {
        DataType::UInt32 => collect!(UInt32Array, U32),
        DataType::UInt64 => collect!(UInt64Array, U64),
        DataType::Float64 => collect!(Float64Array, F64),
        _ => collect!(StringArray, Text),
    }
}

/// Puts an array into a column of as many rows; `None` when a value does not belong there.
fn fill(column: &Column, array: &dyn Array, rows: &mut [Row]) -> Option<()> {
    macro_rules! set {
        ($values:expr, $cell:ident) => {
            rows.iter_mut()
                .zip($values?.iter())
                .all(|(row, value)| column.set(row, value.map_or(Cell::Null, Cell::$cell)))
        };
    }
    let fits = match column.field.data_type() {
        DataType::UInt32 => set!(array.as_primitive_opt::<UInt32Type>(), U32),
        DataType::UInt64 => set!(array.as_primitive_opt::<UInt64Type>(), U64),
        DataType::Float64 => set!(array.as_primitive_opt::<Float64Type>(), F64),
        _ => set!(array.as_string_opt::<i32>(), Text),
    };
    fits.then_some(())
}
