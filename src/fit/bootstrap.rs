//! Bootstrap over seeds: a resample draws as many seeds as there are, with replacement, and every mean of it counts the
//! same ones. What is built of several cells, and of several recipes, so stays paired.

use std::borrow::Cow;

use multiversion::multiversion;
use rayon::prelude::*;
use serde_json::{Value, json};

use crate::error::Result;
use crate::random::threefry4x32;
use crate::watch::Watch;

/// Resamples that are summed side by side.
const LANES: usize = 8;
/// Constant, so that the same rows give the same intervals.
const KEY: [u32; 4] = [0x626f_6f74, 0x7374_7261, 0x7073_6565, 0x6473_0000];
/// Probability below, and above, an interval.
const TAIL: f64 = 0.025;

type Lanes = [f64; LANES];

/// An estimate with its 95 % interval; an end is `None` where there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Interval {
    pub value: Option<f64>,
    pub low: Option<f64>,
    pub high: Option<f64>,
}

impl Interval {
    /// Quantiles of resampled values around an estimate.
    pub fn new(value: f64, resampled: impl Iterator<Item = f64> + Clone) -> Interval {
        Interval::between(value, resampled.clone(), resampled)
    }

    /// The 2.5 % quantile of lower ends, and the 97.5 % quantile of upper ones.
    pub fn between(value: f64, low: impl Iterator<Item = f64>, high: impl Iterator<Item = f64>) -> Interval {
        let number = |value: f64| Some(value).filter(|value| value.is_finite());
        Interval {
            value: number(value),
            low: number(quantile(low.collect(), TAIL)),
            high: number(quantile(high.collect(), 1.0 - TAIL)),
        }
    }

    pub fn json(&self) -> Value {
        json!({ "value": self.value, "low": self.low, "high": self.high })
    }
}

/// The quantile of values at probability `at`, linear between order statistics: of n + 1 draws from one law, the last one
/// lies below the k-th of the others with probability k / (n + 1). NaN where one of the values is, or none is there.
pub fn quantile(mut values: Vec<f64>, at: f64) -> f64 {
    if values.is_empty() || values.iter().any(|value| value.is_nan()) {
        return f64::NAN;
    }
    values.sort_unstable_by(f64::total_cmp);
    let place = (at * (values.len() + 1) as f64 - 1.0).clamp(0.0, (values.len() - 1) as f64);
    let (below, above) = (values[place.floor() as usize], values[place.ceil() as usize]);
    // Two infinities have no difference.
    if below == above { below } else { below + place.fract() * (above - below) }
}

/// Place below `n` of the draw number `i` of a resample; the product with a 32-bit word is biased by less than n / 2^32.
pub fn pick(resample: u32, i: usize, n: usize) -> u32 {
    let word = threefry4x32(KEY, [i as u32, resample, 0, 0])[0];
    ((u64::from(word) * n as u64) >> 32) as u32
}

/// Resamples of seeds. Whoever asks draws them again: kept, they would take a byte for every seed of each.
#[derive(Clone, Copy, Debug)]
pub struct Resamples {
    seeds: usize,
    count: u32,
}

impl Resamples {
    /// `count` resamples of so many seeds.
    pub fn new(seeds: usize, count: u32) -> Resamples {
        Resamples { seeds, count }
    }

    /// How often the resamples from number `first` on drew each seed.
    fn drawn(&self, first: u32) -> Vec<Lanes> {
        let mut drawn = vec![[0.0; LANES]; self.seeds];
        for (lane, resample) in (first..self.count).take(LANES).enumerate() {
            (0..self.seeds).for_each(|i| drawn[pick(resample, i, self.seeds) as usize][lane] += 1.0);
        }
        drawn
    }
}

/// Columns of values over the seeds that all of them have.
pub struct Paired<'a> {
    /// Places of the seeds that are kept; `None`: all are.
    kept: Option<Vec<usize>>,
    columns: Vec<Cow<'a, [f64]>>,
    seeds: usize,
}

impl<'a> Paired<'a> {
    /// Of columns as long as `keep`, which says what seeds count.
    pub fn new(columns: impl Iterator<Item = &'a [f64]>, keep: &[bool]) -> Paired<'a> {
        let kept: Vec<usize> = (0..keep.len()).filter(|place| keep[*place]).collect();
        let seeds = kept.len();
        if seeds == keep.len() {
            return Paired { kept: None, columns: columns.map(Cow::Borrowed).collect(), seeds };
        }
        let own = |column: &[f64]| Cow::Owned(kept.iter().map(|place| column[*place]).collect());
        Paired { columns: columns.map(own).collect(), kept: Some(kept), seeds }
    }

    /// Seeds that are kept.
    pub fn seeds(&self) -> usize {
        self.seeds
    }

    /// The mean of each column.
    pub fn means(&self) -> Vec<f64> {
        self.columns.iter().map(|column| column.iter().sum::<f64>() / self.seeds as f64).collect()
    }

    /// What `of` makes of the means of each resample; NaN are those of one that drew none of the seeds that are kept.
    pub fn resampled<T: Send>(
        &self,
        resamples: &Resamples,
        watch: &Watch,
        of: impl Fn(&[f64]) -> T + Sync,
    ) -> Result<Vec<T>> {
        let of_block = |first: u32| {
            watch.ask()?;
            let means = self.means_of(resamples.drawn(first));
            let count = LANES.min((resamples.count - first) as usize);
            let lane = |lane: usize| of(&means.iter().map(|means| means[lane]).collect::<Vec<f64>>());
            Ok((0..count).map(lane).collect::<Vec<T>>())
        };
        let firsts: Vec<u32> = (0..resamples.count).step_by(LANES).collect();
        let all: Result<Vec<Vec<T>>> = firsts.into_par_iter().map(of_block).collect();
        Ok(all?.into_iter().flatten().collect())
    }

    /// The mean of each column in each resample of a block.
    fn means_of(&self, drawn: Vec<Lanes>) -> Vec<Lanes> {
        let weights = match &self.kept {
            None => drawn,
            Some(kept) => kept.iter().map(|place| drawn[*place]).collect(),
        };
        let mut total = [0.0; LANES];
        weights.iter().for_each(|weight| total.iter_mut().zip(weight).for_each(|(sum, w)| *sum += w));
        let mean = |column: &Cow<[f64]>| {
            let mut sums = weighted(&weights, column);
            sums.iter_mut().zip(&total).for_each(|(sum, total)| *sum /= total);
            sums
        };
        self.columns.iter().map(mean).collect()
    }
}

#[multiversion(targets("x86_64+avx512f+avx512vl+avx2", "x86_64+avx2"))]
fn weighted(weights: &[Lanes], values: &[f64]) -> Lanes {
    let mut sums = [0.0; LANES];
    for (weight, value) in weights.iter().zip(values) {
        for l in 0..LANES {
            sums[l] += weight[l] * value;
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_lie_where_the_next_draw_is_below_with_their_probability() {
        // Of 0 to 198 one more draw is below 4 with probability 5 / 200.
        let values: Vec<f64> = (0..199).map(f64::from).rev().collect();
        assert_eq!([0.025, 0.5, 0.975].map(|at| quantile(values.clone(), at)), [4.0, 99.0, 194.0]);
        assert_eq!(quantile(values[..3].to_vec(), 0.025), 196.0);
        assert_eq!(quantile(vec![f64::INFINITY; 9], 0.3), f64::INFINITY);
        assert!(quantile(vec![1.0, f64::NAN], 0.5).is_nan() && quantile(Vec::new(), 0.5).is_nan());
    }

    #[test]
    fn a_resample_draws_as_many_seeds_as_there_are_and_means_are_of_those_kept() {
        let resamples = Resamples::new(20, 50);
        for (first, lanes) in [(0, LANES), (16, LANES), (48, 2)] {
            let drawn = resamples.drawn(first);
            for lane in 0..LANES {
                assert_eq!(drawn.iter().map(|times| times[lane]).sum::<f64>(), if lane < lanes { 20.0 } else { 0.0 });
            }
        }
        let column: Vec<f64> = (0..20).map(f64::from).collect();
        let keep: Vec<bool> = (0..20).map(|seed| seed % 3 != 1).collect();
        let paired = Paired::new([column.as_slice(), &[2.0; 20]].into_iter(), &keep);
        let means = paired.resampled(&resamples, &Watch::default(), |means| [means[0], means[1]]).unwrap();
        assert_eq!((means.len(), paired.seeds()), (50, 13));
        for (resample, [mean, two]) in means.into_iter().enumerate() {
            let drawn = (0..20).map(|i| pick(resample as u32, i, 20)).filter(|place| place % 3 != 1);
            let (sum, count) = drawn.fold((0.0, 0.0), |(sum, count), place| (sum + f64::from(place), count + 1.0));
            assert!((mean - sum / count).abs() < 1e-12 && (two - 2.0).abs() < 1e-12, "{resample}");
        }
    }
}
