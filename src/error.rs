//! What can go wrong, and the exit status each case ends the program with.

use std::io;
use std::path::{Path, PathBuf};

use crate::characters::one_line;

/// The exit statuses of the program; scripts may rely on them.
pub mod exit {
    /// Everything asked for was done.
    pub const OK: u8 = 0;
    /// A failure that fits no other status, input and output included.
    pub const OTHER: u8 = 1;
    /// The command line, the config or the output directory can't be used as given.
    pub const INPUT: u8 = 2;
    /// Two computations that must agree bit for bit do not.
    pub const MISMATCH: u8 = 3;
    /// No adapter fits what was asked for.
    pub const NO_ADAPTER: u8 = 4;
    /// Runs are missing from the results.
    pub const INCOMPLETE: u8 = 5;
    /// The device was lost while it worked; the same command again resumes.
    pub const DEVICE_LOST: u8 = 6;
    /// A stored file is damaged, foreign or of another version.
    pub const CORRUPT: u8 = 7;
}

/// What can go wrong. It displays as one line that names the key, file or option, its value, and what is allowed or what
/// to do where that is known.
///
/// # Examples
/// ```
/// use roundlaw::{Config, Error, exit};
///
/// let error = Config::parse("problem = { dim = 0 }", &[]).unwrap_err();
/// assert!(matches!(error, Error::Input(_)));
/// assert_eq!(error.exit_code(), exit::INPUT);
/// assert!(error.to_string().starts_with("config, line 1: problem.dim = 0: allowed is"), "{error}");
/// ```
#[derive(thiserror::Error, Debug)]
#[non_exhaustive]
pub enum Error {
    /// What was asked for can't be done as it is.
    #[error("{}", one_line(.0))]
    Input(String),
    /// Two computations that must agree differ: the first place, and both bit patterns.
    #[error("{}", one_line(.0))]
    Mismatch(String),
    /// No adapter fits, or the one that does gives wrong bits.
    #[error("{}", one_line(.0))]
    NoAdapter(String),
    /// Runs are missing.
    #[error("{}", one_line(.0))]
    Incomplete(String),
    /// The device was lost and could not be had again.
    #[error("{}", one_line(.0))]
    DeviceLost(String),
    /// A stored file is damaged, foreign or of another version.
    #[error("{}", one_line(.0))]
    Corrupt(String),
    /// None of these.
    #[error("{}", one_line(.0))]
    Other(String),
    /// A file that can't be read or written. Its cause is no source of the error: the line says it already.
    #[error("{}: {cause}{}", one_line(&path.display().to_string()), fix(cause))]
    Io { path: PathBuf, cause: io::Error },
}

/// Result of everything that can fail with an [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// The exit status of a program that ends with this error, one of [`exit`].
    pub fn exit_code(&self) -> u8 {
        match self {
            Error::Input(_) => exit::INPUT,
            Error::Mismatch(_) => exit::MISMATCH,
            Error::NoAdapter(_) => exit::NO_ADAPTER,
            Error::Incomplete(_) => exit::INCOMPLETE,
            Error::DeviceLost(_) => exit::DEVICE_LOST,
            Error::Corrupt(_) => exit::CORRUPT,
            // A path that was asked for leads through a file.
            Error::Io { cause, .. } if cause.kind() == io::ErrorKind::NotADirectory => exit::INPUT,
            Error::Other(_) | Error::Io { .. } => exit::OTHER,
        }
    }

    /// Names the file in an input or output error: `read(path).map_err(Error::io(path))`.
    pub fn io(path: &Path) -> impl FnOnce(io::Error) -> Error + '_ {
        move |cause| Error::Io { path: path.to_path_buf(), cause }
    }
}

/// The exit status of a program that ends with an error: that of the [`Error`] in its chain.
pub fn exit_code_of(error: &anyhow::Error) -> u8 {
    known_of(error).map_or(exit::OTHER, Error::exit_code)
}

/// The [`Error`] in the chain of another one.
pub fn known_of(error: &anyhow::Error) -> Option<&Error> {
    error.chain().find_map(|cause| cause.downcast_ref::<Error>())
}

/// The codes of the system for too many open files: of all processes (ENFILE), and of this one (EMFILE; of Windows,
/// ERROR_TOO_MANY_OPEN_FILES).
const OUT_OF_FILES: [i32; 2] = if cfg!(windows) { [4, 4] } else { [23, 24] };

/// What to do about a failure of input or output, where that is known.
fn fix(cause: &io::Error) -> &'static str {
    match cause.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "; make room there, and give the same command again"
        }
        io::ErrorKind::FileTooLarge => {
            "; raise the limit of file sizes with `ulimit -f`, and give the same command again"
        }
        _ if OUT_OF_FILES.map(Some).contains(&cause.raw_os_error()) => {
            "; raise the limit of open files with `ulimit -n`, and give the same command again"
        }
        io::ErrorKind::NotADirectory => "; a file stands where a directory is needed: name another place",
        _ => "",
    }
}
