//! What goes to stdout and stderr. Nothing else writes to either, so that what cannot be written is noticed and what
//! comes from outside cannot steer a terminal.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::Path;

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

/// Writes a message of one line to stderr; where that cannot be written the message is dropped, and the work goes on.
pub fn tell(line: &str) {
    let _ = writeln!(io::stderr(), "{}", one_line(line));
}

/// The text as one line: every control character is escaped.
pub fn one_line(text: &str) -> Cow<'_, str> {
    harmless(text, |_| true)
}

/// The text with the control characters that are `unwanted` escaped, and those that turn the direction of writing.
fn harmless(text: &str, unwanted: impl Fn(char) -> bool) -> Cow<'_, str> {
    let steers = |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let escaped = |c: char| steers(c) && unwanted(c);
    if !text.contains(escaped) {
        return Cow::Borrowed(text);
    }
    let mut line = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match escaped(c) {
            true => line.extend(c.escape_default()),
            false => line.push(c),
        }
    }
    Cow::Owned(line)
}

#[cfg(test)]
mod tests {
    use super::{harmless, one_line};

    #[test]
    fn control_characters_are_escaped_and_nothing_else() {
        assert_eq!(one_line("a\u{1b}[2Jb\r\n\tc\u{9b}d\u{7f}"), "a\\u{1b}[2Jb\\r\\n\\tc\\u{9b}d\\u{7f}");
        assert_eq!(one_line("left \u{202e}thgir"), "left \\u{202e}thgir");
        assert_eq!(one_line("Grün, 二, C:\\x"), "Grün, 二, C:\\x");
        assert_eq!(harmless("a\nb\u{7}", |c| c != '\n'), "a\nb\\u{7}");
    }
}
