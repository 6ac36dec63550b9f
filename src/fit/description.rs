//! The power law that describes full precision, with what it misses, and rival forms of all recipes.

use serde_json::{Map, Value, json};

use super::bootstrap::{Interval, Paired, Resamples};
use super::form::{Fitted, Form, KUMAR, PLAIN, Point, SUN, held_out, rms};
use super::group::{DIVERGED, FEW, Group, LEAST};
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

/// A cell in a fit: places of its M and N, and what it is at.
struct Place {
    model: usize,
    samples: usize,
    point: Point,
}

/// The cells of a recipe that a fit may use, without those in which too many runs diverged.
fn places(group: &Group, recipe: usize) -> Vec<Place> {
    let all = (0..group.models.len()).flat_map(|model| (0..group.samples.len()).map(move |samples| (model, samples)));
    let is_whole = |(model, samples): &(usize, usize)| {
        let excess = &group.cell(recipe, *model, *samples).excess;
        let diverged = excess.iter().filter(|excess| !excess.is_finite()).count();
        // N of a single update counts for nothing.
        diverged as f64 <= DIVERGED * excess.len() as f64 && group.effective(group.samples[*samples]).is_finite()
    };
    let float = group.recipes[recipe].float.unwrap_or_default();
    let place = |(model, samples): (usize, usize)| Place {
        model,
        samples,
        point: Point {
            model: libm::log(group.models[model].into()),
            samples: libm::log(group.effective(group.samples[samples])),
            bits: group.cell(recipe, model, samples).bits.unwrap_or_default(),
            exponent: float.0,
            mantissa: float.1,
            risk: 0.0,
        },
    };
    all.filter(is_whole).map(place).collect()
}

/// Excess at places by seed, with the approximations before it.
fn paired<'a>(group: &'a Group, recipe: usize, places: &[Place]) -> Paired<'a> {
    let excess = || places.iter().map(|place| group.cell(recipe, place.model, place.samples).excess.as_slice());
    let mut keep = group.known();
    excess().for_each(|excess| keep.iter_mut().zip(excess).for_each(|(keep, excess)| *keep &= excess.is_finite()));
    Paired::new(group.approximation.iter().map(Vec::as_slice).chain(excess()), &keep)
}

/// The places with the risks that means come to.
fn points(places: &[Place], models: usize, means: &[f64]) -> Vec<Point> {
    let (approximation, excess) = means.split_at(models);
    let risk = |place: &Place, excess: &f64| Point { risk: approximation[place.model] + excess, ..place.point };
    places.iter().zip(excess).map(|(place, excess)| risk(place, excess)).collect()
}

/// `None` where there is no full precision, or too few M, N or seeds.
///
/// # Errors
/// [`crate::Error::Incomplete`] where the watch asks to end.
pub fn describe(group: &Group, resamples: &Resamples, watch: &Watch) -> Result<Option<Description>> {
    let Some(baseline) = group.baseline else { return Ok(None) };
    let places = places(group, baseline);
    let distinct = |of: fn(&Place) -> usize| {
        let mut all: Vec<usize> = places.iter().map(of).collect();
        all.sort_unstable();
        all.dedup();
        all.len()
    };
    let paired = paired(group, baseline, &places);
    if paired.seeds() < FEW || distinct(|place| place.model) < LEAST || distinct(|place| place.samples) < LEAST {
        return Ok(None);
    }
    let own = points(&places, group.models.len(), &paired.means());
    let fitted = PLAIN.fit(&own);
    let pairs = neighbours(group, &places);
    let local = |points: &[Point]| -> Vec<f64> {
        pairs.iter().map(|(axis, [from, to])| slope(axis, &points[*from], &points[*to])).collect()
    };
    let resampled = paired.resampled(resamples, watch, |means| {
        let points = points(&places, group.models.len(), means);
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
    Ok(Some(Description {
        parameters: parameters.collect(),
        cells: own.len(),
        misfit: errors().fold(0.0, |largest, error| largest.max(error.abs())),
        misfit_rms: rms(errors()),
        held_out: held_out(&PLAIN, &own),
        local: local.collect(),
        diverged: group.seeds.len() - paired.seeds(),
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
    let of = |recipe: &usize| {
        let places = places(group, *recipe);
        let paired = paired(group, *recipe, &places);
        if paired.seeds() == 0 { Vec::new() } else { points(&places, group.models.len(), &paired.means()) }
    };
    let points: Vec<Point> = recipes.iter().flat_map(of).collect();
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
