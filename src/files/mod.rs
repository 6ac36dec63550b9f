//! Files that appear whole or not at all, and the text of those that hold a table.

mod csv;
mod temporary;

use std::fs::{self, File, Metadata};
use std::io;
use std::path::{Path, PathBuf};

pub use self::csv::csv_text;
pub use self::temporary::{Temporary, is_temporary, remove_left_over};
use crate::error::{Error, Result};
use crate::streams::stdout_as_file;

/// Links that are followed, one to the next: as many as Linux does.
const LINKS: u32 = 40;

/// Writes a file through a temporary one beside it, so that a reader or a crash never meets half of it. `tag` names the
/// writer, for [`remove_left_over`].
///
/// A link is followed and stays one; a file that is replaced keeps its permissions; what is no regular file, as a pipe
/// or a device, is written to.
pub fn write_whole(path: &Path, tag: &str, fill: impl FnOnce(&mut File) -> Result<()>) -> Result<()> {
    filled(path, tag, fill)?.finish()
}

/// The bytes of a regular file; of anything else, which might never end or begin, [`io::ErrorKind::InvalidData`].
pub fn read_regular(path: &Path) -> io::Result<Vec<u8>> {
    match fs::metadata(path)?.is_file() {
        true => fs::read(path),
        false => Err(io::Error::new(io::ErrorKind::InvalidData, "no regular file")),
    }
}

/// A file with its contents that is to get its name; `None` if it was written to as it is.
pub struct Filled(Option<(Temporary, PathBuf)>);

impl Filled {
    /// Gives the file its name. Dropped instead, it is gone.
    pub fn finish(self) -> Result<()> {
        self.0.map_or(Ok(()), |(temporary, path)| temporary.rename(&path))
    }
}

/// The first half of [`write_whole`], for several files of which none shall appear if one cannot be written.
pub fn filled(path: &Path, tag: &str, fill: impl FnOnce(&mut File) -> Result<()>) -> Result<Filled> {
    // The path that was asked for is the one to name.
    let begun = match target(path).map_err(Error::io(path))? {
        Target::Stream(mut file) => return fill(&mut file).map(|()| Filled(None)),
        Target::New(path) => Temporary::begin(directory(&path), tag).map(|temporary| (temporary, path)),
        Target::Old(path, found) => {
            Temporary::begin_like(directory(&path), tag, &found).map(|temporary| (temporary, path))
        }
    };
    let (mut temporary, path) = begun.map_err(Error::io(path))?;
    fill(temporary.file())?;
    Ok(Filled(Some((temporary, path))))
}

/// What a path leads to, behind its links.
enum Target {
    New(PathBuf),
    Old(PathBuf, Metadata),
    /// What is written to as it is.
    Stream(File),
}

fn target(path: &Path) -> io::Result<Target> {
    // Who may not write to the file may not replace it either.
    let file = match File::options().write(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Target::New(followed(path))),
        opened => opened?,
    };
    let (found, named) = (file.metadata()?, followed(path));
    let is_found = |stdout: &File| stdout.metadata().is_ok_and(|stdout| are_one(&stdout, &found));
    if let Some(stdout) = stdout_as_file().filter(is_found) {
        return Ok(Target::Stream(stdout));
    }
    // A path as /dev/fd/3 leads to an open file, whose own name may be gone.
    let has_name = fs::metadata(&named).is_ok_and(|at_name| found.is_file() && are_one(&found, &at_name));
    Ok(if has_name { Target::Old(named, found) } else { Target::Stream(file) })
}

/// The path at the end of the links, where nothing need be.
fn followed(path: &Path) -> PathBuf {
    let mut path = path.to_path_buf();
    for _ in 0..LINKS {
        let Ok(link) = fs::read_link(&path) else { break };
        path = directory(&path).join(link);
    }
    path
}

/// Whether two paths lead to one regular file, which need not be there yet.
pub fn are_one_file(a: &Path, b: &Path) -> bool {
    let place = |path: &Path| {
        let path = followed(path);
        fs::canonicalize(directory(&path)).ok().map(|dir| dir.join(path.file_name().unwrap_or_default()))
    };
    match (fs::metadata(a), fs::metadata(b)) {
        (Ok(a), Ok(b)) if cfg!(unix) || !a.is_file() => a.is_file() && are_one(&a, &b),
        _ => place(a).is_some_and(|a| Some(a) == place(b)),
    }
}

/// Whether a path leads to the stdout of this process, as /dev/stdout does.
pub fn is_stdout(path: &Path) -> bool {
    let (stdout, found) = (stdout_as_file().and_then(|stdout| stdout.metadata().ok()), fs::metadata(path).ok());
    stdout.zip(found).is_some_and(|(stdout, found)| are_one(&stdout, &found))
}

#[cfg(unix)]
fn are_one(a: &Metadata, b: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    (a.dev(), a.ino()) == (b.dev(), b.ino())
}

#[cfg(not(unix))]
fn are_one(_: &Metadata, _: &Metadata) -> bool {
    true
}

/// The directory that a path lies in.
fn directory(path: &Path) -> &Path {
    match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    }
}

/// Makes what happened to names in a directory last.
#[cfg(unix)]
fn sync_directory(dir: &Path) -> Result<()> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(Error::io(dir))
}

#[cfg(not(unix))]
fn sync_directory(_: &Path) -> Result<()> {
    Ok(())
}
