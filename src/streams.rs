//! What goes to stdout and stderr. Nothing else writes to either, so that what cannot be written is noticed and what
//! comes from outside cannot steer a terminal.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::Path;
use std::sync::OnceLock;

use crate::characters::harmless;
pub use crate::characters::one_line;
use crate::error::{Error, Result};

/// Bytes of [`print_all`] that go to stdout in one call.
const BLOCK: usize = 1 << 16;

/// Writes data and a line's end to stdout, which is not buffered beyond it.
///
/// A reader that has gone, as `head` when it has seen enough, is no error; whatever else keeps the data from being
/// written is an [`Error::Io`] of `stdout`. Control characters but the line's end are escaped.
pub fn print(text: &str) -> Result<()> {
    written(writeln!(io::stdout(), "{}", harmless(text, |c| c != '\n')))
}

/// [`print`] of many pieces, without a line's end behind each, in few calls of the system. For what is all known when
/// the first piece is written; what is still being worked out is printed line by line, as it comes.
pub fn print_all(pieces: impl IntoIterator<Item = String>) -> Result<()> {
    let mut stdout = BufWriter::with_capacity(BLOCK, io::stdout().lock());
    let mut write = |piece: String| stdout.write_all(harmless(&piece, |c| c != '\n').as_bytes());
    let outcome = pieces.into_iter().try_for_each(&mut write);
    written(outcome.and_then(|()| stdout.flush()))
}

/// What came of writing to stdout, once nothing is left in its buffer.
pub fn written(outcome: io::Result<()>) -> Result<()> {
    taken(outcome.and_then(|()| io::stdout().flush()).map_err(Error::io(Path::new("stdout"))))
}

/// What came of writing to stdout, as every command sees it: a reader that has gone is no error.
pub fn taken(outcome: Result<()>) -> Result<()> {
    match outcome {
        Err(Error::Io { cause, .. }) if cause.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        // See os::refuse_closed_output.
        Err(Error::Io { cause, .. }) if cause.kind() == io::ErrorKind::NotConnected => {
            Err(Error::Other("stdout is closed: let it lead to a file, a pipe or /dev/null".into()))
        }
        outcome => outcome,
    }
}

/// stdout as a file that goes on where it is: what it leads to, opened again, would begin anew.
#[cfg(unix)]
pub fn stdout_as_file() -> Option<File> {
    use std::os::fd::AsFd as _;
    Some(File::from(io::stdout().as_fd().try_clone_to_owned().ok()?))
}

#[cfg(not(unix))]
pub fn stdout_as_file() -> Option<File> {
    None
}

/// Where messages go in place of stderr.
static LISTENER: OnceLock<fn(String)> = OnceLock::new();

/// Has every message of [`tell`] handed to `listener`, from any thread, in a process whose stderr is another program's. The
/// first one stays.
pub fn tell_to(listener: fn(String)) {
    let _ = LISTENER.set(listener);
}

/// Whether messages go to a listener, and not to stderr.
pub fn has_listener() -> bool {
    LISTENER.get().is_some()
}

/// Writes a message of one line to stderr; where that cannot be written the message is dropped, and the work goes on.
pub fn tell(line: &str) {
    let line = one_line(line);
    match LISTENER.get() {
        Some(listener) => listener(line.into_owned()),
        None => _ = writeln!(io::stderr(), "{line}"),
    }
}
