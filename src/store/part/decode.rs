//! Reading a part: by its name, its bytes, its header, and then row by row.

use std::cell::Cell;
use std::fmt::Display;
use std::fs::{self, File};
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::path::Path;
use std::sync::{Arc, Once};

use ::parquet::arrow::ProjectionMask;
use ::parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use ::parquet::file::metadata::RowGroupMetaData;
use ::parquet::file::reader::Length as _;
use ::parquet::file::statistics::Statistics;
use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, UInt32Type, UInt64Type};
use arrow_schema::{DataType, FieldRef};

use super::file::PartFile;
use super::header::{Header, Session, Source, Sweep};
use super::{HEADER_KEY, RUN, VERSION_KEY};
use crate::error::{Error, Result};
use crate::hash::{fnv1a64, fnv1a64_more};
use crate::plan::Cohort;
use crate::store::columns::{COLUMNS, Column, DERIVED, Kind, Value};
use crate::store::paths;
use crate::store::row::{EXACT, Row, SCHEMA_VERSION, UNSAMPLED};

/// Bytes read at a time to be hashed.
const CHUNK: usize = 1 << 16;

type Builder = ParquetRecordBatchReaderBuilder<PartFile>;

/// A part whose bytes are those that its name says, and whose header and columns are ours.
#[derive(Clone, Debug)]
pub struct Part {
    path: Arc<Path>,
    header: Arc<Header>,
}

impl Part {
    /// Every byte is compared with the name before one of them is decoded.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for what is no regular file, damaged, foreign or of another schema version; [`Error::Io`]
    /// for what can't be read.
    pub fn open(path: &Path) -> Result<Part> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let hash = paths::part_hash(&name);
        Part::verify(path, hash.ok_or_else(|| damaged(path, "its name ends in no hash of what it holds"))?)
    }

    /// As [`Part::open`], for a file that has not got its name yet.
    pub(super) fn verify(path: &Path, hash: u64) -> Result<Part> {
        let found = hash_of(path)?;
        if found != hash {
            return Err(damaged(path, &format!("its bytes have the hash {found:016x}")));
        }
        let file = PartFile::open(path).map_err(Error::io(path))?;
        let builder = decoded(path, &file, damaged, || Builder::try_new(file.clone()))?;
        if !lie_within(builder.metadata().row_groups(), file.len()) {
            return Err(damaged(path, "it has columns that lie outside of its bytes"));
        }
        let pairs = builder.metadata().file_metadata().key_value_metadata();
        let value = |key: &str| pairs?.iter().find(|pair| pair.key == key)?.value.as_deref();
        let version = value(VERSION_KEY).ok_or_else(|| damaged(path, "it names no schema version"))?;
        if version != SCHEMA_VERSION.to_string() {
            let what = format!("it has schema version {version}, this program {SCHEMA_VERSION}");
            return Err(damaged(path, &what));
        }
        let header = value(HEADER_KEY).ok_or_else(|| damaged(path, "it has no header"))?;
        let header: Header = serde_json::from_str(header).map_err(|e| damaged(path, &format!("its header: {e}")))?;
        if !header.is_sound() {
            return Err(damaged(path, "its header contradicts itself"));
        }
        agree(builder.schema().fields()).map_err(|what| damaged(path, &what))?;
        Ok(Part { path: path.into(), header: header.into() })
    }

    /// The part with `sweep` for its own where they are equal: that of a directory is kept once, whatever its parts.
    pub fn sharing(mut self, sweep: &Arc<Sweep>) -> Part {
        if self.header.sweep == *sweep {
            Arc::make_mut(&mut self.header).sweep = sweep.clone();
        }
        self
    }

    pub fn path(&self) -> &Arc<Path> {
        &self.path
    }

    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The first run that it may hold; `None` where it holds no cohort.
    pub fn first_run(&self) -> Option<u64> {
        let firsts = self.header.cohorts.iter().filter_map(|claim| {
            let cohort = Cohort { point: claim.point, seed_index: claim.seeds.first()? };
            Some(self.header.sweep.plan.first_run(cohort))
        });
        firsts.min()
    }

    /// Rows in file order, so many at a time. Row groups that hold no row of `run` are left out.
    pub fn rows(&self, run: Option<u64>, batch: usize) -> Result<Batches> {
        let path = &self.path;
        let file = PartFile::open(path).map_err(Error::io(path))?;
        let builder = decoded(path, &file, damaged, || Builder::try_new(file.clone()))?;
        let groups = builder.metadata().row_groups().iter().map(|group| runs(group.columns()));
        let groups = groups.map(|runs| runs.zip(run).is_none_or(|((first, last), run)| (first..=last).contains(&run)));
        let groups = groups.enumerate().filter_map(|(group, holds)| holds.then_some(group)).collect();
        let stored: Vec<&str> = builder.schema().fields().iter().map(|field| field.name().as_str()).collect();
        let columns: Vec<_> = COLUMNS.iter().filter(|column| stored.contains(&column.name())).collect();
        let mask = ProjectionMask::columns(builder.parquet_schema(), columns.iter().map(|column| column.name()));
        let builder = builder.with_projection(mask).with_row_groups(groups).with_batch_size(batch);
        let reader = decoded(path, &file, damaged, || builder.build())?;
        Ok(Batches { part: self.clone(), file, columns, reader, last: None })
    }
}

/// FNV-1a 64 of all bytes of a regular file. What is none, a FIFO say, could keep its reader waiting for ever.
fn hash_of(path: &Path) -> Result<u64> {
    let metadata = fs::metadata(path).map_err(Error::io(path))?;
    if !metadata.is_file() {
        return Err(damaged(path, "it is no regular file"));
    }
    let mut file = File::open(path).map_err(Error::io(path))?;
    let (mut hash, mut chunk) = (fnv1a64([]), vec![0; CHUNK]);
    loop {
        match file.read(&mut chunk) {
            Ok(0) => return Ok(hash),
            Ok(read) => hash = fnv1a64_more(hash, chunk[..read].iter().copied()),
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(Error::io(path)(e)),
        }
    }
}

/// Whether every column lies in so many bytes, which the decoder takes for granted.
pub(in crate::store) fn lie_within(groups: &[RowGroupMetaData], length: u64) -> bool {
    groups.iter().flat_map(RowGroupMetaData::columns).all(|column| {
        let start = column.dictionary_page_offset().unwrap_or(column.data_page_offset());
        let [start, bytes] = [start, column.compressed_size()].map(u64::try_from);
        start.is_ok_and(|start| bytes.is_ok_and(|bytes| start.checked_add(bytes).is_some_and(|end| end <= length)))
    })
}

/// Whether a part has every column, in order, but derived ones: of these it may lack some, and have others that a later
/// version of the program knows.
fn agree(stored: &[FieldRef]) -> std::result::Result<(), String> {
    let is_new = |field: &FieldRef| {
        field.metadata().contains_key(DERIVED) && COLUMNS.iter().all(|column| column.name() != field.name())
    };
    let mut stored = stored.iter().filter(|field| !is_new(field)).peekable();
    for column in COLUMNS.iter() {
        match stored.peek() {
            Some(field) if ***field == column.field => drop(stored.next()),
            _ if column.kind == Kind::Derived => {}
            Some(field) => return Err(format!("column {} stands where {} belongs", field.name(), column.name())),
            None => return Err(format!("column {} is missing", column.name())),
        }
    }
    stored.next().map_or(Ok(()), |field| Err(format!("column {} is unknown", field.name())))
}

/// Smallest and largest run of a row group as its statistics have it, `None` where it has none.
fn runs(columns: &[::parquet::file::metadata::ColumnChunkMetaData]) -> Option<(u64, u64)> {
    let column = columns.iter().find(|column| column.column_path().string() == RUN)?;
    match column.statistics()? {
        // Parquet has no unsigned type: the bits are those of a u64.
        Statistics::Int64(values) => Some((*values.min_opt()? as u64, *values.max_opt()? as u64)),
        _ => None,
    }
}

/// The rows of a part, a few at a time, each compared with the header.
pub struct Batches {
    part: Part,
    file: PartFile,
    columns: Vec<&'static Column>,
    reader: ParquetRecordBatchReader,
    /// Key of the row given last.
    last: Option<(u64, u64, String)>,
}

impl Batches {
    pub fn path(&self) -> &Arc<Path> {
        &self.part.path
    }

    /// The next rows; none at the end.
    pub fn next_batch(&mut self) -> Result<Vec<Row>> {
        let Some(batch) = decoded(&self.part.path, &self.file, damaged, || self.reader.next().transpose())? else {
            return Ok(Vec::new());
        };
        let mut rows = vec![Row::default(); batch.num_rows()];
        for (column, array) in self.columns.iter().zip(batch.columns()) {
            fill(column, array, &mut rows)
                .ok_or_else(|| damaged(&self.part.path, &format!("bad values in column {}", column.name())))?;
        }
        let mut last = self.last.as_ref().map(|(run, seen, output)| (*run, *seen, output.as_str()));
        for row in &rows {
            self.compare(row).map_err(|what| damaged(&self.part.path, &what))?;
            if last.replace(row.key()).is_some_and(|last| last >= row.key()) {
                return Err(damaged(&self.part.path, &format!("the rows of run {} are out of order", row.run_id)));
            }
        }
        self.last = last.map(|(run, seen, output)| (run, seen, output.to_owned()));
        Ok(rows)
    }

    /// What of a row contradicts the header.
    fn compare(&self, row: &Row) -> std::result::Result<(), String> {
        let Header { sweep, source, .. } = &*self.part.header;
        let run = row.run_id;
        let id =
            u64::from(row.seed_index).checked_mul(sweep.plan.cells()).and_then(|first| first.checked_add(row.cell));
        if id != Some(run) {
            return Err(format!("run {run} is not that of seed index {} and cell {}", row.seed_index, row.cell));
        }
        let claim = self.part.header.claim(row.cell, row.seed_index);
        let claim = claim.ok_or_else(|| format!("its header does not name the cohort of run {run}"))?;
        let checked = if claim.checked.has(row.seed_index) { EXACT } else { UNSAMPLED };
        let mut pairs = vec![("checked", row.checked.as_str(), checked)];
        // The rows of a merged part alone say where each was computed.
        if let Source::Session(session) = source {
            let Session { adapter, driver, fingerprint, .. } = &**session;
            pairs.push(("adapter", &row.adapter, adapter));
            pairs.push(("driver", &row.driver, driver));
            pairs.push(("fingerprint", &row.fingerprint, fingerprint));
        }
        match pairs.iter().find(|(_, row, header)| row != header) {
            Some((name, row, header)) => Err(format!("{name} of run {run} is {row:?}, its header has {header:?}")),
            None if row.stream_version != sweep.stream_version => {
                Err(format!("run {run} is of another stream version"))
            }
            None => Ok(()),
        }
    }
}

/// What a part is refused for, and what helps.
pub fn damaged(path: &Path, what: &str) -> Error {
    Error::Corrupt(format!("{}: {what}; delete it: the same sweep computes it again", path.display()))
}

thread_local! {
    /// Whether this thread is in the decoder, whose panics are told as errors.
    static DECODES: Cell<bool> = const { Cell::new(false) };
}

/// What the decoder of Parquet makes of bytes; else an error of the file system where that failed, and where not what
/// `damaged` makes of the reason. Of some bytes, forged together with their hash, it makes a panic.
pub(in crate::store) fn decoded<T, E: Display>(
    path: &Path,
    file: &PartFile,
    damaged: impl Fn(&Path, &str) -> Error,
    decode: impl FnOnce() -> std::result::Result<T, E>,
) -> Result<T> {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let usual = take_hook();
        set_hook(Box::new(move |panic| {
            if !DECODES.get() {
                usual(panic);
            }
        }));
    });
    let outer = DECODES.replace(true);
    let outcome = catch_unwind(AssertUnwindSafe(decode));
    DECODES.set(outer);
    let why = match outcome {
        Ok(Ok(value)) => return Ok(value),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "its decoder panics".into(),
    };
    match file.failure() {
        Some(source) => Err(Error::io(path)(source)),
        None => Err(damaged(path, &format!("it can't be decoded: {why}"))),
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

#[cfg(test)]
mod tests {
    use ::parquet::file::metadata::ColumnChunkMetaData;
    use ::parquet::schema::parser::parse_message_type;
    use ::parquet::schema::types::SchemaDescriptor;

    use super::*;

    #[test]
    fn columns_lie_within_their_file() {
        let schema = parse_message_type("message rows { required int64 run_id; }").unwrap();
        let schema = Arc::new(SchemaDescriptor::new(Arc::new(schema)));
        let within = |dictionary: Option<i64>, data: i64, bytes: i64| {
            let column = ColumnChunkMetaData::builder(schema.column(0));
            let column = column.set_dictionary_page_offset(dictionary).set_data_page_offset(data);
            let column = column.set_total_compressed_size(bytes).build().unwrap();
            let group = RowGroupMetaData::builder(schema.clone()).set_column_metadata(vec![column]).build().unwrap();
            lie_within(&[group], 100)
        };
        assert!(within(None, 4, 96) && within(Some(4), 50, 96) && within(None, 0, 0));
        for (dictionary, data, bytes) in [
            (None, 4, 97),
            (None, 4, -1),
            (None, -1, 8),
            (Some(-4), 50, 8),
            (Some(50), 4, 51),
            (None, i64::MAX, i64::MAX),
        ] {
            assert!(!within(dictionary, data, bytes), "{dictionary:?} {data} {bytes}");
        }
    }
}
