//! The bytes of a file, a pipe or an array in memory, read once from their beginning.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use super::element::{Element, size};
use crate::error::{Error, Result};
use crate::hash::{fnv1a64, fnv1a64_more};

/// Where the bytes come from, and how far they have been read.
pub struct Reader<'a> {
    /// As messages give it, in one line.
    pub name: String,
    from: Box<dyn Read + Send + 'a>,
    /// Bytes of a regular file; of a pipe nobody knows.
    pub len: Option<u64>,
    pub at: u64,
    /// FNV-1a 64 of the bytes up to there, where it is asked for.
    hash: Option<u64>,
}

/// What is wrong with data that does not fit its header.
const CUT: &str = "the data is cut short";
pub(super) const LONGER: &str = "there is more after the data";
/// What a message says is allowed in place of a file.
const ARRAY: &str = "an .npy file";

/// A name in one line, whatever the file is called.
pub fn plain(path: &Path) -> String {
    let plain = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    path.display().to_string().chars().map(plain).collect()
}

impl<'a> Reader<'a> {
    /// Opens a regular file that is not empty. Every refusal is an [`Error::Input`] that says what is allowed.
    pub fn file(path: &Path) -> Result<Reader<'a>> {
        Reader::file_from(path, 0)
    }

    /// The same from byte `at` on.
    pub fn file_from(path: &Path, at: u64) -> Result<Reader<'a>> {
        let (name, is_file) = Reader::look(path)?;
        match is_file {
            true => Reader::opened(path, name, at),
            false => Err(Error::Input(format!("{name} is no regular file: allowed is {ARRAY}"))),
        }
    }

    /// Opens a file, a pipe or, for `-`, stdin.
    pub fn any(path: &Path) -> Result<Reader<'a>> {
        if path == Path::new("-") {
            return Ok(Reader { name: "stdin".into(), from: Box::new(io::stdin()), len: None, at: 0, hash: None });
        }
        let (name, _) = Reader::look(path)?;
        Reader::opened(path, name, 0)
    }

    /// The name, and whether it is a regular file: found out before it is opened, since opening a FIFO waits for a writer.
    fn look(path: &Path) -> Result<(String, bool)> {
        let name = plain(path);
        let kind = fs::metadata(path).map_err(|error| Reader::unreadable(&name, &error))?;
        match kind.is_dir() {
            true => Err(Error::Input(format!("{name} is a directory: allowed is {ARRAY}"))),
            false => Ok((name, kind.is_file())),
        }
    }

    fn opened(path: &Path, name: String, at: u64) -> Result<Reader<'a>> {
        let opened = File::open(path).and_then(|mut file| {
            let found = file.metadata()?;
            // No pipe can do this, or is asked to.
            if at > 0 {
                file.seek(SeekFrom::Start(at))?;
            }
            Ok((found, file))
        });
        let (found, file) = opened.map_err(|error| Reader::unreadable(&name, &error))?;
        let len = found.is_file().then_some(found.len());
        match len {
            Some(0) => Err(Error::Input(format!("{name} is empty: allowed is an array saved with numpy.save"))),
            _ => Ok(Reader { name, from: Box::new(file), len, at, hash: None }),
        }
    }

    /// The data of an array in memory.
    pub fn memory(name: &str, bytes: &'a [u8]) -> Reader<'a> {
        Reader { name: name.to_string(), from: Box::new(bytes), len: Some(bytes.len() as u64), at: 0, hash: None }
    }

    fn unreadable(name: &str, error: &io::Error) -> Error {
        Error::Input(format!("{name} can't be opened: {error}: allowed is {ARRAY} that can be read"))
    }

    /// With the hash of everything that will be read.
    pub fn hashing(self) -> Reader<'a> {
        Reader { hash: Some(fnv1a64([])), ..self }
    }

    /// The hash of what was read of a reader that is [`Reader::hashing`].
    pub fn hash(&self) -> u64 {
        self.hash.unwrap_or_default()
    }

    /// An error that names the file.
    pub fn wrong(&self, message: String) -> Error {
        Error::Input(format!("{}: {message}", self.name))
    }

    /// Reads as many bytes as there are, up to all of `bytes`.
    pub fn some(&mut self, bytes: &mut [u8]) -> Result<usize> {
        let mut read = 0;
        while read < bytes.len() {
            match self.from.read(&mut bytes[read..]) {
                Ok(0) => break,
                Ok(more) => read += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.wrong(format!("byte {} on can't be read: {error}", self.at))),
            }
        }
        self.at += read as u64;
        self.hash = self.hash.map(|hash| fnv1a64_more(hash, bytes[..read].iter().copied()));
        Ok(read)
    }

    /// Reads all of `bytes`, which are data.
    pub fn fill(&mut self, bytes: &mut [u8]) -> Result<()> {
        let end = self.at + bytes.len() as u64;
        match self.some(bytes)? == bytes.len() {
            true => Ok(()),
            false => Err(self.wrong(format!("{CUT}: it ends at byte {}; allowed are {end} bytes or more", self.at))),
        }
    }

    /// Reads the next `count` bytes of a header. No more is allocated than the file, or the header of a pipe, is long.
    pub fn part(&mut self, count: u64) -> Result<Vec<u8>> {
        let (start, end) = (self.at, self.at + count);
        let ends = |reader: &Reader, at: u64| {
            reader.wrong(format!("the file ends at byte {at}: allowed is a header up to byte {end}"))
        };
        if let Some(len) = self.len.filter(|len| count > len - start) {
            return Err(ends(self, len));
        }
        let mut bytes = vec![0; count as usize];
        match self.some(&mut bytes)? as u64 {
            read if read < count => Err(ends(self, start + read)),
            _ => Ok(bytes),
        }
    }

    /// The number of elements of an array that is all that follows.
    pub fn holds(&self, element: Element, shape: &[usize]) -> Result<usize> {
        let (count, bytes) = size(element, shape).ok_or_else(|| {
            let held = self.len.map_or("a file holds".into(), |len| format!("the file's {len} bytes hold"));
            self.wrong(format!("header key shape is {shape:?}: allowed is what {held}"))
        })?;
        match self.len.map(|len| len - self.at) {
            Some(held) if held != bytes => {
                let (at, name) = (self.at, element.name());
                let what = if held < bytes { CUT } else { LONGER };
                Err(self.wrong(format!(
                    "{what}: the file has {held} bytes from byte {at} on; allowed is {bytes} for shape {shape:?} of {name}"
                )))
            }
            _ => Ok(count),
        }
    }

    /// Whether nothing follows.
    pub fn is_at_end(&mut self) -> Result<bool> {
        match self.len {
            Some(len) => Ok(self.at == len),
            None => Ok(self.some(&mut [0])? == 0),
        }
    }
}
