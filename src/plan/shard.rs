//! Which part of a sweep a process runs.

use std::fmt;

use crate::error::{Error, Result};

/// The seed indices that are `index` modulo `of`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    pub index: u32,
    pub of: u32,
}

impl Shard {
    /// The whole sweep.
    pub const WHOLE: Shard = Shard { index: 0, of: 1 };

    /// Parses `i/n` with i < n; no shard of a sweep of so many `seeds` may be empty.
    pub fn parse(text: &str, seeds: u32) -> Result<Shard> {
        let parsed = text.split_once('/').and_then(|(i, n)| Some((i.parse().ok()?, n.parse().ok()?)));
        match parsed {
            Some((index, of)) if index < of && of <= seeds => Ok(Shard { index, of }),
            _ => Err(Error::Input(format!("--shard {text}: allowed is i/n with i < n <= sweep.seeds = {seeds}"))),
        }
    }

    /// Whether a seed index belongs to it.
    pub fn has(self, seed_index: u32) -> bool {
        seed_index % self.of == self.index
    }
}

/// As in the names of files: `0-of-1`.
impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}-of-{}", self.index, self.of)
    }
}
