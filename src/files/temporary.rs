//! Files under a name of their own until they are whole.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use super::{directory, sync_directory};
use crate::error::{Error, Result};

/// Ends the name of every temporary file.
const ENDING: &str = ".tmp";
/// Temporary files of one writer in one directory, those included that killed processes have left.
const MOST: u32 = 10_000;

/// A new file that nobody else writes; dropped before it has its final name, it is gone.
pub struct Temporary {
    path: PathBuf,
    file: File,
    is_named: bool,
}

impl Temporary {
    /// Begins one in `dir`, with the permissions of a new file. Its name tells the writer by its `tag`, and is short
    /// whatever the final one is.
    pub fn begin(dir: &Path, tag: &str) -> io::Result<Temporary> {
        Temporary::begin_with(dir, tag, &mut OpenOptions::new())
    }

    /// Begins one in the place of a file with this metadata, whose owner and permissions it gets.
    pub(super) fn begin_like(dir: &Path, tag: &str, found: &Metadata) -> io::Result<Temporary> {
        let mut options = OpenOptions::new();
        // Nobody may look into it before it has them.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let temporary = Temporary::begin_with(dir, tag, &mut options)?;
        take_over(&temporary.file, found)?;
        Ok(temporary)
    }

    /// The first free name. One that exists is somebody else's, or a link laid out for us: it is never opened.
    fn begin_with(dir: &Path, tag: &str, options: &mut OpenOptions) -> io::Result<Temporary> {
        options.write(true).create_new(true);
        for number in 0..MOST {
            let path = dir.join(format!(".{tag}.{number}{ENDING}"));
            match options.open(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                opened => return Ok(Temporary { path, file: opened?, is_named: false }),
            }
        }
        Err(io::Error::other(format!("{MOST} files .{tag}.*{ENDING} are left over beside it: delete them")))
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// Gives the file its name in the same file system, for good: what had that name is gone.
    pub fn rename(mut self, path: &Path) -> Result<()> {
        self.file.sync_all().and_then(|()| fs::rename(&self.path, path)).map_err(Error::io(path))?;
        self.is_named = true;
        // On Unix the new name lies in the directory, which has a sync of its own.
        sync_directory(directory(path))
    }
}

/// Gives a file the owner, the group and the permissions of the one whose place it takes, as far as this process may.
#[cfg(unix)]
fn take_over(file: &File, found: &Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, fchown};
    // Apart: a user may give files to any group of theirs, and only a privileged process to another user.
    let _ = fchown(file, None, Some(found.gid()));
    let keeps_group = file.metadata()?.gid() == found.gid();
    file.set_permissions(fs::Permissions::from_mode(mode_for(found.mode(), keeps_group)))?;
    let _ = fchown(file, Some(found.uid()), None);
    Ok(())
}

#[cfg(not(unix))]
fn take_over(_: &File, _: &Metadata) -> io::Result<()> {
    Ok(())
}

/// The permissions of a file in the place of one with this mode. Those of the group are no other group's, and what was
/// kept from the group is kept from everybody, of whom it is now a part. Nothing of ours runs as its owner.
#[cfg(unix)]
fn mode_for(mode: u32, keeps_group: bool) -> u32 {
    match keeps_group {
        true => mode & 0o777,
        false => mode & 0o700 | mode & (mode >> 3) & 0o007,
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.is_named {
            // Whatever kept it from being finished is the error worth reporting.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Whether a file of this name is half written, by whichever writer.
pub fn is_temporary(name: &str) -> bool {
    name.starts_with('.') && name.ends_with(ENDING)
}

/// Removes what the writer called `tag` left half written in a directory, which no process of that name may be writing
/// at this moment.
pub fn remove_left_over(dir: &Path, tag: &str) -> Result<()> {
    for entry in fs::read_dir(dir).map_err(Error::io(dir))? {
        let path = entry.map_err(Error::io(dir))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if is_temporary_of(&name, tag) {
            fs::remove_file(&path).map_err(Error::io(&path))?;
        }
    }
    Ok(())
}

/// Whether the writer called `tag` left a file of this name half written.
fn is_temporary_of(name: &str, tag: &str) -> bool {
    let number = || name.strip_prefix('.')?.strip_prefix(tag)?.strip_prefix('.')?.strip_suffix(ENDING);
    number().is_some_and(|number| number.parse::<u32>().is_ok())
}

#[cfg(all(test, unix))]
mod tests {
    use super::mode_for;

    #[test]
    fn permissions_of_a_group_are_no_other_groups() {
        for (mode, kept, lost) in [
            (0o100_664, 0o664, 0o604),
            (0o100_640, 0o640, 0o600),
            (0o107_775, 0o775, 0o705),
            // A group that may less than everybody.
            (0o100_604, 0o604, 0o600),
            (0o100_646, 0o646, 0o604),
        ] {
            assert_eq!((mode_for(mode, true), mode_for(mode, false)), (kept, lost), "{mode:o}");
        }
    }
}
