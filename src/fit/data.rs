//! The data that a recipe needs: k_N, the factor on N at which full precision is as far from its optimum as the recipe
//! is from its own.

use super::estimate::Estimate;
use super::group::{Group, is_heavy};
use super::size::Type;

/// x(M, N) must be so many times that of the largest N, lest the floor's error decide.
const ABOVE: f64 = 8.0;
/// x/A at the largest N up to which the floor is good enough.
const TRAINED: f64 = 0.2;
/// M_total/M from which the own optimum is of the same size.
const SAME_SIZE: f64 = 0.9;
/// Ratio of the largest to the smallest factor up to which they are one number.
const ONE: f64 = 1.25;

/// k_N over the N of one M.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DataFactor {
    /// Where all are one number.
    pub value: Option<f64>,
    /// Over N, and over what the floor lies between: 0 and infinity where the N that were run do not reach to the end.
    pub low: f64,
    pub high: f64,
}

impl DataFactor {
    /// Of factors, and of what each lies between.
    pub fn new(factors: &[f64], ends: &[f64]) -> Option<DataFactor> {
        let all = || factors.iter().chain(ends).copied();
        let (low, high) = (all().reduce(f64::min)?, all().reduce(f64::max)?);
        let mean = || libm::exp(factors.iter().map(|factor| libm::log(*factor)).sum::<f64>() / factors.len() as f64);
        Some(DataFactor { value: (high / low < ONE).then(mean), low, high })
    }
}

/// k_N of a recipe at a place among the M, in what N [counts for](Group::effective), over the seeds that are kept; `None`
/// where rows do not say, and for types whose own optimum is that of a smaller model.
pub fn factor(
    group: &Group,
    baseline: usize,
    recipe: usize,
    model: usize,
    keep: &[bool],
    estimate: &Estimate,
    kind: &Type,
) -> Option<DataFactor> {
    let is_same = estimate.m_total.value / f64::from(group.models[model]) > SAME_SIZE || *kind == Type::Gain;
    if *kind == Type::Size || !is_same || estimate.x_over_a > TRAINED {
        return None;
    }
    // NaN where a seed that is kept diverged, or carries too much of it.
    let mean = |recipe: usize, n: usize| {
        let kept = group.cell(recipe, model, n).excess.iter().zip(keep).filter(|(_, keep)| **keep);
        let values: Vec<f64> = kept.map(|(excess, _)| *excess).collect();
        if is_heavy(&values) { f64::NAN } else { values.iter().sum::<f64>() / values.len() as f64 }
    };
    let effective: Vec<f64> = group.samples.iter().map(|n| libm::log(group.effective(*n))).collect();
    let full: Vec<f64> = (0..effective.len()).map(|n| mean(baseline, n)).collect();
    let last = full.len().checked_sub(1)?;
    let (mut factors, mut ends, mut beyond) = (Vec::new(), Vec::new(), Vec::new());
    for n in (0..last).filter(|n| full[*n] >= ABOVE * full[last]) {
        let rounded = mean(recipe, n);
        let at = |floor: f64| data_at(&effective, &full, rounded - floor) - effective[n];
        let [value, low, high] = [estimate.floor.value, estimate.floor.low, estimate.floor.high].map(at);
        if value.is_finite() {
            factors.push(libm::exp(value));
            // What is not known at all may be anything.
            let end = |end: f64, unknown: f64| if end.is_nan() { unknown } else { libm::exp(end) };
            ends.extend([end(low, 0.0), end(high, f64::INFINITY)]);
        } else if !value.is_nan() {
            let reach = effective[if value < 0.0 { 0 } else { last }] - effective[n];
            beyond.push((libm::exp(value), libm::exp(reach)));
        }
    }
    let known = DataFactor::new(&factors, &ends)?;
    // N at which it lies beyond all that were run say nothing, but where the others have it within.
    let contradicts = |(end, reach): &(f64, f64)| if *end == 0.0 { *reach < known.low } else { *reach > known.high };
    ends.extend(beyond.iter().filter(|beyond| contradicts(beyond)).map(|(end, _)| *end));
    DataFactor::new(&factors, &ends)
}

/// ln N at which full precision has this excess, log-log linear between the N that were run; minus and plus infinity where
/// it is above that of the smallest, and below that of the largest; NaN where one of the two is not known.
fn data_at(effective: &[f64], full: &[f64], excess: f64) -> f64 {
    let between = |pair: &[f64]| excess <= pair[0] && excess >= pair[1];
    let Some(place) = full.windows(2).position(between) else {
        return match (full.first(), full.last()) {
            (Some(first), _) if excess > *first => f64::NEG_INFINITY,
            (_, Some(last)) if excess < *last => f64::INFINITY,
            _ => f64::NAN,
        };
    };
    let [from, to] = [full[place], full[place + 1]];
    let share = libm::log(excess / from) / libm::log(to / from);
    let [m, n] = [effective[place], effective[place + 1]];
    m + share * (n - m)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excess_is_read_between_the_n_that_were_run() {
        let (effective, full) = ([0.0, 1.0, 2.0].map(|n| n * libm::log(4.0)), [0.4, 0.1, 0.0125]);
        let at = |excess: f64| libm::exp(data_at(&effective, &full, excess));
        for (excess, n) in [(0.4, 1.0), (0.2, 2.0), (0.1, 4.0), (0.0125, 16.0), (0.5, 0.0), (0.01, f64::INFINITY)] {
            assert!(at(excess) == n || (at(excess) - n).abs() < 1e-12, "{excess}: {}", at(excess));
        }
        assert!(data_at(&effective, &[f64::NAN, 0.1, 0.0125], 0.2).is_nan() && at(f64::NAN).is_nan());
    }

    #[test]
    fn factors_are_one_number_where_all_ends_are_close() {
        let factor = |ends: &[f64]| DataFactor::new(&[0.8, 0.9], ends).unwrap();
        assert!(factor(&[0.78, 0.95]).value.is_some_and(|value| (value - 0.72_f64.sqrt()).abs() < 1e-12));
        assert_eq!(factor(&[0.7, 0.9]), DataFactor { value: None, low: 0.7, high: 0.9 });
        assert_eq!(factor(&[0.0, 0.9]), DataFactor { value: None, low: 0.0, high: 0.9 });
        assert_eq!(factor(&[0.8, f64::INFINITY]).value, None);
        assert_eq!(DataFactor::new(&[], &[]), None);
    }
}
