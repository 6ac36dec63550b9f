//! Repeats of a measurement: their median, their spread, and whether they drift.

use std::time::Instant;

use crate::error::Result;
use crate::watch::Watch;

/// Repeats, at least and at most.
const FEWEST: usize = 3;
const MOST: usize = 1000;
/// Repeats from which on halves of them are compared, and the difference that is worth a warning.
const HALVES: usize = 8;
pub const DRIFT: f64 = 0.1;
/// Seconds that a clock tells from none.
pub const SHORTEST: f64 = 1e-9;

/// What the repeats of a measurement took, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Timing {
    pub median: f64,
    /// From the first to the third quartile.
    pub iqr: f64,
    pub repeats: usize,
    /// How much longer the second half took, as a share of the first; `None` of few repeats.
    pub drift: Option<f64>,
}

/// The quantile of ascending numbers, between neighbours in proportion.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = share * sorted.len().saturating_sub(1) as f64;
    let at = |place: f64| sorted.get(place as usize).copied().unwrap_or(0.0);
    let (below, above) = (at(place.floor()), at(place.ceil()));
    below + (above - below) * place.fract()
}

fn median(seconds: &[f64]) -> f64 {
    quantile(&sorted(seconds), 0.5)
}

fn sorted(seconds: &[f64]) -> Vec<f64> {
    let mut sorted = seconds.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

impl Timing {
    /// Of repeats in the order in which they came.
    pub fn of(seconds: &[f64]) -> Timing {
        let sorted = sorted(seconds);
        let (first, second) = seconds.split_at(seconds.len() / 2);
        let drift = (seconds.len() >= HALVES).then(|| median(second) / median(first).max(SHORTEST) - 1.0);
        Timing {
            median: quantile(&sorted, 0.5),
            iqr: quantile(&sorted, 0.75) - quantile(&sorted, 0.25),
            repeats: seconds.len(),
            drift,
        }
    }
}

/// Calls `one`, which gives the seconds of several things done side by side, for about so many seconds, after a call that
/// warms up and does not count.
pub fn repeat(seconds: f64, watch: &Watch, mut one: impl FnMut() -> Result<Vec<f64>>) -> Result<Vec<Timing>> {
    one()?;
    let begun = Instant::now();
    let mut all: Vec<Vec<f64>> = Vec::new();
    let mut count = 0;
    while count < FEWEST || count < MOST && begun.elapsed().as_secs_f64() < seconds {
        watch.ask()?;
        let found = one()?;
        all.resize(found.len(), Vec::new());
        all.iter_mut().zip(found).for_each(|(own, seconds)| own.push(seconds));
        count += 1;
    }
    Ok(all.iter().map(|seconds| Timing::of(seconds)).collect())
}

/// [`repeat`] of one thing.
pub fn repeat_one(seconds: f64, watch: &Watch, mut one: impl FnMut() -> Result<f64>) -> Result<Timing> {
    let all = repeat(seconds, watch, || Ok(vec![one()?]))?;
    Ok(all.first().copied().unwrap_or_default())
}

/// The seconds that work takes.
pub fn seconds_of(work: impl FnOnce()) -> f64 {
    let begun = Instant::now();
    work();
    begun.elapsed().as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_and_quartiles_lie_between_neighbours() {
        let timing = Timing::of(&[4.0, 1.0, 3.0, 2.0]);
        assert_eq!((timing.median, timing.iqr, timing.repeats, timing.drift), (2.5, 1.5, 4, None));
        assert_eq!(Timing::of(&[7.0]), Timing { median: 7.0, iqr: 0.0, repeats: 1, drift: None });
        assert_eq!(Timing::of(&[]).median, 0.0);
    }

    #[test]
    fn a_second_half_that_takes_longer_is_a_drift() {
        let slower = [1.0, 1.0, 1.0, 1.0, 1.25, 1.25, 1.25, 1.25];
        assert_eq!(Timing::of(&slower).drift, Some(0.25));
    }

    #[test]
    fn the_first_call_warms_up() {
        let mut calls = 0;
        let timing = repeat_one(0.0, &Watch::default(), || {
            calls += 1;
            Ok(f64::from(calls))
        });
        assert_eq!(timing.expect("nobody stops it").median, 3.0, "of the second to the fourth");
        let stopped = Watch::default();
        stopped.stop();
        assert!(repeat_one(1.0, &stopped, || Ok(0.0)).is_err());
    }
}
