//! Which part of a sweep a process runs.

use std::fmt;

use crate::error::{Error, Result};

/// The seed indices that are `index` modulo `of`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    index: u32,
    of: u32,
}

impl Shard {
    /// The whole sweep.
    pub const WHOLE: Shard = Shard { index: 0, of: 1 };

    /// Shard number `index`, from 0, of `of`.
    ///
    /// # Errors
    /// [`Error::Input`] unless `index` is below `of`.
    pub fn new(index: u32, of: u32) -> Result<Shard> {
        match index < of {
            true => Ok(Shard { index, of }),
            false => Err(Error::Input(format!("shard {index}/{of}: allowed is i/n with i < n"))),
        }
    }

    /// Parses `i/n`, as [`Shard::new`] takes them.
    ///
    /// # Errors
    /// [`Error::Input`] for anything else.
    pub fn parse(text: &str) -> Result<Shard> {
        let parsed = text.split_once('/').and_then(|(i, n)| Some((i.parse().ok()?, n.parse().ok()?)));
        let (index, of) = parsed.ok_or_else(|| Error::Input(format!("shard {text}: allowed is i/n with i < n")))?;
        Shard::new(index, of)
    }

    /// Its number, from 0.
    pub const fn index(self) -> u32 {
        self.index
    }

    /// Number of shards that the sweep is shared out to. Those with an index from `sweep.seeds` on are empty.
    pub const fn of(self) -> u32 {
        self.of
    }

    /// Whether a seed index belongs to it.
    pub const fn has(self, seed_index: u32) -> bool {
        seed_index % self.of == self.index
    }
}

/// As in the names of files: `0-of-1`.
impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}-of-{}", self.index, self.of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_is_one_of_as_many_as_there_are() {
        assert_eq!(Shard::parse("2/3").unwrap(), Shard::new(2, 3).unwrap());
        assert_eq!((0..7).filter(|k| Shard { index: 2, of: 3 }.has(*k)).collect::<Vec<_>>(), [2, 5]);
        for (index, of) in [(0, 0), (1, 0), (3, 3), (5, 3), (u32::MAX, u32::MAX)] {
            let message = format!("shard {index}/{of}: allowed is i/n with i < n");
            assert_eq!(Shard::new(index, of).unwrap_err().to_string(), message);
            assert_eq!(Shard::parse(&format!("{index}/{of}")).unwrap_err().to_string(), message);
        }
        for text in ["", "1", "/", "1/", "/1", "-1/2", "0/1/2", "0/4294967296", " 0/1"] {
            assert!(
                Shard::parse(text).unwrap_err().to_string().starts_with(&format!("shard {text}: allowed")),
                "{text}"
            );
        }
    }
}
