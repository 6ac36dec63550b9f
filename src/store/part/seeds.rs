//! Sets of seed indices as short texts: a part may hold tens of thousands.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Ascending seed indices, as `0-99`, or `1-97/4,100` where they are four apart and one stands alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Seeds(Vec<Progression>);

/// `first`, `first` + `step`, ... to `last`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Progression {
    first: u32,
    last: u32,
    step: u32,
}

impl Progression {
    fn has(self, seed: u32) -> bool {
        (self.first..=self.last).contains(&seed) && (seed - self.first).is_multiple_of(self.step)
    }
}

impl Seeds {
    /// Adds a seed index that is larger than all others.
    pub fn push(&mut self, seed: u32) {
        match self.0.last_mut() {
            Some(run) if run.first == run.last && run.last < seed => {
                *run = Progression { last: seed, step: seed - run.first, ..*run };
            }
            Some(run) if run.last.checked_add(run.step) == Some(seed) => run.last = seed,
            _ => self.0.push(Progression { first: seed, last: seed, step: 1 }),
        }
    }

    pub fn has(&self, seed: u32) -> bool {
        let place = self.0.partition_point(|run| run.last < seed);
        self.0.get(place).is_some_and(|run| run.has(seed))
    }

    pub fn first(&self) -> Option<u32> {
        self.0.first().map(|run| run.first)
    }

    pub fn last(&self) -> Option<u32> {
        self.0.last().map(|run| run.last)
    }

    /// How many they are.
    pub fn count(&self) -> u64 {
        self.0.iter().map(|run| u64::from((run.last - run.first) / run.step) + 1).sum()
    }

    /// All of them, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u32> {
        self.0.iter().flat_map(|run| (run.first..=run.last).step_by(run.step as usize))
    }
}

impl FromIterator<u32> for Seeds {
    fn from_iter<T: IntoIterator<Item = u32>>(seeds: T) -> Seeds {
        let mut set = Seeds::default();
        seeds.into_iter().for_each(|seed| set.push(seed));
        set
    }
}

impl fmt::Display for Seeds {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        for (place, Progression { first, last, step }) in self.0.iter().enumerate() {
            let comma = if place == 0 { "" } else { "," };
            match (first == last, step) {
                (true, _) => write!(f, "{comma}{first}")?,
                (false, 1) => write!(f, "{comma}{first}-{last}")?,
                (false, _) => write!(f, "{comma}{first}-{last}/{step}")?,
            }
        }
        Ok(())
    }
}

impl From<Seeds> for String {
    fn from(seeds: Seeds) -> String {
        seeds.to_string()
    }
}

impl TryFrom<String> for Seeds {
    type Error = String;

    fn try_from(text: String) -> Result<Seeds, String> {
        let runs = text.split_terminator(',').map(|run| {
            let (range, step) = run.split_once('/').unwrap_or((run, "1"));
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            let [first, last, step]: [u32; 3] = [first.parse().ok()?, last.parse().ok()?, step.parse().ok()?];
            (first <= last && step > 0 && (last - first).is_multiple_of(step)).then_some(Progression {
                first,
                last,
                step,
            })
        });
        let runs: Option<Vec<Progression>> = runs.collect();
        let runs = runs.filter(|runs| runs.windows(2).all(|pair| pair[0].last < pair[1].first));
        runs.map(Seeds).ok_or_else(|| format!("{text:?} is no list of seed indices"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_ranges_with_a_step() {
        for (seeds, text) in [
            (&[][..], ""),
            (&[7], "7"),
            (&[0, 1, 2, 3], "0-3"),
            (&[1, 5, 9, 10, 20], "1-9/4,10-20/10"),
            (&[0, 1, 2, 50, 51], "0-2,50-51"),
            (&[u32::MAX - 1, u32::MAX], "4294967294-4294967295"),
        ] {
            let set: Seeds = seeds.iter().copied().collect();
            assert_eq!(set.to_string(), text);
            assert_eq!(Seeds::try_from(text.to_string()).unwrap(), set);
            assert_eq!(set.iter().collect::<Vec<_>>(), seeds);
            assert_eq!(set.count(), seeds.len() as u64);
            assert!((0..60).all(|seed| set.has(seed) == seeds.contains(&seed)), "{text}");
            assert_eq!((set.first(), set.last()), (seeds.first().copied(), seeds.last().copied()));
        }
        for text in ["x", "1-", "3-1", "1-9/0", "1-9/3", "1,1", "5,3", "0-4294967296"] {
            assert!(Seeds::try_from(text.to_string()).is_err(), "{text}");
        }
    }
}
