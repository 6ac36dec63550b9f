//! What a recipe does to the size of a model: a number with its interval, and its type in words, or why there is none.

use super::bootstrap::{Interval, Paired, Resamples};
use super::data::{self, DataFactor};
use super::estimate::{Effective, Estimate, Means};
use super::group::{Cell, DIVERGED, Group, HEAVY};
use super::sizes::{Outside, Sizes};
use crate::error::Result;
use crate::watch::Watch;

/// Largest N that the floor is read from.
const READ: usize = 3;
/// x/A above which full precision is not trained at this M.
const UNTRAINED: f64 = 0.5;
/// Ratio of the ends of an interval that still is a size.
const WIDEST: f64 = 2.0;
/// There is no floor where the interval of F/A begins below the first and ends below the second.
const NO_FLOOR: [f64; 2] = [0.02, 0.1];
/// Shares of gain of a floor that is one, and of a floor that is none.
const GAIN: f64 = 0.7;
const NO_GAIN: f64 = 0.4;

/// What a recipe does to the size of a model.
#[derive(Clone, Debug, PartialEq)]
pub enum Type {
    /// The size is kept, within the interval of M_total.
    NoFloor,
    /// A factor on the weights undoes the floor.
    Gain,
    /// The floor is that of a smaller model.
    Size,
    /// Of neither kind for certain.
    Between,
    /// Why there is no size.
    Unidentified(String),
}

impl Type {
    pub fn name(&self) -> &'static str {
        match self {
            Type::NoFloor => "no floor",
            Type::Gain => "gain: size kept, floor phi",
            Type::Size => "size: M_eff = M_gc",
            Type::Between => "not identified, between M_total and M_gc",
            Type::Unidentified(_) => "not identified",
        }
    }

    pub fn reason(&self) -> Option<&str> {
        match self {
            Type::Unidentified(reason) => Some(reason),
            _ => None,
        }
    }
}

/// One recipe at one model size.
#[derive(Clone, Debug, PartialEq)]
pub struct Size {
    pub recipe: usize,
    pub model: u32,
    pub kind: Type,
    /// None of it where nothing was estimated.
    pub estimate: Option<Estimate>,
    /// F, where it is a closed form, or where the rows can be read.
    pub floor: Option<f64>,
    pub is_closed_form: bool,
    pub added: Interval,
    pub m_total: Interval,
    pub share: Interval,
    pub m_gc: Interval,
    pub k_n: Option<DataFactor>,
    /// Seeds behind the means, and those left out of both recipes: one of the two diverged, or carried too much of a mean.
    pub seeds: usize,
    pub diverged: usize,
    pub heavy: usize,
}

impl Size {
    /// F over A, and phi = F over V.
    pub fn floor_over_a(&self) -> Option<f64> {
        self.floor.zip(self.estimate).map(|(floor, own)| floor / own.approximation)
    }

    pub fn phi(&self) -> Option<f64> {
        self.floor.zip(self.estimate).map(|(floor, own)| floor / own.signal)
    }

    /// How the floor was found.
    pub fn floor_from(&self) -> &'static str {
        if self.is_closed_form { "closed form" } else { "largest N" }
    }

    /// Of a recipe that rounds, at a place among the M.
    ///
    /// # Errors
    /// [`crate::Error::Incomplete`] where the watch asks to end.
    pub fn new(group: &Group, recipe: usize, model: usize, resamples: &Resamples, watch: &Watch) -> Result<Size> {
        let mut size = Size {
            recipe,
            model: group.models[model],
            kind: Type::Between,
            estimate: None,
            floor: None,
            is_closed_form: group.limit(recipe, model).is_some(),
            added: Interval::default(),
            m_total: Interval::default(),
            share: Interval::default(),
            m_gc: Interval::default(),
            k_n: None,
            seeds: 0,
            diverged: 0,
            heavy: 0,
        };
        match size.fill(group, model, resamples, watch)? {
            Ok(kind) => size.kind = kind,
            Err(reason) => size.kind = Type::Unidentified(reason),
        }
        Ok(size)
    }

    /// The type, or why there is none.
    fn fill(
        &mut self,
        group: &Group,
        model: usize,
        resamples: &Resamples,
        watch: &Watch,
    ) -> Result<std::result::Result<Type, String>> {
        let baseline = match group.readable() {
            Ok(baseline) => baseline,
            Err(reason) => {
                self.added = self.added_alone(group, model, resamples, watch)?;
                return Ok(Err(reason));
            }
        };
        let cells = |recipe: usize| -> [&Cell; READ] {
            std::array::from_fn(|k| group.cell(recipe, model, group.samples.len() - 1 - k))
        };
        let (full, rounded) = (cells(baseline), cells(self.recipe));
        let both: Vec<&[f64]> = full.iter().chain(&rounded).map(|cell| cell.excess.as_slice()).collect();
        let keep = match self.kept(group, &both) {
            Ok(keep) => keep,
            Err(reason) => return Ok(Err(reason)),
        };
        let known = group.approximation.iter().map(Vec::as_slice).chain([group.signal[model].as_slice()]);
        let overlaps = full.iter().chain(&rounded).map(|cell| cell.overlap.as_slice());
        let limit = group.limit(self.recipe, model).into_iter().flat_map(|limit| [&*limit.excess, &*limit.overlap]);
        let paired = Paired::new(known.chain(both.iter().copied()).chain(overlaps).chain(limit), &keep);
        let of = |means: &[f64]| Estimate::new(&Means::of(means, group.models.len()), &group.models, model);
        let means = paired.means();
        let (estimate, resampled) = (of(&means), paired.resampled(resamples, watch, of)?);
        self.estimate = Some(estimate);
        self.floor = Some(estimate.floor.value).filter(|_| self.is_closed_form);
        let interval = |of: fn(&Estimate) -> f64| Interval::new(of(&estimate), resampled.iter().map(of));
        self.added = interval(|estimate| estimate.added);
        let Means { approximation, full: x, .. } = Means::of(&means, group.models.len());
        if !(x[0] < x[1] && x[1] < x[2]) {
            return Ok(Err("full precision does not improve from N to N at this M".into()));
        }
        if estimate.x_over_a > UNTRAINED {
            self.m_total.low = interval(|estimate| estimate.m_least).low;
            return Ok(Err(format!("full precision is not trained at this M: x/A is above {UNTRAINED}")));
        }
        self.floor = Some(estimate.floor.value);
        let size = |of: fn(&Estimate) -> Effective| {
            let (low, high) =
                (resampled.iter().map(move |own| of(own).low), resampled.iter().map(move |own| of(own).high));
            Interval::between(of(&estimate).value, low, high)
        };
        self.m_total = size(|estimate| estimate.m_total);
        self.share = interval(|estimate| estimate.share);
        self.m_gc = size(|estimate| estimate.m_gc);
        let sizes = Sizes::new(&group.models, approximation);
        let kind = self.judged(&sizes, interval(|estimate| estimate.floor.value / estimate.approximation));
        if let Ok(kind) = &kind {
            self.k_n = data::factor(group, baseline, self.recipe, model, &keep, &estimate, kind);
        }
        Ok(kind)
    }

    /// The excess at the largest N above that of full precision, where nothing else can be read.
    fn added_alone(&mut self, group: &Group, model: usize, resamples: &Resamples, watch: &Watch) -> Result<Interval> {
        let last = |recipe: usize| group.cell(recipe, model, group.samples.len() - 1).excess.as_slice();
        let Some(both) = group.baseline.map(|baseline| [last(self.recipe), last(baseline)]) else {
            return Ok(Interval::default());
        };
        let Ok(keep) = self.kept(group, &both) else { return Ok(Interval::default()) };
        let (paired, of) = (Paired::new(both.into_iter(), &keep), |means: &[f64]| means[0] - means[1]);
        let resampled = paired.resampled(resamples, watch, of)?;
        Ok(Interval::new(of(&paired.means()), resampled.into_iter()))
    }

    /// The seeds that count in all of these cells; why there are too few where there are.
    fn kept(&mut self, group: &Group, cells: &[&[f64]]) -> std::result::Result<Vec<bool>, String> {
        let mut keep = group.known();
        // Of a seed whose runs diverged at some M, all of them, A is not known there.
        let unknown = keep.iter().filter(|keep| !**keep).count() as f64 / keep.len() as f64;
        let lost = drop_diverged(&mut keep, cells).max(unknown);
        self.diverged = keep.iter().filter(|keep| !**keep).count();
        let heaviest = drop_heavy(&mut keep, cells);
        self.seeds = keep.iter().filter(|keep| **keep).count();
        self.heavy = keep.len() - self.diverged - self.seeds;
        if lost > DIVERGED {
            return Err(format!("{:.0} % of the seeds of a cell diverged", 100.0 * lost));
        }
        if heaviest > HEAVY {
            return Err(format!("one seed carries {:.0} % of a mean", 100.0 * heaviest));
        }
        Ok(keep)
    }

    /// The type that intervals come to; `floor` is that of F/A.
    fn judged(&mut self, sizes: &Sizes, floor: Interval) -> std::result::Result<Type, String> {
        let estimate = self.estimate.ok_or("nothing was estimated")?;
        let below = |end: Option<f64>, bound: f64| end.is_some_and(|end| end < bound);
        let has_none = below(floor.low, NO_FLOOR[0] + f64::EPSILON) && below(floor.high, NO_FLOOR[1]);
        // What is nearly 0 is on either side of it by chance.
        let is_near = has_none && floor.low.is_some_and(|low| low > -NO_FLOOR[1]);
        let outside = sizes.outside(estimate.approximation + estimate.floor.value).filter(|_| !is_near);
        if let Some(outside) = outside {
            let bound = |end: Outside| Some(sizes.end(end).into()).filter(|_| outside == end);
            self.m_total = Interval { value: None, low: bound(Outside::Above), high: bound(Outside::Below) };
            self.m_gc = Interval::default();
            return Err(match outside {
                Outside::Below => format!("M_total is below M = {}, the smallest", sizes.end(outside)),
                Outside::Above => format!("M_total is above M = {}, the largest", sizes.end(outside)),
            });
        }
        let ratio = self.m_total.low.zip(self.m_total.high).map(|(low, high)| high / low);
        match ratio {
            Some(ratio) if ratio <= WIDEST => {}
            Some(ratio) => return Err(format!("the ends of the interval of M_total have the ratio {ratio:.1}")),
            None => return Err("M_total has no interval".into()),
        }
        match (has_none, self.share.low, self.share.high) {
            (true, ..) => {
                // A share of nothing.
                self.share = Interval::default();
                Ok(Type::NoFloor)
            }
            (_, Some(low), _) if low > GAIN => Ok(Type::Gain),
            (_, _, Some(high)) if high < NO_GAIN => Ok(Type::Size),
            _ => Ok(Type::Between),
        }
    }
}

/// Leaves out the seeds of which a run of these cells diverged. The largest share of a cell's seeds that did.
fn drop_diverged(keep: &mut [bool], cells: &[&[f64]]) -> f64 {
    let mut largest = 0;
    for excess in cells {
        keep.iter_mut().zip(*excess).for_each(|(keep, excess)| *keep &= excess.is_finite());
        largest = largest.max(excess.iter().filter(|excess| !excess.is_finite()).count());
    }
    largest as f64 / keep.len().max(1) as f64
}

/// Leaves out the seeds that carry too much of the mean of a cell. The largest share that one does.
fn drop_heavy(keep: &mut [bool], cells: &[&[f64]]) -> f64 {
    let (before, mut largest) = (keep.to_vec(), 0.0_f64);
    for excess in cells {
        let kept = || excess.iter().enumerate().filter(|(seed, _)| before[*seed]);
        let sum: f64 = kept().map(|(_, excess)| excess).sum();
        for (seed, excess) in kept() {
            largest = largest.max(excess / sum);
            keep[seed] &= *excess <= HEAVY * sum;
        }
    }
    largest
}
