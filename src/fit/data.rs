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
    /// Over N, and over what the floor lies between.
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
    let is_same = estimate.m_total / f64::from(group.models[model]) > SAME_SIZE || *kind == Type::Gain;
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
    let last = *full.last()?;
    let (mut factors, mut ends) = (Vec::new(), Vec::new());
    for n in (0..effective.len()).filter(|n| full[*n] >= ABOVE * last) {
        let rounded = mean(recipe, n);
        let at = |floor: f64| Some(libm::exp(data_at(&effective, &full, rounded - floor)? - effective[n]));
        if let (Some(factor), Some(low), Some(high)) =
            (at(estimate.floor.value), at(estimate.floor.low), at(estimate.floor.high))
        {
            factors.push(factor);
            ends.extend([low, high]);
        }
    }
    DataFactor::new(&factors, &ends)
}

/// ln N at which full precision has this excess, log-log linear between the N that were run; `None` outside of them.
fn data_at(effective: &[f64], full: &[f64], excess: f64) -> Option<f64> {
    let between = |pair: &[f64]| excess <= pair[0] && excess >= pair[1];
    let place = full.windows(2).position(between)?;
    let [from, to] = [full[place], full[place + 1]];
    let share = libm::log(excess / from) / libm::log(to / from);
    let [m, n] = [effective[place], effective[place + 1]];
    Some(m + share * (n - m)).filter(|found| found.is_finite())
}
