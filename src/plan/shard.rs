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
        let (index, of) = numbers(text, "/")
            .ok_or_else(|| Error::Input(format!("shard {text}: allowed is i/n with i < n, or auto/n")))?;
        Shard::new(index, of)
    }

    /// The shard that a file's name stands for, as [`Shard`] displays.
    pub fn named(text: &str) -> Option<Shard> {
        let (index, of) = numbers(text, "-of-")?;
        Shard::new(index, of).ok()
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

    /// Whether a seed index may belong to both: `i/n` and `j/m` share one where i and j are equal modulo the greatest
    /// common divisor of n and m.
    pub const fn overlaps(self, other: Shard) -> bool {
        let (mut gcd, mut rest) = (self.of, other.of);
        while rest > 0 {
            (gcd, rest) = (rest, gcd % rest);
        }
        self.index % gcd == other.index % gcd
    }

    /// As it is asked for: `0/1`.
    pub fn asked(self) -> String {
        format!("{}/{}", self.index, self.of)
    }
}

fn numbers(text: &str, between: &str) -> Option<(u32, u32)> {
    let (index, of) = text.split_once(between)?;
    Some((index.parse().ok()?, of.parse().ok()?))
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
    fn shards_overlap_where_a_seed_is_in_both() {
        let shards: Vec<Shard> =
            (1..9).flat_map(|of| (0..of).map(move |index| Shard::new(index, of).unwrap())).collect();
        for (a, b) in shards.iter().flat_map(|a| shards.iter().map(move |b| (*a, *b))) {
            let shared = (0..a.of() * b.of()).any(|seed| a.has(seed) && b.has(seed));
            assert_eq!(a.overlaps(b), shared, "{} and {}", a.asked(), b.asked());
        }
        assert_eq!(Shard::named(&shards[5].to_string()), Some(shards[5]));
        assert_eq!((Shard::named("0-of-1.2"), Shard::named("1-of-1"), Shard::named("0/1")), (None, None, None));
    }

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
