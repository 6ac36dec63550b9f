//! What the targets share: files for readers of files, and what holds of every error.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use roundlaw::run::sweep::sweep;
use roundlaw::{Config, Error, Plan, Row, Shard, Watch, exit, open_adapter, rows};
use tempfile::TempDir;

/// A directory of this process, in memory where the system has such a place.
pub fn scratch() -> &'static Path {
    static SCRATCH: OnceLock<TempDir> = OnceLock::new();
    let memory = Path::new("/dev/shm");
    let base = if memory.is_dir() { memory.to_path_buf() } else { std::env::temp_dir() };
    SCRATCH.get_or_init(|| tempfile::tempdir_in(base).expect("a place for files")).path()
}

/// A file with these bytes.
pub fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let path = scratch().join(name);
    std::fs::write(&path, bytes).expect("the scratch directory is writable");
    path
}

/// An error is one line, and says that the input is wrong: nothing else can be, here.
pub fn is_refusal(error: &Error) {
    let line = error.to_string();
    assert!(!line.is_empty() && !line.contains(['\n', '\r']), "{line:?}");
    assert!(matches!(error.exit_code(), exit::INPUT | exit::CORRUPT), "{line:?}");
}

/// The directory of a small sweep, without its report.
pub fn swept() -> &'static Path {
    static SWEPT: OnceLock<PathBuf> = OnceLock::new();
    const CONFIG: &str = include_str!("../swept.toml");
    SWEPT.get_or_init(|| {
        let dir = scratch().join("swept");
        let made = || {
            let plan = Plan::new(Config::parse(CONFIG, &[])?)?;
            sweep(&plan, &dir, Shard::WHOLE, open_adapter("cpu")?.as_ref(), &Watch::default())
        };
        made().expect("a sweep of a moment");
        dir
    })
}

/// Everything that can be read of a directory, or a refusal.
pub fn read(dir: &Path) -> Option<Vec<Row>> {
    match rows(dir).and_then(|rows| rows.collect::<Result<_, _>>()) {
        Ok(rows) => Some(rows),
        Err(error) => {
            is_refusal(&error);
            None
        }
    }
}
