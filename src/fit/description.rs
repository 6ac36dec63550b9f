//! The power law that describes full precision, with what it misses, and rival forms of all recipes.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::bootstrap::{Interval, Paired, Resamples};
use super::form::{Fitted, Form, KUMAR, PLAIN, Point, SUN, held_out, rms};
use super::group::{DIVERGED, FEW, Group, LEAST, is_heavy};
use crate::error::Result;
use crate::watch::Watch;

/// Least number of recipes that a rival form is fitted to.
const RECIPES: usize = 3;

/// Slope of the risk between two neighbours, at the largest value of the other variable.
#[derive(Clone, Debug, PartialEq)]
pub struct LocalExponent {
    /// `model` or `samples`.
    pub axis: &'static str,
    pub from: u64,
    pub to: u64,
    /// -d ln R / d ln M, or / d ln N_eff.
    pub exponent: Interval,
}

/// The risk of full precision as a power law of M and N.
#[derive(Clone, Debug, PartialEq)]
pub struct Description {
    pub parameters: Vec<(&'static str, Interval)>,
    /// Cells that it is fitted to, the largest relative error there, and the root of their mean square.
    pub cells: usize,
    pub misfit: f64,
    pub misfit_rms: f64,
    /// Root mean square of the relative errors at the largest M and N, of a fit without them.
    pub held_out: Option<f64>,
    pub local: Vec<LocalExponent>,
    /// Seeds that are left out: a run of theirs diverged.
    pub diverged: usize,
    pub left_out: LeftOut,
}

/// Cells that no power law is fitted to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Too many of their seeds diverged.
    pub diverged: usize,
    /// One seed carries too much of their excess.
    pub heavy: usize,
}

/// A form of the risk of several recipes.
#[derive(Clone, Debug, PartialEq)]
pub struct Rival {
    pub form: &'static str,
    pub recipes: usize,
    pub parameters: Vec<(&'static str, f64)>,
    pub held_out: Option<f64>,
    /// That of the form without precision on the same rows.
    pub held_out_plain: Option<f64>,
}

/// A cell in a fit: its recipe, places of its M and N, and what it is at.
struct Place {
    recipe: usize,
    model: usize,
    samples: usize,
    point: Point,
}

/// The cells of a recipe that a fit may use, and how many it may not.
fn places(group: &Group, recipe: usize) -> (Vec<Place>, LeftOut) {
    let (mut places, mut left_out) = (Vec::new(), LeftOut::default());
    let float = group.recipes[recipe].float.unwrap_or_default();
    let all = (0..group.models.len()).flat_map(|model| (0..group.samples.len()).map(move |samples| (model, samples)));
    // N of a single update counts for nothing.
    for (model, samples) in all.filter(|(_, samples)| group.effective(group.samples[*samples]).is_finite()) {
        let cell = group.cell(recipe, model, samples);
        let ended: Vec<f64> = cell.excess.iter().copied().filter(|excess| excess.is_finite()).collect();
        if (cell.excess.len() - ended.len()) as f64 > DIVERGED * cell.excess.len() as f64 {
            left_out.diverged += 1;
            continue;
        }
        if is_heavy(&ended) {
            left_out.heavy += 1;
            continue;
        }
        let point = Point {
            model: libm::log(group.models[model].into()),
            samples: libm::log(group.effective(group.samples[samples])),
            bits: cell.bits.unwrap_or_default(),
            exponent: float.0,
            mantissa: float.1,
            risk: 0.0,
        };
        places.push(Place { recipe, model, samples, point });
    }
    (places, left_out)
}

/// A and the excess at places, one after the other, of the seeds that have all of them.
fn paired<'a>(group: &'a Group, places: &[Place]) -> Paired<'a> {
    let of = |place: &Place| {
        let excess = &group.cell(place.recipe, place.model, place.samples).excess;
        [group.approximation[place.model].as_slice(), excess.as_slice()]
    };
    let columns = || places.iter().flat_map(of);
    let mut keep = vec![true; group.seeds.len()];
    columns().for_each(|column| keep.iter_mut().zip(column).for_each(|(keep, value)| *keep &= value.is_finite()));
    Paired::new(columns(), &keep)
}

/// The places with the risks that means come to.
fn points(places: &[Place], means: &[f64]) -> Vec<Point> {
    let risks = means.as_chunks::<2>().0.iter().map(|[approximation, excess]| approximation + excess);
    places.iter().zip(risks).map(|(place, risk)| Point { risk, ..place.point }).collect()
}

/// The description of full precision, by its own rows alone; else why there is none.
///
/// # Errors
/// [`crate::Error::Incomplete`] where the watch asks to end.
pub fn describe(
    group: &Group,
    resamples: &Resamples,
    watch: &Watch,
) -> Result<std::result::Result<Description, String>> {
    let baseline = match group.readable() {
        Ok(baseline) => baseline,
        Err(reason) => return Ok(Err(reason)),
    };
    let (places, left_out) = places(group, baseline);
    let distinct = |of: fn(&Place) -> usize| places.iter().map(of).collect::<BTreeSet<usize>>().len();
    let paired = paired(group, &places);
    if paired.seeds() < FEW || distinct(|place| place.model) < LEAST || distinct(|place| place.samples) < LEAST {
        let LeftOut { diverged, heavy } = left_out;
        return Ok(Err(format!(
            "too few cells are left: of {} in full precision {diverged} diverged, {heavy} have a seed that carries them",
            group.of_recipe(baseline).len()
        )));
    }
    let own = points(&places, &paired.means());
    let fitted = PLAIN.fit(&own);
    let pairs = neighbours(group, &places);
    let local = |points: &[Point]| -> Vec<f64> {
        pairs.iter().map(|(axis, [from, to])| slope(axis, &points[*from], &points[*to])).collect()
    };
    let resampled = paired.resampled(resamples, watch, |means| {
        let points = points(&places, means);
        (values(&PLAIN.fit_near(&points, &fitted)), local(&points))
    })?;
    let interval = |k: usize, value: f64| Interval::new(value, resampled.iter().map(move |(values, _)| values[k]));
    let names = PLAIN.coefficients.iter().copied().chain(PLAIN.exponents.iter().map(|(name, _)| *name));
    let parameters = names.zip(values(&fitted)).enumerate().map(|(k, (name, value))| (name, interval(k, value)));
    let own_local = local(&own);
    let local = pairs.iter().enumerate().map(|(k, (axis, [from, to]))| {
        let at = |place: &Place| match *axis {
            "model" => u64::from(group.models[place.model]),
            _ => group.samples[place.samples],
        };
        let exponent = Interval::new(own_local[k], resampled.iter().map(move |(_, local)| local[k]));
        LocalExponent { axis, from: at(&places[*from]), to: at(&places[*to]), exponent }
    });
    let errors = || own.iter().map(|point| PLAIN.error(&fitted, point));
    Ok(Ok(Description {
        parameters: parameters.collect(),
        cells: own.len(),
        misfit: errors().fold(0.0, |largest, error| largest.max(error.abs())),
        misfit_rms: rms(errors()),
        held_out: held_out(&PLAIN, &own),
        local: local.collect(),
        diverged: group.seeds.len() - paired.seeds(),
        left_out,
    }))
}

fn values(fitted: &Fitted) -> Vec<f64> {
    fitted.coefficients.iter().chain(&fitted.exponents).copied().collect()
}

fn slope(axis: &str, from: &Point, to: &Point) -> f64 {
    let run = if axis == "model" { to.model - from.model } else { to.samples - from.samples };
    libm::log(from.risk / to.risk) / run
}

/// Pairs of places that differ by one step of M at the largest N, and of N at the largest M.
fn neighbours(group: &Group, places: &[Place]) -> Vec<(&'static str, [usize; 2])> {
    let at =
        |model: usize, samples: usize| places.iter().position(|place| (place.model, place.samples) == (model, samples));
    let (last_model, last_samples) = (group.models.len() - 1, group.samples.len() - 1);
    let models = (0..last_model).map(|m| ("model", at(m, last_samples).zip(at(m + 1, last_samples))));
    let samples = (0..last_samples).map(|n| ("samples", at(last_model, n).zip(at(last_model, n + 1))));
    models.chain(samples).filter_map(|(axis, pair)| pair.map(|(from, to)| (axis, [from, to]))).collect()
}

/// Forms that other papers give to the risk in low precision, where there are recipes enough that they speak of.
pub fn rivals(group: &Group) -> Vec<Rival> {
    let has_bits = |recipe: usize| group.of_recipe(recipe).iter().any(|cell| cell.bits.is_some());
    let has_float = |recipe: usize| group.recipes[recipe].float.is_some();
    [rival(group, &KUMAR, &has_bits), rival(group, &SUN, &has_float)].into_iter().flatten().collect()
}

fn rival(group: &Group, form: &Form, speaks_of: &dyn Fn(usize) -> bool) -> Option<Rival> {
    let recipes: Vec<usize> = (0..group.recipes.len()).filter(|recipe| speaks_of(*recipe)).collect();
    if recipes.len() < RECIPES || group.baseline.is_none_or(|baseline| !speaks_of(baseline)) {
        return None;
    }
    // Of the same seeds: a recipe that lost some is not compared with others that have them.
    let places: Vec<Place> = recipes.iter().flat_map(|recipe| places(group, *recipe).0).collect();
    let paired = paired(group, &places);
    if paired.seeds() == 0 {
        return None;
    }
    let points = points(&places, &paired.means());
    let held_out_plain = held_out(&PLAIN, &points)?;
    let fitted = form.fit(&points);
    let names = form.coefficients.iter().copied().chain(form.exponents.iter().map(|(name, _)| *name));
    Some(Rival {
        form: form.text,
        recipes: recipes.len(),
        parameters: names.zip(values(&fitted)).collect(),
        held_out: held_out(form, &points),
        held_out_plain: Some(held_out_plain),
    })
}

impl Description {
    /// The form, its parameters and what it misses.
    pub fn form() -> &'static str {
        PLAIN.text
    }

    pub fn local_json(&self) -> Value {
        let local = |local: &LocalExponent| {
            let LocalExponent { axis, from, to, exponent } = local;
            json!({ "axis": axis, "from": from, "to": to, "exponent": exponent.json() })
        };
        self.local.iter().map(local).collect()
    }
}

impl Rival {
    pub fn json(&self) -> Value {
        let parameters: Map<String, Value> =
            self.parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
        json!({
            "form": self.form,
            "recipes": self.recipes,
            "parameters": parameters,
            "held_out_error": self.held_out,
            "held_out_error_without_precision": self.held_out_plain,
        })
    }
}
