//! The state of a run as adapters hand it over: the contract between the reference, the CPU, every GPU and the check.

use std::fmt;

use serde::Serialize;

use super::{Cohort, Plan};
use crate::site::{Counts, PerSite, Site};

/// The state of one trajectory after `seen` samples: what every adapter hands over, and what it is compared by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Number of the trajectory in its problem point.
    pub trajectory: usize,
    /// Samples consumed.
    pub seen: u64,
    /// f32 bits of v, M of them.
    pub v: Vec<u32>,
    /// f32 bits of the folded average: hi, then lo; empty when no average is kept.
    pub hi: Vec<u32>,
    /// f32 bits of what the additions to `hi` have lost.
    pub lo: Vec<u32>,
    /// The update, from 0, that was not applied because the run diverged.
    pub diverged_at: Option<u64>,
    /// What each site's quantizer did, from sample 0 on.
    pub counts: PerSite<Counts>,
}

/// One difference between two states.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// `v`, `average hi`, `average lo`, `diverged_at`, or `<site> saturated` and so on.
    pub place: String,
    /// Index into the vector; 0 for scalars.
    pub index: usize,
    /// Bits (or the counter's value) of the reference and of the adapter, in hexadecimal.
    pub expected: String,
    pub actual: String,
}

/// The first place at which the states of a cohort differ: the number of the expected one, and how. A state that is
/// missing differs in the length of v; one too many counts as a difference of the last one of its trajectory up to it.
pub fn first_difference(expected: &[Snapshot], actual: &[Snapshot]) -> Option<(usize, Difference)> {
    if actual.len() > expected.len() {
        let added = (0..expected.len()).find(|&k| !expected[k].is_of(&actual[k])).unwrap_or(expected.len());
        let (trajectory, seen) = (actual[added].trajectory, actual[added].seen);
        let own = |state: &Snapshot| state.trajectory == trajectory && state.seen <= seen;
        let index = expected.iter().rposition(own).unwrap_or(added.min(expected.len().saturating_sub(1)));
        return Some((index, Difference::new("number of rows", 0, expected.len() as u64, actual.len() as u64)));
    }
    expected.iter().enumerate().find_map(|(index, e)| {
        let missing = Snapshot { v: Vec::new(), ..e.clone() };
        let own = actual.get(index).filter(|a| e.is_of(a)).unwrap_or(&missing);
        Some((index, e.difference(own)?))
    })
}

impl Plan {
    /// [`first_difference`] in words: the run and the row, then what differs.
    #[doc(hidden)]
    pub fn difference(&self, cohort: Cohort, expected: &[Snapshot], actual: &[Snapshot]) -> Option<String> {
        let (index, difference) = first_difference(expected, actual)?;
        let (point, Snapshot { trajectory, seen, .. }) = (&self.points[cohort.point], &expected[index]);
        let t = &point.trajectories[*trajectory];
        Some(format!(
            "recipe {:?}, D = {}, M = {}, batch {}, seed index {}, after {seen} samples: {difference}",
            self.config.recipes[t.recipe].name, point.problem.dim, t.model, t.batch, cohort.seed_index
        ))
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Difference { place, index, expected, actual } = self;
        write!(f, "{place}[{index}] is {actual}, must be {expected}")
    }
}

impl Difference {
    /// Bits or numbers of the reference and of the adapter.
    pub fn new(place: &str, index: usize, expected: u64, actual: u64) -> Difference {
        let hex = |value: u64| format!("{value:#x}");
        Difference { place: place.into(), index, expected: hex(expected), actual: hex(actual) }
    }
}

impl Snapshot {
    /// Whether both are of the same trajectory after as many samples.
    fn is_of(&self, other: &Snapshot) -> bool {
        (self.trajectory, self.seen) == (other.trajectory, other.seen)
    }

    /// The first difference from another state of the trajectory, this one being expected: bits, then divergence, then
    /// counters.
    #[doc(hidden)]
    pub fn difference(&self, actual: &Snapshot) -> Option<Difference> {
        for (name, expected, actual) in
            [("v", &self.v, &actual.v), ("average hi", &self.hi, &actual.hi), ("average lo", &self.lo, &actual.lo)]
        {
            if expected.len() != actual.len() {
                return Some(Difference::new(
                    &format!("length of {name}"),
                    0,
                    expected.len() as u64,
                    actual.len() as u64,
                ));
            }
            if let Some(j) = (0..expected.len()).find(|&j| expected[j] != actual[j]) {
                return Some(Difference::new(name, j, expected[j].into(), actual[j].into()));
            }
        }
        if self.diverged_at != actual.diverged_at {
            let code = |at: Option<u64>| at.unwrap_or(u64::MAX);
            return Some(Difference::new("diverged_at", 0, code(self.diverged_at), code(actual.diverged_at)));
        }
        for site in Site::ALL {
            let (mut e, mut a) = (self.counts[site], actual.counts[site]);
            for counter in Counts::COUNTERS {
                let (e, a) = (*(counter.of)(&mut e), *(counter.of)(&mut a));
                if e != a {
                    return Some(Difference::new(&format!("{} {}", site.name(), counter.name), 0, e, a));
                }
            }
        }
        None
    }
}
