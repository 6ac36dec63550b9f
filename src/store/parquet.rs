//! Parts on disk: Parquet files of rows, written whole, refused when anything about them is off.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use ::parquet::arrow::{ArrowWriter, ProjectionMask};
use ::parquet::basic::Compression;
use ::parquet::file::metadata::KeyValue;
use ::parquet::file::properties::{EnabledStatistics, WriterProperties};
use ::parquet::file::statistics::Statistics;
use ::parquet::schema::types::ColumnPath;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, UInt32Type, UInt64Type};
use arrow_array::{Array, ArrayRef, Float64Array, RecordBatch, StringArray, UInt32Array, UInt64Array};
use arrow_schema::{DataType, Schema};

use super::columns::{COLUMNS, Column, Value};
use crate::error::{Error, Result};
use crate::files::write_whole;
use crate::store::row::{Row, SCHEMA_VERSION};

/// Key of the file metadata that tells our parts from other Parquet files.
const VERSION_KEY: &str = "schema_version";
/// Column by whose statistics readers skip.
const RUN: &str = "run_id";

/// Rows of a row group: what reading one run decodes at most, besides the footer.
const GROUP_ROWS: usize = 16_384;
/// Rows of a page and bytes of a dictionary: what a part keeps decoded while it is merged with others.
const PAGE_ROWS: usize = 2048;
const DICTIONARY_BYTES: usize = 1 << 14;

/// Writes a part under a temporary name in its directory, syncs and renames it. The reader wants the rows in
/// ascending order of their keys.
pub fn write_part(path: &Path, rows: &[Row]) -> Result<()> {
    write_part_as(path, "part", rows)
}

/// [`write_part`] by the writer called `tag`, whose temporary files carry its name.
pub(super) fn write_part_as(path: &Path, tag: &str, rows: &[Row]) -> Result<()> {
    let failed = |e: &dyn std::fmt::Display| Error::Other(format!("can't write {}: {e}", path.display()));
    let fields: Vec<_> = COLUMNS.iter().map(|c| c.field.clone()).collect();
    let schema = Arc::new(Schema::new(fields));
    write_whole(path, tag, |file| {
        let mut writer = ArrowWriter::try_new(file, schema.clone(), Some(properties())).map_err(|e| failed(&e))?;
        for rows in rows.chunks(GROUP_ROWS) {
            let arrays = COLUMNS.iter().map(|c| array(c, rows)).collect();
            let batch = RecordBatch::try_new(schema.clone(), arrays).map_err(|e| failed(&e))?;
            writer.write(&batch).map_err(|e| failed(&e))?;
        }
        writer.close().map_err(|e| failed(&e))?;
        Ok(())
    })
}

/// Statistics of the run alone: they are what readers skip by, and of 90 columns they would swell every footer.
fn properties() -> WriterProperties {
    let version = KeyValue::new(VERSION_KEY.to_owned(), SCHEMA_VERSION.to_string());
    WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_key_value_metadata(Some(vec![version]))
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_write_batch_size(PAGE_ROWS)
        .set_dictionary_page_size_limit(DICTIONARY_BYTES)
        .set_statistics_enabled(EnabledStatistics::None)
        .set_column_statistics_enabled(ColumnPath::from(RUN), EnabledStatistics::Chunk)
        .build()
}

/// A part whose footer has been read and found to be one of ours.
pub(super) struct Part {
    path: PathBuf,
    builder: ParquetRecordBatchReaderBuilder<File>,
}

impl Part {
    /// A truncated or foreign file, or one of another schema version, is [`Error::Corrupt`].
    pub fn open(path: &Path) -> Result<Part> {
        let file = File::open(path).map_err(Error::io(path))?;
        let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|e| corrupt(path, &e))?;
        let version = builder
            .metadata()
            .file_metadata()
            .key_value_metadata()
            .and_then(|pairs| pairs.iter().find(|pair| pair.key == VERSION_KEY))
            .and_then(|pair| pair.value.as_deref())
            .ok_or_else(|| corrupt(path, &"it names no schema version"))?;
        if version != SCHEMA_VERSION.to_string() {
            return Err(corrupt(path, &format!("it has schema version {version}")));
        }
        let stored = builder.schema().fields();
        let same = |(field, column): (&Arc<arrow_schema::Field>, &Column)| **field == column.field;
        if stored.len() != COLUMNS.len() || !stored.iter().zip(COLUMNS.iter()).all(same) {
            return Err(corrupt(path, &"its columns are others"));
        }
        Ok(Part { path: path.to_path_buf(), builder })
    }

    /// Smallest and largest run of each row group as its statistics have it, `None` where it has none.
    fn runs(&self) -> impl Iterator<Item = Option<(u64, u64)>> {
        let place = COLUMNS.iter().position(|c| c.name() == RUN);
        self.builder.metadata().row_groups().iter().map(move |group| match group.column(place?).statistics()? {
            // Parquet has no unsigned type: the bits are those of a u64.
            Statistics::Int64(values) => Some((*values.min_opt()? as u64, *values.max_opt()? as u64)),
            _ => None,
        })
    }

    /// The first run of the part; `None` where it has no rows.
    pub fn first_run(self) -> Result<Option<u64>> {
        if self.builder.metadata().file_metadata().num_rows() == 0 {
            return Ok(None);
        }
        let first = self.runs().next().flatten();
        match first {
            Some((first, _)) => Ok(Some(first)),
            None => Ok(self.rows(|name| name == RUN, None, 1)?.next_batch()?.first().map(|row| row.run_id)),
        }
    }

    /// Rows in file order, so many at a time. Columns that are not wanted are zero, empty or null. Row groups that
    /// hold no row of `run` are left out.
    pub fn rows(self, wanted: impl Fn(&str) -> bool, run: Option<u64>, batch: usize) -> Result<Batches> {
        let Part { path, .. } = &self;
        let path = path.clone();
        let groups =
            self.runs().map(|runs| runs.zip(run).is_none_or(|((first, last), run)| (first..=last).contains(&run)));
        let groups = groups.enumerate().filter_map(|(group, holds)| holds.then_some(group)).collect();
        let columns: Vec<_> = COLUMNS.iter().filter(|c| wanted(c.name())).collect();
        let mask = ProjectionMask::columns(self.builder.parquet_schema(), columns.iter().map(|c| c.name()));
        let builder = self.builder.with_projection(mask).with_row_groups(groups).with_batch_size(batch);
        let reader = builder.build().map_err(|e| corrupt(&path, &e))?;
        Ok(Batches { path, columns, reader })
    }
}

/// The rows of a part, a few at a time.
pub(super) struct Batches {
    path: PathBuf,
    columns: Vec<&'static Column>,
    reader: ParquetRecordBatchReader,
}

impl Batches {
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The next rows; none at the end.
    pub fn next_batch(&mut self) -> Result<Vec<Row>> {
        let Some(batch) = self.reader.next() else {
            return Ok(Vec::new());
        };
        let batch = batch.map_err(|e| corrupt(&self.path, &e))?;
        let mut rows = vec![Row::default(); batch.num_rows()];
        for (column, array) in self.columns.iter().zip(batch.columns()) {
            fill(column, array, &mut rows)
                .ok_or_else(|| corrupt(&self.path, &format!("bad values in column {}", column.name())))?;
        }
        Ok(rows)
    }
}

fn corrupt(path: &Path, why: &dyn std::fmt::Display) -> Error {
    Error::Corrupt(format!("{}: not an intact part of schema version {SCHEMA_VERSION}: {why}", path.display()))
}

/// One column of the rows. A cell of another type than the column's is unrepresentable: each getter
/// comes from the type that also named the column's.
fn array(column: &Column, rows: &[Row]) -> ArrayRef {
    macro_rules! collect {
        ($array:ty, $cell:ident) => {
            Arc::new(
                rows.iter()
                    .map(|row| match column.get(row) {
                        Value::$cell(value) => Some(value),
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
                .all(|(row, value)| column.set(row, value.map_or(Value::Null, Value::$cell)))
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
