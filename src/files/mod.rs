//! Files that appear whole or not at all, and the text of those that hold a table.

mod csv;
mod temporary;

use std::fs::{self, File, Metadata};
use std::io;
use std::path::{Path, PathBuf};

pub use self::csv::csv_text;
pub use self::temporary::{Temporary, is_temporary, remove_left_over};
use crate::error::{Error, Result};
use crate::streams::{self, stdout_as_file};

/// Links that are followed, one to the next: as many as Linux does.
const LINKS: u32 = 40;

/// Writes a file of ours through a temporary one beside it, so that a reader or a crash never meets half of it. `tag` names
/// the writer, for [`remove_left_over`].
///
/// [`begun`] says what happens to what is there. A pipe alone is refused: opening it may wait for a reader without end,
/// and no signal that asks a sweep to stop would be seen.
pub fn write_whole(path: &Path, tag: &str, fill: impl FnOnce(&mut File) -> Result<()>) -> Result<()> {
    match is_pipe(path) {
        true => Err(Error::Other(format!("{} is a pipe: delete it, so that a file can be there", path.display()))),
        false => filled(path, tag, fill)?.finish(),
    }
}

#[cfg(unix)]
fn is_pipe(path: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt as _;
    fs::metadata(path).is_ok_and(|found| found.file_type().is_fifo())
}

#[cfg(not(unix))]
fn is_pipe(_: &Path) -> bool {
    false
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

/// A file that users name, through a temporary one beside it, up to its last step: for several of which none shall appear
/// if one cannot be written. Of stdout, a reader that has gone is no error.
pub fn filled(path: &Path, tag: &str, fill: impl FnOnce(&mut File) -> Result<()>) -> Result<Filled> {
    let mut begun = begun(path, tag)?;
    match begun {
        Begun::Stdout(ref mut stdout) => streams::taken(fill(stdout))?,
        _ => fill(begun.file())?,
    }
    Ok(begun.filled())
}

/// A file that is being written: a temporary one and the name it is to get, or what is written to as it is.
pub enum Begun {
    Named(Temporary, PathBuf),
    Stdout(File),
    Stream(File),
}

/// Begins a file that users name.
///
/// A link is followed and stays one; a file that is replaced keeps its permissions, but for those of a group that the
/// writer is not in; what is no regular file, as a pipe or a device, is written to.
pub fn begun(path: &Path, tag: &str) -> Result<Begun> {
    // The path that was asked for is the one to name.
    let begun = match target(path).map_err(Error::io(path))? {
        Target::Stdout(stdout) => return Ok(Begun::Stdout(stdout)),
        Target::Stream(file) => return Ok(Begun::Stream(file)),
        Target::New(path) => Temporary::begin(directory(&path), tag).map(|temporary| Begun::Named(temporary, path)),
        Target::Old(path, found) => {
            Temporary::begin_like(directory(&path), tag, &found).map(|temporary| Begun::Named(temporary, path))
        }
    };
    begun.map_err(|cause| match cause.kind() {
        // The file itself could be opened, or is not there yet.
        io::ErrorKind::PermissionDenied => Error::io(directory(path))(cause),
        _ => Error::io(path)(cause),
    })
}

impl Begun {
    /// Where the contents go.
    pub fn file(&mut self) -> &mut File {
        match self {
            Begun::Named(temporary, _) => temporary.file(),
            Begun::Stdout(file) | Begun::Stream(file) => file,
        }
    }

    /// With all its contents.
    pub fn filled(self) -> Filled {
        match self {
            Begun::Named(temporary, path) => Filled(Some((temporary, path))),
            Begun::Stdout(_) | Begun::Stream(_) => Filled(None),
        }
    }
}

/// What a path leads to, behind its links.
enum Target {
    New(PathBuf),
    Old(PathBuf, Metadata),
    Stdout(File),
    /// What is written to as it is.
    Stream(File),
}

fn target(path: &Path) -> io::Result<Target> {
    // Not opened again by its path, which begins files anew and is refused for sockets.
    if let Some(stdout) = stdout_at(path) {
        return Ok(Target::Stdout(stdout));
    }
    // Who may not write to the file may not replace it either.
    let file = match File::options().write(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Target::New(followed(path))),
        opened => opened?,
    };
    let (found, named) = (file.metadata()?, followed(path));
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

/// Whether two paths lead to one file, which need not be there yet, or to one pipe or device. The null device, which
/// keeps nothing, may be written twice.
pub fn are_one_file(a: &Path, b: &Path) -> bool {
    let place = |path: &Path| {
        let path = followed(path);
        fs::canonicalize(directory(&path)).ok().map(|dir| dir.join(path.file_name().unwrap_or_default()))
    };
    match (fs::metadata(a), fs::metadata(b)) {
        (Ok(a), Ok(b)) if cfg!(unix) => are_one(&a, &b) && !is_null(&a),
        (Ok(a), _) if !a.is_file() => false,
        _ => place(a).is_some_and(|a| Some(a) == place(b)),
    }
}

/// Whether a path leads to the stdout of this process, as /dev/stdout does.
pub fn is_stdout(path: &Path) -> bool {
    stdout_at(path).is_some()
}

fn stdout_at(path: &Path) -> Option<File> {
    let (stdout, found) = (stdout_as_file()?, fs::metadata(path).ok()?);
    are_one(&stdout.metadata().ok()?, &found).then_some(stdout)
}

#[cfg(unix)]
fn are_one(a: &Metadata, b: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    (a.dev(), a.ino()) == (b.dev(), b.ino())
}

#[cfg(unix)]
fn is_null(found: &Metadata) -> bool {
    use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
    let is_device = found.file_type().is_char_device();
    is_device && fs::metadata("/dev/null").is_ok_and(|null| null.rdev() == found.rdev())
}

#[cfg(not(unix))]
fn are_one(_: &Metadata, _: &Metadata) -> bool {
    true
}

#[cfg(not(unix))]
fn is_null(_: &Metadata) -> bool {
    false
}

/// The directory that a path lies in.
fn directory(path: &Path) -> &Path {
    match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    }
}

/// Makes what happened to names in a directory last, where the file system can.
#[cfg(unix)]
fn sync_directory(dir: &Path) -> Result<()> {
    match File::open(dir).and_then(|dir| dir.sync_all()) {
        Err(error) if !has_no_sync(&error) => Err(Error::io(dir)(error)),
        _ => Ok(()),
    }
}

/// Whether an error says that this directory cannot be synced at all: some network and FUSE file systems have no such
/// call, and a directory may be writable that cannot be opened for reading. The names are in it nevertheless.
#[cfg(unix)]
fn has_no_sync(error: &io::Error) -> bool {
    let known = [libc::EINVAL, libc::ENOTSUP, libc::EOPNOTSUPP, libc::ENOSYS, libc::EACCES, libc::EPERM];
    error.raw_os_error().is_some_and(|code| known.contains(&code))
}

#[cfg(not(unix))]
fn sync_directory(_: &Path) -> Result<()> {
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use super::{has_no_sync, io};

    #[test]
    fn a_directory_without_a_sync_is_told_from_one_whose_sync_failed() {
        for (code, is_without) in [
            (libc::EINVAL, true),
            (libc::ENOTSUP, true),
            (libc::EACCES, true),
            (libc::EIO, false),
            (libc::ENOSPC, false),
            (libc::EMFILE, false),
        ] {
            assert_eq!(has_no_sync(&io::Error::from_raw_os_error(code)), is_without, "{code}");
        }
    }
}
