//! Writing a part: whole, synced and read back before it has its name.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::parquet::arrow::ArrowWriter;
use ::parquet::basic::Compression;
use ::parquet::file::metadata::KeyValue;
use ::parquet::file::properties::{EnabledStatistics, WriterProperties};
use ::parquet::schema::types::ColumnPath;
use arrow_array::{ArrayRef, Float64Array, RecordBatch, StringArray, UInt32Array, UInt64Array};
use arrow_schema::{DataType, Schema};

use super::decode::Part;
use super::header::Header;
use super::{HEADER_KEY, RUN, VERSION_KEY};
use crate::error::{Error, Result};
use crate::files::Temporary;
use crate::hash::{fnv1a64, fnv1a64_more};
use crate::plan::{Cohort, Shard};
use crate::store::columns::{COLUMNS, Column, Value, is_same};
use crate::store::paths;
use crate::store::row::{Row, SCHEMA_VERSION};

/// Rows of a row group: what reading one run decodes at most, besides the footer.
pub(in crate::store) const GROUP_ROWS: usize = 16_384;
/// Rows of a page and bytes of a dictionary: what a part keeps decoded while it is merged with others.
const PAGE_ROWS: usize = 2048;
const DICTIONARY_BYTES: usize = 1 << 14;

/// Whose part it is, as its name says.
#[derive(Clone, Copy, Debug)]
pub enum Name {
    /// A shard's.
    Shard(Shard),
    /// A merge's.
    Merged,
}

impl Name {
    /// Of its temporary file.
    fn tag(self) -> String {
        match self {
            Name::Shard(shard) => shard.to_string(),
            // Who merges holds the lock of the whole sweep.
            Name::Merged => Shard::WHOLE.to_string(),
        }
    }
}

/// Writes a part into the rows of `dir` and returns its path. It is begun in `dir` itself, so that who reads the folder
/// of the rows meets whole parts alone; synced; read back and compared with the rows, `groups` of which are asked for
/// twice; and then renamed. The rows are in ascending order of their keys, 16,384 in each group but the last;
/// `first` is the cohort that names the part. `may` is asked right before the rename.
///
/// # Errors
/// [`Error::Io`] where it can't be written, [`Error::Other`] where what is read back is not what was written, and those of
/// the rows and of `may`.
pub fn write<R: AsRef<[Row]>, G: Iterator<Item = Result<R>>>(
    dir: &Path,
    name: Name,
    first: Cohort,
    header: &Header,
    mut groups: impl FnMut() -> G,
    may: impl FnOnce() -> Result<()>,
) -> Result<PathBuf> {
    let mut temporary = Temporary::begin(dir, &name.tag()).map_err(Error::io(dir))?;
    let path = temporary.path().to_path_buf();
    let hash = encode_groups(&path, temporary.file(), header, groups())?;
    temporary.file().sync_all().map_err(Error::io(&path))?;
    read_back(&path, hash, header, groups())?;
    let path = paths::rows(dir).join(match name {
        Name::Shard(shard) => paths::part_name(shard, first, hash),
        Name::Merged => paths::merged_name(first, hash),
    });
    may()?;
    temporary.rename(&path)?;
    Ok(path)
}

/// Writes the bytes of a part to the file at `path` and returns their hash.
///
/// # Errors
/// [`Error::Io`] where it can't be written.
pub fn encode(path: &Path, file: &mut File, header: &Header, rows: &[Row]) -> Result<u64> {
    encode_groups(path, file, header, rows.chunks(GROUP_ROWS).map(Ok))
}

fn encode_groups<R: AsRef<[Row]>>(
    path: &Path,
    file: &mut File,
    header: &Header,
    groups: impl Iterator<Item = Result<R>>,
) -> Result<u64> {
    let failed = |e: &dyn std::fmt::Display| Error::Other(format!("can't write {}: {e}", path.display()));
    let mut out = Hashed { file, hash: fnv1a64([]), failure: None };
    let mut unread = None;
    let groups = groups.map_while(|rows| rows.map_err(|error| unread = Some(error)).ok());
    let written = parquet(&mut out, header, groups);
    match (unread, written) {
        (Some(error), _) => Err(error),
        (None, Ok(())) => Ok(out.hash),
        (None, Err(error)) => Err(out.failure.map_or_else(|| failed(&error), Error::io(path))),
    }
}

/// What the encoder, memory or a file system made of the rows is noticed while they are still at hand. The bytes may
/// come from the system's cache: what a disk loses later the hash in the name tells.
fn read_back<R: AsRef<[Row]>>(
    path: &Path,
    hash: u64,
    header: &Header,
    groups: impl Iterator<Item = Result<R>>,
) -> Result<()> {
    let differs =
        |what: &str| Error::Other(format!("{}: {what} is read back otherwise than it was written", path.display()));
    let part = Part::verify(path, hash)?;
    if part.header() != header {
        return Err(differs("the header"));
    }
    let mut batches = part.rows(None, PAGE_ROWS)?;
    let mut back = Vec::new().into_iter();
    for rows in groups {
        for row in rows?.as_ref() {
            if back.as_slice().is_empty() {
                back = batches.next_batch()?.into_iter();
            }
            if !back.next().is_some_and(|back| is_same(&back, row)) {
                return Err(differs("a row"));
            }
        }
    }
    match back.next().is_none() && batches.next_batch()?.is_empty() {
        true => Ok(()),
        false => Err(differs("the number of rows")),
    }
}

/// Hashes what goes into a file.
struct Hashed<'a> {
    file: &'a mut File,
    hash: u64,
    /// What the file failed with: the writer of Parquet tells of it in words alone.
    failure: Option<io::Error>,
}

impl Hashed<'_> {
    fn failed(&mut self, error: io::Error) -> io::Error {
        let copy = error.raw_os_error().map_or_else(|| error.kind().into(), io::Error::from_raw_os_error);
        self.failure = Some(copy);
        error
    }
}

impl Write for Hashed<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes).map_err(|error| self.failed(error))?;
        self.hash = fnv1a64_more(self.hash, bytes[..written].iter().copied());
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush().map_err(|error| self.failed(error))
    }
}

fn parquet<R: AsRef<[Row]>>(
    out: &mut Hashed<'_>,
    header: &Header,
    groups: impl Iterator<Item = R>,
) -> ::parquet::errors::Result<()> {
    let fields: Vec<_> = COLUMNS.iter().map(|column| column.field.clone()).collect();
    let schema = Arc::new(Schema::new(fields));
    let mut writer = ArrowWriter::try_new(out, schema.clone(), Some(properties(header)?))?;
    for rows in groups {
        let arrays = COLUMNS.iter().map(|column| array(column, rows.as_ref())).collect();
        writer.write(&RecordBatch::try_new(schema.clone(), arrays)?)?;
    }
    writer.close()?;
    Ok(())
}

/// Statistics of the run alone: they are what readers skip by, and of 90 columns they would swell every footer.
fn properties(header: &Header) -> ::parquet::errors::Result<WriterProperties> {
    let header = serde_json::to_string(header).map_err(|e| ::parquet::errors::ParquetError::External(e.into()))?;
    let pairs = [(VERSION_KEY, SCHEMA_VERSION.to_string()), (HEADER_KEY, header)];
    let pairs = pairs.map(|(key, value)| KeyValue::new(key.to_owned(), value));
    Ok(WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_key_value_metadata(Some(pairs.into()))
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_write_batch_size(PAGE_ROWS)
        .set_dictionary_page_size_limit(DICTIONARY_BYTES)
        .set_statistics_enabled(EnabledStatistics::None)
        .set_column_statistics_enabled(ColumnPath::from(RUN), EnabledStatistics::Chunk)
        .build())
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
