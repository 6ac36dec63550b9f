//! Characters of somebody else's text that would steer a terminal, or end a line.

use std::borrow::Cow;

/// The text as one line: every control character is escaped.
pub fn one_line(text: &str) -> Cow<'_, str> {
    harmless(text, |_| true)
}

/// The text with the control characters that are `unwanted` escaped, and those that turn the direction of writing.
pub fn harmless(text: &str, unwanted: impl Fn(char) -> bool) -> Cow<'_, str> {
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
