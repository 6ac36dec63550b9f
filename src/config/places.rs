//! Where the keys of a config stand.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use super::keys::Keys;

/// Where a value stands: a message about it begins with this.
#[derive(Clone, Debug, Default)]
pub enum Place {
    /// The key says enough: an option of the command line, or of a program's call.
    #[default]
    Nowhere,
    /// Somewhere in the text of that name.
    Text(Arc<str>),
    /// In that line of it, counted from 1.
    Line(Arc<str>, usize),
    /// In a `--set` of the command line.
    Set,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Nowhere => Ok(()),
            Place::Text(name) => write!(f, "{name}: "),
            Place::Line(name, line) => write!(f, "{name}, line {line}: "),
            Place::Set => f.write_str("--set "),
        }
    }
}

/// How messages about keys begin, for what is found out about their values later.
#[derive(Clone, Debug, Default)]
pub struct Places(HashMap<String, String>);

impl Places {
    /// Every key of the table.
    pub fn add_all(&mut self, keys: &Keys) {
        self.0.extend(keys.places());
    }

    /// The table itself.
    pub fn add(&mut self, keys: &Keys) {
        self.0.extend([keys.own()]);
    }

    /// Where the key of this dotted name stands, and the name; the name alone where it does not.
    pub fn key(&self, name: &str) -> String {
        self.0.get(name).map_or(name, String::as_str).to_owned()
    }
}

/// Where its keys stand is nothing that a config says.
impl PartialEq for Places {
    fn eq(&self, _: &Places) -> bool {
        true
    }
}
