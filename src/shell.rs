//! Command lines in messages.

use std::path::Path;

/// A path as a shell reads it back: quoted where it holds anything that the shell reads otherwise.
pub fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    word(&if text.starts_with('-') { format!("./{text}") } else { text })
}

/// A word as a shell reads it back.
pub fn word(text: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "_-+=:,.@%/".contains(c);
    match !text.is_empty() && text.chars().all(is_plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', "'\\''")),
    }
}

/// Words as a line.
pub fn line<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    words.into_iter().map(word).collect::<Vec<_>>().join(" ")
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_path_comes_back_from_the_shell_as_it_was() {
        for path in ["out/a", "a b", "it's", "$HOME", "-x", "", "é", "a;b", "`a`", "a\\b", "\"", "~"] {
            let line = format!("printf %s {}", quoted(Path::new(path)));
            let output = std::process::Command::new("sh").args(["-c", &line]).output().unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            assert_eq!(text.trim_start_matches("./"), path, "{line}");
        }
        assert_eq!(quoted(Path::new("out/quick-start_2")), "out/quick-start_2");
    }
}
