//! A part's bytes at random places, from a file that may be closed in between.

use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use ::parquet::errors::{ParquetError, Result};
use ::parquet::file::reader::{ChunkReader, Length};
use bytes::Bytes;

/// Of the files that a process may have open: this share, and no more than so many, are held for parts.
const SHARE: usize = 4;
const MOST: usize = 256;
/// Where the limit is not known.
const USUAL_LIMIT: usize = 256;
/// Read at once where pages' headers lie.
const BUFFER: usize = 1 << 10;

/// Files held open for parts, of all threads.
static HELD: AtomicUsize = AtomicUsize::new(0);
static BUDGET: LazyLock<usize> = LazyLock::new(|| (open_files_limit().unwrap_or(USUAL_LIMIT) / SHARE).min(MOST));

/// The soft limit of open files, where the system tells it.
fn open_files_limit() -> Option<usize> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// A part's file. It stays open while there are files to spare, and else is opened anew for every read: any number of
/// parts can be merged whatever the limit.
#[derive(Clone, Debug)]
pub(in crate::store) struct PartFile(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    length: u64,
    held: Option<Mutex<File>>,
    /// What kept bytes from being read, first of all: the reader of Parquet tells of it in words alone.
    failure: Mutex<Option<io::Error>>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        if self.held.is_some() {
            HELD.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl PartFile {
    pub fn open(path: &Path) -> io::Result<PartFile> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        let taken =
            HELD.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |held| (held < *BUDGET).then_some(held + 1));
        let held = taken.is_ok().then(|| Mutex::new(file));
        Ok(PartFile(Arc::new(Inner { path: path.to_path_buf(), length, held, failure: Mutex::default() })))
    }

    /// What kept bytes from being read, where it was not that there are none.
    pub fn failure(&self) -> Option<io::Error> {
        lock(&self.0.failure).take()
    }

    fn read_at(&self, start: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut read = |file: &mut File| {
            file.seek(SeekFrom::Start(start))?;
            file.read(buffer)
        };
        let result = match &self.0.held {
            Some(file) => read(&mut lock(file)),
            None => File::open(&self.0.path).and_then(|mut file| read(&mut file)),
        };
        if let Err(e) = &result
            && e.kind() != ErrorKind::Interrupted
        {
            let copy = e.raw_os_error().map_or_else(|| e.kind().into(), io::Error::from_raw_os_error);
            lock(&self.0.failure).get_or_insert(copy);
        }
        result
    }
}

/// A panic while a file was read leaves nothing half done: the next read begins with a seek.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Length for PartFile {
    fn len(&self) -> u64 {
        self.0.length
    }
}

/// Bytes from a place on.
pub(in crate::store) struct ReadFrom {
    file: PartFile,
    at: u64,
}

impl Read for ReadFrom {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(self.at, buffer)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl ChunkReader for PartFile {
    type T = BufReader<ReadFrom>;

    fn get_read(&self, start: u64) -> Result<BufReader<ReadFrom>> {
        Ok(BufReader::with_capacity(BUFFER, ReadFrom { file: self.clone(), at: start }))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        // A length that no file has is no amount of memory to ask for.
        if start.checked_add(length as u64).is_none_or(|end| end > self.0.length) {
            return Err(ParquetError::EOF(format!("{length} bytes at {start} of {}", self.0.length)));
        }
        let mut bytes = vec![0; length];
        ReadFrom { file: self.clone(), at: start }.read_exact(&mut bytes)?;
        Ok(bytes.into())
    }
}
